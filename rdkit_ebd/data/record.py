"""What does a reference data set hold of a molecule? Its graph, its conformers, their energies."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
        starts: (R, N, 3) float32, angstrom, centred: the conformers whose minimisation ended in `coords`; None where
            the source does not say.
    """

    smiles: str
    mol: Chem.Mol
    coords: np.ndarray
    energy: np.ndarray
    title: str
    starts: np.ndarray | None = None


def parse_smiles(smiles: str) -> Chem.Mol | None:
    """Parse SMILES and keep its explicit hydrogens as atoms, in the order written."""
    parameters: Any = Chem.SmilesParserParams()
    parameters.removeHs = False
    return Chem.MolFromSmiles(smiles, parameters)


def lowest(record: Record, count: int) -> Record:
    """The record with at most `count` conformers: those of lowest energy, in file order where energies are unknown."""
    best = np.argsort(record.energy, kind="stable")[:count]  # NaN comes last
    starts = None if record.starts is None else record.starts[best]
    return replace(record, coords=record.coords[best], energy=record.energy[best], starts=starts)


def chosen(count: int, limit: int | None, seed: int) -> list[int]:
    """A seeded random subset of `limit` of the first `count` numbers, ascending; all of them without a limit."""
    if limit is None or limit >= count:
        return list(range(count))
    return sorted(np.random.default_rng(seed).choice(count, limit, replace=False).tolist())
