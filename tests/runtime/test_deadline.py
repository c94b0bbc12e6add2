"""Is a time limit kept, and none where none is set?"""

from __future__ import annotations

import math
import pickle
import time

from rdkit_ebd.runtime.deadline import NEVER, Deadline


def test_no_limit_never_passes() -> None:
    assert Deadline.after(0) == NEVER
    assert not NEVER.passed
    assert NEVER.left == math.inf
    assert NEVER.patience is None


def test_a_limit_passes_and_stays_passed() -> None:
    deadline = Deadline.after(0.05)
    assert not deadline.passed
    assert deadline.patience is not None
    assert 0 < deadline.patience <= 0.05
    time.sleep(0.06)
    assert deadline.passed
    assert deadline.left == deadline.patience == 0.0


def test_it_means_the_same_in_another_process() -> None:
    deadline = Deadline.after(60)
    assert pickle.loads(pickle.dumps(deadline)) == deadline
