"""Does the best of n come from the first n, and does pruning only take away?"""

from __future__ import annotations

import pytest
from reference_sets import record

from rdkit_ebd.arrays.ensemble_metrics import MISSED
from rdkit_ebd.evaluation.bioactive import BioactiveJob
from rdkit_ebd.evaluation.methods import parse_method

NAME = "salbutamol"


@pytest.mark.parametrize("method", ["ETKDGv3", "EBD:numRounds=1"])
def test_the_first_of_many_are_the_few(method: str) -> None:
    few, many = (
        BioactiveJob(0, counts, 0.8).judge(0, record(NAME, 1), [parse_method(method)])[0]["metrics"]
        for counts in ((4,), (4, 12))
    )
    for name in ("rmsd@4", "kept@4", "rmsd@4-pruned", "kept@4-pruned"):
        assert few[name] == pytest.approx(many[name], abs=1e-3)
    assert many["rmsd@12"] <= many["rmsd@4"] <= many["rmsd@4-pruned"]
    assert many["kept@4"] == 4
    assert many["kept@4-pruned"] <= many["kept@12-pruned"] < many["kept@12"] == 12


def test_pruning_everything_leaves_the_first() -> None:
    [row] = BioactiveJob(0, (1, 6), 50.0).judge(3, record(NAME, 1), [parse_method("ETKDGv3")])
    metrics = row["metrics"]
    assert (row["index"], row["requested"], metrics["kept@6-pruned"]) == (3, 6, 1)
    assert metrics["rmsd@6-pruned"] == metrics["rmsd@1"] >= metrics["rmsd@6"]


def test_nothing_made_is_missed() -> None:
    [row] = BioactiveJob(0, (2,), 0.5).judge(0, record("C[Te]CCCCc1ccccc1", 1), [parse_method("EBD")])
    assert (row["metrics"]["rmsd@2"], row["metrics"]["kept@2"], row["missing"]) == (MISSED, 0, 2)
