"""In which surroundings does a bond turn? Names of its ends, from narrow to wide, and the atoms its angle is told by.

Reference ensembles show how often each angle is met about a bond in such surroundings; where a narrow name is not
known, the next wider one stands in. Names are the same from both ends, and the angle is told by the neighbour of
highest rank on either side, so that angles of different molecules mean the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rdkit import Chem
from rdkit.Chem.rdchem import BondType, HybridizationType

from rdkit_ebd.chem.torsions import rotatable_bonds

_SHAPES = {HybridizationType.SP: "l", HybridizationType.SP2: "p", HybridizationType.SP3: "t"}
_ORDERS = {BondType.SINGLE: "-", BondType.DOUBLE: "=", BondType.TRIPLE: "#", BondType.AROMATIC: ":"}
LARGEST_RING = 8
THREEFOLD = 3  # like neighbours, of which it does not matter which is where


@dataclass(frozen=True)
class TurningBond:
    """A bond that turns, and what its surroundings are called.

    Attributes:
        row: Of `rotatable_bonds`.
        quad: Atoms i-a-b-j that the angle is told by.
        alike: All such quads, where neighbours rank alike; the first is `quad`.
        names: Of its surroundings, the narrowest first.
    """

    row: int
    quad: tuple[int, int, int, int]
    alike: tuple[tuple[int, int, int, int], ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class _End:
    """One end of a bond: its names, and the neighbours of highest rank."""

    names: tuple[str, ...]
    leading: tuple[int, ...]


def turning_bonds(mol: Chem.Mol, hops: np.ndarray | None = None) -> list[TurningBond]:
    """The rotatable bonds whose angle changes a molecule's shape: those of methyl, CF3 or tert-butyl ends do not.

    Args:
        mol: All hydrogens explicit.
        hops: (N, N) topological distances, if they are at hand.
    """
    quads, _ = rotatable_bonds(mol, hops)
    narrow = [_narrow(atom) for atom in mol.GetAtoms()]
    found = []
    for row, (_, a, b, _) in enumerate(quads.tolist()):
        ends = _end(mol, a, b, narrow), _end(mol, b, a, narrow)
        if any(len(end.leading) == THREEFOLD for end in ends):
            continue
        names = tuple("|".join(sorted(pair)) for pair in zip(*(end.names for end in ends), strict=True))
        alike = tuple((i, a, b, j) for i in ends[0].leading for j in ends[1].leading)
        found.append(TurningBond(row, alike[0], alike, names))
    return found


def _end(mol: Chem.Mol, a: int, b: int, narrow: list[str]) -> _End:
    """The end of a bond a-b at a."""
    atom = mol.GetAtomWithIdx(a)
    others = {n.GetIdx(): n for n in atom.GetNeighbors() if n.GetIdx() != b}
    orders = {i: _ORDERS.get(mol.GetBondBetweenAtoms(a, i).GetBondType(), "~") for i in others}
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
    return "a" if atom.GetIsAromatic() else _SHAPES.get(atom.GetHybridization(), "x")
