"""In which surroundings does a bond turn? Names of its ends, from narrow to wide, and the atoms its angle is told by.

Reference ensembles show how often each angle is met about a bond in such surroundings; where a narrow name is not
known, the next wider one stands in. Names are the same from both ends, and the angle is told by the neighbour of
highest rank on either side, so that angles of different molecules mean the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from rdkit_ebd.chem.letters import ORDERS, SHAPES
from rdkit_ebd.chem.torsions import rotatable_bonds

LARGEST_RING = 8
THREEFOLD = 3  # like neighbours, of which it does not matter which is where


@dataclass(frozen=True)
class TurningBond:
    """A bond that turns, and what its surroundings are called.

    Attributes:
        quad: Atoms i-a-b-j that the angle is told by.
        alike: All such quads, where neighbours rank alike; the first is `quad`.
        names: Of its surroundings, the narrowest first.
        far_side: (N,) bool, the atoms on b's side.
    """

    quad: tuple[int, int, int, int]
    alike: tuple[tuple[int, int, int, int], ...]
    names: tuple[str, ...]
    far_side: np.ndarray


@dataclass(frozen=True)
class _End:
    """One end of a bond: its names, and the neighbours of highest rank."""

    names: tuple[str, ...]
    leading: tuple[int, ...]


def turning_bonds(mol: Chem.Mol) -> list[TurningBond]:
    """The rotatable bonds whose angle changes a molecule's shape: those of methyl, CF3 or tert-butyl ends do not.

    Args:
        mol: All hydrogens explicit.
    """
    quads, far_side = rotatable_bonds(mol)
    narrow = [_narrow(atom) for atom in mol.GetAtoms()]
    found = []
    for (_, a, b, _), far in zip(quads.tolist(), far_side, strict=True):
        ends = _end(mol, a, b, narrow), _end(mol, b, a, narrow)
        if any(len(end.leading) == THREEFOLD for end in ends):
            continue
        names = tuple("|".join(sorted(pair)) for pair in zip(*(end.names for end in ends), strict=True))
        alike = tuple((i, a, b, j) for i in ends[0].leading for j in ends[1].leading)
        found.append(TurningBond(alike[0], alike, names, far))
    return found


def _end(mol: Chem.Mol, a: int, b: int, narrow: list[str]) -> _End:
    """The end of a bond a-b at a."""
    atom = mol.GetAtomWithIdx(a)
    others = {n.GetIdx(): n for n in atom.GetNeighbors() if n.GetIdx() != b}
    orders = {i: ORDERS.get(mol.GetBondBetweenAtoms(a, i).GetBondType(), "~") for i in others}
    ranks = {i: (n.GetAtomicNum(), orders[i], narrow[i]) for i, n in others.items()}
    highest = max(ranks.values())
    around = "".join(sorted(f"({orders[i]}{narrow[i]})" for i in others))
    elements = "".join(sorted(f"{orders[i]}{n.GetSymbol()}" for i, n in others.items()))
    wide = f"{atom.GetSymbol()}{_shape(atom)}"
    names = (f"{narrow[a]}{around}", f"{narrow[a]}{elements}", f"{wide}{elements}", f"{wide}{atom.GetDegree()}")
    return _End(names, tuple(i for i, rank in ranks.items() if rank == highest))


def _narrow(atom: Chem.Atom) -> str:
    """Element, charge, shape, neighbours that are no hydrogens, smallest ring."""
    heavy = sum(n.GetAtomicNum() > 1 for n in atom.GetNeighbors())
    charge = f"{atom.GetFormalCharge():+d}" if atom.GetFormalCharge() else ""
    ring = next((f"r{size}" for size in range(3, LARGEST_RING + 1) if atom.IsInRingSize(size)), "")
    return f"{atom.GetSymbol()}{charge}{_shape(atom)}{heavy}{ring}"


def _shape(atom: Chem.Atom) -> str:
    return "a" if atom.GetIsAromatic() else SHAPES.get(atom.GetHybridization(), "x")
