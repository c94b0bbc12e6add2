"""Are GFN-xTB energies those of tblite, their gradients true, and their minima minima?"""

from __future__ import annotations

import sys

import numpy as np
import pytest
from helpers import coords_of, embedded, with_hydrogens
from rdkit import Chem

from rdkit_ebd.arrays.units import BOHR, HARTREE
from rdkit_ebd.potentials.xtb import CONVERGED, INSTALL, METHODS, SOLVENTS, XTB, family

tblite = pytest.importorskip("tblite.interface")
GFN2 = XTB("GFN2-xTB")


def directly(method: str, mol: Chem.Mol, coords: np.ndarray, uhf: int = 0, solvent: str | None = None) -> float:
    """Energy by tblite itself, kcal/mol."""
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    charge = float(Chem.GetFormalCharge(mol))
    calculator = tblite.Calculator(method, numbers, coords / BOHR, charge=charge, uhf=uhf)
    calculator.set("verbosity", 0)
    if solvent:
        calculator.add("alpb-solvation", solvent)
    return float(calculator.singlepoint().get("energy")) * HARTREE


def largest(gradient: np.ndarray) -> float:
    return float(np.abs(gradient).max())


@pytest.mark.parametrize("name", ["GFN2-xTB", "GFN1-xTB", "GFN2-xTB/water", "GFN1-xTB/ch2cl2"])
def test_names_are_understood_in_any_case(name: str) -> None:
    for typed in (name, name.lower(), name.upper()):
        potential = family(typed)
        assert potential is not None
        assert potential.name == name


def test_other_names_are_left_to_others_and_unknown_solvents_refused() -> None:
    assert [family(name) for name in ("MMFF94s", "GFN-FF", "xtb", "GFN2-xTBs", "")] == [None] * 5
    for name in ("GFN2-xTB/wine", "GFN2-xTB/", "GFN2-xTB/water/water"):
        with pytest.raises(ValueError, match="chcl3"):
            family(name)


@pytest.mark.parametrize(
    ("smiles", "uhf"), [("metformin", 0), ("CC(=O)[O-]", 0), ("C[N+](C)(C)CCO", 0), ("C[CH2]", 1), ("[O][O]", 2)]
)
@pytest.mark.parametrize("method", METHODS)
def test_energy_is_that_of_tblite(method: str, smiles: str, uhf: int) -> None:
    mol = embedded(smiles)
    surface, [coords] = XTB(method).surface(mol), coords_of(mol)
    squeezed = 0.98 * coords
    assert XTB(method).obstacle(mol) is None
    for x in (coords, squeezed, coords):  # the calculator remembers nothing
        assert surface.energy(x) == pytest.approx(directly(method, mol, x, uhf), abs=1e-6)


def test_every_solvent_is_known_to_tblite_and_lowers_the_energy_of_an_ion() -> None:
    mol = embedded("CC(=O)[O-]")
    [coords] = coords_of(mol)
    gas = GFN2.surface(mol).energy(coords)
    energies = {solvent: XTB("GFN2-xTB", solvent).surface(mol).energy(coords) for solvent in SOLVENTS}
    assert all(energy < gas - 10 for energy in energies.values())
    assert energies["water"] == pytest.approx(directly("GFN2-xTB", mol, coords, solvent="water"), abs=1e-6)
    assert energies["water"] < energies["thf"] < energies["hexane"]


@pytest.mark.parametrize("solvent", [None, "water"])
def test_gradient_is_the_slope_of_the_energy(solvent: str | None) -> None:
    mol = embedded("C[C@H](N)C(=O)O")
    surface, [coords] = XTB("GFN2-xTB", solvent).surface(mol), coords_of(mol)
    energy, gradient = surface.gradient(coords)
    assert energy == pytest.approx(surface.energy(coords), abs=1e-6)
    rng, step = np.random.default_rng(0), 1e-3
    for _ in range(3):
        way = rng.normal(size=coords.shape)
        rise = surface.energy(coords + step * way) - surface.energy(coords - step * way)
        assert rise / (2 * step) == pytest.approx(float((gradient * way).sum()), rel=1e-3)


@pytest.mark.parametrize("smiles", ["aspirin", "metformin", "CC(=O)[O-]", "C[CH]C"])
def test_minima_are_minima(smiles: str) -> None:
    mol = embedded(smiles)
    surface, [start] = GFN2.surface(mol), coords_of(mol)
    before = start.copy()
    found = surface.minimise(start, 500)
    assert np.array_equal(start, before)
    assert found.converged
    assert found.energy < surface.energy(start) - 1
    energy, gradient = surface.gradient(found.coords)
    assert energy == pytest.approx(found.energy, abs=1e-3)
    assert largest(gradient) < 1.1 * CONVERGED  # of a wavefunction found anew
    again = surface.minimise(found.coords, 500)
    assert again.energy == pytest.approx(found.energy, abs=0.01)
    assert np.array_equal(surface.minimise(start, 500).coords, found.coords)  # whatever was treated before


