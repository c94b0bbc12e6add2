"""Are OpenFF energies those of the toolkit, and are molecules without parameters refused by their atoms?"""

from __future__ import annotations

import sys

import numpy as np
import pytest
from helpers import coords_of, embedded, with_hydrogens
from rdkit import Chem

from rdkit_ebd.potentials.openff import CHARGES, DEFAULT, INSTALL, OpenFF, family


@pytest.mark.parametrize("name", ["openff-2.2.1", "openff-2.2.1.offxml", "openff"])
def test_the_default_goes_by_several_names(name: str) -> None:
    potential = family(name)
    assert potential is not None
    assert potential.name == DEFAULT


@pytest.mark.parametrize("name", ["openff_unconstrained-2.0.0", "smirnoff99Frosst-1.1.0", "mine.offxml"])
def test_any_smirnoff_force_field_is_known(name: str) -> None:
    potential = family(name)
    assert potential is not None
    assert potential.name == name.removesuffix(".offxml")


def test_any_of_them_can_be_in_water() -> None:
    for name in ("openff/water", "openff-2.2.1/water", "openff-2.2.1.offxml/water"):
        potential = family(name)
        assert potential is not None
        assert (potential.name, potential.force_field, potential.in_water) == (f"{DEFAULT}/water", DEFAULT, True)


@pytest.mark.parametrize("name", ["MMFF94s", "MMFF94s/OpenMM", "GFN2-xTB", "openffx", "openff-sage", ""])
def test_names_of_other_families_are_left_to_them(name: str) -> None:
    assert family(name) is None


def test_a_missing_toolkit_is_told_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openff.toolkit", None)
    monkeypatch.setitem(sys.modules, "openff", None)
    with pytest.raises(ImportError, match=INSTALL):
        OpenFF(DEFAULT).obstacle(with_hydrogens("CCO"))


def water_by_openmm(mol: Chem.Mol, coords: np.ndarray) -> float:
    """What OpenMM's own implementation of the Amber model, with its own parameters, adds to the energy, kcal/mol."""
    import openmm
    from openff.toolkit import Molecule
    from openmm.app.internal.customgbforces import GBSAOBC2Force

    molecule = Molecule.from_rdkit(mol)
    molecule.assign_partial_charges("mmff94")
    water = GBSAOBC2Force(solventDielectric=78.5, SA="ACE", kappa=0.0)
    spheres = water.getStandardParameters(molecule.to_topology().to_openmm())
    system = openmm.System()
    for charge, sphere in zip(molecule.partial_charges.m, spheres, strict=True):
        system.addParticle(1.0)
        water.addParticle([float(charge), *sphere])
    water.finalize()
    system.addForce(water)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(coords / 10)
    return float(context.getState(energy=True).getPotentialEnergy()._value) / 4.184


