"""Does `rdkit-ebd rank` give the lowest, a table that agrees with the records, and what it could not rank by name?"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest
from command_line import call, records
from helpers import embedded
from rdkit import Chem

GARBAGE = "broken\n  none\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0 oops\nM  END\n$$$$\n"


def block(smiles: str, name: str, count: int) -> str:
    mol, text = embedded(smiles, count), ""
    for conformer in mol.GetConformers():
        record = Chem.Mol(mol, False, conformer.GetId())
        record.SetProp("_Name", name)
        record.SetProp("origin", f"{name} {conformer.GetId()}")
        text += Chem.SDWriter.GetText(record)
    return text


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.sdf"
    path.write_text(block("captopril", "captopril", 5) + block("aspirin", "aspirin", 3))
    return path


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_lowest_of_each_and_a_table_of_all(source: Path, tmp_path: Path) -> None:
    out, ranks = tmp_path / "out.sdf", tmp_path / "ranks.csv"
    result = call("rank", source, "--by", "MMFF94s", "--top", 2, "-o", out, "--table", ranks)
    assert result.exit_code == 0, result.output
    assert "8 records, 8 ranked with MMFF94s, 4 not among those asked for" in result.stderr
    rows, written = table(ranks.read_text()), records(out)
    assert [row["molecule"] for row in rows] == ["captopril"] * 5 + ["aspirin"] * 3
    assert [row["number"] for row in rows] == ["1"] * 5 + ["2"] * 3
    for name in ("captopril", "aspirin"):
        own = [row for row in rows if row["molecule"] == name]
        energies = [float(row["energy"]) for row in own]
        assert energies == sorted(energies)
        assert sum(float(row["weight"]) for row in own) == pytest.approx(1.0)
        expected = math.exp(-(energies[1] - energies[0]) / (0.0019872043 * 298.15))
        assert float(own[1]["weight"]) / float(own[0]["weight"]) == pytest.approx(expected, rel=1e-3)
        lowest = [mol for mol in written if mol.GetProp("_Name") == name]
        assert [mol.GetProp("origin") for mol in lowest] == [f"{name} {int(row['conformer']) - 1}" for row in own[:2]]
        for mol, row in zip(lowest, own, strict=False):
            assert float(mol.GetProp("ebd_energy")) == pytest.approx(float(row["energy"]), abs=1e-3)
            assert float(mol.GetProp("ebd_boltzmann_weight")) == pytest.approx(float(row["weight"]), rel=1e-4)
            assert mol.GetProp("ebd_cluster") == row["cluster"]
    assert [int(row["record"]) for row in rows if row["molecule"] == "aspirin"] == sorted(
        (int(row["record"]) for row in rows if row["molecule"] == "aspirin"),
        key=lambda k: next(float(row["energy"]) for row in rows if row["record"] == str(k)),
    )


def test_the_table_goes_to_standard_output_where_nothing_else_is_asked_for(source: Path) -> None:
    result = call("rank", source, "-q")
    assert result.exit_code == 0
    assert len(table(result.stdout)) == 8
    assert result.stdout.startswith("number,molecule,record,conformer,energy,relative_energy,weight,cluster,")


def test_energies_in_the_records_are_used_unless_a_method_is_given(source: Path, tmp_path: Path) -> None:
    scored, out = tmp_path / "scored.sdf", tmp_path / "out.sdf"
    assert call("score", source, "-o", scored, "-m", "UFF").exit_code == 0
    result = call("rank", scored, "-o", out, "--table", tmp_path / "t.csv", "--top", 1)
    assert result.exit_code == 0
    assert "energies are by UFF; --by chooses another method" in result.stderr
    rows = table((tmp_path / "t.csv").read_text())
    assert {row["method"] for row in rows} == {"UFF"}
    stored = {mol.GetProp("origin"): float(mol.GetProp("ebd_energy")) for mol in records(scored)}
    for mol in records(out):
        own = [energy for origin, energy in stored.items() if origin.startswith(mol.GetProp("_Name"))]
        assert stored[mol.GetProp("origin")] == min(own)
    assert call("rank", scored, "-o", out, "--by", "MMFF94s", "--top", 1).exit_code == 0
    assert {mol.GetProp("ebd_energy_method") for mol in records(out)} == {"MMFF94s"}


def test_representatives_are_one_for_each_cluster(source: Path, tmp_path: Path) -> None:
    out, ranks = tmp_path / "out.sdf", tmp_path / "t.csv"
    words = ["rank", source, "--by", "UFF", "-o", out, "--table", ranks, "--representatives", "--cluster-rmsd", 0.8]
    assert call(*words).exit_code == 0
    rows = table(ranks.read_text())
    chosen = [row for row in rows if row["representative"] == "1"]
    assert len(chosen) == len({(row["number"], row["cluster"]) for row in rows}) == len(records(out))
    assert 2 < len(chosen) < 8


def test_scores_of_an_earlier_ranking_do_not_stay(source: Path, tmp_path: Path) -> None:
    ranked, out = tmp_path / "ranked.sdf", tmp_path / "out.sdf"
    assert call("rank", source, "-o", ranked).exit_code == 0
    assert call("refine", ranked, "-o", out).exit_code == 0
    assert not any(mol.HasProp("ebd_boltzmann_weight") or mol.HasProp("ebd_cluster") for mol in records(out))


def test_what_cannot_be_ranked_is_named(tmp_path: Path) -> None:
    source, out = tmp_path / "in.sdf", tmp_path / "out.sdf"
    source.write_text(block("aspirin", "fine", 2) + GARBAGE + block("OB(O)c1ccccc1", "boronic", 2))
    result = call("rank", source, "--by", "MMFF94s", "-o", out, "--table", tmp_path / "t.csv")
    assert result.exit_code == 1
    assert "record 3 (broken): " in result.stderr
    assert "records 4-5 (boronic): 2 of 2 records without energy" in result.stderr
    rows = table((tmp_path / "t.csv").read_text())
    assert [row["energy"] for row in rows if row["molecule"] == "boronic"] == ["", ""]
    assert len(records(out)) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--table", "x.txt"], "must end in .csv"),
        (["--by", "MMFF95"], "MMFF95"),
        (["--temperature", 0], "temperature"),
        (["-o", "-", "--table", "-"], "cannot both be standard output"),
        (["-o", "x.mol2"], "does not write it; write .sdf"),
    ],
)
def test_wrong_usage_is_reported_before_any_molecule(words: list[object], said: str, source: Path) -> None:
    result = call("rank", source, *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_interrupted_and_resumed_is_the_file_and_the_table_of_one_run(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rdkit_ebd.io.resumable_output import Parts, count_parts

    source.write_text(source.read_text() + GARBAGE + block("paracetamol", "paracetamol", 3))
    words = ["rank", source, "--by", "MMFF94s", "--part-size", 3]
    whole, ranks = tmp_path / "whole.sdf", tmp_path / "whole.csv"
    assert call(*words, "-o", whole, "--table", ranks).exit_code == 1
    out, again, add = tmp_path / "out.sdf", tmp_path / "out.csv", Parts.add
    words += ["-o", out, "--table", again]

    def added(self: Parts, tally: dict[str, object]) -> None:
        add(self, tally)
        if len(self.tallies) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "add", added)
        assert call(*words).exit_code == 130
    assert count_parts(out) == 2
    assert not again.exists()
    assert "--cluster-rmsd was 1.0 and is 2" in " ".join(call(*words, "--resume", "--cluster-rmsd", 2).stderr.split())
    assert call(*words, "--resume").exit_code == 1
    assert out.read_bytes() == whole.read_bytes()
    assert again.read_text() == ranks.read_text()
    assert [row["number"] for row in table(again.read_text())] == ["1"] * 5 + ["2"] * 3 + ["3"] * 3
    assert "--resume continues an OUTPUT" in " ".join(call("rank", source, "--resume").stderr.split())


@pytest.mark.parametrize("command", ["rank", "score"])
def test_isomers_of_one_name_are_told(command: str, tmp_path: Path) -> None:
    source = tmp_path / "in.sdf"
    source.write_text(block("C[C@H](N)C(=O)Oc1ccccc1", "ester", 2) + block("C[C@@H](N)C(=O)Oc1ccccc1", "ester", 1))
    result = call(command, source, "-o", tmp_path / "out.sdf")
    assert result.exit_code == 0
    assert f"records 1-3 (ester): 2 stereoisomers are {command}" in result.stderr
    source.write_text(block("C[C@H](N)C(=O)Oc1ccccc1", "ester", 2))
    assert "stereoisomers" not in call(command, source, "-o", tmp_path / "out.sdf").stderr
