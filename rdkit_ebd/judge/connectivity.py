"""Do coordinates have the molecule's own bonds? None torn, and none made between atoms that are not bonded.

Far coarser than the lengths in `judge.tables`: it asks whether these are coordinates of the molecule at all, which a
quantum-chemical minimisation may end, such as by moving the proton of a zwitterion in the gas phase.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rdkit import Chem

# Times the sum of covalent radii. A shared proton (O-H 1.2 angstrom on both sides) counts as neither torn nor bonded.
TORN = 1.3
MADE = 1.15
MADE_ACROSS = 1.04  # two bonds apart: corners of four-membered rings are as near as 1.08 (silicon in Si2O2)

# The others form contacts, such as Na...O, that are no longer than bonds and change nothing.
NONMETALS = frozenset((1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 52, 53))


@dataclass(frozen=True)
class Connectivity:
    """The bonds of a molecule, and the pairs of atoms that have none.

    Attributes:
        bonded: (E, 2) atoms.
        longest: (E,) angstrom, from which on a bond is torn.
        apart: (P, 2) atoms of all other pairs of non-metals.
        shortest: (P,) angstrom, below which they are bonded.
    """

    bonded: np.ndarray
    longest: np.ndarray
    apart: np.ndarray
    shortest: np.ndarray

    @classmethod
    def of(cls, mol: Chem.Mol) -> Connectivity:
        """Read the bonds of a molecule with explicit hydrogens; covalent radii are RDKit's (Cordero et al., 2008)."""
        count, table = mol.GetNumAtoms(), Chem.GetPeriodicTable()
        radii = np.array([table.GetRcovalent(atom.GetAtomicNum()) for atom in mol.GetAtoms()])
        bonds = np.array([sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx())) for b in mol.GetBonds()], dtype=np.int64)
        bonds = bonds.reshape(-1, 2)
        free = np.triu(np.ones((count, count), dtype=bool), 1)
        free[bonds[:, 0], bonds[:, 1]] = False
        metals = np.array([atom.GetAtomicNum() not in NONMETALS for atom in mol.GetAtoms()], dtype=bool)
        free[metals, :] = free[:, metals] = False
        apart = np.argwhere(free)
        across = Chem.GetDistanceMatrix(mol)[apart[:, 0], apart[:, 1]] == 2
        shortest = np.where(across, MADE_ACROSS, MADE) * radii[apart].sum(1)
        return cls(bonds, TORN * radii[bonds].sum(1), apart, shortest)

    def changed(self, coords: np.ndarray) -> np.ndarray:
        """Which bonds, torn ones first and then made ones, (N, 3) angstrom -> (E + P,) bool."""
        torn = _lengths(coords, self.bonded) > self.longest
        made = _lengths(coords, self.apart) < self.shortest
        return np.concatenate([torn, made])


def _lengths(coords: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(coords[pairs[:, 0]] - coords[pairs[:, 1]], axis=-1))
