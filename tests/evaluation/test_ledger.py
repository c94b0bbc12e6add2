"""Does a run that was killed lose nothing, and is another run's file left alone?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rdkit_ebd.evaluation.ledger import Ledger
from rdkit_ebd.evaluation.methods import parse_method

SETTINGS = {"seed": 0, "counts": (1, 2)}
A, B = parse_method("DG"), parse_method("KDG")


def fill(path: Path, *indices: int) -> None:
    with Ledger(path, SETTINGS) as ledger:
        for index in indices:
            ledger.add(A.identity, {"index": index, "metrics": {"mat_r": 0.1 + index}})


def test_rows_are_there_again_in_order(tmp_path: Path) -> None:
    path = tmp_path / "x.partial.jsonl"
    fill(path, 2, 0)
    fill(path, 1)
    with Ledger(path, SETTINGS) as ledger:
        assert [row["index"] for row in ledger.rows(A)] == [0, 1, 2]
        assert ledger.rows(A)[2]["metrics"] == {"mat_r": 2.1}
        assert ledger.rows(B) == []
        assert ledger.missing([A, B], 1) == [B]
        assert ledger.missing([A, B], 3) == [A, B]


def test_a_line_cut_off_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "x.partial.jsonl"
    fill(path, 0, 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    fill(path, 1)
    assert path.read_bytes() == whole
    path.write_bytes(whole[:10])  # killed in the first line
    fill(path, 0, 1)
    assert path.read_bytes() == whole


def test_other_settings_are_rejected_and_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.partial.jsonl"
    fill(path, 0)
    whole = path.read_bytes()
    with pytest.raises(ValueError, match="other settings: seed was 0 and is 1"):
        Ledger(path, {**SETTINGS, "seed": 1})
    with pytest.raises(ValueError, match="other settings: limit was None and is 3"):
        Ledger(path, {**SETTINGS, "limit": 3})
    assert path.read_bytes() == whole


def test_a_file_of_something_else_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "notes.partial.jsonl"
    for text in ("my notes\n", "[1]\n", '{"seed": 0, "counts": [1, 2]}\n{"row": {}}\n'):
        path.write_text(text)
        with pytest.raises(ValueError, match="notes"):
            Ledger(path, SETTINGS)
        assert path.read_text() == text


def test_without_a_file_rows_are_kept_in_memory() -> None:
    with Ledger(None, SETTINGS) as ledger:
        ledger.add(B.identity, {"index": 7})
        assert ledger.rows(B) == [{"index": 7}]
