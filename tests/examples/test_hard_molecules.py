"""Do hard molecules come out right, or fail as they should? A part of the suite, its own checks, and the time limit."""

from __future__ import annotations

import json
import subprocess
import sys

import hard_molecules
import numpy as np
import pytest
from hard_outcome import Entry, Outcome, examine, rdkit_conformers, read_suite, written_badly, wrong_stereo
from helpers import with_hydrogens
from rdkit import Chem, rdBase

from rdkit_ebd import EBD, EmbedWithReport

ENTRIES = read_suite()
EVERY = 9  # of each category the first and every ninth after it: seconds, not minutes
ERYTHROMYCIN = next(entry.smiles for entry in ENTRIES if entry.name == "erythromycin")
SEGFAULT = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Outcome]]:
    """By category, from the command itself."""
    path = tmp_path_factory.mktemp("hard") / "outcomes.json"
    small = [name for name in dict.fromkeys(e.category for e in ENTRIES) if name != "large molecules"]
    command = [sys.executable, hard_molecules.__file__, "--confs", "2", "--every", str(EVERY), "--json", str(path)]
    done = subprocess.run([*command, *small], capture_output=True, text=True, check=False)
    assert path.exists(), done.stderr
    found: dict[str, list[Outcome]] = {name: [] for name in small}
    for row in json.loads(path.read_text()):
        row.pop("verdict")
        found[row["category"]].append(Outcome(**row))
    return found


def test_the_suite_is_large_and_all_of_it_can_be_read() -> None:
    with rdBase.BlockLogs():
        mols = [Chem.MolFromSmiles(e.smiles) for e in ENTRIES if not e.smiles.startswith("SMARTS:")]
    assert len(ENTRIES) >= 300
    assert None not in mols
    assert len({(e.name, e.category) for e in ENTRIES}) == len(ENTRIES)
    assert {e.expected for e in ENTRIES} == {"made", "failed", "rejected"}
    centres = [sum(a.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED for a in mol.GetAtoms()) for mol in mols]
    assert sum(count >= 2 for count in centres) >= 200
    assert max(len(ring) for mol in mols for ring in mol.GetRingInfo().AtomRings()) == 60


def test_every_category_is_embedded(outcomes: dict[str, list[Outcome]]) -> None:
    assert all(outcomes.values())


def test_nothing_happens_that_never_may(outcomes: dict[str, list[Outcome]]) -> None:
    for outcome in (outcome for group in outcomes.values() for outcome in group):
        assert outcome.error == "", outcome
        assert outcome.wrong == 0, outcome
        assert outcome.damage == [], outcome
        assert outcome.made + sum(outcome.causes.values()) == outcome.requested, outcome


def test_molecules_are_made_or_fail_as_expected(outcomes: dict[str, list[Outcome]]) -> None:
    for outcome in (outcome for group in outcomes.values() for outcome in group):
        barely = outcome.category == "strained or impossible" and 0 < outcome.made < outcome.requested
        assert outcome.verdict == outcome.expected or barely or "EXCEEDED_TIMEOUT" in outcome.causes, outcome


def test_outcomes_become_a_table_and_failures_are_told() -> None:
    made = Outcome("ethanol", "alcohols", "made", requested=2, made=2, rdkit_made=2)
    failed = Outcome("a knot", "knots", "failed", requested=2, made=1, causes={"NO_SEED": 1}, rdkit_made=2)
    crashed = Outcome("a bomb", "knots", "made", requested=2, error="crash, exit code -11")
    lines = hard_molecules.table([made, failed, crashed]).splitlines()
    heads, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])]
    cells = {row[0]: dict(zip(heads[1:], map(int, row[1:]), strict=True)) for row in rows}
    assert cells["**all**"]["molecules"] == 3
    assert cells["alcohols"]["embedded"] == 1
    assert cells["knots"]["failed, RDKit makes it"] == cells["knots"]["errors, crashes"] == 1
    told = "\n".join(hard_molecules.failures([made, failed, crashed]))
    assert "ethanol" not in told
    assert "a knot (knots): 1 of 2; NO_SEED 1; ETKDGv3 makes 2" in told
    assert "crash, exit code -11" in told
    assert [outcome.right for outcome in (made, failed, crashed)] == [True, True, False]


