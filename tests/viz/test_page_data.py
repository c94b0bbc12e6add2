"""Is what a page shows of a molecule true: order, energies, weights, distances, stereochemistry, the common core?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers import embedded, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdMolAlign, rdMolTransforms

import rdkit_ebd
from rdkit_ebd.viz.energy_colours import ENERGY_COLOURS, NO_ENERGY, energy_colour
from rdkit_ebd.viz.page_data import (
    aligned,
    molecule_data,
    origin_in_words,
    rigid_core,
    stereo_in_words,
)

OPTIONS = {"method": None, "temperature": 298.15, "most": 100}


@pytest.fixture
def mol() -> Chem.Mol:
    return embedded("captopril", 6)


@pytest.mark.parametrize(
    ("smiles", "core"),
    [
        ("naproxen", "C-c1ccc2cc(-O)ccc2c1"),  # the naphthalene with what hangs on it, not the acid
        ("captopril", "C1CCCN1-C"),
        ("CCCCCCCC", "CCCCCCCC"),  # no part of three atoms is rigid: all of them
    ],
)
def test_the_core_is_the_largest_rigid_part(smiles: str, core: str) -> None:
    mol = with_hydrogens(smiles)
    found = rigid_core(mol)
    assert all(mol.GetAtomWithIdx(i).GetAtomicNum() > 1 for i in found)
    pattern = Chem.MolFromSmarts(core)
    ring = {i for i in found if mol.GetAtomWithIdx(i).IsInRing()}
    assert any(ring <= set(match) for match in mol.GetSubstructMatches(pattern))
    assert ring or len(found) == mol.GetNumHeavyAtoms()


def test_small_molecules_have_a_core() -> None:
    assert rigid_core(with_hydrogens("O")) == [0, 1, 2]
    assert len(rigid_core(with_hydrogens("CC"))) == 8


def test_conformers_lie_on_the_core_and_are_not_changed(mol: Chem.Mol) -> None:
    conformers, core = list(mol.GetConformers()), rigid_core(mol)
    before = [c.GetPositions() for c in conformers]
    coords = aligned(mol, conformers, core)
    for k, x in enumerate(coords):
        assert np.array_equal(conformers[k].GetPositions(), before[k])
        both = Chem.Mol(mol, True)
        for y in (coords[0], x):
            own = Chem.Conformer(len(y))
            own.SetPositions(y)
            both.AddConformer(own, assignId=True)
        apart = float(np.sqrt(((coords[0] - x)[core] ** 2).sum(-1).mean()))
        best = rdMolAlign.AlignMol(both, both, 1, 0, atomMap=[(i, i) for i in core])
        assert apart == pytest.approx(best, abs=1e-4)
        # a rotation, no mirror image: the same distances and the same handedness
        assert stereo_in_words(both, both.GetConformer(1)) == stereo_in_words(mol, conformers[k]) != ""


def test_energies_weights_and_distances_are_those_of_the_package(mol: Chem.Mol) -> None:
    ranking = rdkit_ebd.RankConformers(mol, "UFF", temperature=310)
    data = molecule_data(mol, **{**OPTIONS, "temperature": 310})
    rows = data["conformers"]
    assert data["method"] == "UFF"
    assert [int(row["label"]) for row in rows] == ranking.ids
    assert [row["energy"] for row in rows] == pytest.approx(ranking.energies, abs=1e-5)
    assert [row["weight"] for row in rows] == pytest.approx(ranking.weights)
    assert rows[0]["relative"] == 0.0
    assert [row["relative"] for row in rows] == sorted(row["relative"] for row in rows)
    heavy = Chem.RemoveHs(mol)
    best = [rdMolAlign.GetBestRMS(Chem.Mol(heavy), Chem.Mol(heavy), i, ranking.ids[0]) for i in ranking.ids]
    assert [row["rmsd"] for row in rows] == pytest.approx(best, abs=1e-3)
    assert rows[0]["rmsd"] == pytest.approx(0, abs=1e-3)
    assert all(row["stereo"] == "C1 S, C10 S" for row in rows)
    assert len({row["colour"] for row in rows}) > 2


def test_the_lowest_are_shown_and_weights_are_of_all(mol: Chem.Mol) -> None:
    full, part = molecule_data(mol, **OPTIONS), molecule_data(mol, **{**OPTIONS, "most": 2})
    assert full["notes"] == []
    assert part["notes"] == ["2 of 6 conformers are shown, the lowest"]
    assert [row["weight"] for row in part["conformers"]] == [row["weight"] for row in full["conformers"][:2]]


def test_what_has_no_energies_is_shown_without() -> None:
    bare = Chem.RemoveHs(embedded("aspirin", 2))
    data = molecule_data(bare, **OPTIONS)
    assert "hydrogens are missing" in data["notes"][0]
    assert data["method"] == ""
    assert [(row["energy"], row["weight"], row["colour"]) for row in data["conformers"]] == [
        (None, None, NO_ENERGY)
    ] * 2
    with pytest.raises(ValueError, match="hydrogens are missing"):
        molecule_data(bare, **{**OPTIONS, "method": "UFF"})


def test_coordinates_that_are_no_numbers_are_left_out(mol: Chem.Mol) -> None:
    x = mol.GetConformer(2).GetPositions()
    x[0, 0] = math.nan
    mol.GetConformer(2).SetPositions(x)
    data = molecule_data(mol, **OPTIONS)
    assert [row["label"] for row in data["conformers"] if row["label"] == "2"] == []
    assert data["notes"][0] == "1 conformers have coordinates that cannot be shown"
    with pytest.raises(ValueError, match="no conformer has coordinates"):
        molecule_data(Chem.Mol(mol, False, 2), **OPTIONS)


def test_records_read_back(mol: Chem.Mol) -> None:
    mol.SetProp("supplier", "Acme")
    data = molecule_data(mol, **OPTIONS)
    for row in data["conformers"]:
        record = Chem.MolFromMolBlock(row["sdf"], removeHs=False)
        at = record.GetConformer().GetPositions()
        assert np.allclose(at, mol.GetConformer(int(row["label"])).GetPositions(), atol=1e-3)
        assert "Acme" in row["sdf"]
        assert row["sdf"].endswith("$$$$\n")
    mol.SetProp("supplier", "x" * 200_000)
    assert len(molecule_data(mol, **OPTIONS)["conformers"][0]["sdf"]) < 20_000


def test_torsions_are_those_of_rdkit(mol: Chem.Mol) -> None:
    data = molecule_data(mol, **OPTIONS)
    assert data["torsions"]
    for number, name in enumerate(data["torsions"]):
        atoms = [int(word.lstrip("CNOS")) for word in name.split("-")]
        assert all(mol.GetAtomWithIdx(i).GetAtomicNum() > 1 for i in atoms)
        for row in data["conformers"]:
            expected = rdMolTransforms.GetDihedralDeg(mol.GetConformer(int(row["label"])), *atoms)
            assert row["torsions"][number] == pytest.approx(expected, abs=0.1)
    rigid = molecule_data(embedded("c1ccccc1", 2), **OPTIONS)
    assert (rigid["torsions"], rigid["conformers"][0]["torsions"]) == ([], [])


def test_states_of_a_deblurring_come_in_their_order(mol: Chem.Mol) -> None:
    for k, conformer in enumerate(mol.GetConformers()):
        conformer.SetDoubleProp("ebd_time", 1 - k / 5)
    data = molecule_data(mol, **OPTIONS)
    assert [row["provenance"] for row in data["conformers"]][:2] == ["seed", "t = 0.80"]
    assert [row["label"] for row in data["conformers"]] == ["0", "1", "2", "3", "4", "5"]
    assert data["method"] == ""


def test_origins_are_in_words(mol: Chem.Mol) -> None:
    conformer = mol.GetConformer(0)
    assert origin_in_words(conformer) == ""
    rdkit_ebd.set_provenance(conformer, stage="refined", refined="UFF", converged=0, seed=7, index=0, attempt=0)
    assert origin_in_words(conformer) == "refined with UFF, not converged, seed 7, index 0"
    rdkit_ebd.set_provenance(conformer, stage="fallback", converged=1, attempt=3, refine_problem="BONDS_CHANGED")
    expected = "fallback, refined with UFF, seed 7, index 0, attempt 3, not refined: BONDS_CHANGED"
    assert origin_in_words(conformer) == expected


def test_stereochemistry_is_that_of_the_coordinates() -> None:
    open_bond = embedded("OC(F)/C=C/C", 1)
    drawn = Chem.Mol(open_bond)
    Chem.RemoveStereochemistry(drawn)
    assert stereo_in_words(drawn, open_bond.GetConformer()).endswith("C3=C4 E")
    mirrored = open_bond.GetConformer().GetPositions() * [1, 1, -1]
    first = stereo_in_words(drawn, drawn.GetConformer())
    drawn.GetConformer().SetPositions(mirrored)
    other = stereo_in_words(drawn, drawn.GetConformer())
    assert {first[:4], other[:4]} == {"C1 R", "C1 S"}


def test_colours_run_from_low_to_high() -> None:
    assert energy_colour(0.0, 5.0) == "#{:02x}{:02x}{:02x}".format(*ENERGY_COLOURS[0])
    assert energy_colour(5.0, 5.0) == energy_colour(99.0, 5.0) == "#{:02x}{:02x}{:02x}".format(*ENERGY_COLOURS[-1])
    assert energy_colour(math.nan, 5.0) == NO_ENERGY
