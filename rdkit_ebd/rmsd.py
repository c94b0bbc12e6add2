"""How far apart are two shapes of one molecule? Symmetry-aware heavy-atom RMSD, vectorised, numpy alone."""

from __future__ import annotations

import numpy as np


def best_rms(probes: np.ndarray, references: np.ndarray, mappings: np.ndarray) -> np.ndarray:
    """Smallest RMSD after superposition over the given atom orders.

    Args:
        probes: (K, n, 3) angstrom.
        references: (M, n, 3) angstrom.
        mappings: (P, n) atom orders of the probe that are equivalent; the identity among them.

    Returns:
        (K, M) angstrom; NaN where a coordinate is not finite.
    """
    n = probes.shape[1]
    probes = np.asarray(probes, np.float64) - np.mean(probes, axis=1, keepdims=True, dtype=np.float64)
    references = np.asarray(references, np.float64) - np.mean(references, axis=1, keepdims=True, dtype=np.float64)
    sizes = np.square(probes).sum((1, 2))[:, None] + np.square(references).sum((1, 2))[None]
    best = np.full(sizes.shape, -np.inf)
    for start in range(0, len(mappings), 64):  # bounds memory where a molecule has very many symmetries
        orders = probes[:, mappings[start : start + 64]]  # (K, P, n, 3)
        covariance = np.einsum("kpni,mnj->kmpij", orders, references, optimize=True)
        best = np.maximum(best, _overlap(covariance).max(-1))
    return np.sqrt(np.maximum(sizes - 2 * best, 0) / max(n, 1))


def _overlap(covariance: np.ndarray) -> np.ndarray:
    """Largest trace of R^T A over proper rotations R: (..., 3, 3) -> (...)."""
    finite = np.isfinite(covariance).all((-1, -2))
    safe = np.where(finite[..., None, None], covariance, 0.0)
    values = np.linalg.svd(safe, compute_uv=False)
    sign = np.where(np.linalg.det(safe) < 0, -1.0, 1.0)
    return np.where(finite, values[..., 0] + values[..., 1] + sign * values[..., 2], np.nan)