def test_a_crash_and_a_process_that_hangs_cost_one_molecule_each() -> None:
    entries = [Entry("C", name, "alkanes", "made") for name in ("first", "second")]
    crashes = hard_molecules.supervised(entries, 1, [sys.executable, "-c", SEGFAULT], 60)
    assert [(o.name, o.error, o.late) for o in crashes] == [
        ("first", "crash, exit code -11", False),
        ("second", "crash, exit code -11", False),
    ]
    hangs = hard_molecules.supervised(entries[:1], 1, [sys.executable, "-c", "import time; time.sleep(600)"], 0.5)
    assert [(o.name, o.error, o.late) for o in hangs] == [("first", "hangs", True)]


@pytest.mark.parametrize(
    "smiles",
    ["C[C@H](O)CC=C", "CC[C@@H](C)[S@](=O)C", "Cc1cccc(Cl)c1-c1c(F)cccc1Br |wU:7.7|", "F[C@H]1C[C@@H]1Cl"],
)
def test_the_other_hand_is_seen(smiles: str) -> None:
    mol = with_hydrogens(smiles)
    assert len(rdkit_conformers(mol, 2, 20, keep=True)) == 2
    assert wrong_stereo(mol, [0, 1]) == []
    conformer = mol.GetConformer(1)
    conformer.SetPositions(conformer.GetPositions() * np.array([-1.0, 1.0, 1.0]))
    assert wrong_stereo(mol, [0, 1]) == [1]


def test_the_wrong_side_of_a_double_bond_is_seen() -> None:
    cis, trans = with_hydrogens("CC/C=C\\CO"), with_hydrogens("CC/C=C/CO")
    for mol in (cis, trans):
        assert len(rdkit_conformers(mol, 1, 20, keep=True)) == 1
        assert wrong_stereo(mol, [0]) == []
    cis.GetConformer().SetPositions(trans.GetConformer().GetPositions())
    assert wrong_stereo(cis, [0]) == [0]


def test_damage_and_rejections_are_seen() -> None:
    mol = with_hydrogens("aspirin")
    rdkit_conformers(mol, 2, 20, keep=True)
    old = {0: mol.GetConformer(0).GetPositions(), 5: mol.GetConformer(1).GetPositions()}
    assert written_badly(mol, [1], old, {"clearConfs": False}) == ["ids", "existing conformers"]
    assert written_badly(mol, [0, 1], old, {"coordMap": {0: (50.0, 0.0, 0.0)}}) == ["held atoms moved"]
    assert written_badly(mol, [0, 1], old, {}) == []
    silane = examine(Entry("CCCCCC[GeH3]", "hexylgermane", "", "rejected"), 1, 60)
    assert (silane.rejected, silane.made, silane.right) == (True, 1, True)
    broken = examine(Entry("not a SMILES", "nothing", "", "made"), 1, 60)
    assert broken.error
    assert not broken.right


# A second is far too short for all of the work; where it ends depends on the machine, what may come of it does not.
LATE = {
    "coarse": EBD(timeout=1, useRandomCoords=True),
    "deblurring": EBD(timeout=1, coarse="conformers", numSteps=10, numRounds=3, batchAtoms=1),
    "refinement": EBD(timeout=1, coarse="conformers", numSteps=1, numRounds=1, refine="MMFF94s", score="UFF"),
    "pruning": EBD(timeout=1, coarse="conformers", numSteps=1, numRounds=1, batchAtoms=1, pruneRmsThresh=0.1),
    "fallback": EBD(timeout=1, fallback="ETKDGv3", useRandomCoords=True),
}


@pytest.fixture(scope="module")
def macrolide() -> Chem.Mol:
    """Erythromycin, 118 atoms, with a conformer."""
    mol = Chem.AddHs(Chem.MolFromSmiles(ERYTHROMYCIN))
    assert rdkit_conformers(mol, 1, 300, keep=True)
    return mol


@pytest.mark.parametrize("stage", LATE)
def test_a_call_that_runs_out_of_time_says_so(stage: str, macrolide: Chem.Mol) -> None:
    mol, count = Chem.Mol(macrolide), 60
    report = EmbedWithReport(mol, count, LATE[stage])
    assert Chem.MolToSmiles(mol) == Chem.MolToSmiles(macrolide)
    assert len(report.ids) + report.pruned + len(report.failed) == count
    assert written_badly(mol, report.ids, {}, {}) == []
    assert wrong_stereo(mol, report.ids[:2]) == []
    causes = {cause for _, cause in [*report.failed, *report.unrefined]}
    assert "NOT_FINITE" not in causes
    assert "EXCEEDED_TIMEOUT" in causes or (stage == "pruning" and report.ok)  # a fast machine may be done
