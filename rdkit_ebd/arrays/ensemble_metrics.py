"""How close is an ensemble to its references? COV and MAT, bond, angle and planarity errors; numpy alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from rdkit_ebd.arrays.rmsd import best_rms

# Angstrom, for drug-like molecules: of GeoMol (Ganea et al., NeurIPS 2021) and of GeoDiff (Xu et al., ICLR 2022).
COVERAGE_THRESHOLDS = (0.75, 1.25)
MISSED = 10.0  # angstrom: the RMSD a molecule without any conformer scores
ALSO_MEDIANS = ("mat_r", "mat_p", "xtb")  # columns with a long tail


def ensemble_metrics(generated: np.ndarray, references: np.ndarray, symmetries: np.ndarray) -> dict[str, float]:
    """COV and MAT of one molecule (GeoDiff's definitions).

    Args:
        generated: (K, N, 3) angstrom; K may be zero, which scores as missed.
        references: (R, N, 3) angstrom.
        symmetries: (P, H) heavy-atom orders.

    Returns:
        mat_r, mat_p (angstrom) and cov_r@..., cov_p@... (shares).
    """
    recall, precision = nearest(generated, references, symmetries)
    out = {"mat_r": float(recall.mean()), "mat_p": float(precision.mean())}
    for threshold in COVERAGE_THRESHOLDS:
        out[f"cov_r@{threshold}"] = float((recall <= threshold).mean())
        out[f"cov_p@{threshold}"] = float((precision <= threshold).mean())
    return out


def nearest(generated: np.ndarray, references: np.ndarray, symmetries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far references (R,) are from the nearest conformer generated, and conformers (K,) from the nearest reference.

    Where nothing was generated, every reference is missed, and so is one conformer. Arguments as in `ensemble_metrics`.
    """
    rms = np.full((1, len(references)), MISSED)
    if len(generated):
        rms = np.stack([best_rms(reference, generated, symmetries) for reference in references], axis=1)
    return rms.min(0), rms.min(1)


def geometry_metrics(
    generated: np.ndarray, references: np.ndarray, bonds: np.ndarray, angles: np.ndarray
) -> dict[str, float]:
    """Mean absolute error of bond lengths and 1-3 distances against the references' means, angstrom.

    The mean over references is the standard because no generated conformer is any one reference's partner.

    Args:
        generated: (K, N, 3).
        references: (R, N, 3).
        bonds: (P, 2) bonded pairs.
        angles: (P, 2) 1-3 pairs.
    """
    out = {}
    for name, pairs in (("bond", bonds), ("1-3", angles)):
        i, j = pairs.T
        if len(pairs) and len(generated):
            expected = _distances(references, i, j).mean(0)
            out[name] = float(np.abs(_distances(generated, i, j) - expected).mean())
    return out


def planarity_metrics(generated: np.ndarray, references: np.ndarray, rings: Sequence[np.ndarray]) -> dict[str, float]:
    """Mean absolute error of how far rings are from flat, against the references' means, angstrom.

    Of a ring in a conformer, that is the root mean square distance of its atoms from their best plane.

    Args:
        generated: (K, N, 3).
        references: (R, N, 3).
        rings: Index arrays (P, n), one for each ring size n.
    """
    present = [group for group in rings if len(group)]
    if not (present and len(generated)):
        return {}
    found, expected = (
        np.concatenate([out_of_plane(coords, group) for group in present], axis=1) for coords in (generated, references)
    )
    return {"planarity": float(np.abs(found - expected.mean(0)).mean())}


def out_of_plane(coords: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Root mean square distance of atoms from their best plane: (K, N, 3) and (P, n) -> (K, P), angstrom."""
    points = np.asarray(coords, dtype=np.float64)[:, groups]
    points = points - points.mean(axis=-2, keepdims=True)
    smallest = np.linalg.eigvalsh(np.swapaxes(points, -1, -2) @ points)[..., 0]
    return np.asarray(np.sqrt(np.maximum(smallest, 0) / groups.shape[1]))


def mean_table(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Means over molecules, some with medians beside them; what a molecule lacks it does not count in."""
    columns: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    table = {name: float(np.mean(values)) for name, values in columns.items()}
    medians = {f"{n}_median": float(np.median(columns[n])) for n in ALSO_MEDIANS if n in columns}
    return table | medians


def _distances(coords: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    return np.linalg.norm(coords[:, i] - coords[:, j], axis=-1)
