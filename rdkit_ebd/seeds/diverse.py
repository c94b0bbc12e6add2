"""Which of many shapes are least alike? A farthest-point choice by distances between heavy atoms.

Profiles of distances need no superposition: all of many shapes are compared by one matrix product. Equivalent atoms
may swap, as far as sorting the distances of equivalent pairs allows for it, and handedness shows in signed volumes.
"""

from __future__ import annotations

import numpy as np

from rdkit_ebd.arrays.vectors import cross
from rdkit_ebd.judge.measures import lengths_of

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
    distances = np.ascontiguousarray(lengths_of(coords, np.stack([first, second], 1)))
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
    volumes = (cross(b - a, c - a) * (d - a)).sum(-1)
    return np.asarray(np.cbrt(volumes) * np.sqrt(len(single) / 8))


def least_alike(profiles: np.ndarray, count: int, before: np.ndarray | None = None) -> np.ndarray:
    """Rows (count,) of profiles (M, P), each the farthest from those before it; the first of all is row 0.

    Args:
        profiles: Of what there is to choose from.
        count: Rows wanted.
        before: (C, P) of what was chosen already, which counts as well.
    """
    squares = (profiles**2).sum(1)
    nearest = np.full(len(profiles), np.inf)
    for row in () if before is None else before:
        nearest = np.minimum(nearest, squares + row @ row - 2 * profiles @ row)
    chosen = np.zeros(min(count, len(profiles)), np.int64)
    for k in range(len(chosen)):
        nearest[chosen[:k]] = -np.inf
        chosen[k] = int(np.argmax(nearest))
        nearest = np.minimum(nearest, squares + squares[chosen[k]] - 2 * profiles @ profiles[chosen[k]])
    return chosen
