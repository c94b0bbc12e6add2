"""What holds for any molecule and any settings? Molecules put together at random, embedded with random parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hard_outcome import belongings, positions, written_badly, wrong_stereo
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom

from rdkit_ebd import EBD, EmbedMolecule, EmbedReport, EmbedWithReport

MOST_ATOMS = 30
STARTS = (
    "C",
    "N",
    "O",
    "CC(C)",
    "c1ccccc1",
    "[NH3+]",
    "[O-]C(=O)",
    "[2H]C",
    "F",
    "CS(=O)(=O)",
    "[CH2]",
    "n1ccsc1",
    "I",
    "[GeH3]",
)
MIDDLES = (
    "C",
    "[C@H](C)",
    "[C@@H](O)",
    "[C@@](F)(Cl)",
    "[13CH2]",
    "C(=O)N",
    "/C=C/",
    "/C=C\\",
    "/C(C)=N/O",
    "C#C",
    "[S@](=O)",
    "[NH2+]",
    "[C@@H]1CC[C@H](C1)",
    "C1(CC1)",
    "[C@H]1CO[C@@H]1",
    "c1cc(ncc1)",
)
ENDS = ("C", "O", "N", "Br", "C(=O)[O-]", "c1cn[nH]c1", "P(=O)(O)O", "[C@H](C)CC", "C(F)(F)F", "C#N")
SALTS = ("", "", "", ".[Na+]", ".Cl", ".O", ".[O-]C=O")
CHOICES: dict[str, tuple[Any, ...]] = {
    "pruneRmsThresh": (-1.0, 0.1, 1.0),
    "clearConfs": (True, False),
    "maxIterations": (0, 1, 3),
    "timeout": (0, 1, 60),
    "enforceChirality": (True, True, False),
    "useSymmetryForPruning": (True, False),
    "symmetrizeConjugatedTerminalGroupsForPruning": (True, False),
    "onlyHeavyAtomsForRMS": (True, False),
    "embedFragmentsSeparately": (True, False),
    "trackFailures": (True, False),
    "useRandomCoords": (False, True),
    "useSmallRingTorsions": (False, True),
    "coarse": (None, "etkdg", "dg"),
    "numSteps": (None, 1),
    "numRounds": (None, 1, 2),
    "noiseScale": (None, 0.0, 1.0, 5.0),
    "refine": (None, None, "UFF"),
    "score": (None, None, "MMFF94s"),
    "fallback": ("none", "ETKDGv3"),
    "batchAtoms": (4096, 1, 50),
}
FEW = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Without RDKit's words on every force field it lacks parameters for."""
    with rdBase.BlockLogs():
        yield


@st.composite
def molecules(draw: st.DrawFn) -> Chem.Mol:
    """A molecule of at most `MOST_ATOMS` atoms, hydrogens included, with stereo, charges, isotopes, a counterion."""
    middles = "".join(draw(st.lists(st.sampled_from(MIDDLES), max_size=3)))
    smiles = draw(st.sampled_from(STARTS)) + middles + draw(st.sampled_from(ENDS)) + draw(st.sampled_from(SALTS))
    mol = Chem.MolFromSmiles(smiles)
    assume(mol is not None)
    mol = Chem.AddHs(mol) if draw(st.integers(0, 3)) else mol
    assume(Chem.AddHs(mol).GetNumAtoms() <= MOST_ATOMS)
    mol.SetProp("_Name", smiles)
    mol.GetAtomWithIdx(0).SetIntProp("mine", 5)
    return mol


@st.composite
def parameters(draw: st.DrawFn) -> EBD:
    """Some fields set, to values that are allowed; a window where there are energies."""
    names = draw(st.lists(st.sampled_from(sorted(CHOICES)), max_size=6, unique=True))
    values = {name: draw(st.sampled_from(CHOICES[name])) for name in names}
    if values.get("refine") or values.get("score"):
        values["energyWindow"] = draw(st.sampled_from([None, 0.5, 10.0]))
    return EBD(randomSeed=draw(st.integers(0, 2**31)), **values)


