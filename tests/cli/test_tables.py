"""Do tables of a run say what became of each molecule, and is what failed an input again?"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from command_line import call, records
from rdkit import Chem

from rdkit_ebd.io.resumable_output import Parts

MIXED = "CCO ethanol\nC1CC broken\nCC[Ge](C)(C)C germane\nC[C@H](O)F |&1:1| fluoride\n"


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open()))


@pytest.fixture
def words(tmp_path: Path) -> list[object]:
    source = tmp_path / "in.smi"
    source.write_text(MIXED)
    tables = ["--report", tmp_path / "run.csv", "--failed", tmp_path / "bad.csv"]
    return ["embed", source, "-n", 2, "-o", tmp_path / "out.sdf", "--workers", 0, *tables]


def test_a_row_for_each_and_those_that_failed_with_their_cause(words: list[object], tmp_path: Path) -> None:
    assert call(*words).exit_code == 1
    run, bad = rows(tmp_path / "run.csv"), rows(tmp_path / "bad.csv")
    assert [row["molecule"] for row in run] == ["ethanol", "broken", "germane", "fluoride"]
    assert [row["ok"] for row in run] == ["1", "0", "0", "1"]
    assert [row["conformers"] for row in run] == ["2", "0", "0", "2"]
    assert run[3]["smiles"] == "C[C@H](O)F |&1:1|"
    assert "group &1" in run[3]["undefined_stereo"]
    assert [(row["smiles"], row["name"], row["number"]) for row in bad] == [
        ("C1CC", "broken", "2"), ("CC[Ge](C)(C)C", "germane", "3"),
    ]  # fmt: skip
    assert [row["cause"] for row in bad] == ["BAD_MOLECULE 2", "UNSUPPORTED 2"]
    assert "unclosed ring" in bad[0]["message"]
    assert "Ge" in bad[1]["message"]


def test_records_come_back_as_smiles(words: list[object], tmp_path: Path) -> None:
    assert call("embed", "CC[Ge](C)(C)C", "-n", 1, "-o", tmp_path / "si.sdf", "--fallback", "ETKDGv3").exit_code == 0
    words[1] = tmp_path / "si.sdf"
    assert call(*words).exit_code == 1
    assert Chem.CanonSmiles(rows(tmp_path / "bad.csv")[0]["smiles"]) == Chem.CanonSmiles("CC[Ge](C)(C)C")


def test_tables_of_a_resumed_run_are_of_the_whole(
    words: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(*words).exit_code == 1
    whole = [{**row, "seconds": ""} for row in rows(tmp_path / "run.csv")]
    bad = (tmp_path / "bad.csv").read_text()
    for name in ("out.sdf", "run.csv", "bad.csv"):
        (tmp_path / name).unlink()
    kept = Parts.add

    def add_two(parts: Parts, tally: dict[str, object]) -> None:
        if len(parts.tallies) == 2:
            raise KeyboardInterrupt
        kept(parts, tally)

    monkeypatch.setattr(Parts, "add", add_two)
    assert call(*words, "--part-size", 1).exit_code == 130
    assert not (tmp_path / "run.csv").exists()
    monkeypatch.setattr(Parts, "add", kept)
    without = call(*words[:-4], "--part-size", 1, "--resume")
    assert without.exit_code == 2
    assert "--report or --failed" in " ".join(without.stderr.split())
    assert call(*words, "--part-size", 1, "--resume").exit_code == 1
    assert [{**row, "seconds": ""} for row in rows(tmp_path / "run.csv")] == whole
    assert (tmp_path / "bad.csv").read_text() == bad
    assert len(records(tmp_path / "out.sdf")) == 4


@pytest.mark.parametrize(("name", "said"), [("run.txt", "must end in .csv"), ("bad.csv", "write to two files")])
def test_names_of_tables_are_looked_at_first(name: str, said: str, words: list[object], tmp_path: Path) -> None:
    words[words.index("--report") + 1] = tmp_path / name
    result = call(*words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert not (tmp_path / "out.sdf").exists()


def test_columns_stay_as_workflow_systems_know_them(tmp_path: Path) -> None:
    from rdkit_ebd.cli.rank import BESIDE
    from rdkit_ebd.ensemble.rank import Ranking

    source, run, bad = tmp_path / "in.smi", tmp_path / "run.csv", tmp_path / "bad.csv"
    source.write_text("CCO ethanol\nC1CC broken\n")
    words = ("-n", 1, "-o", tmp_path / "out.sdf", "--report", run, "--failed", bad, "--workers", 0)
    assert call("embed", source, *words).exit_code == 1
    assert run.read_text().splitlines()[0].split(",") == [
        *("number", "molecule", "smiles", "ok", "requested", "conformers", "pruned", "above_window", "failed"),
        *("causes", "attempts", "mended", "stereo_yield", "undefined_stereo", "messages", "seconds"),
    ]
    assert bad.read_text().splitlines()[0].split(",") == ["smiles", "name", "number", "cause", "message"]
    assert [*BESIDE, *Ranking.columns] == [
        *("number", "molecule", "record", "conformer", "energy", "relative_energy", "weight", "cluster"),
        *("representative", "stereoisomer", "method", "temperature"),
    ]
