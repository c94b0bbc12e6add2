"""Does whoever listens hear what is done to a molecule, and nobody else?"""

from __future__ import annotations

import io

import pytest
from helpers import with_hydrogens

from rdkit_ebd import EmbedMultipleConfs
from rdkit_ebd.cli import common
from rdkit_ebd.report.listening import listening, tell


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


def test_stages_come_in_their_order() -> None:
    heard: list[str] = []
    with listening(heard.append):
        EmbedMultipleConfs(with_hydrogens("CC(=O)Nc1ccc(O)cc1"), 2, randomSeed=1, refine="MMFF94s")
    tell("nobody")
    order = [heard.index(word) for word in ("coarse", "deblur", "judge", "2 of 2 conformers", "refine")]
    assert order == sorted(order)
    assert "nobody" not in heard


def test_a_terminal_shows_them_and_a_file_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(common.sys, "stderr", stream)
        with common.stages(True):
            tell("coarse")
            tell("3 of 7 conformers")
            tell("judge")
        assert ("judging, 3 of 7 conformers" in stream.getvalue()) == shown
