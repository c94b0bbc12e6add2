"""Which of several candidates becomes a conformer? One unlike those chosen before it, and expected to be a true one."""

from __future__ import annotations

import numpy as np

from rdkit_ebd.arrays.rmsd import ConformerSet


def chosen(
    candidates: np.ndarray,
    sound: np.ndarray,
    mappings: np.ndarray,
    expected: np.ndarray | None = None,
    weight: float = 0.0,
) -> np.ndarray:
    """Choose a candidate for each conformer, in turn: what comes later never changes what came before.

    Args:
        candidates: (K, P, N, 3) angstrom, P for each conformer.
        sound: (K, P) bool, which of them may be chosen.
        mappings: (M, n) atom orders in which conformers are compared, as `best_rms` takes them.
        expected: (K, P) distance of each from the nearest true conformer, as far as one can tell, angstrom.
        weight: Distance from the nearest of those chosen before, in angstrom, that an angstrom of that is worth.

    Returns:
        (K,) which candidate; the first of all where none is sound, and then it is nothing to be unlike.
    """
    picks = np.zeros(len(candidates), np.int64)
    before = ConformerSet(mappings, len(candidates))
    for k, own in enumerate(candidates):
        rows = np.flatnonzero(sound[k])
        if not len(rows):
            continue
        merit = np.zeros(len(rows)) if expected is None else -weight * expected[k, rows]
        if len(before) and len(rows) > 1:
            merit = merit + [before.nearest(x) for x in own[rows]]
        picks[k] = rows[int(np.argmax(merit))]
        before.add(own[picks[k]])
    return picks
