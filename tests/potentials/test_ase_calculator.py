"""Is a calculator of ASE a potential like any other, with its units, restraints and failures?"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from helpers import embedded
from rdkit import Chem

from rdkit_ebd import RefineConformers, ScoreConformers
from rdkit_ebd.arrays.units import KCAL_PER_EV
from rdkit_ebd.io import ToASE
from rdkit_ebd.potentials import ASEPotential

pytest.importorskip("ase")


def emt() -> Any:
    from ase.calculators.emt import EMT

    return EMT()


def broken() -> Any:
    from ase.calculators.calculator import Calculator

    return Calculator()  # which calculates nothing


EMT = ASEPotential(emt, "EMT")


def test_energies_are_ases_in_kcal() -> None:
    mol = Chem.Mol(embedded("CC(=O)Nc1ccc(O)cc1", 2))
    energies = ScoreConformers(mol, EMT)
    for conformer, energy in zip(mol.GetConformers(), energies, strict=True):
        atoms = ToASE(mol, conformer.GetId())
        assert (atoms.info["charge"], atoms.info["spin"]) == (0, 1)
        assert np.array_equal(atoms.get_atomic_numbers(), [atom.GetAtomicNum() for atom in mol.GetAtoms()])
        atoms.calc = emt()
        assert energy == pytest.approx(atoms.get_potential_energy() * 23.0605478, rel=1e-6)
        assert conformer.GetProp("ebd_energy_method") == "EMT"


def test_gradients_are_those_of_the_energy() -> None:
    mol = embedded("CCO", 1)
    surface = EMT.surface(mol)
    x = mol.GetConformer().GetPositions()
    energy, gradient = surface.gradient(x)
    step = np.zeros_like(x)
    step[1, 2] = 1e-4
    slope = (surface.energy(x + step) - surface.energy(x - step)) / 2e-4
    assert gradient[1, 2] == pytest.approx(slope, rel=1e-3)
    assert surface.energy(x) == energy


def test_minima_restraints_and_fixed_atoms() -> None:
    mol = embedded("CCO", 1)
    x = mol.GetConformer().GetPositions()
    surface = EMT.surface(mol)
    free = surface.minimise(x, 500)
    assert free.converged
    assert free.energy < surface.energy(x)
    held = surface.minimise(x, 500, fixed=[0, 1], restraint=50.0)
    assert np.array_equal(held.coords[:2], x[:2])
    assert np.linalg.norm(held.coords[2] - x[2]) < np.linalg.norm(free.coords[2] - x[2])
    assert held.energy == pytest.approx(surface.energy(held.coords))
    everything = surface.minimise(x, 5, fixed=range(mol.GetNumAtoms()))
    assert np.array_equal(everything.coords, x)


def test_a_calculator_that_fails_leaves_the_conformer(monkeypatch: pytest.MonkeyPatch) -> None:
    mol = Chem.Mol(embedded("CCO", 1))
    before = mol.GetConformer().GetPositions()
    [(code, energy)] = RefineConformers(mol, ASEPotential(broken, "broken"))
    assert code == -1
    assert np.isnan(energy)
    assert np.array_equal(mol.GetConformer().GetPositions(), before)
    monkeypatch.setitem(sys.modules, "ase", None)
    with pytest.raises(ImportError, match="pip install ase"):
        ScoreConformers(mol, EMT)


def test_an_electronvolt() -> None:
    assert pytest.approx(23.0605478, rel=1e-7) == KCAL_PER_EV
