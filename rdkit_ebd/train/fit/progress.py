"""What does a user see of a training? How far it is, every few seconds, and in the end whether it was worth it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

SECONDS = 10.0  # between lines of a terminal
SECONDS_OF_A_LOG = 60.0  # and of a file
FEW = 20  # molecules, of which a mean says little
JUDGED = {"mat_r": "recall (MAT-R, Å)", "mat_p": "precision (MAT-P, Å)", "bond": "bond lengths (Å)"}
NOTICED = 0.005  # relative change that is more than nothing


class Progress:
    """Lines on standard error: time, steps and loss; none of a training that is shorter than the time between them."""

    def __init__(self, minutes: float) -> None:
        self._start = self._last = time.monotonic()
        self._minutes = minutes
        self._pause = SECONDS if sys.stderr.isatty() else SECONDS_OF_A_LOG

    def step(self, step: int, samples: int, loss: float | None) -> None:
        """Say where it is, if it is time to."""
        now = time.monotonic()
        if now - self._last < self._pause:
            return
        self._last = now
        whole = "" if self._minutes == float("inf") else f" of {self._minutes:g}"
        lost = "" if loss is None else f", loss {loss:.4f}"
        words = f"{(now - self._start) / 60:.1f}{whole} min, step {step}, {samples} samples{lost}"
        print(words, file=sys.stderr, flush=True)

    @property
    def due(self) -> bool:
        """Whether `step` would say something, which costs a look at the loss."""
        return time.monotonic() - self._last >= self._pause


def judgement(before: Mapping[str, Any], after: Mapping[str, Any], molecules: int) -> str:
    """Whether a training was worth it, by rows of the validation table: a line for each measure, and what they say.

    Args:
        before: Of the weights it began with.
        after: Of those it ended with.
        molecules: Validation molecules.
    """
    lines, verdicts = [f"before and after, on {molecules} validation molecule{'s' * (molecules != 1)}:"], set()
    for name, words in JUDGED.items():
        if name not in before or name not in after:
            continue
        old, new = float(before[name]), float(after[name])
        verdict = "as before" if abs(new - old) <= NOTICED * old else "better" if new < old else "worse"
        verdicts.add(verdict)
        lines.append(f"  {words}: {old:.4f}, {new:.4f}: {verdict}")
    told = verdicts - {"as before"}
    lines.append(_ADVICE["mixed" if len(told) > 1 else next(iter(told), "as before")])
    if molecules < FEW:
        lines.append(f"fewer than {FEW} molecules say little: `train prepare --valid` takes more")
    return "\n".join(lines)


_ADVICE = {
    "better": "better: `rdkit-ebd evaluate` compares it with other methods",
    "worse": "worse than what it began with: do not use it; train longer (the same command continues) or on more data",
    "as before": "no difference: train longer (the same command continues) or on more data",
    "mixed": "better in one thing and worse in another: `rdkit-ebd train judge` with more molecules tells which counts",
}
