"""Is an OpenMM System an honest energy surface?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import conformers, embedded
from rdkit import Chem

openmm = pytest.importorskip("openmm")

from rdkit_ebd.potentials.openmm_mmff import mmff_system  # noqa: E402
from rdkit_ebd.potentials.openmm_surface import CONVERGED, OpenMMSurface, find_platform  # noqa: E402

DRUG = "captopril"
HEAVY = [atom.GetIdx() for atom in embedded(DRUG).GetAtoms() if atom.GetAtomicNum() > 1]
PLENTY = 5000


@pytest.fixture(scope="module")
def surface() -> OpenMMSurface:
    return OpenMMSurface(mmff_system(embedded(DRUG)), notes=["one"])


@pytest.fixture(scope="module")
def starts() -> np.ndarray:
    """(2, N, 3) angstrom."""
    return conformers(DRUG, count=2)


def rms_gradient(surface: OpenMMSurface, coords: np.ndarray) -> float:
    return float(np.sqrt(np.mean(surface.gradient(coords)[1] ** 2)))


def test_the_gradient_is_that_of_the_energy(surface: OpenMMSurface, starts: np.ndarray) -> None:
    energy, gradient = surface.gradient(starts[0])
    assert energy == surface.energy(starts[0])
    direction = np.random.default_rng(1).normal(size=starts[0].shape)
    rise = (surface.energy(starts[0] + 1e-5 * direction) - surface.energy(starts[0] - 1e-5 * direction)) / 2e-5
    assert rise == pytest.approx((gradient * direction).sum(), rel=1e-5)


def test_a_minimum_is_flat_and_lower_and_the_start_is_left_alone(surface: OpenMMSurface, starts: np.ndarray) -> None:
    before = starts[0].copy()
    minimum = surface.minimise(starts[0], PLENTY)
    assert minimum.converged
    assert rms_gradient(surface, minimum.coords) <= CONVERGED < rms_gradient(surface, starts[0])
    assert minimum.energy < surface.energy(starts[0]) - 1
    assert minimum.energy == pytest.approx(surface.energy(minimum.coords), abs=1e-6)
    assert np.array_equal(starts[0], before)


def test_too_few_iterations_are_told(surface: OpenMMSurface, starts: np.ndarray) -> None:
    minimum = surface.minimise(starts[0], 3)
    assert not minimum.converged
    assert minimum.energy < surface.energy(starts[0])
    assert rms_gradient(surface, minimum.coords) > CONVERGED


def test_a_conformer_does_not_depend_on_those_before(surface: OpenMMSurface, starts: np.ndarray) -> None:
    first = surface.minimise(starts[0], PLENTY)
    surface.minimise(starts[1], PLENTY, restraint=1.0)
    again = surface.minimise(starts[0], PLENTY)
    assert np.array_equal(first.coords, again.coords)


def test_fixed_atoms_do_not_move_at_all(surface: OpenMMSurface, starts: np.ndarray) -> None:
    fixed = [0, 3, 5]
    minimum = surface.minimise(starts[0], PLENTY, fixed=fixed)
    moved = (minimum.coords != starts[0]).any(axis=1)
    assert minimum.converged
    assert np.flatnonzero(~moved).tolist() == fixed
    assert minimum.energy > surface.minimise(starts[0], PLENTY).energy
    everything = surface.minimise(starts[0], PLENTY, fixed=range(len(starts[0])))
    assert everything.converged
    assert np.array_equal(everything.coords, starts[0])


def test_a_restraint_holds_heavy_atoms_where_each_conformer_started(surface: OpenMMSurface, starts: np.ndarray) -> None:
    def moved(start: np.ndarray, restraint: float) -> float:
        minimum = surface.minimise(start, PLENTY, restraint=restraint)
        assert minimum.converged
        assert minimum.energy == pytest.approx(surface.energy(minimum.coords), abs=1e-6)  # without the restraint
        return float(np.abs(minimum.coords - start)[HEAVY].max())

    for start in starts:
        loose, held, tight = (moved(start, k) for k in (0.0, 10.0, 1000.0))
        assert tight < held < loose
        assert tight < 0.05
    hydrogens = np.setdiff1d(np.arange(len(starts[0])), HEAVY)
    relaxed = surface.minimise(starts[0], PLENTY, restraint=1000.0).coords
    assert np.abs(relaxed - starts[0])[hydrogens].max() > 0.05


def test_a_restrained_minimum_balances_potential_and_restraint(surface: OpenMMSurface, starts: np.ndarray) -> None:
    strength = 5.0
    coords = surface.minimise(starts[0], PLENTY, restraint=strength).coords
    pull = np.zeros_like(coords)
    pull[HEAVY] = 2 * strength * (coords - starts[0])[HEAVY]
    _, gradient = surface.gradient(coords)
    assert np.abs(gradient).max() > 0.1
    assert np.abs(gradient + pull).max() < 10 * CONVERGED


def test_conformers_share_a_context(surface: OpenMMSurface, starts: np.ndarray) -> None:
    surface.minimise(starts[0], 5, restraint=1.0)
    context = surface._held
    surface.minimise(starts[1], 5, restraint=2.0)
    assert surface._held is context
    surface.minimise(starts[1], 5, restraint=2.0, fixed=[1])
    assert surface._held is not context


def test_atoms_on_each_other_are_a_failure_told_as_a_value(surface: OpenMMSurface, starts: np.ndarray) -> None:
    for platform in ("Reference", "CPU"):
        fragile = OpenMMSurface(mmff_system(embedded(DRUG)), platform=platform)
        collapsed = np.zeros_like(starts[0])
        minimum = fragile.minimise(collapsed, PLENTY, restraint=100.0)
        assert not minimum.converged
        assert np.isnan(minimum.energy)
        assert np.array_equal(minimum.coords, collapsed)
        assert fragile.energy(starts[0]) == pytest.approx(surface.energy(starts[0]), abs=1e-6)


def test_platforms_agree(surface: OpenMMSurface, starts: np.ndarray) -> None:
    other = OpenMMSurface(mmff_system(embedded(DRUG)), platform="CPU")
    assert (other.platform, other.notes) == ("CPU", ())
    assert (surface.platform, surface.notes) == ("Reference", ("one",))
    assert other.minimise(starts[0], PLENTY).energy == pytest.approx(
        surface.minimise(starts[0], PLENTY).energy, abs=0.01
    )
    with pytest.raises(ImportError, match=r"no 'Abacus' platform here, only Reference.*pip install"):
        find_platform("Abacus")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coords": np.zeros((3, 3))}, r"must have the shape \(29, 3\), not \(3, 3\)"),
        ({"coords": np.full((29, 3), np.nan)}, "not finite"),
        ({"max_iters": 0}, "max_iters must be at least 1"),
        ({"fixed": [2, 29, -1]}, r"fixed names atoms \[-1, 29\], but the molecule has 29"),
        ({"restraint": -1.0}, "restraint must be"),
        ({"restraint": float("inf")}, "restraint must be"),
    ],
)
def test_bad_requests_are_refused(
    surface: OpenMMSurface, starts: np.ndarray, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        surface.minimise(**({"coords": starts[0], "max_iters": 10} | change))


def test_systems_whose_forces_hide_are_refused() -> None:
    constrained = mmff_system(embedded(DRUG))
    constrained.addConstraint(0, 1, 0.15)
    with pytest.raises(ValueError, match="constraints"):
        OpenMMSurface(constrained)
    with_site = mmff_system(embedded(DRUG))
    with_site.setVirtualSite(with_site.addParticle(0.0), openmm.TwoParticleAverageSite(0, 1, 0.5, 0.5))
    with pytest.raises(ValueError, match=r"\[29\] are virtual sites"):
        OpenMMSurface(with_site)


def test_the_system_stays_the_callers(starts: np.ndarray) -> None:
    system = mmff_system(embedded(DRUG))
    before = openmm.XmlSerializer.serialize(system)
    OpenMMSurface(system).minimise(starts[0], 5, fixed=[0], restraint=1.0)
    assert openmm.XmlSerializer.serialize(system) == before


def test_atoms_on_each_other_are_no_minimum() -> None:
    salt = OpenMMSurface(mmff_system(Chem.MolFromSmiles("[Na+].[Cl-]")))
    start = np.zeros((2, 3))  # where RDKit embeds both ions
    minimum = salt.minimise(start, PLENTY)
    assert np.isnan(minimum.energy)
    assert not minimum.converged
    assert np.array_equal(minimum.coords, start)
    apart = salt.minimise(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 3.0]]), PLENTY)
    assert apart.converged
    assert apart.energy < -100
