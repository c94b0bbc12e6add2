"""What are the states of a deblurring called? By the round of the network that made them, and the time within it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rdkit.Chem import Conformer

TIME = "ebd_time"  # on the states that a callback is given: 1 where a round begins, 0 on the finished conformer


def state_names(conformers: Sequence[Conformer]) -> list[str]:
    """Names such as "seed", "round 1", "round 2" and "conformer"; "round 2, t = 0.50" within one of several steps.

    Args:
        conformers: All states in their order; those without a time are taken for finished.
    """
    times = [c.GetDoubleProp(TIME) if c.HasProp(TIME) else 0.0 for c in conformers]
    names, round_ = [], 0
    rounds = sum(t >= before for before, t in pairwise(times)) + 1
    for k, t in enumerate(times):
        begins = k > 0 and t >= times[k - 1]
        round_ += begins
        if k == len(times) - 1:
            names.append("conformer")
        elif k == 0:
            names.append("seed")
        elif begins:
            names.append(f"round {round_}")
        else:
            names.append(f"t = {t:.2f}" if rounds == 1 else f"round {round_ + 1}, t = {t:.2f}")
    return names
