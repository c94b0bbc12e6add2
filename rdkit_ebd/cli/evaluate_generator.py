"""How good is a model that draws molecules, from a shell? `rdkit-ebd evaluate-generator`: a table on stdout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdkit_ebd.cli.common import count as number_of
from rdkit_ebd.cli.common import progress, usage_errors


def evaluate_generator(
    count: Annotated[int, typer.Option("-n", "--number", min=1, help="Molecules to draw.")] = 1000,
    model: Annotated[
        str, typer.Option(help="Name of a shipped model, or the .safetensors file of one you fitted.")
    ] = "edm-qm9",
    against: Annotated[
        bool, typer.Option("--against-qm9", help="Novelty against QM9's training molecules, distances from its test.")
    ] = False,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Evaluations of the network.", show_default="the model's own")
    ] = None,
    restarts: Annotated[
        int | None,
        typer.Option(min=0, help="Times a skeleton may be drawn again.", show_default="the model's own"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the molecules.")] = 0,
    threads: Annotated[int, typer.Option(help="CPU threads; 0: all, -n: all but n.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    posebusters: Annotated[int, typer.Option(min=0, help="Connected molecules that PoseBusters tests.")] = 0,
    cache: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder to keep QM9 in, once read: seconds saved.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="All that was drawn, as .safetensors for judge-molecules.")
    ] = None,
) -> None:
    """Draw molecules and judge all of them, invalid ones too: stability, validity, uniqueness, novelty, speed.

    The rows of the EDM paper stand beneath. --against-qm9 needs the extra [qm9].
    """
    from rdkit_ebd.evaluation.generated import generated_table, known_molecules
    from rdkit_ebd.evaluation.generator import evaluate_generator as evaluate
    from rdkit_ebd.molecules.generate import make_plan

    with usage_errors():
        if output is not None and output.suffix != ".safetensors":
            raise ValueError(f"--output must be called NAME.safetensors, not {output.name}")
        plan = make_plan(
            model, None, None, seed, numSteps=steps, numRestarts=restarts, numThreads=threads, device=device
        )
        reference, known = None, None
        if against:
            from rdkit_ebd.data.qm9 import load_qm9

            data = load_qm9(cache)
            known = known_molecules(data.smiles[place] for place in data.splits["train"].tolist())
            reference = data.take(data.splits["test"])
        with progress(count, quiet=False) as bar:
            found = evaluate(plan, count, reference, known, posebusters, bar.update)
    if output is not None:
        from rdkit_ebd.data.molecule_arrays import save_molecules

        save_molecules(output, found.drawn)
    typer.echo(generated_table({plan.model.config.name: found.quality}, published=True))
    skeletons, hydrogens = found.evaluations
    rate = f"{found.per_second:.1f} molecules a second"
    typer.echo(f"\n{rate}, {skeletons:.1f} + {hydrogens} evaluations, {number_of(plan.threads, 'thread')}")
