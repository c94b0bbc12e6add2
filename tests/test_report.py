"""EmbedReport counts, adds up and tells; provenance stays on its conformer."""

from __future__ import annotations

import csv
import json
import math
import pickle
import sys
from collections import Counter
from pathlib import Path

import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from rdkit_ebd import LibraryReport, RefineReport
from rdkit_ebd.chem.provenance import PROVENANCE, get_provenance, set_provenance
from rdkit_ebd.report import CAUSES, EmbedReport, FailureCause, advice_on

FULL = {
    "ebd_version": "0.1.0",
    "ebd_model": "default",
    "ebd_weights": "12e45678",
    "ebd_seed": 1 << 40,
    "ebd_index": 3,
    "ebd_attempt": 1,
    "ebd_stage": "deblurred",
    "ebd_refined": "GFN2-xTB",
    "ebd_converged": 1,
    "ebd_refine_problem": "CLASH",
    "ebd_energy": -12.5,
    "ebd_energy_method": "MMFF94s",
}


@pytest.fixture
def report() -> EmbedReport:
    return EmbedReport(
        requested=20,
        ids=list(range(15)),
        attempts=27,
        failures=Counter(CLASH=6, CENTRE_INVERTED=1),
        failed=[(4, "CLASH"), (9, "CLASH")],
        pruned=3,
        stereo_judged=27,
        stereo_right=26,
        seconds={"coarse": 0.25, "deblur": 0.16},
    )


@pytest.fixture
def mol() -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles("CCO"))
    assert len(rdDistGeom.EmbedMultipleConfs(mol, 2, randomSeed=1)) == 2
    return mol


def test_summary_tells_counts_causes_and_yield(report: EmbedReport) -> None:
    assert report.summary() == (
        "15 of 20 conformers in 0.41 s (3 pruned, 2 failed: CLASH 2); 27 attempts; stereo yield 96.3 %; "
        f"CLASH: {FailureCause.CLASH.meaning}; {FailureCause.CLASH.advice}"
    )
    assert EmbedReport(2, ids=[0, 1], attempts=2).summary() == "2 of 2 conformers in 0.00 s"
    assert EmbedReport(messages=["No hydrogens."]).summary().endswith("; No hydrogens.")


def test_what_lies_above_the_window_was_made_and_is_told() -> None:
    report = EmbedReport(3, ids=[0], above_window=2, refined=2, unrefined=[(1, "CLASH")], notes=["charges: MMFF94"])
    assert report.ok
    assert "(2 above the energy window)" in report.summary()
    report.merge(EmbedReport(1, ids=[0], above_window=1, refined=1, unrefined=[(0, "NO_ENERGY")]))
    assert (report.above_window, report.refined) == (3, 3)
    assert json.loads(json.dumps(report.to_dict()))["unrefined"] == [[1, "CLASH"], [0, "NO_ENERGY"]]


def test_ok_counts_pruned_conformers_as_made(report: EmbedReport) -> None:
    assert not report.ok
    report.pruned += report.missing
    assert report.ok
    assert EmbedReport(requested=0).ok
    assert not EmbedReport(requested=1).ok


def test_stereo_yield_is_none_where_nothing_is_written(report: EmbedReport) -> None:
    assert report.stereo_yield == 26 / 27
    assert EmbedReport().stereo_yield is None
    assert EmbedReport(stereo_judged=3).stereo_yield == 0.0


def test_failure_counts_have_the_shape_of_rdkits(report: EmbedReport) -> None:
    mol, params = Chem.MolFromSmiles("C[C@H](F)Cl"), rdDistGeom.ETKDGv3()
    params.trackFailures = True
    rdDistGeom.EmbedMultipleConfs(mol, 1, params)
    counts = report.GetFailureCounts()
    assert len(counts) == len(params.GetFailureCounts())
    for value, cause in rdDistGeom.EmbedFailureCauses.values.items():
        assert CAUSES[value] == cause.name
        assert counts[value] == report.failures[cause.name]
    assert sum(counts) == 6  # CENTRE_INVERTED has no place in RDKit's list
    assert list(report.failures) == ["CLASH", "CENTRE_INVERTED"]  # asking leaves no zeros behind


def test_merge_adds_everything(report: EmbedReport) -> None:
    other = EmbedReport(2, ids=[0], attempts=4, failures=Counter(CLASH=3), failed=[(1, "CLASH")], messages=["a"])
    other.seconds = {"deblur": 1.0, "judge": 0.5}
    missing = report.missing + other.missing
    report.merge(other)
    assert (report.requested, report.attempts, report.missing) == (22, 31, missing)
    assert report.failures == Counter(CLASH=9, CENTRE_INVERTED=1)
    assert report.failed == [(4, "CLASH"), (9, "CLASH"), (1, "CLASH")]
    assert report.seconds == {"coarse": 0.25, "deblur": 1.16, "judge": 0.5}
    assert (other.ids, other.failures, other.messages) == ([0], Counter(CLASH=3), ["a"])  # left alone


def test_merging_into_an_empty_report_is_a_copy(report: EmbedReport) -> None:
    total = EmbedReport()
    total.merge(report)
    assert total == report
    total.ids.append(99)
    total.failures["CLASH"] += 1
    assert report.ids[-1] == 14
    assert report.failures["CLASH"] == 6


def test_to_dict_is_json(report: EmbedReport) -> None:
    stored = json.loads(json.dumps(report.to_dict()))
    assert stored == report.to_dict()
    assert stored["failed"] == [[4, "CLASH"], [9, "CLASH"]]
    assert (stored["ok"], stored["stereo_yield"]) == (False, 26 / 27)


