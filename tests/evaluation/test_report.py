"""Are rows summed up rightly, and is everything in the table and the files?"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from rdkit_ebd.evaluation.report import Result, format_failures, format_table, summarise, write_csv, write_json


def row(index: int, metrics: dict[str, float], **facts: Any) -> dict[str, Any]:
    plain = {"method": "DG", "index": index, "title": f"m{index}", "smiles": "CCO", "atoms": 9, "references": 2}
    counts = {"requested": 4, "conformers": 4, "dropped": 0, "missing": 0, "problem": "", "failures": {}}
    return {**plain, **counts, "metrics": metrics, **facts}


@pytest.fixture
def ensemble() -> Result:
    rejected = {"conformers": 0, "missing": 4, "problem": "no, thanks", "failures": {"UNSUPPORTED": 1}}
    rows = [
        row(0, {"mat_r": 0.2, "stereo": 0.5}, failures={"CLASH": 2}, posebusters_failed={"bond_lengths": 1}),
        row(1, {"mat_r": 0.4, "xtb": 8.0}, failures={"CLASH": 3}, posebusters_failed={"bond_lengths": 2}),
        row(2, {"mat_r": 10.0}, **rejected),
    ]
    return summarise("DG", rows, {"question": "ensemble"})


@pytest.fixture
def bioactive() -> Result:
    metrics = [{"rmsd@5": x, "kept@5": 5.0, "rmsd@5-pruned": x, "kept@5-pruned": 3.0} for x in (0.5, 0.9, 3.0)]
    return summarise("DG", [row(i, m) for i, m in enumerate(metrics)], {"question": "bioactive", "prune": 0.5})


def test_rows_are_summed_up(ensemble: Result) -> None:
    assert (ensemble.molecules, ensemble.conformers) == (3, 8)
    assert ensemble.table["mat_r"] == pytest.approx(10.6 / 3)
    assert ensemble.table["mat_r_median"] == 0.4
    assert (ensemble.table["stereo"], ensemble.table["xtb"]) == (0.5, 8)
    assert (ensemble.table["without"], ensemble.table["missing"]) == (1, 4)
    assert ensemble.failures == {"CLASH": 5, "UNSUPPORTED": 1}
    assert ensemble.posebusters_failed == {"bond_lengths": 3}


def test_bound_conformers_are_counted_within_limits(bioactive: Result) -> None:
    table = bioactive.table
    assert table["rmsd@5_median"] == 0.9
    shares = [table[f"rmsd@5-pruned_within_{t}"] for t in (0.5, 1.0, 2.0)]
    assert shares == pytest.approx([1 / 3, 2 / 3, 2 / 3])


def test_tables_are_whole(ensemble: Result, bioactive: Result) -> None:
    for result, lines in ((ensemble, 1), (bioactive, 2)):
        table = format_table([result]).splitlines()
        assert len(table) == 2 + lines
        assert len({line.count("|") for line in table}) == 1
    assert "50.0 %" in format_table([ensemble])
    assert "PoseBusters" not in format_table([ensemble])  # nobody asked
    other = summarise("KDG", [row(0, {"mat_r": 0.1})], {"question": "ensemble"})
    assert format_table([ensemble, other]).splitlines()[-1].count(" - ") == 3  # stereo, and xtb twice
    assert "| DG | 5 | 0.5 A | 0.900 |" in format_table([bioactive])


def test_failures_are_reported(ensemble: Result, bioactive: Result) -> None:
    lines = format_failures([ensemble]).splitlines()
    assert lines[0] == "DG: failures: CLASH 5, UNSUPPORTED 1"
    assert "bond_lengths 3" in lines[1]
    assert "no, thanks" in lines[2]
    assert format_failures([bioactive]) == ""


def test_json_and_csv_hold_the_same(ensemble: Result, tmp_path: Path) -> None:
    write_json([ensemble], tmp_path / "x.json")
    write_csv([ensemble], tmp_path / "x.csv")
    [stored] = json.loads((tmp_path / "x.json").read_text())
    with (tmp_path / "x.csv").open(newline="") as stream:
        *molecules, summary = csv.DictReader(stream)
    assert stored["rows"] == ensemble.rows
    assert [line["title"] for line in molecules] == ["m0", "m1", "m2"]
    assert [line["stereo"] for line in molecules] == ["0.5", "", ""]
    assert molecules[0]["failures"] == "CLASH 2"
    assert (summary["row"], summary["index"], summary["requested"]) == ("summary", "", "12")
    assert float(summary["mat_r"]) == stored["table"]["mat_r"]


def test_a_file_appears_whole_or_not_at_all(ensemble: Result, tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    target.write_text("precious")
    ensemble.rows[0]["metrics"]["mat_r"] = object()  # what JSON cannot hold
    with pytest.raises(TypeError):
        write_json([ensemble], target)
    assert target.read_text() == "precious"
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_csv([ensemble], tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "x.json"]
