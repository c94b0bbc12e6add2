"""Are energies and gaps of ensembles those of GFN2-xTB, and is an ensemble equal to itself?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import conformers, needs, with_hydrogens
from rdkit import Chem
from reference_sets import record, write_references

from rdkit_ebd.evaluation import properties
from rdkit_ebd.potentials.xtb import family

needs_tblite = needs("tblite")


@needs_tblite
def test_energies_are_the_potential_s_and_gaps_positive() -> None:
    mol, x = with_hydrogens("CC(=O)NC"), conformers("CC(=O)NC", 3)
    energies, gaps = properties.electronic(mol, x)
    potential = family("GFN2-xTB")
    assert potential is not None
    assert np.allclose(energies, [potential.surface(mol).energy(one) for one in x], atol=1e-6)
    assert ((gaps > 1) & (gaps < 10)).all()
    conjugated = Chem.AddHs(Chem.MolFromSmiles("C=CC=CC=C"))
    smaller = properties.electronic(conjugated, conformers("C=CC=CC=C", 1))[1]
    assert smaller[0] < gaps.min()


def test_gap_of_levels() -> None:
    levels, filled = np.array([-0.5, -0.4, -0.1, 0.2]), np.array([2.0, 2.0, 0.0, 0.0])
    assert properties.frontier_gap(levels, filled) == pytest.approx(0.3 * 27.2114, abs=1e-4)
    assert properties.frontier_gap(levels, np.array([2.0, 1.0, 0.0, 0.0])) == pytest.approx(0.3 * 27.2114, abs=1e-4)
    assert np.isnan(properties.frontier_gap(levels, np.full(4, 2.0)))


@needs_tblite
def test_an_ensemble_has_no_error_against_itself() -> None:
    mol, x = with_hydrogens("CCO"), conformers("CCO", 2)
    here, there, far = (
        properties.ensemble_properties(*properties.electronic(mol, coords)) for coords in (x[::-1], x, 1.1 * x)
    )
    same = properties.property_errors(here, there)
    assert same == dict.fromkeys(properties.PROPERTIES, pytest.approx(0, abs=1e-4))
    stretched = properties.property_errors(far, there)
    assert min(stretched["energy mean"], stretched["energy min"]) > 10
    assert stretched["gap mean"] > 0.05


def test_what_has_no_energy_is_left_out() -> None:
    found = properties.ensemble_properties(np.array([1.0, np.nan, 3.0]), np.array([4.0, np.nan, 6.0]))
    assert found == {"energy mean": 2, "energy min": 1, "gap mean": 5, "gap min": 4, "gap max": 6}
    empty = properties.ensemble_properties(np.zeros(0), np.zeros(0))
    assert all(np.isnan(value) for value in empty.values())
    rows = [dict.fromkeys(properties.PROPERTIES, value) for value in (1.0, float("nan"), 2.0, 9.0)]
    assert properties.median_errors(rows) == dict.fromkeys(properties.PROPERTIES, 2.0)


@needs_tblite
def test_what_cannot_be_treated_is_named() -> None:
    radical = Chem.AddHs(Chem.MolFromSmiles("[O-]C[CH2]"))
    radical.GetAtomWithIdx(2).SetNumRadicalElectrons(0)
    with pytest.raises(ValueError, match="unpaired"):
        properties.electronic(radical, np.zeros((1, radical.GetNumAtoms(), 3)))
    with pytest.raises(ValueError, match="ETKDGv9"):
        properties.compare_properties([], ["ETKDGv9"])
    bare = record("CCO", 1)
    bare = type(bare)(bare.smiles, bare.mol, bare.coords[:0], bare.energy[:0], "ethanol")
    with pytest.raises(ValueError, match="ethanol"):
        properties.compare_properties([bare], ["ETKDGv3"])


@needs_tblite
def test_minimising_brings_energies_nearer_to_minima(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_references(tmp_path / "few.npz", ["CCCO"], 2)
    properties.main([str(data), "-m", "ETKDGv3", "-m", "ETKDGv3+MMFF94s", "--confs", "4"])
    found = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ETKDGv3")]
    raw, minimised = (float(cells[1]) for cells in found)
    assert minimised < raw
