"""How do atoms turn about a bond? Dihedral angles, and conformers with others, in NumPy."""

from __future__ import annotations

import numpy as np


def dihedral_angles(coords: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Dihedrals i-a-b-j in radians: (K, N, 3) and (R, 4) -> (K, R)."""
    i, a, b, j = (coords[:, column] for column in quads.T)
    axis = _unit(b - a)
    v, w = _across(i - a, axis), _across(j - b, axis)
    return np.asarray(np.arctan2((np.cross(axis, v) * w).sum(-1), (v * w).sum(-1)))


def turn(coords: np.ndarray, a: int, b: int, moved: np.ndarray, angles: np.ndarray) -> None:
    """Turn atoms about the bond a-b in each of (K, N, 3), in place.

    Args:
        coords: Conformers, angstrom.
        a, b: The bond.
        moved: Which atoms, on b's side: indices, or (N,) bool.
        angles: (K,) radians, by which the dihedrals about the bond grow.
    """
    origin = coords[:, b, None]
    axis = _unit(origin - coords[:, a, None])
    arms = coords[:, moved] - origin
    across = _across(arms, axis)
    cosine, sine = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    coords[:, moved] += (cosine - 1) * across + sine * np.cross(axis, across)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _across(vectors: np.ndarray, axis: np.ndarray) -> np.ndarray:
    return np.asarray(vectors - (vectors * axis).sum(-1, keepdims=True) * axis)
