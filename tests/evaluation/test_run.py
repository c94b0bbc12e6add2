"""The reference as a whole: real methods on a small data set, from Python and from the shell."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from helpers import with_hydrogens
from rdkit import Chem
from reference_sets import minima, record, write_references
from typer.testing import CliRunner

from rdkit_ebd.cli import app as cli
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.evaluation import Result, evaluate, evaluate_bioactive
from rdkit_ebd.evaluation.ensemble import EnsembleJob
from rdkit_ebd.evaluation.run import _judge

NAMES = ["paracetamol", "CCCCO", "levodopa"]
METHODS = ["ETKDGv3", "ETKDGv3+MMFF94s", "EBD:numRounds=1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_references(tmp_path_factory.mktemp("data") / "small.npz", NAMES)


@pytest.fixture(scope="module")
def partial(data: Path) -> Path:
    return data.with_name("rows.partial.jsonl")


@pytest.fixture(scope="module")
def results(data: Path, partial: Path) -> list[Result]:
    return evaluate(data, METHODS, workers=1, partial=partial)


def shell(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli.app, ["evaluate", *map(str, words)])
    return result.exit_code, result.output


def test_the_force_field_that_made_the_references_is_nearest_to_them(results: list[Result]) -> None:
    raw, minimised, ours = results
    assert [r.method for r in results] == METHODS
    assert {(r.molecules, r.conformers, r.table["without"]) for r in results} == {(3, 18, 0)}
    assert [row["title"] for row in ours.rows] == NAMES
    assert minimised.table["mat_p"] < raw.table["mat_p"]
    assert minimised.table["bond"] < 0.2 * raw.table["bond"]
    assert 0 < ours.table["mat_r"] < 2
    assert ours.table["stereo"] == ours.table["passed"] == 1


def test_finished_rows_are_not_measured_again(data: Path, partial: Path, results: list[Result]) -> None:
    again = evaluate(data, METHODS[::-1], workers=1, partial=partial)
    assert again[::-1] == results  # the times too
    with pytest.raises(ValueError, match="seed"):
        evaluate(data, METHODS, seed=1, partial=partial)


def test_rows_do_not_depend_on_the_process(results: list[Result], data: Path) -> None:
    rows = _judge((2, list(read_records(data))[2], METHODS, EnsembleJob()))
    assert [row["method"] for row in rows] == [*METHODS[2:], *METHODS[:2]]  # in turns
    stored = {r.method: r.rows[2] for r in results}
    for row in rows:
        assert row["metrics"]["mat_r"] == pytest.approx(stored[row["method"]]["metrics"]["mat_r"], abs=1e-3)


def test_what_is_unforeseen_names_its_molecule() -> None:
    broken = EnsembleJob(factor="two")  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"molecule 5 \(CCCCO"):
        _judge((5, record("CCCCO"), ["DG"], broken))


def test_the_shell_tells_and_writes_everything(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("posebusters")
    pytest.importorskip("tblite")
    out, table = tmp_path / "out.json", tmp_path / "out.csv"
    words = ["-m", "ETKDGv3+MMFF94s", "--limit", 2, "--factor", 1, "--posebusters", 1, "--xtb", 1, "--workers", 1]
    code, printed = shell(data, *words, "-o", out, "--csv", table)
    assert code == 0, printed
    assert "PoseBusters" in printed
    assert "GFN2-xTB" in printed
    [stored] = json.loads(out.read_text())
    assert stored["settings"]["posebusters"] == 1
    assert sum("xtb" in row["metrics"] for row in stored["rows"]) == 1
    assert all(row["metrics"]["posebusters"] in (0, 1) for row in stored["rows"])
    with table.open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["row"] for line in lines] == ["molecule", "molecule", "summary"]
    assert float(lines[-1]["mat_r"]) == stored["table"]["mat_r"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.json"]


def test_bioactive_from_the_shell(data: Path) -> None:
    words = ["-m", "ETKDGv2", "--bioactive", "--confs", 2, "--confs", 5, "--prune", 1, "--workers", 1]
    code, printed = shell(data, *words)
    assert code == 0, printed
    lines = [line for line in printed.splitlines() if line.startswith("| ETKDGv2")]
    assert [line.split(" | ")[1:3] for line in lines] == [["2", "-"], ["2", "1 A"], ["5", "-"], ["5", "1 A"]]


def test_what_cannot_be_is_rejected_before_any_work(data: Path, tmp_path: Path) -> None:
    for words, complaint in (
        (["-m", "OMEGA"], "OMEGA"),
        (["--confs", "5"], "--confs"),
        (["--bioactive", "--xtb", "5"], "--xtb"),
        (["-o", str(tmp_path / "no" / "out.json")], "folder"),
        (["-o", str(tmp_path / "x"), "--csv", str(tmp_path / "x")], "both"),
    ):
        code, output = shell(data, *words)
        assert code == 2
        assert complaint in output
    for wrong in ({"factor": 0}, {"seed": -1}, {"workers": 0}, {"xtb": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            evaluate(data, METHODS, **wrong)
    for wrong in ({"counts": []}, {"counts": [5, 0]}, {"prune": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            evaluate_bioactive(data, METHODS, **wrong)  # type: ignore[arg-type]
    smiles = tmp_path / "bare.smi"
    smiles.write_text("CCO\n")
    with pytest.raises(ValueError, match="no reference conformers of CCO"):
        evaluate(smiles, METHODS)


def test_subsets_are_seeded(data: Path) -> None:
    titles = [[r.title for r in read_records(data, limit=2, seed=seed)] for seed in (1, 1, 2, 3, 4)]
    assert titles[0] == titles[1]
    assert len({tuple(t) for t in titles}) > 1


def test_sd_files_are_data_sets_too(tmp_path: Path) -> None:
    path = tmp_path / "refs.sdf"
    with Chem.SDWriter(str(path)) as writer:
        for name in ("levodopa", "paracetamol"):
            mol = Chem.Mol(minima(name)[0])
            mol.SetProp("_Name", name)
            for conformer in mol.GetConformers():
                writer.write(mol, conformer.GetId())
    records = list(read_records(path))
    assert [(r.title, len(r.coords)) for r in records] == [("levodopa", 3), ("paracetamol", 3)]
    assert all(Chem.MolToSmiles(r.mol) == Chem.MolToSmiles(with_hydrogens(r.title)) for r in records)
