"""How do atoms turn about a bond? Dihedral angles, and conformers with others, in NumPy."""

from __future__ import annotations

import numpy as np
from rdkit import Chem
from rdkit.Chem.rdchem import BondType, HybridizationType

# axis @ _CROSS is the matrix that makes a vector v axis x v; np.cross takes twice as long for a few vectors.
_CROSS = np.cross(np.eye(3)[:, None], np.eye(3)).swapaxes(1, 2)


def dihedral_angles(coords: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Dihedrals i-a-b-j in radians: (K, N, 3) and (R, 4) -> (K, R)."""
    i, a, b, j = (coords[:, column] for column in quads.T)
    axis = _unit(b - a)
    v, w = _across(i - a, axis), _across(j - b, axis)
    sideways = (_crossing(axis) @ v[..., None])[..., 0]
    return np.asarray(np.arctan2((sideways * w).sum(-1), (v * w).sum(-1)))


def turn(coords: np.ndarray, a: int, b: int, moved: np.ndarray, angles: np.ndarray) -> None:
    """Turn atoms about the bond a-b in each of (K, N, 3), in place.

    Args:
        coords: Conformers, angstrom.
        a, b: The bond.
        moved: Which atoms, on b's side: indices, or (N,) bool.
        angles: (K,) radians, by which the dihedrals about the bond grow.
    """
    origin = coords[:, b]
    axis, angles = _unit(origin - coords[:, a]), angles[:, None, None]
    along = axis[:, :, None] * axis[:, None]
    rotation = np.cos(angles) * (np.eye(3) - along) + np.sin(angles) * _crossing(axis) + along
    coords[:, moved] = (coords[:, moved] - origin[:, None]) @ rotation.transpose(0, 2, 1) + origin[:, None]


def _crossing(axis: np.ndarray) -> np.ndarray:
    """(..., 3) -> (..., 3, 3)."""
    return np.asarray(np.tensordot(axis, _CROSS, 1))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _across(vectors: np.ndarray, axis: np.ndarray) -> np.ndarray:
    return np.asarray(vectors - (vectors * axis).sum(-1, keepdims=True) * axis)


def rotatable_bonds(mol: Chem.Mol, hops: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Acyclic single bonds whose rotation moves atoms, terminal groups such as methyl and hydroxyl included.

    Bonds at a linear (sp) atom are left out: their dihedral is not defined.

    Returns:
        torsions (R, 4) int16 atoms i-a-b-j, and far_side (R, N) bool, the atoms on b's side.
    """
    hops = np.minimum(Chem.GetDistanceMatrix(mol), 1e6).astype(np.int64) if hops is None else hops
    torsions = [_torsion(bond) for bond in mol.GetBonds() if _turns(bond)]
    quads = np.array(torsions, dtype=np.int16).reshape(-1, 4)
    # In an acyclic bond a-b an atom lies on b's side when it is nearer to b.
    return quads, hops[quads[:, 2]] < hops[quads[:, 1]]


def _turns(bond: Chem.Bond) -> bool:
    ends = (bond.GetBeginAtom(), bond.GetEndAtom())
    return (
        bond.GetBondType() == BondType.SINGLE
        and not bond.IsInRing()
        and all(a.GetDegree() > 1 and a.GetHybridization() != HybridizationType.SP for a in ends)
    )


def _torsion(bond: Chem.Bond) -> tuple[int, int, int, int]:
    a, b = bond.GetBeginAtom(), bond.GetEndAtom()
    return _reference_neighbour(a, b), a.GetIdx(), b.GetIdx(), _reference_neighbour(b, a)


def _reference_neighbour(atom: Chem.Atom, other: Chem.Atom) -> int:
    """The heaviest neighbour, so that a torsion speaks of the skeleton where there is one."""
    candidates = [n for n in atom.GetNeighbors() if n.GetIdx() != other.GetIdx()]
    return int(max(candidates, key=lambda n: (n.GetAtomicNum(), -n.GetIdx())).GetIdx())
