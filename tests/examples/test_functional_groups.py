"""Does the table of functional groups show a bond that is too long, and which group it is in?"""

from __future__ import annotations

import sys

import functional_groups
import numpy as np
import pytest
from functional_groups import compared, table
from helpers import embedded

from rdkit_ebd.evaluation.measures import positions


def test_a_longer_bond_and_a_bent_angle_are_measured() -> None:
    mol = embedded("CCO", 1)
    minimum = positions(mol)[0]
    assert compared(mol, minimum[None], minimum, "g").worst < 1e-12
    stretched = minimum.copy()
    along = minimum[2] - minimum[1]
    stretched[2] += 0.1 * along / np.linalg.norm(along)
    found = compared(mol, np.stack([minimum, stretched]), minimum, "g")
    assert found.bonds.shape == (4,), "two conformers of two bonds between heavy atoms"
    assert found.bonds.max() == pytest.approx(0.1)
    assert found.worst >= 0.1 - 1e-9
    assert found.angles.max() > 0.5


def test_groups_beyond_the_limits_are_marked_and_come_first() -> None:
    mol = embedded("CCO", 1)
    minimum = positions(mol)[0]
    good = compared(mol, minimum[None], minimum, "suite:good")
    bad = compared(mol, 1.05 * minimum[None], minimum, "suite:bad")
    head, first, second, last = table([good, bad, good])
    assert head.startswith("group")
    assert first.startswith("bad")
    assert first.endswith("*")
    assert second.startswith("good")
    assert not second.endswith("*")
    assert "1 of 2 groups beyond" in last


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["functional_groups.py", "--limit", "2", "--method", "ETKDGv3", "--confs", "1"])
    functional_groups.main()
    assert "2 molecules: bonds 0.0" in capsys.readouterr().out