# What the model has not learnt, in one place, and how it says so. None of it is met in a library of drugs.
_NO_REFERENCE = "which no reference molecule has"
UNLEARNT = {
    "[#32]": "is Ge (atomic number 32)",
    "[NX4+]-[CX2]": _NO_REFERENCE,  # nitriles and alkynes on ammonium, which lose their proton
    "[NX4+]-[!#6;!#1]": _NO_REFERENCE,  # another heteroatom on ammonium
    "[CX3v3]-[CX2,!#6;!#1]": _NO_REFERENCE,  # radicals that are conjugated
    "[SX3](=O)-[S,P,Br,I]": _NO_REFERENCE,  # sulfinyl groups joined to heavy atoms
    "[SX4](=O)(=O)-[P,Br]": _NO_REFERENCE,
    "[PX4]-I": _NO_REFERENCE,
    "O-Br": _NO_REFERENCE,
}


def embedded(mol: Chem.Mol, count: int, params: EBD) -> EmbedReport | None:
    """The report; None where the model rejected what it has not learnt, as it must."""
    whole = Chem.AddHs(mol)
    faults = [words for smarts, words in UNLEARNT.items() if whole.HasSubstructMatch(Chem.MolFromSmarts(smarts))]
    try:
        report = EmbedWithReport(mol, count, params)
    except ValueError as rejection:
        if params.fallback != "none" or not any(words in str(rejection) for words in faults):
            raise
        return None
    return report


@FEW
@given(mol=molecules(), count=st.integers(0, 3), params=parameters(), existing=st.booleans())
def test_any_call(mol: Chem.Mol, count: int, params: EBD, existing: bool) -> None:
    if existing:
        assume(list(rdDistGeom.EmbedMultipleConfs(mol, 2, randomSeed=7)) == [0, 1])
        mol.GetConformer(1).SetId(9)
    had, old, asked = belongings(mol), positions(mol), params.to_dict()
    report = embedded(mol, count, params)
    assert belongings(mol) == had
    assert params.to_dict() == asked
    if report is None:
        assert positions(mol).keys() == old.keys()
        return
    assert written_badly(mol, report.ids, old, {"clearConfs": params.clearConfs}) == []
    assert_adds_up(report, count)
    if params.enforceChirality:
        assert wrong_stereo(mol, report.ids) == []


def assert_adds_up(report: EmbedReport, count: int) -> None:
    """Every conformer asked for is written, dropped for what it is, or failed with a cause."""
    assert report.requested == count
    assert len(report.ids) + report.pruned + report.above_window + len(report.failed) == count
    assert report.missing == len(report.failed)
    assert report.ok == (not report.failed)
    assert report.ids == sorted(set(report.ids))
    indices = [index for index, _ in report.failed]
    assert indices == sorted(set(indices))
    assert set(indices) <= set(range(count))
    assert all(cause for _, cause in report.failed)
    assert 0 <= report.stereo_right <= report.stereo_judged
    assert report.refined + len(report.unrefined) <= count
    assert report.summary().startswith(f"{len(report.ids)} of {count} conformers")


@FEW
@given(mol=molecules(), params=parameters())
def test_the_same_seed_gives_the_same_coordinates(mol: Chem.Mol, params: EBD) -> None:
    params.timeout = 0  # where time decides, nothing is the same
    twin = Chem.Mol(mol)
    first, second = embedded(mol, 2, params), embedded(twin, 2, params)
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert first.failed == second.failed
        assert all(np.array_equal(x, positions(twin)[k]) for k, x in positions(mol).items())


@FEW
@given(mol=molecules(), data=st.data())
def test_renumbering_the_atoms_loses_nothing(mol: Chem.Mol, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(mol.GetNumAtoms())))
    shuffled = Chem.RenumberAtoms(mol, order)
    had = belongings(shuffled)
    reports = [embedded(m, 2, EBD(randomSeed=3, fallback="ETKDGv3")) for m in (mol, shuffled)]
    assert belongings(shuffled) == had
    for made, report in zip((mol, shuffled), reports, strict=True):
        assert report is not None
        assert (report.ids, report.failed) == ([0, 1], [])
        assert wrong_stereo(made, report.ids) == []
    assert Chem.MolToSmiles(mol) == Chem.MolToSmiles(shuffled)


@FEW
@given(mol=molecules(), seed=st.integers(0, 2**31))
def test_one_conformer_is_answered_as_rdkit_answers(mol: Chem.Mol, seed: int) -> None:
    confid = EmbedMolecule(mol, EBD(randomSeed=seed, maxIterations=1, numRounds=1, noiseScale=3.0, fallback="ETKDGv3"))
    assert confid in (0, -1)
    assert [conformer.GetId() for conformer in mol.GetConformers()] == [confid] * (confid >= 0)
    assert wrong_stereo(mol, [confid] * (confid >= 0)) == []
