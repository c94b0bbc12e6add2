"""Is COV taken at the paper's thresholds, and summed up as the paper's tables are?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from reference_sets import record, write_references
from typer.testing import CliRunner

from rdkit_ebd.arrays.ensemble_metrics import ensemble_metrics
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.cli.app import app
from rdkit_ebd.evaluation.coverage import THRESHOLDS, coverage, format_coverage, summarise_coverage


def test_thresholds_are_the_papers() -> None:
    assert np.allclose(THRESHOLDS, np.arange(0.05, 3.05, 0.05))
    assert len(THRESHOLDS) == 60


def test_shares_rise_to_one_and_are_those_of_the_main_table() -> None:
    found = record("ibuprofen", 6)
    symmetries = symmetry_mappings(found.mol)
    made, references = found.coords[:4].astype(float), found.coords[2:].astype(float)
    shares = coverage(made, references, symmetries)
    alike = ensemble_metrics(made, references, symmetries)
    for side, letter in (("recall", "r"), ("precision", "p")):
        assert shares[side] == sorted(shares[side])
        assert 0.5 <= shares[side][0] < 1  # two of the four are the same, and minima may coincide
        assert shares[side][-1] == 1
        for threshold in (0.75, 1.25):
            assert shares[side][THRESHOLDS.index(threshold)] == alike[f"cov_{letter}@{threshold}"]
    nothing = coverage(made[:0], references, symmetries)
    assert set(nothing["recall"] + nothing["precision"]) == {0}


def test_statistics_are_over_molecules() -> None:
    rows = [
        {"coverage": {"recall": [share] * 60, "precision": [1 - share] * 60}, "metrics": {"mat_r": share, "mat_p": 2.0}}
        for share in (0.0, 0.1, 0.8)
    ]
    found = summarise_coverage(rows)
    assert found["recall_mean"] == pytest.approx([0.3] * 60)
    assert found["recall_median"] == pytest.approx([0.1] * 60)
    assert found["precision_std"] == pytest.approx([np.std([1.0, 0.9, 0.2])] * 60)
    assert (found["mat_r_median"], found["mat_p_std"]) == ([0.1], [0])
    lines = format_coverage("DG", found).splitlines()
    assert lines[0] == "DG: MAT-R mean 0.3000 median 0.1000 std 0.3559, MAT-P mean 2.0000 median 2.0000 std 0.0000 A"
    assert lines[4].startswith("| 0.05 | 30.00 % | 10.00 % | 35.59 % | 70.00 % |")
    assert len(lines) == 64
    assert summarise_coverage([{**rows[0]}, {"metrics": {}}]) == {}


def test_the_command_gives_it_when_asked(tmp_path: Path) -> None:
    data = write_references(tmp_path / "butanol.npz", ["CCCCO"])
    words = ["evaluate", str(data), "-m", "DG", "--workers", "1", "--limit", "1"]
    out = tmp_path / "found.json"
    asked = CliRunner().invoke(app, [*words, "--coverage", "-o", str(out)])
    assert asked.exit_code == 0, asked.output
    assert "| 1.25 |" in asked.output
    [result] = json.loads(out.read_text())
    assert len(result["coverage"]["recall_std"]) == len(result["rows"][0]["coverage"]["recall"]) == 60
    plain = CliRunner().invoke(app, words)
    assert "COV-R std" not in plain.output
    assert CliRunner().invoke(app, [*words, "--bioactive", "--coverage"]).exit_code == 2
