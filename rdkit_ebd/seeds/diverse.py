"""Which shapes are least alike? Points spread evenly, and a farthest-point choice by distances between heavy atoms.

Profiles of distances need no superposition: all of many shapes are compared by one matrix product. Equivalent atoms
may swap, as far as sorting the distances of equivalent pairs allows for it, and handedness shows in signed volumes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST_ATOMS = 50  # compared; of more, as many evenly along the molecule
CORNERS = 4  # of a signed volume


def shape_profiles(coords: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Distances (M, P) between heavy atoms of shapes (M, N, 3), angstrom, those of equivalent pairs in ascending order.

    Scaled such that the distance between two profiles is about that of their shapes, as an RMSD.

    Args:
        coords: Angstrom.
        classes: (N,) which atoms are equivalent; those below 0 are left out.
    """
    atoms = np.flatnonzero(classes >= 0)
    atoms = atoms[np.unique(np.linspace(0, len(atoms) - 1, min(MOST_ATOMS, len(atoms))).round().astype(int))]
    first, second = np.triu_indices(len(atoms), 1)
    if not len(first):
        return np.zeros((len(coords), 1))
    kinds = np.sort(classes[atoms][np.stack([first, second])], axis=0)
    order = np.lexsort(kinds)
    first, second, kinds = atoms[first[order]], atoms[second[order]], kinds[:, order]
    gaps = coords[:, first] - coords[:, second]
    distances = np.sqrt(np.einsum("mpx,mpx->mp", gaps, gaps))
    starts = np.flatnonzero(np.concatenate([[True], (kinds[:, 1:] != kinds[:, :-1]).any(0)]))
    for start, end in zip(starts, [*starts[1:], len(first)], strict=True):
        if end - start > 1:
            distances[:, start:end].sort(axis=1)
    return np.concatenate([distances, _volumes(coords, classes)], 1) / np.sqrt(len(first))


def _volumes(coords: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Cube roots (M, V) of signed volumes of atoms without equivalents: what makes a mirror image another shape."""
    kinds, counts = np.unique(classes[classes >= 0], return_counts=True)
    single = np.flatnonzero(np.isin(classes, kinds[counts == 1]))
    if len(single) < CORNERS:
        return np.zeros((len(coords), 0))
    # Evenly spaced in the molecule's own order, which follows its chains.
    steps = (np.arange(CORNERS) * (len(single) - 1)) // CORNERS
    quads = single[(np.arange(len(single))[:, None] + steps) % len(single)]
    a, b, c, d = (coords[:, column] for column in quads.T)
    volumes = (np.cross(b - a, c - a) * (d - a)).sum(-1)
    return np.asarray(np.cbrt(volumes) * np.sqrt(len(single) / 8))


def least_alike_in_turn(profiles: np.ndarray, fit: np.ndarray) -> np.ndarray:
    """Choose a shape for each of K conformers, in turn: what comes later never changes what came before.

    Args:
        profiles: (K, P, F) of P candidates for each.
        fit: (K, P) bool, which of them may be chosen.

    Returns:
        (K,) which candidate, the farthest from all that were chosen before it; 0 where none is fit, and then it is
        nothing to be unlike.
    """
    count, most, _ = profiles.shape
    flat = profiles.reshape(count * most, -1)
    squares = (flat**2).sum(1)
    nearest = np.full(count * most, np.inf)
    picks = np.zeros(count, np.int64)
    for k in range(count):
        own = slice(k * most, (k + 1) * most)
        if not fit[k].any():
            continue
        picks[k] = int(np.argmax(np.where(fit[k], nearest[own], -np.inf)))
        last = k * most + picks[k]
        later = slice((k + 1) * most, None)
        nearest[later] = np.minimum(nearest[later], squares[later] + squares[last] - 2 * flat[later] @ flat[last])
    return picks


def even_points(dimensions: int, numbers: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
    """Points that fill a cube evenly, however many there are: (D, M) from 0 to 1, for M numbers.

    Steps of powers of a generalised golden ratio (Roberts, 2018), from a random start in each dimension.

    Args:
        dimensions: D.
        numbers: (M,) which points of the sequence.
        seeds: D seeds of the starts.
    """
    ratio = 2.0
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = ratio ** -np.arange(1.0, dimensions + 1)
    starts = np.array([np.random.default_rng(seed).random() for seed in seeds])
    return np.asarray((starts[:, None] + steps[:, None] * numbers[None]) % 1.0).reshape(dimensions, len(numbers))
