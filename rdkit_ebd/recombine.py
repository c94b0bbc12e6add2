"""What other shapes do the parts of known ones give? Conformers with the torsions of others."""

from __future__ import annotations

import numpy as np


def dihedral_angles(coords: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Dihedrals i-a-b-j in radians: (K, N, 3) and (R, 4) -> (K, R)."""
    i, a, b, j = (coords[:, column] for column in quads.T)
    axis = _unit(b - a)
    v, w = _across(i - a, axis), _across(j - b, axis)
    return np.asarray(np.arctan2((np.cross(axis, v) * w).sum(-1), (v * w).sum(-1)))


def recombined(
    coords: np.ndarray, quads: np.ndarray, far_side: np.ndarray, bases: np.ndarray, donors: np.ndarray
) -> np.ndarray:
    """Give conformers the torsions of others; bond lengths, bond angles and rings stay.

    Args:
        coords: (K, N, 3) angstrom.
        quads: (R, 4) atoms i-a-b-j of rotatable bonds a-b.
        far_side: (R, N) bool, atoms on b's side.
        bases: (M,) which conformer each new one is made of.
        donors: (M, R) which conformer it takes each torsion from.

    Returns:
        (M, N, 3) angstrom.
    """
    found = coords[bases]
    angles = dihedral_angles(coords, quads)
    # Turning one bond leaves the dihedrals of all others as they are.
    gaps = np.take_along_axis(angles, donors, 0) - angles[bases]
    for (_, a, b, _), far, gap in zip(quads, far_side, gaps.T, strict=True):
        origin = found[:, b, None]
        axis = _unit(origin - found[:, a, None])
        arms = found[:, far] - origin
        across = _across(arms, axis)
        cosine, sine = np.cos(gap)[:, None, None], np.sin(gap)[:, None, None]
        found[:, far] += (cosine - 1) * across + sine * np.cross(axis, across)
    return found


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _across(vectors: np.ndarray, axis: np.ndarray) -> np.ndarray:
    return np.asarray(vectors - (vectors * axis).sum(-1, keepdims=True) * axis)
