"""How is a crowded conformer given room? By turning, a little, a bond between the two atoms that are nearest."""

from __future__ import annotations

import numpy as np

from rdkit_ebd.chem.torsions import turn
from rdkit_ebd.judge.measures import lengths_of
from rdkit_ebd.judge.tables import Distances

ANGLES = np.deg2rad([-45.0, -20.0, 20.0, 45.0])  # small enough to stay in a torsion's basin, or near it
MOST_TURNS = 4
LEAST_GAIN = 0.02  # of clearance, for which a bond is turned


def clearance(coords: np.ndarray, clashes: Distances) -> np.ndarray:
    """The least ratio of a distance in (K, N, 3) and what it must not be below, (K,); infinite without such pairs."""
    if not len(clashes.pairs):
        return np.full(len(coords), np.inf)
    return np.asarray(_ratios(coords, clashes).min(1))


def declashed(
    coords: np.ndarray, clashes: Distances, bonds: np.ndarray, far_side: np.ndarray, wanted: float
) -> np.ndarray:
    """Turn bonds of one conformer, the best first, until no pair of atoms is nearer than wanted, or it does not help.

    Args:
        coords: (N, 3) angstrom.
        clashes: Distances that must not be fallen short of.
        bonds: (R, 2) rotatable bonds a-b.
        far_side: (R, N) bool, the atoms on b's side.
        wanted: Clearance at which to stop.

    Returns:
        (N, 3) angstrom; bond lengths, bond angles and rings as they were.
    """
    for _ in range(MOST_TURNS):
        ratios = _ratios(coords[None], clashes)[0]
        i, j = clashes.pairs[ratios.argmin()]
        between = np.flatnonzero(far_side[:, i] != far_side[:, j])
        if ratios.min() >= wanted or not len(between):
            break
        tries = np.concatenate(
            [_turned(coords, a, b, far_side[r]) for r, (a, b) in zip(between, bonds[between], strict=True)]
        )
        found = clearance(tries, clashes)
        if found.max() < ratios.min() + LEAST_GAIN:
            break
        coords = tries[found.argmax()]
    return coords


def _ratios(coords: np.ndarray, clashes: Distances) -> np.ndarray:
    """Distances (K, P) of conformers (K, N, 3) over what they must not be below."""
    return np.asarray(lengths_of(coords, clashes.pairs) / clashes.lower)


def _turned(coords: np.ndarray, a: int, b: int, far: np.ndarray) -> np.ndarray:
    """(N, 3) with the far side turned about a-b by each of `ANGLES`: (A, N, 3)."""
    found = np.repeat(coords[None], len(ANGLES), 0)
    turn(found, a, b, far, ANGLES)
    return found
