"""Is what was relaxed still the same molecule, and is it told where it is not?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import conformers, embedded
from spoiled import Spoiled, mirrored

from rdkit_ebd.chem.stereo import stereo_labels
from rdkit_ebd.ensemble.energy_runner import Engine
from rdkit_ebd.ensemble.minimise import Terms, bonds_lost, checks_lost, energies, first_of, relax, stereo_lost
from rdkit_ebd.judge.connectivity import Connectivity
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.judge.verdict import Cause
from rdkit_ebd.potentials import Minimum
from rdkit_ebd.potentials.rdkit_ff import RDKitForceField

MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("drug", "cause"),
    [("salbutamol", "CENTRE_INVERTED"), ("esomeprazole", "CENTRE_INVERTED"), ("aspirin", None)],
)
def test_the_other_hand_is_lost_stereo(drug: str, cause: str | None) -> None:
    x = conformers(drug)[0]
    verdict = stereo_lost(stereo_labels(embedded(drug)))
    assert verdict(x, x) is None
    assert verdict(x, x * MIRROR) == cause
    assert verdict(x * MIRROR, x) is None  # it was wrong before, now it is right
    assert verdict(x * MIRROR, x * MIRROR) is None  # nothing was lost that was there


def test_checks_hold_nothing_against_the_potential_that_was_there_before() -> None:
    mol, x = embedded("paracetamol", relaxed=True), conformers("paracetamol", relaxed=True)[0]
    verdict, crushed = checks_lost(check_tables(mol)), x.copy()
    crushed[0] = crushed[1] + 0.3
    assert verdict(x, x) is None
    assert verdict(x, crushed) == "BOND_LENGTH"
    assert verdict(crushed, crushed) is None
    assert checks_lost(check_tables(mol), list(Cause))(x, crushed) is None


def test_the_first_verdict_that_finds_something_has_the_say() -> None:
    mol, x = embedded("salbutamol"), conformers("salbutamol")[0]
    verdict = first_of(bonds_lost(Connectivity.of(mol)), stereo_lost(stereo_labels(mol)))
    assert verdict(x, x) is None
    assert verdict(x, x * MIRROR) == "CENTRE_INVERTED"
    assert verdict(x, 1.5 * x * MIRROR) == "BONDS_CHANGED"
    assert verdict(1.5 * x, 1.5 * x) is None  # it was so before


def test_an_outcome_is_a_minimum_or_what_there_was() -> None:
    mol = embedded("salbutamol", 3)
    starts = [np.array(c.GetPositions()) for c in mol.GetConformers()]
    spoiled = Spoiled(lambda done, minimum: mirrored(minimum) if done == 1 else minimum)
    outcomes = dict(relax(Engine(spoiled, mol), starts, Terms(), stereo_lost(stereo_labels(mol))))
    assert [outcomes[k].problem for k in range(3)] == [None, "CENTRE_INVERTED", None]
    assert np.array_equal(outcomes[1].coords, starts[1])
    assert np.isnan(outcomes[1].energy)
    assert not outcomes[1].converged
    assert outcomes[0].converged


def test_fixed_atoms_are_put_back_where_an_engine_moved_them() -> None:
    mol = embedded("aspirin")
    start = np.array(mol.GetConformer().GetPositions())
    rounding = Spoiled(lambda _, minimum: Minimum(minimum.coords + 1e-6, minimum.energy, True))
    [(_, outcome)] = relax(Engine(rounding, mol), [start], Terms(fixed=(0, 4)), lambda before, after: "")
    assert np.array_equal(outcome.coords[[0, 4]], start[[0, 4]])


def test_energies_without_coordinates_are_nan() -> None:
    mol = embedded("aspirin", 2)
    coords = [np.array(c.GetPositions()) for c in mol.GetConformers()]
    coords[0][3] = np.inf
    found = dict(energies(Engine(RDKitForceField("UFF"), mol), coords))
    assert np.isnan(found[0])
    assert np.isfinite(found[1])
