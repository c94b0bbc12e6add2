"""Is this set of coordinates a believable conformer of this molecule?

Judged without energies: written stereo, bond lengths, angles, clashes, flat rings, double bonds and conjugated groups,
puckered saturated rings, against the tables of `judge.tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rdkit_ebd.arrays.vectors import squared_lengths
from rdkit_ebd.chem.stereo import atropisomers_kept, centres_kept, double_bonds_kept
from rdkit_ebd.judge.measures import cosines_of, heights_of, twists_of
from rdkit_ebd.judge.octahedra import octahedral
from rdkit_ebd.judge.tables import AROMATIC, CONJUGATED, DOUBLE, FLATNESS, PUCKER, CheckTables, Distances
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
    aromatic, double, conjugated = (_not_flat(x, tables, kind) for kind in (AROMATIC, DOUBLE, CONJUGATED))
    rings_bent = _lost(np.stack([~_bent(x, rings, FLATNESS) for rings in tables.aromatic], axis=-1))
    failed = {
        Cause.CENTRE_INVERTED: _lost(centres_kept(x, labels)),
        Cause.DOUBLE_BOND_STEREO: _lost(double_bonds_kept(x, labels)),
        Cause.ATROPISOMER_STEREO: _lost(atropisomers_kept(x, labels)),
        Cause.BOND_LENGTH: _outside(x, tables.bonds),
        Cause.BOND_ANGLE: _outside(x, tables.angles) | _bad_angles(x, tables) | ~octahedral(x, tables.octahedra),
        Cause.CLASH: _outside(x, tables.clashes),
        Cause.AROMATIC_NOT_FLAT: aromatic | rings_bent,
        Cause.DOUBLE_BOND_NOT_FLAT: double | _bent(x, tables.flat_bonds, tables.flat_bond_limits),
        Cause.GROUP_NOT_FLAT: conjugated,
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
    least, most = (allowed.lower**2)[:, None], (allowed.upper**2)[:, None]
    parts = [np.zeros(0, dtype=bool)]
    for start in range(0, len(x), step):
        squared = squared_lengths(x[start : start + step], allowed.pairs)
        parts.append(np.asarray(((squared < least) | (squared > most)).any(axis=0)))
    return np.concatenate(parts)


def _bad_angles(x: np.ndarray, tables: CheckTables) -> np.ndarray:
    """Whether any angle is beyond what the references show: (K, N, 3) -> (K,) bool."""
    cosines, corners = cosines_of(x, tables.corners.atoms), tables.corners
    most, least = (np.cos(np.radians(np.clip(limit, 0.0, 180.0))) for limit in (corners.lower, corners.upper))
    return np.asarray(((cosines > most) | (cosines < least)).any(axis=-1))


def _not_flat(x: np.ndarray, tables: CheckTables, kind: int) -> np.ndarray:
    """Whether any torsion or atom of a kind is further from flat than the references show: (K, N, 3) -> (K,) bool."""
    turning, high = tables.twist_kinds == kind, tables.height_kinds == kind
    twisted = twists_of(x, tables.twists.atoms[turning]) > tables.twists.upper[turning]
    raised = heights_of(x, tables.heights.atoms[high]) > tables.heights.upper[high]
    return np.asarray(twisted.any(axis=-1) | raised.any(axis=-1))


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
