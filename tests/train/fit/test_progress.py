"""Is it said how far a training is, and whether it was worth it?"""

from __future__ import annotations

import pytest

from rdkit_ebd.train.fit import progress
from rdkit_ebd.train.fit.progress import Progress, judgement

BEFORE = {"mat_r": 0.5, "mat_p": 0.6, "bond": 0.010, "other": 1.0}


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({"mat_r": 0.45, "mat_p": 0.6, "bond": 0.010}, "better: `rdkit-ebd evaluate`"),
        ({"mat_r": 0.55, "mat_p": 0.7, "bond": 0.020}, "worse than what it began with"),
        ({"mat_r": 0.501, "mat_p": 0.6, "bond": 0.010}, "no difference"),
        ({"mat_r": 0.45, "mat_p": 0.7, "bond": 0.010}, "better in one thing and worse in another"),
        ({}, "no difference"),
    ],
)
def test_what_is_better_is_told_from_what_is_not(after: dict[str, float], said: str) -> None:
    text = judgement(BEFORE, after, 25)
    assert text.splitlines()[-1].startswith(said)
    assert len(text.splitlines()) == 2 + len(after)
    assert "say little" in judgement(BEFORE, after, 3)


def test_lines_come_when_it_is_time(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    shown = Progress(2.0)
    shown.step(1, 10, 0.5)
    assert not shown.due
    clock[0] = 66.0
    assert shown.due
    shown.step(40, 400, 0.25)
    shown.step(41, 410, 0.24)
    assert capsys.readouterr().err == "1.1 of 2 min, step 40, 400 samples, loss 0.2500\n"
