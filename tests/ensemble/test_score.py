"""Are energies those of their method, and do weights, order and window follow from them?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers import coords_of, embedded
from rdkit import Chem
from rdkit.Chem import rdForceFieldHelpers

from rdkit_ebd import (
    BoltzmannWeights,
    FilterEnergyWindow,
    RefineConformers,
    RelativeEnergies,
    ScoreConformers,
    SortConformers,
    get_provenance,
)

BORONIC_ACID = "OB(O)c1ccccc1"


@pytest.fixture
def mol() -> Chem.Mol:
    return embedded("captopril", 5)


def test_energies_are_those_of_the_method_in_the_order_asked(mol: Chem.Mol) -> None:
    before = coords_of(mol)
    energies = ScoreConformers(mol, "MMFF94s")
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, "MMFF94s")
    for index, energy in enumerate(energies):
        field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties, confId=index)
        assert energy == pytest.approx(field.CalcEnergy(), abs=1e-6)
    assert ScoreConformers(mol, "MMFF94s", [3, 1]) == [energies[3], energies[1]]
    assert np.array_equal(coords_of(mol), before)


def test_the_label_is_that_of_the_number(mol: Chem.Mol) -> None:
    [(_, refined)] = RefineConformers(mol, "MMFF94s", [2])
    energies = ScoreConformers(mol, "uff")
    for conformer, energy in zip(mol.GetConformers(), energies, strict=True):
        stored = get_provenance(conformer)
        assert (stored["ebd_energy"], stored["ebd_energy_method"]) == (energy, "UFF")
    assert get_provenance(mol.GetConformer(2))["ebd_refined"] == "MMFF94s"
    assert refined != energies[2]


def test_what_cannot_be_scored_is_nan_and_told(capfd: pytest.CaptureFixture[str]) -> None:
    mol = embedded(BORONIC_ACID, 2)
    assert all(map(math.isnan, ScoreConformers(mol, "MMFF94s")))
    assert "1 (B)" in capfd.readouterr().err
    assert all(map(math.isfinite, ScoreConformers(mol, "UFF")))
    mol.GetConformer(0).SetPositions(np.full((mol.GetNumAtoms(), 3), np.nan))
    first, second = ScoreConformers(mol, "UFF")
    assert math.isnan(first)
    assert math.isfinite(second)


def test_boltzmann_weights() -> None:
    assert BoltzmannWeights([5.0, 5.0, math.nan]) == [0.5, 0.5, 0.0]
    low, high = BoltzmannWeights([-100.0, -100.0 + 1.987204259e-3 * 300 * math.log(3)], 300)
    assert (low, high) == (pytest.approx(0.75), pytest.approx(0.25))
    assert sum(BoltzmannWeights([-13000.0, -12999.0, -12000.0])) == pytest.approx(1)  # no overflow
    hot, cold = (BoltzmannWeights([0.0, 1.0], t) for t in (1000, 100))
    assert hot[0] < cold[0]
    assert BoltzmannWeights([]) == []
    assert BoltzmannWeights([math.nan]) == [0.0]
    with pytest.raises(ValueError, match="kelvin"):
        BoltzmannWeights([1.0], 0)


def test_relative_energies() -> None:
    assert RelativeEnergies([3.0, 1.0, 2.0]) == [2.0, 0.0, 1.0]
    first, second = RelativeEnergies([math.nan, 4.0])
    assert math.isnan(first)
    assert second == 0.0


def test_sorting_takes_ids_along(mol: Chem.Mol) -> None:
    energies = ScoreConformers(mol, "MMFF94s")
    before = {c.GetId(): c.GetPositions() for c in mol.GetConformers()}
    order = SortConformers(mol)
    assert order == np.argsort(energies).tolist() == [c.GetId() for c in mol.GetConformers()]
    for conformer in mol.GetConformers():
        assert np.array_equal(conformer.GetPositions(), before[conformer.GetId()])
        assert get_provenance(conformer)["ebd_energy"] == energies[conformer.GetId()]
    assert np.array_equal(mol.GetConformer().GetPositions(), before[order[0]])  # the default is the lowest
    assert SortConformers(mol, renumber=True) == [0, 1, 2, 3, 4]
    assert np.array_equal(mol.GetConformer(0).GetPositions(), before[order[0]])


def test_the_window_removes_only_when_asked(mol: Chem.Mol) -> None:
    energies = np.array(ScoreConformers(mol, "MMFF94s"))
    window = float(np.sort(energies)[2] - energies.min() + 1e-6)
    within = np.flatnonzero(energies <= energies.min() + window).tolist()
    assert FilterEnergyWindow(mol, window) == within
    assert mol.GetNumConformers() == 5
    assert FilterEnergyWindow(mol, window, remove=True) == within
    assert [c.GetId() for c in mol.GetConformers()] == within
    assert len(within) == 3


def test_unknown_energies_come_last_and_are_not_taken_for_high(mol: Chem.Mol) -> None:
    ScoreConformers(mol, "UFF")
    mol.GetConformer(1).SetDoubleProp("ebd_energy", math.nan)
    assert 1 in FilterEnergyWindow(mol, 0.0)
    assert SortConformers(mol)[-1] == 1


def test_energies_that_cannot_be_compared_are_refused(mol: Chem.Mol) -> None:
    ScoreConformers(mol, "UFF", [0, 1])
    for use in (SortConformers, lambda m: FilterEnergyWindow(m, 5.0)):
        with pytest.raises(ValueError, match=r"\[2, 3, 4\].*ScoreConformers"):
            use(mol)
    ScoreConformers(mol, "MMFF94", [2, 3, 4])
    with pytest.raises(ValueError, match="MMFF94, UFF"):
        SortConformers(mol)
    assert FilterEnergyWindow(mol, 1e6, [0, 1]) == [0, 1]
    with pytest.raises(ValueError, match="energyWindow"):
        FilterEnergyWindow(mol, -1.0)
