"""Does a molecule's row tell what was made, what was not, and what was sampled?"""

from __future__ import annotations

import pytest
from reference_sets import record

from rdkit_ebd.arrays.ensemble_metrics import MISSED
from rdkit_ebd.evaluation.ensemble import EnsembleJob
from rdkit_ebd.evaluation.methods import parse_method

NAME = "levodopa"


def test_a_row_tells_what_was_made_and_what_was_not() -> None:
    job = EnsembleJob(seed=0, factor=1)
    good, rejected = (
        job.judge(0, record(smiles, 2), [parse_method("EBD")])[0] for smiles in (NAME, "C[Te]CCCCc1ccccc1")
    )
    assert (good["requested"], good["conformers"], good["missing"], good["problem"]) == (2, 2, 0, "")
    assert good["metrics"]["ms_per_conformer"] > 0
    assert (rejected["conformers"], rejected["missing"], rejected["failures"]) == (0, 2, {"UNSUPPORTED": 1})
    assert rejected["metrics"]["mat_r"] == MISSED
    assert "Te" in rejected["problem"]


def test_gates_are_history_once_a_minimiser_has_run() -> None:
    methods = [parse_method("EBD:numRounds=1"), parse_method("EBD:numRounds=1+MMFF94s")]
    gated, minimised = EnsembleJob(factor=1).judge(0, record(NAME), methods)
    assert minimised["metrics"]["bond"] < gated["metrics"]["bond"]
    assert minimised["metrics"]["clash"] == 0


def test_only_the_molecules_chosen_are_relaxed() -> None:
    pytest.importorskip("tblite")
    job, methods = EnsembleJob(factor=1, relaxed=(4,)), [parse_method("ETKDGv3"), parse_method("ETKDGv3+MMFF94s")]
    raw, minimised = (row["metrics"]["xtb"] for row in job.judge(4, record("CCCCO", 2), methods))
    assert raw > minimised > 0
    assert "xtb" not in job.judge(3, record("CCCCO", 2), methods[:1])[0]["metrics"]


def test_posebusters_sees_a_sample() -> None:
    pytest.importorskip("posebusters")
    [row] = EnsembleJob(factor=2, posebusters=3).judge(0, record("CC[NH3+].[Cl-]", 2), [parse_method("ETKDGv3")])
    assert row["posebusters_failed"]["all_atoms_connected"] == 3  # of the four
    assert row["metrics"]["posebusters"] == 0
