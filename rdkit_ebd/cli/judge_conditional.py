"""How is conditional generation judged from a shell? `train property-classifier`, then `judge-conditional`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdkit_ebd.cli.common import usage_errors

if TYPE_CHECKING:
    from rdkit_ebd.data.molecule_arrays import MoleculeArrays

WANTED = "wanted_"  # SD field, with the property's name behind it, that `generate` writes


def property_classifier(
    property: Annotated[str, typer.Argument(help="alpha, gap, homo, lumo, mu or cv.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The classifier to write, NAME.safetensors.")],
    cache: Annotated[Path | None, typer.Option(file_okay=False, help="Folder to keep QM9 in, once read.")] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Most time.")] = 1e9,
    epochs: Annotated[float, typer.Option(min=1e-6, help="Most passes over the molecules.")] = 1000.0,
    width: Annotated[int, typer.Option(min=1, help="Channels; published: 128.")] = 128,
    blocks: Annotated[int, typer.Option(min=1, help="Layers; published: 7.")] = 7,
    batch: Annotated[int, typer.Option(min=1, help="Molecules per step.")] = 96,
    rate: Annotated[float | None, typer.Option(help="Learning rate.", show_default="as published")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Train the judge of conditional generation: QM9's property from elements and distances, on one half of train.

    As published it is 1,000 epochs of 7 x 128; a smaller one is enough to tell a generator that listens from one that
    does not. Needs the extra [qm9].
    """
    from rdkit_ebd.data.qm9 import PROPERTIES, halves, load_qm9
    from rdkit_ebd.generators.edm.published.classifier import ClassifierConfig, save_classifier
    from rdkit_ebd.runtime.threads import torch_threads
    from rdkit_ebd.train.edm_facts import CONDITIONS
    from rdkit_ebd.train.fit.property_classifier import ClassifierTraining, fit_classifier

    with usage_errors():
        if property not in PROPERTIES:
            raise ValueError(f"{property!r} is none of {', '.join(PROPERTIES)}")
        data, known = load_qm9(cache), CONDITIONS[property]
        config = ClassifierConfig(property, known.mean, known.deviation, width=width, blocks=blocks)
        published = 1e-3 if property in ("gap", "homo", "lumo") else 5e-4
        training = ClassifierTraining(epochs, minutes, batch, rate or published, seed)
        parts = data.take(halves(data.splits["train"])[0]), data.take(data.splits["valid"][:2000])
        with torch_threads(threads):
            card, state = fit_classifier(config, training, *parts, lambda line: typer.echo(line, err=True))
        save_classifier(output, card, state)


def judge_conditional(
    classifiers: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="Of `train property-classifier`.")
    ],
    generated: Annotated[
        list[Path] | None,
        typer.Option(
            "-g",
            "--generated",
            exists=True,
            dir_okay=False,
            help="Molecules with what they were to have: SD files of `generate`, or .safetensors; the first file that "
            "knows a property is taken for it.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Real molecules of the bounds.")] = 5000,
    cache: Annotated[Path | None, typer.Option(file_okay=False, help="Folder to keep QM9 in, once read.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
) -> None:
    """Judge conditional generation: the EDM paper's table, a row per classifier, its figures in brackets.

    U-bound: real molecules against properties of others; #: the best guess from the number of atoms; L-bound: real
    molecules against their own. Needs the extra [qm9].
    """
    import numpy as np

    from rdkit_ebd.data.qm9 import halves, load_qm9
    from rdkit_ebd.evaluation.conditional import conditional_row, conditional_table
    from rdkit_ebd.generators.edm.published.classifier import load_classifier
    from rdkit_ebd.runtime.threads import torch_threads

    with usage_errors(), torch_threads(threads):
        data, networks = load_qm9(cache), [load_classifier(path) for path in classifiers]
        learnt, others = (data.take(part) for part in halves(data.splits["train"]))
        sets = [_read(path) for path in generated or ()]
        rows = []
        for network in networks:
            made = next((one for one in sets if network.config.property in one.properties), None)
            rows.append(conditional_row(network, learnt, others.take(np.arange(min(limit, len(others)))), made))
    typer.echo(conditional_table(rows))


def _read(path: Path) -> MoleculeArrays:
    """Molecules with the properties they were to have."""
    import numpy as np
    from rdkit import Chem

    from rdkit_ebd.data.molecule_arrays import load_molecules, pack_records
    from rdkit_ebd.data.record import Record

    if path.suffix == ".safetensors":
        return load_molecules(path)
    mols = [mol for mol in Chem.SDMolSupplier(str(path), removeHs=False) if mol is not None]
    names = sorted({str(name) for mol in mols for name in mol.GetPropNames() if name.startswith(WANTED)})
    if not names:
        raise ValueError(f"{path}: no molecule says what it was to have ({WANTED}PROPERTY)")
    if lacking := sum(not all(mol.HasProp(name) for name in names) for mol in mols):
        raise ValueError(f"{path}: {lacking} molecules do not say {', '.join(names)}")
    records = [
        Record("", mol, mol.GetConformer().GetPositions()[None].astype(np.float32), np.zeros(1), "") for mol in mols
    ]
    wanted = {name.removeprefix(WANTED): np.array([float(mol.GetProp(name)) for mol in mols]) for name in names}
    return pack_records(records, wanted)
