"""What does a conformer data set hold? Molecules with reference conformers, from `.npz` or from SDF."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

MILLIANGSTROM = 1e-3
_SMILES_SUFFIXES = (".smi", ".smiles", ".tsv", ".txt")


@dataclass(frozen=True)
class Record:
    """One molecule with its reference conformers.

    Attributes:
        smiles: Explicit-hydrogen SMILES whose atom order is the coordinates' order.
        mol: The molecule, stereo assigned as written, no conformers.
        coords: (R, N, 3) float32, angstrom, each conformer centred.
        energy: (R,) float64, kcal/mol, NaN where unknown.
        title: The record's name in its source.
    """

    smiles: str
    mol: Chem.Mol
    coords: np.ndarray
    energy: np.ndarray
    title: str


def parse_smiles(smiles: str) -> Chem.Mol | None:
    """Parse SMILES and keep its explicit hydrogens as atoms, in the order written."""
    parameters: Any = Chem.SmilesParserParams()
    parameters.removeHs = False
    return Chem.MolFromSmiles(smiles, parameters)


def read_records(path: str | Path, limit: int | None = None, seed: int = 0) -> Iterator[Record]:
    """Yield the records of a data set.

    Args:
        path: An `.npz` with arrays smiles, title, n_atoms, n_confs, coords (int16 milliangstrom), energy; or an SDF
            with explicit hydrogens in which the conformers of a molecule follow one another; or SMILES in the first
            column of a text file (.smi, .tsv, also .gz), which become records without conformers, hydrogens added.
        limit: Take a seeded random subset of this many molecules, in file order.
        seed: Of that subset.

    Raises:
        ValueError: A molecule does not parse or disagrees with its atom count; the message names it.
    """
    if str(path).endswith(".sdf"):
        records = list(_read_sdf(path))
        yield from (records[i] for i in _chosen(len(records), limit, seed))
        return
    if str(path).removesuffix(".gz").endswith(_SMILES_SUFFIXES):
        yield from _read_smiles(Path(path), limit, seed)
        return
    with np.load(path) as data:
        smiles, titles, energies = data["smiles"], data["title"], data["energy"]
        n_atoms, n_confs = data["n_atoms"].astype(np.int64), data["n_confs"].astype(np.int64)
        coords = data["coords"].reshape(-1, 3)
    atom_ends, conf_ends = np.cumsum(n_atoms * n_confs), np.cumsum(n_confs)
    for i in _chosen(len(smiles), limit, seed):
        mol = parse_smiles(str(smiles[i]))
        if mol is None or mol.GetNumAtoms() != n_atoms[i]:
            raise ValueError(f"{path}: molecule {i} ({titles[i]}, {smiles[i]}) does not match its {n_atoms[i]} atoms")
        span = coords[atom_ends[i] - n_atoms[i] * n_confs[i] : atom_ends[i]]
        yield Record(
            str(smiles[i]),
            mol,
            span.reshape(n_confs[i], n_atoms[i], 3).astype(np.float32) * np.float32(MILLIANGSTROM),
            energies[conf_ends[i] - n_confs[i] : conf_ends[i]],
            str(titles[i]),
        )


def _read_sdf(path: str | Path) -> Iterator[Record]:
    mols = (mol for mol in Chem.SDMolSupplier(str(path), removeHs=False) if mol is not None)
    for smiles, group in groupby(mols, key=Chem.MolToSmiles):
        conformers = list(group)
        first = conformers[0]
        orders = [_order(mol, first) for mol in conformers]
        coords = np.stack([m.GetConformer().GetPositions()[list(o)] for m, o in zip(conformers, orders, strict=True)])
        coords -= coords.mean(1, keepdims=True)
        title = first.GetProp("_Name") if first.HasProp("_Name") else smiles
        yield Record(smiles, Chem.Mol(first, True), coords.astype(np.float32), np.full(len(coords), np.nan), title)


def _read_smiles(path: Path, limit: int | None, seed: int) -> Iterator[Record]:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        lines = [line.split() for line in stream if line.strip()]
    lines = lines[1:] if lines and lines[0][0].lower() == "smiles" else lines
    for i in _chosen(len(lines), limit, seed):
        mol = Chem.MolFromSmiles(lines[i][0])
        if mol is None:
            raise ValueError(f"{path}: molecule {i} ({lines[i][0]}) does not parse")
        mol = Chem.AddHs(mol)
        nothing = np.zeros((0, mol.GetNumAtoms(), 3), np.float32)
        yield Record(Chem.MolToSmiles(mol), mol, nothing, np.zeros(0), lines[i][0])


def _order(mol: Chem.Mol, first: Chem.Mol) -> list[int]:
    """Atoms of `mol` in the order of `first`: a file may list them differently from conformer to conformer."""
    if [a.GetAtomicNum() for a in mol.GetAtoms()] == [a.GetAtomicNum() for a in first.GetAtoms()] and _bonds(
        mol
    ) == _bonds(first):
        return list(range(mol.GetNumAtoms()))
    return list(mol.GetSubstructMatch(first, useChirality=True))


def _bonds(mol: Chem.Mol) -> set[frozenset[int]]:
    return {frozenset((b.GetBeginAtomIdx(), b.GetEndAtomIdx())) for b in mol.GetBonds()}


def _chosen(count: int, limit: int | None, seed: int) -> list[int]:
    if limit is None or limit >= count:
        return list(range(count))
    return sorted(np.random.default_rng(seed).choice(count, limit, replace=False).tolist())
