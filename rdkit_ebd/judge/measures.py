"""What are the lengths, angles, twists and heights of groups of atoms? Of conformers (K, N, 3), for groups (T, n)."""

from __future__ import annotations

import numpy as np

from rdkit_ebd.arrays.vectors import cross, squared_lengths


def lengths_of(x: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Distances (K, T) in angstrom, of pairs (T, 2)."""
    return np.sqrt(squared_lengths(x, pairs)).T


def cosines_of(x: np.ndarray, triples: np.ndarray) -> np.ndarray:
    """Cosines (K, T) of the angles i-j-k, of triples (T, 3); coinciding atoms give 0."""
    i, j, k = triples.T
    u, v = (x[:, end] - x[:, j] for end in (i, k))
    norms = np.sqrt(np.einsum("ktx,ktx->kt", u, u) * np.einsum("ktx,ktx->kt", v, v))
    return np.asarray(np.clip(np.einsum("ktx,ktx->kt", u, v) / np.where(norms > 0, norms, np.inf), -1.0, 1.0))


def angles_of(x: np.ndarray, triples: np.ndarray) -> np.ndarray:
    """Angles (K, T) i-j-k in degrees, of triples (T, 3)."""
    return np.asarray(np.degrees(np.arccos(cosines_of(x, triples))))


def dihedrals_of(x: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Dihedral angles (K, T) a-b-c-d in degrees from -180 to 180, of quads (T, 4)."""
    a, b, c, d = (x[:, column] for column in quads.T)
    first, axis, last = b - a, c - b, d - c
    u, v = cross(first, axis), cross(axis, last)
    across = np.einsum("ktx,ktx->kt", cross(u, v), axis) / np.maximum(np.linalg.norm(axis, axis=-1), 1e-9)
    return np.asarray(np.degrees(np.arctan2(across, np.einsum("ktx,ktx->kt", u, v))))


def twists_of(x: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """How far dihedral angles are from flat, cis or trans, (K, T) degrees from 0 to 90."""
    size = np.abs(dihedrals_of(x, quads))
    return np.minimum(size, 180.0 - size)


def heights_of(x: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """How far the first of four atoms is from the plane of the other three, (K, T) angstrom."""
    centre, a, b, c = (x[:, column] for column in quads.T)
    normal = cross(b - a, c - a)
    size = np.maximum(np.linalg.norm(normal, axis=-1), 1e-9)
    return np.asarray(np.abs(np.einsum("ktx,ktx->kt", centre - a, normal)) / size)
