"""In which chemical environment is each bond, angle, flat group and contact of a molecule? Names, from narrow to wide.

A name says what an electronic structure method's geometry depends on most: elements, charges, numbers of neighbours,
valences, aromaticity, neighbours, rings. `judge.reference` knows what DFT says of each name; where a narrow one is
unknown, the next wider one stands in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from rdkit import Chem
from rdkit.Chem.rdchem import BondType

from rdkit_ebd.chem.letters import ORDERS, SHAPES

LARGEST_RING = 8  # larger rings hardly bend their bonds
_DONORS = frozenset({7, 8, 9, 16, 17, 35, 53})  # elements whose hydrogens bond to acceptors
_DOUBLED, _YLIDIC = frozenset({15, 16, 34}), frozenset({7, 8, 16})
FAR = 6  # bonds apart, from where on the path between two atoms does not matter

Names = tuple[str, ...]
"""What an environment is called, the narrowest name first."""


@dataclass(frozen=True)
class Terms:
    """Groups of atoms of one kind, and in what environment each is.

    Attributes:
        atoms: (T, n) int64.
        names: T times the names of its environment.
    """

    atoms: np.ndarray
    names: list[Names]


class Environments:
    """The environments in one molecule, hydrogens explicit or implicit; it is not modified."""

    def __init__(self, mol: Chem.Mol) -> None:
        self._mol = mol
        self._rings = mol.GetRingInfo()
        self._neighbours = [[n.GetIdx() for n in atom.GetNeighbors()] for atom in mol.GetAtoms()]
        self._orders: dict[tuple[int, int], str] = {}
        doubled: Counter[int] = Counter()
        for bond in mol.GetBonds():
            i, j, order = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), ORDERS.get(bond.GetBondType(), "~")
            if _is_ylide(bond):
                order = "="
                doubled.update((i, j))
            self._orders[i, j] = self._orders[j, i] = order
        self._symbols = [atom.GetSymbol() for atom in mol.GetAtoms()]
        self.atoms = [_atom_name(atom, doubled[atom.GetIdx()]) for atom in mol.GetAtoms()]
        self._dressed = [f"{name}({self._around(i)})" for i, name in enumerate(self.atoms)]

    def _around(self, atom: int) -> str:
        """The neighbours of an atom and its bonds to them, implicit hydrogens included."""
        own = [self._orders[atom, n] + self._symbols[n] for n in self._neighbours[atom]]
        return "".join(sorted([*own, *["-H"] * self._mol.GetAtomWithIdx(atom).GetTotalNumHs()]))

    def bonds(self) -> Terms:
        """Bonds, pairs of atoms."""
        pairs = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in self._mol.GetBonds()]
        return Terms(_ints(pairs, 2), [self._bond_names[i, j] for i, j in pairs])

    @cached_property
    def _bond_names(self) -> dict[tuple[int, int], Names]:
        found: dict[tuple[int, int], Names] = {}
        for bond in self._mol.GetBonds():
            i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            ring, order = _ring(self._rings.MinBondRingSize(bond.GetIdx())), self._orders[i, j]
            narrow, wide = (order.join(sorted((names[i], names[j]))) for names in (self._dressed, self.atoms))
            found[i, j] = found[j, i] = (f"{narrow}/{ring}", f"{wide}/{ring}", wide)
        return found

    def angles(self) -> Terms:
        """Angles i-j-k, triples of atoms."""
        triples = [(i, j, k) for j, around in enumerate(self._neighbours) for i, k in combinations(around, 2)]
        return Terms(_ints(triples, 3), [self._angle_names(*triple) for triple in triples])

    def between_small_rings(self, triples: np.ndarray) -> np.ndarray:
        """Which angles i-j-k, (T, 3), lie between two three-membered rings that share the atom j alone, (T,) bool."""
        small = [frozenset(ring) for ring in self._rings.AtomRings() if len(ring) == 3]
        spiro = {(j, a, b) for a in small for b in small for j in a & b if a & b == {j}}
        return np.array([any(j == s and i in a and k in b for s, a, b in spiro) for i, j, k in triples.tolist()], bool)

    def _angle_names(self, i: int, j: int, k: int) -> Names:
        inside = self._corners.get((i, j, k))
        ring = f"{inside}" if inside else f"x{_ring(self._rings.MinAtomRingSize(j))}"
        narrow, wide = (
            "".join(sorted((self._orders[j, i] + names[i], self._orders[j, k] + names[k])))
            for names in (self.atoms, self._symbols)
        )
        return (f"{self._dressed[j]}{narrow}/{ring}", f"{self.atoms[j]}{wide}/{ring}", f"{self.atoms[j]}/{ring}")

    @cached_property
    def _corners(self) -> dict[tuple[int, int, int], int]:
        """Ring size of the triples of atoms that follow one another in a ring, the smallest ring's."""
        found: dict[tuple[int, int, int], int] = {}
        for ring in sorted(self._rings.AtomRings(), key=len, reverse=True):
            if len(ring) <= LARGEST_RING:
                for i, j, k in zip(ring, ring[1:] + ring[:1], ring[2:] + ring[:2], strict=True):
                    found[i, j, k] = found[k, j, i] = len(ring)
        return found

    def twists(self) -> Terms:
        """Torsions a-b-c-d about bonds b-c between flat atoms, which conjugation may keep flat."""
        quads, names = [], []
        flat = [name.endswith(("a", "p")) for name in self.atoms]
        for bond in self._mol.GetBonds():
            b, c = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            if not (flat[b] and flat[c]):
                continue
            for a in self._neighbours[b]:
                for d in self._neighbours[c]:
                    if a not in (c, d) and d != b:
                        quads.append((a, b, c, d))
                        names.append(self._twist_names(a, b, c, d))
        return Terms(_ints(quads, 4), names)

    def _twist_names(self, a: int, b: int, c: int, d: int) -> Names:
        inside = "o" if (a, b, c) in self._corners and (b, c, d) in self._corners else "x"
        ends = "".join(sorted("H" if self._symbols[end] == "H" else "X" for end in (a, d)))
        narrow, wide, _ = self._bond_names[b, c]
        return (f"{narrow}{inside}{ends}", f"{wide}{inside}{ends}")

    def heights(self) -> Terms:
        """Flat atoms and their three neighbours, above whose plane they may lie; the atom is the first of four."""
        quads = [
            (i, *around)
            for i, around in enumerate(self._neighbours)
            if len(around) == 3 and self.atoms[i].endswith(("a", "p"))
        ]
        rings = [_ring(self._rings.MinAtomRingSize(quad[0])) for quad in quads]
        names: list[Names] = [
            (f"{self._dressed[quad[0]]}/{ring}", f"{self.atoms[quad[0]]}/{ring}")
            for quad, ring in zip(quads, rings, strict=True)
        ]
        return Terms(_ints(quads, 4), names)

    def contacts(self) -> tuple[np.ndarray, list[str]]:
        """Contacts of atoms that are neither bonded nor bonded to the same: (N, N) int64 codes, and the codes' names.

        The code is -1 where there is no contact to speak of, between fragments too.
        """
        kinds = sorted({self._contact_kind(i) for i in range(len(self.atoms))})
        kind = np.array([kinds.index(self._contact_kind(i)) for i in range(len(self.atoms))], dtype=np.int64)
        hops = Chem.GetDistanceMatrix(self._mol)
        ringed = np.zeros(hops.shape, dtype=np.int64)
        for ring in self._rings.AtomRings():
            if len(ring) <= LARGEST_RING:
                ringed[np.ix_(ring, ring)] = 1
        low, high = np.minimum.outer(kind, kind), np.maximum.outer(kind, kind)
        steps = np.minimum(hops, FAR).astype(np.int64) - 3
        codes = ((low * len(kinds) + high) * (FAR - 2) + np.maximum(steps, 0)) * 2 + ringed
        codes[(hops < 3) | (hops > len(hops))] = -1
        names = [
            f"{first}.{second}.{step}{ring}"
            for first in kinds
            for second in kinds
            for step in range(3, FAR + 1)
            for ring in ("", "o")
        ]
        return codes, names

    def _contact_kind(self, atom: int) -> str:
        if self._symbols[atom] != "H":
            return self._symbols[atom]
        around = [self._mol.GetAtomWithIdx(n).GetAtomicNum() for n in self._neighbours[atom]]
        return "H(donor)" if any(number in _DONORS for number in around) else "H"


