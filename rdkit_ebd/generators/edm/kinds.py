"""Which kind is each atom, where the molecule is to have so many hydrogens? The likeliest kinds that add up."""

from __future__ import annotations

import numpy as np


def choose_kinds(logits: np.ndarray, hydrogens: np.ndarray, total: int) -> np.ndarray:
    """The likeliest kinds of the atoms of one molecule.

    Args:
        logits: (N, K) log-probabilities, up to a constant for each atom.
        hydrogens: (K,) hydrogens of each kind.
        total: Hydrogens that all atoms have together; where no kinds add up, each atom's likeliest is taken.

    Returns:
        (N,) int64.
    """
    best = logits.argmax(1)
    if hydrogens[best].sum() == total:
        return best
    scores = np.full((len(logits) + 1, total + 1), -np.inf)  # of the first i atoms with j hydrogens
    scores[0, 0] = 0.0
    chosen = np.zeros(scores.shape, np.int64)
    for i, row in enumerate(logits):
        for kind, count in enumerate(hydrogens.tolist()):
            if count > total:
                continue
            ways = scores[i, : total + 1 - count] + row[kind]
            better = ways > scores[i + 1, count:]
            scores[i + 1, count:][better] = ways[better]
            chosen[i + 1, count:][better] = kind
    if not np.isfinite(scores[-1, total]):
        return best
    kinds, left = np.zeros(len(logits), np.int64), total
    for i in range(len(logits), 0, -1):
        kinds[i - 1] = chosen[i, left]
        left -= int(hydrogens[kinds[i - 1]])
    return kinds
