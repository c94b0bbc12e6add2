"""How far apart are two shapes of one molecule? RMSD over proper rotations and symmetry, vectorised, numpy alone."""

from __future__ import annotations

import math

import numpy as np

from rdkit_ebd.arrays.vectors import cross

# Relative error of the closed form, with a margin of ten.
ESTIMATE_ERROR = 1e-3

# Conformer-mapping pairs compared at a time: ~100 MB.
CHUNK = 2**19


def best_rms(coords_a: np.ndarray, coords_b: np.ndarray, mappings: np.ndarray) -> np.ndarray:
    """Lowest RMSD over proper rotations and atom mappings, in angstrom.

    Args:
        coords_a: (N, 3) angstrom.
        coords_b: (M, N, 3) angstrom.
        mappings: (P, n) atom indices, each row a reordering of the first.

    Returns:
        (M,) angstrom; NaN where coordinates are not finite.
    """
    a, b = coords_a[mappings[0]], coords_b[:, mappings[0]]
    rms = np.full(len(b), np.nan)
    finite = np.isfinite(b).all(axis=(1, 2)) & np.isfinite(a).all()
    a, b = a - a.mean(axis=0), b[finite] - b[finite].mean(axis=1, keepdims=True)
    step = max(1, CHUNK // len(mappings))
    overlaps = [_best_overlap(a, b[start : start + step], _permutations(mappings)) for start in range(0, len(b), step)]
    squares = (a**2).sum() + (b**2).sum(axis=(1, 2)) - 2 * np.concatenate([np.zeros(0), *overlaps])
    rms[finite] = np.sqrt(np.maximum(squares, 0) / len(a))
    return rms


class ConformerSet:
    """Shapes of one molecule, to ask how far another is from the nearest of them.

    Args:
        mappings: As `best_rms` takes them.
        capacity: Most shapes there will be.
    """

    def __init__(self, mappings: np.ndarray, capacity: int) -> None:
        self._atoms, self._orders = mappings[0], _permutations(mappings)
        self._shapes = np.empty((capacity, len(self._atoms), 3))
        self._squares = np.empty(capacity)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, coords: np.ndarray) -> None:
        """Add a shape (N, 3); one that is not finite is near to nothing."""
        if np.isfinite(coords).all():
            self._shapes[self._count] = shape = self._centred(coords)
            self._squares[self._count] = (shape**2).sum()
            self._count += 1

    def nearest(self, coords: np.ndarray) -> float:
        """The least of `best_rms` from a shape (N, 3) to those here, angstrom; infinite if there are none.

        Closed forms find which few may be the nearest, and only these are superposed.
        """
        if not self._count:
            return math.inf
        a, shapes = self._centred(coords), self._shapes[: self._count]
        squares = (a**2).sum() + self._squares[: self._count]
        estimates = _overlap_estimate(_covariances(a, shapes, self._orders)).max(1)
        least, most = (squares - 2 * estimates * (1 + sign * ESTIMATE_ERROR) for sign in (1, -1))
        rows = np.flatnonzero(least <= most.min())
        found = squares[rows] - 2 * _best_overlap(a, shapes[rows], self._orders)
        return float(np.sqrt(max(found.min(), 0) / len(a)))

    def _centred(self, coords: np.ndarray) -> np.ndarray:
        x = coords[self._atoms]
        return np.asarray(x - x.mean(0))


def _covariances(a: np.ndarray, b: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """(n, 3), (M, n, 3) and (P, n) -> (M, P, 3, 3)."""
    # mapping b by an order is mapping a by its inverse, and a is but one: a single matrix product serves all
    reordered = a[np.argsort(orders, axis=1)].transpose(0, 2, 1).reshape(-1, len(a))
    return np.asarray((reordered @ b).reshape(len(b), len(orders), 3, 3))


def _best_overlap(a: np.ndarray, b: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Greatest sum of a.(R b) over rotations R and reorderings: (n, 3), (M, n, 3) centred and (P, n) -> (M,)."""
    covariances = _covariances(a, b, orders)
    estimates = _overlap_estimate(covariances)
    rows, columns = np.nonzero(estimates >= estimates.max(axis=1, keepdims=True) * (1 - ESTIMATE_ERROR))
    u, stretches, vt = np.linalg.svd(covariances[rows, columns])
    # det(U V^T), not the sign of det(covariance): the latter is noise for planar and linear molecules
    stretches[:, 2] *= np.sign(np.linalg.det(u @ vt))
    best = np.zeros(len(b))
    np.maximum.at(best, rows, stretches.sum(axis=1))
    return best


def _overlap_estimate(matrices: np.ndarray) -> np.ndarray:
    """Sum of signed singular values of (..., 3, 3), in closed form.

    Good to ~1e-8, to ~1e-4 for linear molecules: enough to choose which of many mappings deserve a real one.
    """
    gram = np.swapaxes(matrices, -1, -2) @ matrices
    mean = np.trace(gram, axis1=-2, axis2=-1)[..., None, None] / 3
    rest = gram - mean * np.eye(3)
    spread = np.sqrt((rest**2).sum(axis=(-2, -1)) / 6)
    cosine = _determinant(rest) / np.maximum(2 * spread**3, np.finfo(float).tiny)
    angle = np.arccos(np.clip(cosine, -1, 1))[..., None] / 3 + np.array([0, -2, 2]) * np.pi / 3
    values = np.sqrt(np.maximum(mean[..., 0] + 2 * spread[..., None] * np.cos(angle), 0))
    return values[..., 0] + values[..., 1] + np.sign(_determinant(matrices)) * values[..., 2]


def _determinant(m: np.ndarray) -> np.ndarray:
    return (m[..., 0, :] * cross(m[..., 1, :], m[..., 2, :])).sum(axis=-1)


def _permutations(mappings: np.ndarray) -> np.ndarray:
    """Mappings as positions within their own first row, (P, n)."""
    order = np.argsort(mappings[0])
    return order[np.searchsorted(mappings[0], mappings, sorter=order)]