def test_what_runs_out_of_iterations_says_so() -> None:
    mol = embedded("metformin")
    surface, [start] = GFN2.surface(mol), coords_of(mol)
    found = surface.minimise(start, 3)
    assert not found.converged
    assert found.energy < surface.energy(start)
    assert largest(surface.gradient(found.coords)[1]) > CONVERGED


def test_fixed_atoms_stay_and_the_others_find_their_minimum() -> None:
    mol = embedded("CC(=O)NC")
    surface, [start] = GFN2.surface(mol), coords_of(mol)
    fixed = [1, 2, 3]
    found = surface.minimise(start, 500, fixed=fixed)
    assert np.array_equal(found.coords[fixed], start[fixed])
    assert found.converged
    _, gradient = surface.gradient(found.coords)
    assert largest(np.delete(gradient, fixed, axis=0)) < 1.1 * CONVERGED
    assert largest(gradient[fixed]) > 10 * CONVERGED
    still = surface.minimise(start, 500, fixed=range(len(start)))
    assert still.converged
    assert np.array_equal(still.coords, start)
    assert still.energy == pytest.approx(surface.energy(start), abs=1e-6)


def test_restraints_hold_heavy_atoms_and_do_not_count() -> None:
    mol = embedded("CC(=O)NC")
    surface, [start] = GFN2.surface(mol), coords_of(mol)
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    free, held = surface.minimise(start, 500), surface.minimise(start, 500, restraint=500.0)
    moved = [float(np.abs((found.coords - start)[heavy]).max()) for found in (free, held)]
    assert moved[1] < moved[0] / 2
    assert held.converged
    assert free.energy < held.energy < surface.energy(start)
    assert held.energy == pytest.approx(surface.energy(held.coords), abs=1e-3)
    pull = -surface.gradient(held.coords)[1][heavy]  # what the restraints withstand
    assert np.allclose(pull, 1000.0 * (held.coords - start)[heavy], rtol=0, atol=1.1 * CONVERGED)


def test_electrons_that_do_not_converge_are_a_value() -> None:
    mol = embedded("CC(=O)NC")
    surface, [coords] = GFN2.surface(mol), coords_of(mol)
    crushed = np.zeros_like(coords)
    energy, gradient = surface.gradient(crushed)
    found = surface.minimise(crushed, 10)
    assert np.isnan([energy, found.energy]).all()
    assert np.isnan(gradient).all()
    assert not found.converged
    assert np.array_equal(found.coords, crushed)
    assert surface.energy(coords) == pytest.approx(directly("GFN2-xTB", mol, coords), abs=1e-6)


def test_what_cannot_be_treated_is_told_by_its_atoms() -> None:
    assert "1 (U)" in str(GFN2.obstacle(Chem.MolFromSmiles("O=[U]=O")))
    assert "0 (*)" in str(GFN2.obstacle(with_hydrogens("*CC")))
    assert "no valence electrons" in str(GFN2.obstacle(Chem.MolFromSmiles("[H+]")))
    assert "no atoms" in str(GFN2.obstacle(Chem.Mol()))
    odd = with_hydrogens("C[CH2]")
    odd.GetAtomWithIdx(1).SetNumRadicalElectrons(0)
    assert "of 17 electrons 0" in str(GFN2.obstacle(odd))
    assert GFN2.obstacle(Chem.MolFromSmiles("[Gd](Cl)(Cl)Cl")) is None  # 3 valence electrons of 64
    assert [GFN2.obstacle(with_hydrogens(s)) for s in ("CB(O)O", "C[Se]C", "[Na+].[I-]")] == [None] * 3


def test_bad_requests_are_refused_before_any_work() -> None:
    mol = embedded("CC(=O)NC")
    surface, [coords] = GFN2.surface(mol), coords_of(mol)
    with pytest.raises(ValueError, match=r"\(12, 3\)"):
        surface.energy(coords[:-1])
    with pytest.raises(ValueError, match=r"\[4\]"):
        surface.minimise(np.where(np.arange(12)[:, None] == 4, np.nan, coords), 10)
    with pytest.raises(ValueError, match=r"\[12, 99\]"):
        surface.minimise(coords, 10, fixed=[0, 99, 12])
    with pytest.raises(ValueError, match="max_iters"):
        surface.minimise(coords, 0)
    with pytest.raises(ValueError, match="restraint"):
        surface.minimise(coords, 10, restraint=-1.0)


@pytest.mark.parametrize("package", ["tblite.interface", "scipy.optimize"])
def test_a_missing_package_is_told_with_its_install_line(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"rdkit_ebd\[xtb\]") as error:
        GFN2.obstacle(with_hydrogens("CCO"))
    assert INSTALL in str(error.value)
