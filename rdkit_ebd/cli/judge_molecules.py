"""How are generated molecules judged from a shell? `rdkit-ebd judge-molecules`: a table on stdout."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdkit_ebd.cli.common import progress, usage_errors

if TYPE_CHECKING:
    from rdkit_ebd.data.molecule_arrays import MoleculeArrays

QM9, SPLITS = "qm9", ("train", "valid", "test")


def judge_molecules(
    sets: Annotated[
        list[str],
        typer.Argument(help="SD files, .npz or .safetensors of molecules with hydrogens; qm9, qm9:test, ... is data."),
    ],
    against: Annotated[
        str | None,
        typer.Option(help="The data: novelty against it, and how far bonds, angles, sizes and elements are from it."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Seeded random subset of so many molecules of each.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the subset.")] = 0,
    posebusters: Annotated[int, typer.Option(min=0, help="Connected molecules that PoseBusters tests.")] = 0,
    strain: Annotated[int, typer.Option(min=0, help="Connected molecules to minimise for their strain.")] = 0,
    method: Annotated[str, typer.Option(help="The potential that minimises them.")] = "MMFF94s",
    cache: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder to keep QM9 in, once read: seconds saved.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The same as JSON, with causes.")] = None,
) -> None:
    """Judge molecules made from noise: stability, validity, uniqueness, novelty, shapes, PoseBusters, strain.

    Bonds come from the distance tables of the EDM paper, not from the file. The rows of the paper stand beneath.
    """
    from rdkit_ebd.evaluation.generated import generated_table, judge_generated, known_molecules
    from rdkit_ebd.runtime.whole_file import write_whole

    with usage_errors():
        found = {name: _subset(_read(name, cache), limit, seed) for name in sets}
        reference = _read(against, cache) if against else None
        known = known_molecules(reference.smiles) if reference is not None else None
        rows = {}
        with progress(sum(map(len, found.values())), quiet=False) as bar:
            for name, molecules in found.items():
                rows[name] = judge_generated(
                    molecules, reference, known, posebusters, strain, method, progress=bar.update
                )
    typer.echo(generated_table(rows, published=True))
    if output is not None:
        write_whole(output, json.dumps({name: asdict(row) for name, row in rows.items()}, indent=1) + "\n")


def _read(name: str, cache: Path | None) -> MoleculeArrays:
    from rdkit_ebd.data.molecule_arrays import load_molecules, pack_records
    from rdkit_ebd.data.qm9 import load_qm9
    from rdkit_ebd.data.readers import read_records

    source, _, split = name.partition(":")
    if source == QM9:
        if split and split not in SPLITS:
            raise ValueError(f"{name}: QM9's parts are {', '.join(SPLITS)}")
        molecules = load_qm9(cache)
        return molecules.take(molecules.splits[split]) if split else molecules
    if name.endswith(".safetensors"):
        return load_molecules(name)
    return pack_records(read_records(name))


def _subset(molecules: MoleculeArrays, limit: int | None, seed: int) -> MoleculeArrays:
    import numpy as np

    from rdkit_ebd.data.record import chosen

    return molecules.take(np.array(chosen(len(molecules), limit, seed), np.int64))
