"""Which of several candidates becomes a conformer? The one least like those chosen before it."""

from __future__ import annotations

import numpy as np

from rdkit_ebd.arrays.rmsd import ConformerSet


def chosen(candidates: np.ndarray, sound: np.ndarray, mappings: np.ndarray) -> np.ndarray:
    """Choose a candidate for each conformer, in turn: what comes later never changes what came before.

    Args:
        candidates: (K, P, N, 3) angstrom, P for each conformer.
        sound: (K, P) bool, which of them may be chosen.
        mappings: (M, n) atom orders in which conformers are compared, as `best_rms` takes them.

    Returns:
        (K,) which candidate; the first of all where none is sound, and then it is nothing to be unlike.
    """
    picks = np.zeros(len(candidates), np.int64)
    before = ConformerSet(mappings, len(candidates))
    for k, own in enumerate(candidates):
        rows = np.flatnonzero(sound[k])
        if not len(rows):
            continue
        picks[k] = rows[int(np.argmax([before.nearest(x) for x in own[rows]]))]
        before.add(own[picks[k]])
    return picks