def test_timed_adds_up_and_survives_errors() -> None:
    report = EmbedReport()
    with report.timed("coarse"):
        pass
    first = report.seconds["coarse"]
    with pytest.raises(KeyboardInterrupt), report.timed("coarse"):
        raise KeyboardInterrupt
    assert report.seconds["coarse"] > first > 0


def test_provenance_comes_back_as_it_was_written(mol: Chem.Mol) -> None:
    assert set(FULL) == set(PROVENANCE)
    assert get_provenance(mol.GetConformer(0)) == {}
    set_provenance(mol.GetConformer(0), **FULL)
    assert get_provenance(mol.GetConformer(0)) == FULL
    assert get_provenance(mol.GetConformer(1)) == {}
    assert mol.GetConformer(0).GetIntProp("ebd_index") == 3


def test_short_names_and_none(mol: Chem.Mol) -> None:
    conformer = mol.GetConformer(0)
    set_provenance(conformer, index=1, energy=2)
    set_provenance(conformer, index=None, stage="refined")
    assert get_provenance(conformer) == {"ebd_index": 1, "ebd_energy": 2.0, "ebd_stage": "refined"}
    with pytest.raises(TypeError, match=r"ebd_sead.*ebd_seed"):
        set_provenance(conformer, sead=1)


def test_provenance_survives_copies(mol: Chem.Mol) -> None:
    set_provenance(mol.GetConformer(1), **FULL)
    other = Chem.Mol(mol)
    other.RemoveAllConformers()
    other.AddConformer(mol.GetConformer(1), assignId=True)
    for copied in (Chem.Mol(mol), Chem.RWMol(mol), Chem.RemoveHs(mol), Chem.Mol(mol, False, 1), other):
        assert get_provenance(list(copied.GetConformers())[-1]) == FULL


def test_provenance_survives_a_pickle_only_with_all_properties(mol: Chem.Mol) -> None:
    set_provenance(mol.GetConformer(1), **FULL)
    before = Chem.GetDefaultPickleProperties()
    try:
        for options, kept in (
            (Chem.PropertyPickleOptions.NoProps, {}),
            (Chem.PropertyPickleOptions.AllProps, FULL),
        ):
            Chem.SetDefaultPickleProperties(options)
            assert get_provenance(pickle.loads(pickle.dumps(mol)).GetConformer(1)) == kept
    finally:
        Chem.SetDefaultPickleProperties(Chem.PropertyPickleOptions(before))


def test_advice_is_given_once_for_each_cause() -> None:
    failed = [(k, FailureCause.NO_SEED) for k in range(30)]
    report = EmbedReport(31, failed=failed, unrefined=[(30, FailureCause.NO_ENERGY), (31, FailureCause.NO_SEED)])
    assert report.summary().count("no starting coordinates") == 2  # of what was not made, and of what was not refined
    assert report.summary().count("useRandomCoords=True") == 1
    assert "relax with MMFF94s first" in report.summary()
    assert EmbedReport(1, ids=[0], failed=failed).advice == []  # nothing is missing


def test_a_cause_is_its_name_everywhere(mol: Chem.Mol) -> None:
    for cause in FailureCause:
        assert cause.meaning
        assert cause.advice
        assert (str(cause), repr(cause), f"{cause}", json.loads(json.dumps(cause))) == (
            *(cause.name, repr(cause.name), cause.name, cause.name),
        )
        assert Counter({cause: 1})[cause.name] == Counter({cause.name: 1})[cause] == 1
        assert pickle.loads(pickle.dumps(cause)) is cause is FailureCause(cause.name)
    mol.GetConformer(0).SetProp("ebd_refine_problem", FailureCause.CLASH)
    assert get_provenance(mol.GetConformer(0)) == {"ebd_refine_problem": "CLASH"}


def test_what_earlier_releases_called_refused_is_still_read() -> None:
    assert FailureCause("REFUSED") is FailureCause.BAD_PARAMETERS
    assert advice_on(["REFUSED", "CLASH", "CLASH", "INITIAL_COORDS"])[1:] == advice_on([FailureCause.CLASH])
    with pytest.raises(ValueError, match="CLASHED"):
        FailureCause("CLASHED")


def test_tables_have_a_row_for_each(report: EmbedReport, tmp_path: Path) -> None:
    [row] = report.rows()
    assert list(row) == list(EmbedReport.columns)
    assert (row["requested"], row["conformers"], row["failed"], row["causes"]) == (20, 15, 2, "CLASH 2")
    library = LibraryReport([report, EmbedReport(2, ids=[0, 1])])
    library.to_csv(tmp_path / "run.csv")
    read = list(csv.DictReader((tmp_path / "run.csv").open()))
    assert [(row["molecule"], row["conformers"], row["causes"]) for row in read] == [
        ("0", "15", "CLASH 2"),
        ("1", "2", ""),
    ]
    refined = RefineReport("UFF", [4, 5], [(0, -1.5), (-1, math.nan)], [(5, FailureCause.NO_ENERGY)])
    assert [row["problem"] for row in refined.rows()] == ["", "NO_ENERGY"]
    pandas = pytest.importorskip("pandas")
    assert isinstance(library.to_frame(), pandas.DataFrame)
    assert library.to_frame()["seconds"].tolist() == [0.41, 0.0]


def test_frames_say_what_they_need(report: EmbedReport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        report.to_frame()
