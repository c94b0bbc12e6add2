"""Which energy terms does MMFF94 give a molecule? Read from RDKit's parameters, selected by the rules of its builder.

Functional forms and parameters: T. A. Halgren, J. Comput. Chem. 1996, 17, 490-641; 1999, 20, 720-729 (MMFF94s).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from rdkit import Chem
from rdkit.Chem.rdForceFieldHelpers import MMFFGetMoleculeProperties
from rdkit.ForceField.rdForceField import MMFFMolProperties

Term = tuple[tuple[int, ...], tuple[float, ...]]

COULOMB = 332.0716  # kcal/mol * angstrom / e^2
SCALE_1_4 = 0.75

# MMFF94 atom types whose angles are linear: CSP and =C=, the middle of azides and allenes, isonitriles and diazonium.
LINEAR_TYPES = (4, 53, 61)

_TWISTABLE = (Chem.HybridizationType.SP2, Chem.HybridizationType.SP3)


@dataclass(frozen=True)
class MMFFTerms:
    """The terms of a molecule: each has its atoms, in the order of the formula, and its parameters in MMFF's units.

    Attributes:
        bonds: i j; kb (mdyne/angstrom), r0 (angstrom).
        angles: i j k, not linear; ka (mdyne angstrom/rad^2), theta0 (degrees).
        linear_angles: i j k; ka.
        stretch_bends: i j k; kba of i-j and of k-j (mdyne/rad), r0 of i-j and of k-j (angstrom), theta0 (degrees).
        out_of_planes: i j k l, the angle of the bond j-l with the plane i-j-k; koop (mdyne angstrom/rad^2).
        torsions: i j k l; V1, V2, V3 (kcal/mol).
        nonbonded: i j, three bonds apart or more; R* (angstrom), epsilon (kcal/mol), charges' product as an energy at
            one angstrom (kcal/mol).
    """

    bonds: list[Term]
    angles: list[Term]
    linear_angles: list[Term]
    stretch_bends: list[Term]
    out_of_planes: list[Term]
    torsions: list[Term]
    nonbonded: list[Term]


def mmff_terms(mol: Chem.Mol, variant: str) -> MMFFTerms:
    """All terms that RDKit's `MMFFGetMoleculeForceField` has with `ignoreInterfragInteractions=False`.

    No pair is too distant to count, whereas RDKit leaves out pairs that are more than 100 angstrom apart.

    Args:
        mol: With explicit hydrogens.
        variant: "MMFF94" or "MMFF94s".

    Raises:
        ValueError: RDKit has no parameters for it.
    """
    properties = MMFFGetMoleculeProperties(mol, mmffVariant=variant)
    if properties is None:
        raise ValueError(f"{variant} has no parameters for the molecule")
    angles = list(_angles(mol, properties))
    linear = [term for term in angles if _is_linear(properties, term)]
    return MMFFTerms(
        bonds=list(_bonds(mol, properties)),
        angles=[term for term in angles if not _is_linear(properties, term)],
        linear_angles=[(atoms, (ka,)) for atoms, (ka, _) in linear],
        stretch_bends=list(_stretch_bends(mol, properties)),
        out_of_planes=list(_out_of_planes(mol, properties)),
        torsions=list(_torsions(mol, properties)),
        nonbonded=list(_nonbonded(mol, properties)),
    )


def _is_linear(properties: MMFFMolProperties, angle: Term) -> bool:
    return properties.GetMMFFAtomType(angle[0][1]) in LINEAR_TYPES


def _bonds(mol: Chem.Mol, properties: MMFFMolProperties) -> Iterator[Term]:
    for bond in mol.GetBonds():
        atoms = (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
        found = properties.GetMMFFBondStretchParams(mol, *atoms)
        if found is not None:
            yield atoms, found[1:]


def _angles(mol: Chem.Mol, properties: MMFFMolProperties) -> Iterator[Term]:
    for atoms in _triples(mol):
        found = properties.GetMMFFAngleBendParams(mol, *atoms)
        if found is not None:
            yield atoms, found[1:]


def _stretch_bends(mol: Chem.Mol, properties: MMFFMolProperties) -> Iterator[Term]:
    for i, j, k in _triples(mol):
        if properties.GetMMFFAtomType(j) in LINEAR_TYPES:
            continue
        found = properties.GetMMFFStretchBendParams(mol, i, j, k)
        if found is not None:
            lengths = [properties.GetMMFFBondStretchParams(mol, j, end)[2] for end in (i, k)]
            angle = properties.GetMMFFAngleBendParams(mol, i, j, k)[2]
            yield (i, j, k), (*found[1:], *lengths, angle)


def _out_of_planes(mol: Chem.Mol, properties: MMFFMolProperties) -> Iterator[Term]:
    for atom in mol.GetAtoms():
        if atom.GetDegree() != 3:
            continue
        j, (a, b, c) = atom.GetIdx(), _neighbours(atom)
        koop = properties.GetMMFFOopBendParams(mol, a, j, b, c)
        if koop is not None:
            for i, k, l in ((a, b, c), (a, c, b), (b, c, a)):  # noqa: E741
                yield (i, j, k, l), (koop,)


def _torsions(mol: Chem.Mol, properties: MMFFMolProperties) -> Iterator[Term]:
    for bond in mol.GetBonds():
        begin, end = bond.GetBeginAtom(), bond.GetEndAtom()
        if not (_twists(begin) and _twists(end)):
            continue
        j, k = begin.GetIdx(), end.GetIdx()
        for i, l in product(_neighbours(begin), _neighbours(end)):  # noqa: E741
            found = properties.GetMMFFTorsionParams(mol, i, j, k, l) if len({i, j, k, l}) == 4 else None
            if found is not None:
                yield (i, j, k, l), found[1:]


def _nonbonded(mol: Chem.Mol, properties: MMFFMolProperties) -> Iterator[Term]:
    steps = Chem.GetDistanceMatrix(mol)
    charges = [properties.GetMMFFPartialCharge(i) for i in range(mol.GetNumAtoms())]
    for i, j in np.argwhere(np.triu(steps >= 3)).tolist():  # between components RDKit counts millions of steps
        _, _, radius, depth = properties.GetMMFFVdWParams(i, j)
        scale = SCALE_1_4 if steps[i, j] == 3 else 1.0
        yield (i, j), (radius, depth, COULOMB * scale * charges[i] * charges[j])


def _twists(atom: Chem.Atom) -> bool:
    """Whether RDKit gives the bonds of this atom torsions."""
    triple = any(bond.GetBondType() == Chem.BondType.TRIPLE for bond in atom.GetBonds())
    return atom.GetDegree() > 1 and not triple and atom.GetHybridization() in _TWISTABLE


def _triples(mol: Chem.Mol) -> Iterator[tuple[int, int, int]]:
    for atom in mol.GetAtoms():
        for i, k in combinations(_neighbours(atom), 2):
            yield i, atom.GetIdx(), k


def _neighbours(atom: Chem.Atom) -> list[int]:
    return [neighbour.GetIdx() for neighbour in atom.GetNeighbors()]
