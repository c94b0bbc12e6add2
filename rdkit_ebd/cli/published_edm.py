"""How is the published EDM trained anew from a shell? `rdkit-ebd train published-edm`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdkit_ebd.cli.common import usage_errors


def published_edm(
    output: Annotated[Path, typer.Option("-o", "--output", help="The model to write, NAME.safetensors.")],
    conditions: Annotated[
        list[str] | None,
        typer.Option("-c", "--condition", help="alpha, gap, homo, lumo, mu or cv; repeat for several."),
    ] = None,
    cache: Annotated[Path | None, typer.Option(file_okay=False, help="Folder to keep QM9 in, once read.")] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Most time.")] = 1e9,
    steps: Annotated[int, typer.Option(min=1, help="Most steps.")] = 1_719_300,
    width: Annotated[int | None, typer.Option(min=1, help="Channels.", show_default="256, with conditions 192")] = None,
    blocks: Annotated[int, typer.Option(min=1, help="Blocks.")] = 9,
    batch: Annotated[int, typer.Option(min=1, help="Molecules per step.")] = 64,
    rate: Annotated[float, typer.Option(help="Learning rate.")] = 1e-4,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Train the published EDM on QM9, as published; with conditions on the half that the classifier does not see.

    As published it is 1.7 million steps, far more than CPUs have time for. Needs the extra [qm9].
    """
    from rdkit_ebd.data.qm9 import halves, load_qm9
    from rdkit_ebd.generators.edm.published.egnn import EgnnConfig
    from rdkit_ebd.generators.edm.published.model import PublishedConfig, save_published
    from rdkit_ebd.generators.edm.published.process import ProcessConfig
    from rdkit_ebd.runtime.threads import torch_threads
    from rdkit_ebd.train.edm_facts import CONDITIONS, QM9_HALF_SIZES, QM9_SIZES
    from rdkit_ebd.train.fit.published_edm import EdmTraining, fit_published

    with usage_errors():
        if strange := [name for name in conditions or () if name not in CONDITIONS]:
            raise ValueError(f"{', '.join(strange)}: none of {', '.join(CONDITIONS)}")
        told = tuple(CONDITIONS[name] for name in dict.fromkeys(conditions or ()))
        process = ProcessConfig(charge=not told, scales=(1.0, 8.0, 1.0) if told else (1.0, 4.0, 10.0))
        network = EgnnConfig(process.features, len(told), width or (192 if told else 256), blocks)
        training, sizes = EdmTraining(minutes, steps, batch, rate, seed=seed), QM9_HALF_SIZES if told else QM9_SIZES
        config = PublishedConfig(output.stem, network, process, sizes=sizes, conditions=told)
        data = load_qm9(cache)
        rows = halves(data.splits["train"])[1] if told else data.splits["train"]
        with torch_threads(threads):
            state = fit_published(config, training, data.take(rows), report=lambda line: typer.echo(line, err=True))
        save_published(output, config, state)