def is_stiff(bond: str) -> bool:
    """Whether a bond of this widest name is double or triple."""
    return "=" in bond or "#" in bond


def is_heteroatom_to_hydrogen(bond: str) -> bool:
    """Whether a bond of this widest name is that of N, O or S to hydrogen."""
    return bond.startswith("H1v1-") and bond[5] in "NOS"


def within_ring(twist: str) -> bool:
    """Whether a torsion of this name runs along a ring."""
    return twist.rpartition("/")[2].strip("HX").endswith("o")


def _is_ylide(bond: Chem.Bond) -> bool:
    """Whether a double bond of sulfur, phosphorus or selenium to O, S or N is written as two charges."""
    first, last = sorted((bond.GetBeginAtom(), bond.GetEndAtom()), key=lambda atom: int(atom.GetFormalCharge()))
    return (
        bond.GetBondType() == BondType.SINGLE
        and first.GetFormalCharge() == -1
        and last.GetFormalCharge() > 0
        and last.GetAtomicNum() in _DOUBLED
        and first.GetAtomicNum() in _YLIDIC
    )


def _atom_name(atom: Chem.Atom, doubled: int) -> str:
    """Element, charge, number of neighbours, valence, and shape: aromatic, planar, tetrahedral, linear or other.

    Args:
        atom: The atom.
        doubled: How many of its bonds are double ones that are written as charges.
    """
    charge = atom.GetFormalCharge()
    charge -= doubled if charge > 0 else -doubled
    name = f"{atom.GetSymbol()}{charge:+d}" if charge else atom.GetSymbol()
    if atom.GetIsAromatic():
        return f"{name}{atom.GetTotalDegree()}a"
    valence = sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds()) + atom.GetTotalNumHs() + doubled
    shape = "" if atom.GetAtomicNum() == 1 else SHAPES.get(atom.GetHybridization(), "o")
    if doubled and atom.GetAtomicNum() in _YLIDIC - _DOUBLED:
        shape = "p"
    return f"{name}{atom.GetTotalDegree()}v{valence:.0f}{shape}"


def _ring(size: int) -> int:
    return size if size <= LARGEST_RING else 0


def _ints(rows: list, width: int) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, width)
