"""Is this set of coordinates a believable conformer of this molecule?

Judged without energies: written stereo, bond lengths, 1-3 distances, clashes, flat rings and double bonds, puckered
saturated rings, against the tables of `judge.tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rdkit_ebd.chem.stereo import atropisomers_kept, centres_kept, double_bonds_kept
from rdkit_ebd.judge.tables import FLATNESS, PUCKER, CheckTables, Distances
from rdkit_ebd.report import FailureCause as Cause

# Distances judged at a time, so that a thousand conformers of a large molecule stay within ~100 MB.
CHUNK = 2**22


@dataclass(frozen=True)
class Judgement:
    """The verdict on K conformers: `ok` (K,) bool, and for each cause the (K,) bool of conformers that fail it."""

    ok: np.ndarray
    causes: Mapping[Cause, np.ndarray]


def judge(coords: np.ndarray, tables: CheckTables) -> Judgement:
    """Judge conformers (K, N, 3) in angstrom. What is not finite fails as that, and as nothing else."""
    x = np.asarray(coords, dtype=np.float64)
    finite = np.asarray(np.isfinite(x).all(axis=(1, 2)))
    x, labels = x[finite], tables.labels
    failed = {
        Cause.CENTRE_INVERTED: _lost(centres_kept(x, labels)),
        Cause.DOUBLE_BOND_STEREO: _lost(double_bonds_kept(x, labels)),
        Cause.ATROPISOMER_STEREO: _lost(atropisomers_kept(x, labels)),
        Cause.BOND_LENGTH: _outside(x, tables.bonds),
        Cause.BOND_ANGLE: _outside(x, tables.angles),
        Cause.CLASH: _outside(x, tables.clashes),
        Cause.AROMATIC_NOT_FLAT: _lost(np.stack([~_bent(x, rings, FLATNESS) for rings in tables.aromatic], axis=-1)),
        Cause.DOUBLE_BOND_NOT_FLAT: _bent(x, tables.flat_bonds, tables.flat_bond_limits),
        Cause.RING_TOO_FLAT: _lost(_heights(x, tables.puckered).min(axis=-1) >= PUCKER),
    }
    causes = {Cause.NOT_FINITE: ~finite} | {cause: _spread(rows, finite) for cause, rows in failed.items()}
    return Judgement(ok=~np.any(list(causes.values()), axis=0), causes=causes)


def _lost(kept: np.ndarray) -> np.ndarray:
    return np.asarray(~kept.all(axis=-1))


def _spread(failed: np.ndarray, finite: np.ndarray) -> np.ndarray:
    """Put the verdicts on the finite conformers back in their places; the others are not blamed."""
    out = np.zeros(finite.shape, dtype=bool)
    out[finite] = failed
    return out


def _outside(x: np.ndarray, allowed: Distances) -> np.ndarray:
    """Whether any distance is out of bounds: (K, N, 3) -> (K,) bool."""
    step = max(1, CHUNK // max(1, len(allowed.pairs)))
    i, j = allowed.pairs.T
    parts = [np.zeros(0, dtype=bool)]
    for start in range(0, len(x), step):
        block = x[start : start + step]
        squared = sum((block[:, i, axis] - block[:, j, axis]) ** 2 for axis in range(3))
        parts.append(((squared < allowed.lower**2) | (squared > allowed.upper**2)).any(axis=-1))
    return np.concatenate(parts)


def _bent(x: np.ndarray, groups: np.ndarray, limits: np.ndarray | float) -> np.ndarray:
    """Whether any group of atoms is further from its own plane than allowed: (K, N, 3) and (R, n) -> (K,) bool."""
    return (_heights(x, groups).max(axis=-1) > limits).any(axis=-1)


def _heights(x: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Greatest height above and below each group's best plane: (K, N, 3) and (R, n) -> (K, R, 2) angstrom."""
    points = x[:, groups, :]
    points = points - points.mean(axis=-2, keepdims=True)
    _, axes = np.linalg.eigh(np.swapaxes(points, -1, -2) @ points)
    heights = (points @ axes[..., :, :1])[..., 0]
    return np.stack([heights.max(axis=-1), -heights.min(axis=-1)], axis=-1)
