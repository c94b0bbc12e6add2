"""Are RDKit's force fields surfaces: their energies, true gradients, tight minima, atoms that stay?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import embedded, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdForceFieldHelpers

from rdkit_ebd.potentials import get_potential
from rdkit_ebd.potentials.base import MAX_ITERS
from rdkit_ebd.potentials.rdkit_ff import NAMES, RDKitForceField, RDKitSurface, minimise_to_convergence


@pytest.fixture(params=NAMES)
def surface(request: pytest.FixtureRequest) -> RDKitSurface:
    return RDKitForceField(request.param).surface(embedded("salbutamol"))


@pytest.fixture
def start() -> np.ndarray:
    return np.array(embedded("salbutamol").GetConformer().GetPositions())


@pytest.mark.parametrize("name", NAMES)
def test_names_are_found_in_any_case(name: str) -> None:
    assert get_potential(name.lower()).name == name
    assert isinstance(get_potential(name), RDKitForceField)


def test_energies_are_rdkits(start: np.ndarray) -> None:
    mol = embedded("salbutamol")
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, "MMFF94s")
    fields = {
        "MMFF94s": rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties),
        "UFF": rdForceFieldHelpers.UFFGetMoleculeForceField(mol),
    }
    for name, field in fields.items():
        assert RDKitForceField(name).surface(mol).energy(start) == pytest.approx(field.CalcEnergy(), abs=1e-9)


def test_gradient_is_the_slope_of_the_energy(surface: RDKitSurface, start: np.ndarray) -> None:
    energy, gradient = surface.gradient(start)
    assert energy == surface.energy(start)
    step = 1e-5 * np.random.default_rng(0).normal(size=start.shape)
    slope = surface.energy(start + step) - surface.energy(start - step)
    assert slope == pytest.approx(2 * (gradient * step).sum(), rel=1e-4)


def test_minima_are_minima(surface: RDKitSurface, start: np.ndarray) -> None:
    kept = start.copy()
    found = surface.minimise(start, 5000)
    assert found.converged
    assert found.energy == surface.energy(found.coords) < surface.energy(start)
    assert np.sqrt((surface.gradient(found.coords)[1] ** 2).mean()) < 0.01
    assert np.array_equal(start, kept)
    assert not surface.minimise(start, 3).converged


def test_a_molecules_conformers_reach_the_minima_of_the_surface() -> None:
    mol = embedded("salbutamol", 3)
    surface, starts = RDKitForceField("MMFF94s").surface(mol), [c.GetPositions() for c in mol.GetConformers()]
    work = Chem.Mol(mol)
    converged = minimise_to_convergence(work)
    assert converged is not None
    assert converged.tolist() == [True] * 3
    for start, conformer in zip(starts, work.GetConformers(), strict=True):
        np.testing.assert_array_equal(surface.minimise(start, MAX_ITERS).coords, conformer.GetPositions())
    borane = with_hydrogens("OB(O)c1ccccc1")
    assert minimise_to_convergence(borane) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("MMFF95", "'MMFF94'"), ("GFN2xTB", "'GFN2-xTB'"), ("UFFF", "'UFF'")],
)
def test_unknown_names_come_with_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"no potential '{typed}', did you mean .*{meant}.*known are UFF"):
        get_potential(typed)


def test_fixed_atoms_do_not_move_at_all(surface: RDKitSurface, start: np.ndarray) -> None:
    found = surface.minimise(start, 500, fixed=[0, 3, 7])
    moved = np.abs(found.coords - start).max(1)
    assert (moved[[0, 3, 7]] == 0).all()
    assert np.delete(moved, [0, 3, 7]).min() > 0


def test_the_restraint_is_what_it_says(surface: RDKitSurface, start: np.ndarray) -> None:
    heavy = np.array([a.GetAtomicNum() > 1 for a in embedded("salbutamol").GetAtoms()])
    constant = 50.0
    found = surface.minimise(start, 5000, restraint=constant)
    pull = 2 * constant * (found.coords - start) * heavy[:, None]  # balances the gradient of the potential alone
    assert np.abs(surface.gradient(found.coords)[1] + pull).max() < 0.1
    assert found.energy == surface.energy(found.coords)
    free = surface.minimise(start, 5000)
    assert np.abs(found.coords - start)[heavy].max() < np.abs(free.coords - start)[heavy].max() / 2


def test_components_see_each_other() -> None:
    mol = with_hydrogens("[Na+].[Cl-]")
    surface = RDKitForceField("MMFF94s").surface(mol)
    near, far = (np.array([[0.0, 0, 0], [distance, 0, 0]]) for distance in (3.0, 8.0))
    assert surface.energy(near) < surface.energy(far) < 0
    assert np.linalg.norm(np.diff(surface.minimise(far, 500).coords, axis=0)) < 3.5


@pytest.mark.parametrize(
    ("smiles", "uff", "mmff"),
    [
        ("CC(=O)Nc1ccc(O)cc1", None, None),
        ("O", None, None),
        ("[Na+]", None, None),
        ("C[NH2+]C.[Cl-]", None, None),
        ("OB(O)c1ccccc1", None, "atoms 1 (B)"),
        ("N->[Pt](<-N)(Cl)Cl", "atoms 1 (Pt)", "atoms 1 (Pt)"),
        ("c1ccccc1CC#[O+]", None, "atoms 8 (O)"),  # a known element in an unknown state
        ("[H][H]", None, "atoms 0 (H), 1 (H)"),
    ],
)
def test_atoms_without_parameters_are_named(smiles: str, uff: str | None, mmff: str | None) -> None:
    mol = with_hydrogens(smiles)
    before = mol.ToBinary(Chem.PropertyPickleOptions.AllProps)
    for name, wanted in (("UFF", uff), ("MMFF94", mmff), ("MMFF94s", mmff)):
        told = RDKitForceField(name).obstacle(mol)
        assert told == (wanted and f"{name} has no parameters for {wanted}")
    assert mol.ToBinary(Chem.PropertyPickleOptions.AllProps) == before


def test_nonsense_is_refused_and_breakdown_is_a_value(surface: RDKitSurface, start: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"\(1, 3\)"):
        surface.energy(start[:1])
    with pytest.raises(ValueError, match=r"\[2\]"):
        surface.energy(np.where(np.arange(len(start))[:, None] == 2, np.nan, start))
    for words in ({"fixed": [-1, 99]}, {"restraint": -1.0}, {"max_iters": 0}):
        with pytest.raises(ValueError, match=r"99|-1|0"):
            surface.minimise(start, **{"max_iters": 5, **words})
    heap = surface.minimise(np.zeros_like(start), 50)
    assert np.isnan(heap.energy)
    assert not heap.converged
    assert np.array_equal(heap.coords, np.zeros_like(start))
