"""Do COV, MAT and the geometry errors come out as constructed ensembles say they must?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import angle_pairs, bond_pairs, conformers, embedded, rotations, shaken, with_hydrogens

from rdkit_ebd.arrays.ensemble_metrics import (
    COVERAGE_THRESHOLDS,
    MISSED,
    ensemble_metrics,
    geometry_metrics,
    mean_table,
    out_of_plane,
    planarity_metrics,
)
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.train.data_prep.shards import Example
from rdkit_ebd.train.fit.validate import format_row, validation_table

NAME = "ibuprofen"
SHARES = [f"cov_{side}@{threshold}" for side in "rp" for threshold in COVERAGE_THRESHOLDS]


@pytest.fixture
def ensemble() -> np.ndarray:
    """Four different conformers."""
    return conformers(NAME, 4)


@pytest.fixture
def symmetries() -> np.ndarray:
    return symmetry_mappings(with_hydrogens(NAME))


def test_an_ensemble_covers_itself(ensemble: np.ndarray, symmetries: np.ndarray) -> None:
    shuffled = ensemble[[2, 0, 3, 1]] @ rotations(4).numpy() + 3
    found = ensemble_metrics(shuffled, ensemble, symmetries)
    assert found["mat_r"] == pytest.approx(0, abs=1e-5)
    assert found["mat_p"] == pytest.approx(0, abs=1e-5)
    assert all(found[share] == 1 for share in SHARES)


def test_equivalent_atoms_may_swap(ensemble: np.ndarray, symmetries: np.ndarray) -> None:
    order = np.arange(ensemble.shape[1])
    order[symmetries[0]] = symmetries[-1]
    swapped = ensemble[:, order]
    assert len(symmetries) > 1
    assert ensemble_metrics(swapped, ensemble, symmetries)["mat_r"] == pytest.approx(0, abs=1e-5)
    assert ensemble_metrics(swapped, ensemble, symmetries[:1])["mat_r"] > 0.1


def test_recall_asks_for_all_references_and_precision_for_all_conformers(
    ensemble: np.ndarray, symmetries: np.ndarray
) -> None:
    blown_up = ensemble * 3  # nowhere near anything
    half = np.concatenate([ensemble[:2], blown_up[:2]])
    references = np.concatenate([ensemble[:1], blown_up[3:]])
    found = ensemble_metrics(half, references, symmetries)
    assert found["cov_r@0.75"] == found["cov_r@1.25"] == 0.5
    assert found["cov_p@0.75"] <= 0.5
    few = ensemble_metrics(ensemble[:1], np.concatenate([ensemble[:1], blown_up]), symmetries)
    assert few["cov_r@1.25"] == pytest.approx(1 / 5)
    assert few["cov_p@1.25"] == 1
    assert few["mat_p"] == pytest.approx(0, abs=1e-5)
    assert few["mat_r"] > 1


def test_hydrogens_do_not_count(ensemble: np.ndarray, symmetries: np.ndarray) -> None:
    moved = ensemble.copy()
    hydrogens = [a.GetIdx() for a in with_hydrogens(NAME).GetAtoms() if a.GetAtomicNum() == 1]
    moved[:, hydrogens] += 2
    assert ensemble_metrics(moved, ensemble, symmetries)["mat_r"] == pytest.approx(0, abs=1e-5)


def test_no_conformers_score_as_missed(ensemble: np.ndarray, symmetries: np.ndarray) -> None:
    found = ensemble_metrics(ensemble[:0], ensemble, symmetries)
    assert found["mat_r"] == found["mat_p"] == MISSED
    assert all(found[share] == 0 for share in SHARES)
    assert max(COVERAGE_THRESHOLDS) < MISSED


def test_bonds_and_angles_are_measured_against_the_references(ensemble: np.ndarray) -> None:
    mol = embedded(NAME)
    bonds, angles = bond_pairs(mol), angle_pairs(mol)
    assert geometry_metrics(ensemble[:1], ensemble[:1], bonds, angles) == {"bond": 0, "1-3": 0}
    stretched = geometry_metrics(1.01 * ensemble[:1], ensemble[:1], bonds, angles)
    assert 0.01 < stretched["bond"] < 0.016  # a hundredth of a bond length
    assert 0.018 < stretched["1-3"] < 0.026
    between = geometry_metrics(ensemble[:1], np.stack([0.9 * ensemble[0], 1.1 * ensemble[0]]), bonds, angles)
    assert between["bond"] == pytest.approx(0, abs=1e-9)


def test_what_cannot_be_measured_is_left_out(ensemble: np.ndarray) -> None:
    none = np.zeros((0, 2), int)
    assert geometry_metrics(ensemble, ensemble, none, none) == {}
    assert geometry_metrics(ensemble[:0], ensemble, bond_pairs(embedded(NAME)), none) == {}


def test_means_skip_what_a_molecule_lacks() -> None:
    table = mean_table([{"mat_r": 1.0, "bond": 0.1}, {"mat_r": 2.0}, {"mat_r": 6.0, "bond": 0.3}])
    assert table == {"mat_r": 3.0, "bond": pytest.approx(0.2), "mat_r_median": 2.0}
    assert mean_table([]) == {}


def test_the_validation_table_judges_seeds_and_samples(judged: Example) -> None:
    network = shaken(scale=0.02).float()
    perfect = Example(judged.graph, judged.references, judged.references, judged.pairs, judged.symmetries)
    best = validation_table(network, [perfect], BlurConfig(), [])
    assert best["mat_r"] == pytest.approx(0, abs=5e-3)
    assert best["cov_r@0.75"] == best["cov_p@0.75"] == 1
    natural = validation_table(network, [judged], BlurConfig(), [])
    assert natural["mat_r"] > best["mat_r"]
    sampled = validation_table(network, [judged], BlurConfig(), [1.0, 0.5])
    assert sampled.keys() == natural.keys()
    assert sampled["bond"] > natural["bond"]  # an untrained network breaks bonds
    assert sampled == validation_table(network, [judged], BlurConfig(), [1.0, 0.5])


def test_stereo_in_the_table_is_the_share_with_the_right_hand(examples: list[Example]) -> None:
    alanine = examples[1]
    order = np.flatnonzero(alanine.graph.atom_features[:, 0] > 1).astype(np.int16)[None]
    seeds = np.concatenate([alanine.references, -alanine.references[:1]])
    example = Example(alanine.graph, alanine.references, seeds, alanine.pairs, order)
    assert validation_table(shaken().float(), [example], BlurConfig(), 0)["stereo"] == pytest.approx(2 / 3)


def test_a_log_line_names_its_numbers() -> None:
    line = format_row({"step": 3, "mat_r": 0.51234, "unknown": 1})
    assert "step 3" in line
    assert "mat_r 0.5123" in line
    assert "unknown" not in line


def test_planarity_is_how_far_rings_are_from_flat() -> None:
    angles = np.arange(6) * np.pi / 3
    flat = np.stack([np.cos(angles), np.sin(angles), np.zeros(6)], axis=1)[None] * 1.39
    ring = np.arange(6)[None]
    puckered = flat.copy()
    puckered[0, ::2, 2], puckered[0, 1::2, 2] = 0.1, -0.1
    tilted = puckered @ rotations(1).numpy() + 5
    assert out_of_plane(np.concatenate([flat, puckered, tilted]), ring)[:, 0] == pytest.approx([0, 0.1, 0.1], abs=1e-6)
    assert planarity_metrics(puckered, flat, [ring])["planarity"] == pytest.approx(0.1)
    assert planarity_metrics(flat, puckered, [ring, ring[:0]])["planarity"] == pytest.approx(0.1)
    assert planarity_metrics(tilted, puckered, [ring])["planarity"] == pytest.approx(0, abs=1e-6)
    assert planarity_metrics(flat, flat, []) == planarity_metrics(flat[:0], flat, [ring]) == {}
