"""How much is found, by how near counts as found? COV over a range of thresholds, as published evaluations give it.

GeoDiff and those after it take thresholds from .05 to 3 angstrom in steps of .05, and of COV and MAT the mean, the
median and the (population's) standard deviation over molecules. References, numbers of conformers and RMSD are those
of the other metrics (`measures`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rdkit_ebd.arrays.ensemble_metrics import nearest

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 61))  # angstrom
STATISTICS: dict[str, Callable[..., Any]] = {"mean": np.mean, "median": np.median, "std": np.std}
SIDES = {"recall": "COV-R", "precision": "COV-P"}

Coverage = dict[str, list[float]]


def coverage(generated: np.ndarray, references: np.ndarray, symmetries: np.ndarray) -> Coverage:
    """Shares of references ("recall") and of conformers ("precision") with a neighbour within each threshold.

    Args:
        generated: (K, N, 3) angstrom; K may be zero, which scores as missed.
        references: (R, N, 3) angstrom.
        symmetries: (P, H) heavy-atom orders.
    """
    sides = zip(SIDES, nearest(generated, references, symmetries), strict=True)
    return {side: [float((distances <= t).mean()) for t in THRESHOLDS] for side, distances in sides}


def summarise_coverage(rows: Sequence[Mapping[str, Any]]) -> Coverage:
    """Statistics over molecules: "recall_mean", "precision_std" and the like, one number per threshold; {}: none asked.

    "mat_r_mean" and the like hold one number each.
    """
    if not all("coverage" in row for row in rows):
        return {}
    out: Coverage = {"thresholds": list(THRESHOLDS)}
    for name, statistic in STATISTICS.items():
        for side in SIDES:
            shares = np.array([row["coverage"][side] for row in rows])
            out[f"{side}_{name}"] = np.asarray(statistic(shares, axis=0)).tolist()
        for mat in ("mat_r", "mat_p"):
            out[f"{mat}_{name}"] = [float(statistic([row["metrics"][mat] for row in rows]))]
    return out


def format_coverage(method: str, summary: Coverage) -> str:
    """A Markdown table: a line per threshold, mean, median and standard deviation of recall and precision."""
    heads = [f"{title} {name}" for title in SIDES.values() for name in STATISTICS]
    keys = [f"{side}_{name}" for side in SIDES for name in STATISTICS]
    mats = [
        f"MAT-{side.upper()} mean {{0:.4f}} median {{1:.4f}} std {{2:.4f}}".format(
            *(summary[f"mat_{side}_{name}"][0] for name in STATISTICS)
        )
        for side in "rp"
    ]
    lines = [
        f"{method}: {', '.join(mats)} A",
        "",
        f"| within, A | {' | '.join(heads)} |",
        "|---" * (len(heads) + 1) + "|",
    ]
    for k, threshold in enumerate(summary["thresholds"]):
        lines.append(
            f"| {threshold:.2f} | " + " | ".join(f"{summary[key][k]:.2%}".replace("%", " %") for key in keys) + " |"
        )
    return "\n".join(lines)
