"""Do conformers reach minima in place, stay the molecule they were, and say what became of them?"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from helpers import embedded, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from spoiled import Spoiled, interrupted_after, mirrored

from rdkit_ebd import EmbedWithReport, RefineConformers, RefineWithReport, get_provenance
from rdkit_ebd.chem.stereo import stereo_kept, stereo_labels
from rdkit_ebd.potentials import Minimum

ERYTHROMYCIN = (
    "CC[C@@H]1[C@@]([C@@H]([C@H](C(=O)[C@@H](C[C@@]([C@@H]([C@H]([C@@H]([C@H](C(=O)O1)C)O[C@H]2C[C@@]([C@H]([C@@H](O2)"
    "C)O)(C)OC)C)O[C@H]3[C@@H]([C@H](C[C@H](O3)C)N(C)C)O)(C)O)C)C)O)(C)O"
)


def positions(mol: Chem.Mol) -> np.ndarray:
    return np.array([c.GetPositions() for c in mol.GetConformers()])


@pytest.fixture
def mol() -> Chem.Mol:
    return embedded("salbutamol", 4)


@pytest.mark.parametrize("method", ["UFF", "MMFF94", "MMFF94s"])
def test_answers_as_rdkit_does_but_at_the_minimum(mol: Chem.Mol, method: str) -> None:
    before, kept = positions(mol), Chem.MolToSmiles(mol)
    results = RefineConformers(mol, method)
    assert [code for code, _ in results] == [0, 0, 0, 0]
    assert np.abs(positions(mol) - before).max((1, 2)).min() > 0.05
    assert Chem.MolToSmiles(mol) == kept
    again = Chem.Mol(mol)
    optimise = rdForceFieldHelpers.UFFOptimizeMoleculeConfs
    if method == "UFF":
        rdkits = optimise(again)
    else:
        rdkits = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(again, mmffVariant=method)
    for (_, ours), (_, theirs) in zip(results, rdkits, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-3)  # nothing was left to do


def test_the_default_of_rdkit_would_not_converge() -> None:
    mol = embedded("penicillin_v", 2)
    assert {code for code, _ in RefineConformers(Chem.Mol(mol), maxIters=100)} == {1}
    report = RefineWithReport(mol)
    assert report.ok
    assert report.converged == 2
    assert "2 of 2 conformers at MMFF94s minima" in report.summary()


def test_provenance_tells_the_whole_story(mol: Chem.Mol) -> None:
    mol.GetConformer(1).SetProp("ebd_stage", "fallback")
    mol.GetConformer(1).SetProp("mine", "stays")
    [(_, energy)] = RefineConformers(mol, "uff", [1], maxIters=1)
    assert get_provenance(mol.GetConformer(1)) == {
        "ebd_stage": "fallback",
        "ebd_refined": "UFF",
        "ebd_converged": 0,
        "ebd_energy": energy,
        "ebd_energy_method": "UFF",
    }
    assert mol.GetConformer(1).GetProp("mine") == "stays"
    assert get_provenance(mol.GetConformer(0)) == {}
    RefineConformers(mol, "MMFF94s", [0])
    assert get_provenance(mol.GetConformer(0))["ebd_stage"] == "refined"


def test_one_result_for_each_id_in_the_order_asked(mol: Chem.Mol) -> None:
    alone, before = Chem.Mol(mol), positions(mol)
    energies = [energy for _, energy in RefineConformers(alone)]
    assert RefineConformers(mol, confIds=[3, 1]) == [(0, energies[3]), (0, energies[1])]
    assert np.array_equal(positions(mol)[[1, 3]], positions(alone)[[1, 3]])
    assert np.array_equal(positions(mol)[[0, 2]], before[[0, 2]])
    assert RefineConformers(mol, confIds=[]) == []


def test_fixed_atoms_and_restraints(mol: Chem.Mol) -> None:
    before, tied = positions(mol), Chem.Mol(mol)
    RefineConformers(tied, restraint=100.0)
    RefineConformers(mol, fixedAtoms=range(5))
    assert np.array_equal(positions(mol)[:, :5], before[:, :5])
    assert np.abs(positions(mol) - before)[:, 5:].max() > 0.1
    heavy = [a.GetIdx() for a in mol.GetAtoms() if a.GetAtomicNum() > 1]
    assert np.abs(positions(tied) - before)[:, heavy].max() < 0.2


def test_lost_stereo_is_undone_and_told(mol: Chem.Mol, capfd: pytest.CaptureFixture[str]) -> None:
    before = positions(mol)
    method = Spoiled(lambda done, minimum: mirrored(minimum) if done % 2 else minimum)
    results = RefineConformers(mol, method)
    assert [code for code, _ in results] == [0, -1, 0, -1]
    assert [math.isnan(energy) for _, energy in results] == [False, True, False, True]
    assert np.array_equal(positions(mol)[1::2], before[1::2])
    assert stereo_kept(positions(mol), stereo_labels(mol)).all()
    assert get_provenance(mol.GetConformer(1)) == {"ebd_refine_problem": "CENTRE_INVERTED"}
    assert capfd.readouterr().err.count("2 not refined: CENTRE_INVERTED 2") == 1
    assert RefineConformers(mol, "MMFF94s")[1][0] == 0
    assert "ebd_refine_problem" not in get_provenance(mol.GetConformer(1))


@pytest.mark.parametrize(
    ("spoilt", "cause"),
    [
        (lambda m: Minimum(m.coords * np.nan, m.energy, True), "NOT_FINITE"),
        (lambda m: Minimum(m.coords, math.nan, False), "NO_ENERGY"),
    ],
)
def test_what_breaks_down_stays_as_it_was(mol: Chem.Mol, spoilt: Any, cause: str) -> None:
    before = positions(mol)
    report = RefineWithReport(mol, Spoiled(lambda done, minimum: minimum if done else spoilt(minimum)))
    assert report.problems == [(0, cause)]
    assert np.array_equal(positions(mol)[0], before[0])
    assert [code for code, _ in report.results] == [-1, 0, 0, 0]
    assert report.notes == ["spoiled"]
    stored = json.loads(json.dumps(report.to_dict()))
    assert stored["results"][0] == [-1, None]
    assert (stored["converged"], stored["ok"]) == (3, False)


def test_coordinates_that_are_not_finite_are_left_and_told(mol: Chem.Mol) -> None:
    mol.GetConformer(2).SetPositions(np.full((mol.GetNumAtoms(), 3), np.nan))
    report = RefineWithReport(mol)
    assert report.problems == [(2, "NOT_FINITE")]
    assert [code for code, _ in report.results] == [0, 0, -1, 0]


def test_an_interrupt_leaves_the_finished_ones_refined(mol: Chem.Mol) -> None:
    before, done = positions(mol), Chem.Mol(mol)
    RefineConformers(done, "MMFF94s")
    with pytest.raises(KeyboardInterrupt):
        RefineConformers(mol, Spoiled(interrupted_after(2)))
    assert np.array_equal(positions(mol)[:2], positions(done)[:2])
    assert np.array_equal(positions(mol)[2:], before[2:])
    assert get_provenance(mol.GetConformer(1))["ebd_stage"] == "refined"
    assert get_provenance(mol.GetConformer(2)) == {}


def test_a_timeout_leaves_the_others_and_tells(mol: Chem.Mol) -> None:
    before = positions(mol)
    report = RefineWithReport(mol, timeout=1e-9)
    assert report.problems == [(k, "EXCEEDED_TIMEOUT") for k in range(4)]
    assert np.array_equal(positions(mol), before)
    assert get_provenance(mol.GetConformer(3)) == {"ebd_refine_problem": "EXCEEDED_TIMEOUT"}


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("O", None),
        ("[Na+]", None),
        ("C[C@H]([NH3+])C(=O)[O-].[Na+].[Cl-]", None),
        (ERYTHROMYCIN, None),
        ("N->[Pt](<-N)(Cl)Cl", "MMFF94s has no parameters for atoms 1 (Pt)"),
        ("OB(O)c1ccccc1", "MMFF94s has no parameters for atoms 1 (B)"),
    ],
)
def test_a_result_or_a_reason(smiles: str, reason: str | None, capfd: pytest.CaptureFixture[str]) -> None:
    mol = with_hydrogens(smiles)
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=7, useRandomCoords=True) == 0
    before = positions(mol)
    [(code, energy)] = RefineConformers(mol)
    told = capfd.readouterr().err
    assert (code, math.isnan(energy)) == ((0, False) if reason is None else (-1, True))
    if reason is not None:
        assert reason in told
        assert told.count(reason) == 1
        assert np.array_equal(positions(mol), before)


def test_wrong_use_is_told_before_any_work(mol: Chem.Mol) -> None:
    before = positions(mol)
    wrong: list[tuple[str, dict[str, Any]]] = [
        (r"MMFF95.*MMFF94s", {"method": "MMFF95"}),
        (r"\[9\].*\[0, 1, 2, 3\]", {"confIds": [0, 9]}),
        ("maxIters", {"maxIters": 0}),
        ("restraint", {"restraint": -1.0}),
        (r"\[-1, 99\]", {"fixedAtoms": [0, 99, -1]}),
        ("timeout", {"timeout": math.nan}),
    ]
    for told, words in wrong:
        with pytest.raises(ValueError, match=told):
            RefineConformers(mol, **words)
    with pytest.raises(TypeError, match=r"indices of atoms, not 0\.5"):
        RefineConformers(mol, fixedAtoms=[0.5])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="Potential"):
        RefineConformers(mol, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="hydrogens are missing"):
        RefineConformers(Chem.RemoveHs(mol))
    with pytest.raises(ValueError, match="no conformers"):
        RefineConformers(with_hydrogens("CCO"))
    assert np.array_equal(positions(mol), before)


def test_a_zwitterion_that_loses_its_charges_is_not_refined() -> None:
    """In the gas phase GFN2-xTB has no minimum of glycine's zwitterion; in water it has."""
    pytest.importorskip("tblite")
    mol = with_hydrogens("[NH3+]CC(=O)[O-]")
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=1) == 0
    before = positions(mol)
    report = RefineWithReport(mol, "GFN2-xTB")
    assert (report.problems, report.ok) == ([(0, "BONDS_CHANGED")], False)
    assert get_provenance(mol.GetConformer()) == {"ebd_refine_problem": "BONDS_CHANGED"}
    assert "GFN2-xTB/water" in report.summary()
    np.testing.assert_array_equal(positions(mol), before)
    embedding = EmbedWithReport(mol, 1, randomSeed=1, refine="GFN2-xTB")
    assert embedding.unrefined == [(0, "BONDS_CHANGED")]
    assert "GFN2-xTB/water" in embedding.summary()
    assert RefineWithReport(mol, "GFN2-xTB/water").ok
    assert "ebd_refine_problem" not in get_provenance(mol.GetConformer())