class TestWithTheToolkit:
    """What needs openff-toolkit."""

    @pytest.fixture(autouse=True)
    def _toolkit(self) -> None:
        pytest.importorskip("openff.toolkit")
        pytest.importorskip("openmm")

    def test_energy_is_that_of_the_unconstrained_force_field(self) -> None:
        from openff.toolkit import ForceField, Molecule
        from openmm import Context, VerletIntegrator
        from openmm.unit import kilocalorie_per_mole

        mol = embedded("captopril")
        molecule = Molecule.from_rdkit(mol)
        surface = OpenFF(DEFAULT).surface(mol)
        [method] = [method for method, note in CHARGES.items() if note in surface.notes]
        molecule.assign_partial_charges(method)
        plain = ForceField("openff_unconstrained-2.2.1.offxml")
        system = plain.create_openmm_system(molecule.to_topology(), charge_from_molecules=[molecule])
        context = Context(system, VerletIntegrator(0.001))
        context.setPositions(mol.GetConformer().GetPositions() / 10)
        wanted = context.getState(energy=True).getPotentialEnergy().value_in_unit(kilocalorie_per_mole)
        assert surface.energy(mol.GetConformer().GetPositions()) == pytest.approx(wanted, abs=1e-3)

    def test_minimisation_descends_and_keeps_the_order_of_atoms(self) -> None:
        mol = embedded("salbutamol")
        start = coords_of(mol)[0]
        order = np.random.default_rng(0).permutation(mol.GetNumAtoms())
        shuffled = Chem.RenumberAtoms(mol, order.tolist())
        surface, other = OpenFF(DEFAULT).surface(mol), OpenFF(DEFAULT).surface(shuffled)
        assert other.energy(start[order]) == pytest.approx(surface.energy(start), abs=1e-4)
        found = surface.minimise(start, 2000)
        assert found.converged
        assert found.energy < surface.energy(start) - 1
        assert surface.energy(found.coords) == pytest.approx(found.energy, abs=1e-4)

    def test_components_far_apart_do_not_see_each_other(self) -> None:
        ethane, water = (coords_of(embedded(smiles))[0] for smiles in ("CC", "O"))
        both = Chem.CombineMols(with_hydrogens("CC"), with_hydrogens("O"))
        Chem.SanitizeMol(both)
        order = np.roll(np.arange(both.GetNumAtoms()), 2)  # the components' atoms come mixed
        mixed = Chem.RenumberAtoms(both, order.tolist())
        together = OpenFF(DEFAULT).surface(mixed).energy(np.concatenate([ethane, water + 500.0])[order])
        alone = [OpenFF(DEFAULT).surface(with_hydrogens(s)).energy(x) for s, x in (("CC", ethane), ("O", water))]
        assert together == pytest.approx(sum(alone), abs=1e-3)

    def test_atoms_without_parameters_are_named(self) -> None:
        potential = OpenFF(DEFAULT)
        assert "1 (Si)" in str(potential.obstacle(with_hydrogens("C[Si](C)(C)C")))
        assert "charges" in str(potential.obstacle(with_hydrogens("CB(O)O")))
        assert "radical" in str(potential.obstacle(with_hydrogens("C[CH2]")))
        assert potential.obstacle(with_hydrogens("CC(F)Cl")) is None  # though its stereo is open
        with pytest.raises(ValueError, match="Si"):
            potential.surface(with_hydrogens("C[Si](C)(C)C"))

    def test_water_is_what_theory_says_for_an_ion(self) -> None:
        sodium, where = Chem.MolFromSmiles("[Na+]"), np.zeros((1, 3))
        gained = OpenFF(DEFAULT, True).surface(sodium).energy(where) - OpenFF(DEFAULT).surface(sodium).energy(where)
        outer, born = 1.5, 1.5 - 0.09  # angstrom
        polar = -0.5 * 332.06 * (1 - 1 / 78.5) / born
        surface = 4 * np.pi * 0.0054 * (outer + 1.4) ** 2 * (outer / born) ** 6
        assert gained == pytest.approx(polar + surface, abs=0.05)

    def test_water_is_that_of_openmm_and_has_a_true_gradient(self) -> None:
        mol = embedded("N[C@@H](CS)C(=O)OCCCl")
        if not any("MMFF94" in note for note in OpenFF(DEFAULT).surface(mol).notes):
            pytest.skip("charges of another method are installed")
        [coords] = coords_of(mol)
        wet, dry = OpenFF(DEFAULT, True).surface(mol), OpenFF(DEFAULT).surface(mol)
        assert wet.energy(coords) == pytest.approx(dry.energy(coords) + water_by_openmm(mol, coords), abs=0.01)
        _, slope = wet.gradient(coords)
        way = np.random.default_rng(0).normal(size=coords.shape)
        rise = wet.energy(coords + 1e-4 * way) - wet.energy(coords - 1e-4 * way)
        assert rise / 2e-4 == pytest.approx(float((slope * way).sum()), rel=1e-3)

    def test_an_unknown_version_is_told_with_those_installed(self) -> None:
        with pytest.raises(ValueError, match=r"openff-9\.9.*openff-2\.2\.1"):
            OpenFF("openff-9.9").obstacle(with_hydrogens("CCO"))
