"""What does a conformer data set hold? Reader of the project's `.npz` data sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

MILLIANGSTROM = 1e-3


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
        path: An `.npz` with arrays smiles, title, n_atoms, n_confs, coords (int16 milliangstrom), energy.
        limit: Take a seeded random subset of this many molecules, in file order.
        seed: Of that subset.

    Raises:
        ValueError: A molecule does not parse or disagrees with its atom count; the message names it.
    """
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


def _chosen(count: int, limit: int | None, seed: int) -> list[int]:
    if limit is None or limit >= count:
        return list(range(count))
    return sorted(np.random.default_rng(seed).choice(count, limit, replace=False).tolist())
