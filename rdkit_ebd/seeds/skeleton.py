"""Which atoms need distance geometry, and where do the hydrogens go afterwards?

Distance geometry costs the square of the number of atoms and more, and half of them are hydrogens whose places follow
from their neighbours'. Seeds are made of the skeleton alone, in a quarter of the time; RDKit puts the hydrogens back at
ideal bond lengths and angles, and those that can turn are turned here to where torsions like them rest, at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from rdkit_ebd.arrays.vectors import cross
from rdkit_ebd.chem.torsions import dihedral_angles, turn
from rdkit_ebd.chem.undefined_stereo import undefined_stereo

SMALLEST = 3  # skeleton atoms; distance geometry of fewer says nothing of torsions

_MARK = 9  # no hydrogen has so many neutrons
_RIGID = (Chem.HybridizationType.S, Chem.HybridizationType.SP)


@dataclass(frozen=True)
class Rotor:
    """Hydrogens that turn together about the bond a-b.

    Attributes:
        quad: Atoms r-a-b-h, h the first of the hydrogens.
        moved: The hydrogens.
        angles: Dihedrals r-a-b-h to choose from, degrees.
    """

    quad: tuple[int, int, int, int]
    moved: tuple[int, ...]
    angles: tuple[float, ...]


@dataclass(frozen=True)
class Skeleton:
    """A molecule without the hydrogens that can be put back.

    Attributes:
        mol: What is left, no conformers.
        places: (N,) index of every atom of the molecule in `Chem.AddHs` of the skeleton.
        rotors: Hydrogens that can turn, in the molecule's own indices.
        inverting: Neighbours, nitrogen and hydrogen a-n-b-h of secondary amines, whose hydrogen may be on either side.
    """

    mol: Chem.Mol
    places: np.ndarray
    rotors: tuple[Rotor, ...]
    inverting: tuple[tuple[int, int, int, int], ...]


def skeleton_of(mol: Chem.Mol) -> Skeleton | None:
    """Take the hydrogens off a molecule; None where that would not help, or they could not be put back.

    Those of stereocentres stay: without them distance geometry takes many more trials to find the right hand. So do
    those of double bonds whose E/Z is not written: without them most become Z.
    """
    work = Chem.Mol(mol, True)
    for atom in work.GetAtoms():
        atom.SetIntProp("_ebd_index", atom.GetIdx())
    either = {end for bond in undefined_stereo(mol).bonds for end in bond}
    marked = [
        neighbour
        for atom in work.GetAtoms()
        if atom.GetChiralTag() or atom.GetIdx() in either
        for neighbour in atom.GetNeighbors()
        if _is_plain(neighbour)
    ]
    for hydrogen in marked:
        hydrogen.SetIsotope(_MARK)  # isotopes are never taken off
    try:
        left = Chem.RemoveHs(work)
    except Chem.MolSanitizeException:
        return None
    for atom in left.GetAtoms():
        if atom.GetAtomicNum() == 1 and atom.GetIsotope() == _MARK:
            atom.SetIsotope(0)
    kept = [atom.GetIntProp("_ebd_index") for atom in left.GetAtoms()]
    if not SMALLEST <= len(kept) < mol.GetNumAtoms():
        return None
    places = _places(mol, kept, Chem.AddHs(left))
    if places is None:
        return None
    return Skeleton(left, places, tuple(_rotors(mol, set(kept))), tuple(_inverting(mol, set(kept))))


def with_hydrogens_back(skeleton: Skeleton, coords: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
    """Put the hydrogens back.

    Args:
        skeleton: Of `skeleton_of`.
        coords: (K, n, 3) angstrom, of its atoms.
        seeds: K seeds of the choices among a rotor's dihedrals.

    Returns:
        (K, N, 3) angstrom.
    """
    bare = Chem.Mol(skeleton.mol, True)
    for x in coords:
        conformer = Chem.Conformer(len(x))
        conformer.SetPositions(np.ascontiguousarray(x))
        bare.AddConformer(conformer, assignId=True)
    full = Chem.AddHs(bare, addCoords=True)
    found = np.array([conformer.GetPositions() for conformer in full.GetConformers()])
    found = found.reshape(len(coords), -1, 3)[:, skeleton.places]
    choices = np.array(
        [np.random.default_rng(seed).random(len(skeleton.rotors) + len(skeleton.inverting)) for seed in seeds]
    )
    for rotor, chance in zip(skeleton.rotors, choices.T, strict=False):
        wanted = np.deg2rad(rotor.angles)[(chance * len(rotor.angles)).astype(int)]
        now = dihedral_angles(found, np.array([rotor.quad]))[:, 0]
        turn(found, *rotor.quad[1:3], np.array(rotor.moved), wanted - now)
    for quad, chance in zip(skeleton.inverting, choices.T[len(skeleton.rotors) :], strict=True):
        _invert(found, quad, chance < 0.5)
    return found


def _places(mol: Chem.Mol, kept: list[int], full: Chem.Mol) -> np.ndarray | None:
    """(N,) where each atom of the molecule is in the skeleton with its hydrogens added again; None if they differ."""
    places = np.full(mol.GetNumAtoms(), -1)
    places[kept] = np.arange(len(kept))
    for place, index in enumerate(kept):
        own = [n.GetIdx() for n in mol.GetAtomWithIdx(index).GetNeighbors() if places[n.GetIdx()] < 0]
        added = [n.GetIdx() for n in full.GetAtomWithIdx(place).GetNeighbors() if n.GetIdx() >= len(kept)]
        if len(own) != len(added):
            return None
        places[own] = added
    return places if full.GetNumAtoms() == len(places) and (places >= 0).all() else None


def _rotors(mol: Chem.Mol, kept: set[int]) -> list[Rotor]:
    """Hydrogens about the bonds whose one end has nothing else."""
    found = []
    for b in (mol.GetAtomWithIdx(index) for index in sorted(kept)):
        around = [n.GetIdx() for n in b.GetNeighbors()]
        heavy, hydrogens = [i for i in around if i in kept], [i for i in around if i not in kept]
        if len(heavy) != 1 or not hydrogens or b.GetHybridization() in _RIGID:
            continue
        a = mol.GetAtomWithIdx(heavy[0])
        others = [n for n in a.GetNeighbors() if n.GetIdx() in kept and n.GetIdx() != b.GetIdx()]
        bond = mol.GetBondBetweenAtoms(a.GetIdx(), b.GetIdx())
        acid = [n for n in others if _is_oxo(mol, a, n)]
        angles = _rests(a, bond, len(hydrogens), bool(acid))
        if others and angles:
            quad = (acid or others)[0].GetIdx(), a.GetIdx(), b.GetIdx(), hydrogens[0]
            found.append(Rotor(quad, tuple(hydrogens), angles))
    return found


def _inverting(mol: Chem.Mol, kept: set[int]) -> Iterator[tuple[int, int, int, int]]:
    """Secondary amines that are no written stereocentres."""
    for atom in (mol.GetAtomWithIdx(index) for index in sorted(kept)):
        around = [n.GetIdx() for n in atom.GetNeighbors()]
        hydrogens = [i for i in around if i not in kept]
        amine = atom.GetAtomicNum() == 7 and atom.GetHybridization() == Chem.HybridizationType.SP3
        if amine and len(around) == 3 and len(hydrogens) == 1 and not atom.GetChiralTag():
            a, b = (i for i in around if i in kept)
            yield a, atom.GetIdx(), b, hydrogens[0]


def _rests(a: Chem.Atom, bond: Chem.Bond, hydrogens: int, acid: bool) -> tuple[float, ...]:
    """Dihedrals at which hydrogens rest, degrees; none where they are right as RDKit puts them."""
    if bond.GetIsConjugated() or bond.GetBondType() == Chem.BondType.DOUBLE:
        if hydrogens > 1:
            return ()
        return (0.0,) if acid and bond.GetBondType() == Chem.BondType.SINGLE else (0.0, 180.0)
    if a.GetHybridization() == Chem.HybridizationType.SP3:
        return (60.0,) if hydrogens == 3 else (60.0, 180.0, 300.0)
    return (0.0, 30.0, 60.0, 90.0) if hydrogens == 3 else (0.0, 60.0, 120.0, 180.0, 240.0, 300.0)


def _is_plain(atom: Chem.Atom) -> bool:
    return atom.GetAtomicNum() == 1 and not atom.GetIsotope()


def _is_oxo(mol: Chem.Mol, a: Chem.Atom, neighbour: Chem.Atom) -> bool:
    bond = mol.GetBondBetweenAtoms(a.GetIdx(), neighbour.GetIdx())
    return neighbour.GetAtomicNum() in (8, 16) and bond.GetBondType() == Chem.BondType.DOUBLE


def _invert(coords: np.ndarray, quad: tuple[int, int, int, int], which: np.ndarray) -> None:
    """Put h on the other side of the plane of a, n and b in those of (K, N, 3) that are meant, in place."""
    a, n, b, h = (coords[which, i] for i in quad)
    normal = cross(a - n, b - n)
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    coords[which, quad[3]] = h - 2 * ((h - n) * normal).sum(1, keepdims=True) * normal
