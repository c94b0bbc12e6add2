"""Do references get seeds that can become them?"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import conformers, embedded, graph_of, rotations, rows, system, with_hydrogens
from rdkit.Chem import rdMolTransforms

from rdkit_ebd.arrays.geometry import twist
from rdkit_ebd.arrays.molgraph import MolGraph
from rdkit_ebd.train.data_prep.pairing import SELF, pair, rmsd, torsion_matched_rmsd

RING = "CC1CCCCC1"  # methyl equatorial or axial


def turned(graph: MolGraph, x: np.ndarray, seed: int) -> np.ndarray:
    """The conformers (K, N, 3) with every rotatable bond turned at random."""
    batch = rows(graph, len(x))
    generator = torch.Generator().manual_seed(seed)
    angles = 6.28 * torch.rand(batch.torsions.shape[:2], generator=generator, dtype=torch.float64)
    return twist(torch.from_numpy(x), batch.torsions[..., 1:3], batch.far_side, angles).numpy()


def equatorial_and_axial() -> tuple[np.ndarray, np.ndarray]:
    """The conformers of methylcyclohexane whose methyl is anti, and those whose methyl is gauche to the ring."""
    mol = embedded(RING, 30, relaxed=True)
    angles = np.array([abs(rdMolTransforms.GetDihedralDeg(c, 0, 1, 2, 3)) for c in mol.GetConformers()])
    ring = np.array([abs(rdMolTransforms.GetDihedralDeg(c, 1, 2, 3, 4)) for c in mol.GetConformers()])
    x = conformers(RING, 30, relaxed=True)
    chair = (ring > 48) & (ring < 65)
    return x[chair & (angles > 150)], x[chair & (angles < 90)]


@pytest.mark.parametrize("name", ["ibuprofen", "tamoxifen", "penicillin_v", "CCCCO"])
def test_torsions_alone_cost_nothing(name: str) -> None:
    graph, batch, x = system(name, 3)
    seed = torch.from_numpy(turned(graph, x.numpy(), 1))
    assert (rmsd(seed, x, batch.mask) > 0.3).all()
    assert (torsion_matched_rmsd(seed, x, batch) < 1e-4).all()


def test_rings_cost_what_they_cost() -> None:
    equatorial, axial = equatorial_and_axial()
    graph = graph_of(RING)
    assert len(equatorial)
    assert len(axial)
    x, y = torch.from_numpy(equatorial[:1]), torch.from_numpy(axial[:1])
    assert torsion_matched_rmsd(y, x, rows(graph, 1)).item() > 0.3


def test_rmsd_sees_shape_and_not_place() -> None:
    _, batch, x = system("ibuprofen", 3)
    assert (rmsd(x @ rotations(3) + 8, x, batch.mask) < 1e-6).all()
    assert (rmsd(x * torch.tensor([1, 1, -1]), x, batch.mask) > 0.3).all()
    padded = torch.cat([x, torch.full((3, 2, 3), 77.0, dtype=x.dtype)], 1)
    mask = torch.cat([batch.mask, torch.zeros(3, 2, dtype=torch.bool)], 1)
    assert torch.allclose(rmsd(padded, padded.flip(0), mask), rmsd(x, x.flip(0), batch.mask))


def test_basin_pairs_have_the_same_ring() -> None:
    equatorial, axial = equatorial_and_axial()
    graph = graph_of(RING)
    references = np.stack([equatorial[0], axial[0]])
    seeds = turned(graph, np.concatenate([axial[:1], equatorial[:2], axial[:1]]), 2)
    pairs = pair(graph, references, seeds, "basin")
    at = {r: set(pairs[pairs[:, 0] == r, 1].tolist()) for r in (0, 1)}
    assert at[0] <= {1, 2}
    assert at[1] == {0, 3}
    assert at[0]


def test_a_reference_without_a_fitting_seed_is_its_own() -> None:
    x = conformers("penicillin_v", 2)
    graph = graph_of("penicillin_v")
    stretched = 1.5 * x
    assert pair(graph, x, stretched, "basin").tolist() == [[0, SELF], [1, SELF]]
    assert SELF not in pair(graph, x, turned(graph, x, 1), "basin")[:, 1]


def test_basin_pairs_do_not_ask_for_matching_torsions() -> None:
    graph, batch, x = system("ibuprofen", 3)
    seeds = turned(graph, x.numpy(), 4)
    pairs = pair(graph, x.numpy(), seeds, "basin")
    assert {(r, r) for r in range(3)} <= set(map(tuple, pairs.tolist()))
    assert (rmsd(torch.from_numpy(seeds), x, batch.mask) > 0.7).any()


@pytest.mark.parametrize("seed_count", [4, 6])
def test_hungarian_pairs_are_one_to_one(seed_count: int) -> None:
    pytest.importorskip("scipy")
    graph = graph_of("ibuprofen")
    references, seeds = conformers("ibuprofen", 4), conformers("ibuprofen", seed_count, seed=9)
    pairs = pair(graph, references, seeds, "hungarian")
    assert pairs[:, 0].tolist() == [0, 1, 2, 3]
    assert len(set(pairs[:, 1].tolist())) == 4


def test_hungarian_finds_the_shuffled_originals() -> None:
    pytest.importorskip("scipy")
    graph = graph_of("ibuprofen")
    x = conformers("ibuprofen", 5)
    order = np.array([3, 1, 4, 0, 2])
    pairs = pair(graph, x, x[order] @ rotations(5).numpy(), "hungarian")
    assert (order[pairs[:, 1]] == pairs[:, 0]).all()


def test_hungarian_serves_every_reference_when_seeds_are_few() -> None:
    pytest.importorskip("scipy")
    graph = graph_of("ibuprofen")
    pairs = pair(graph, conformers("ibuprofen", 5), conformers("ibuprofen", 2, seed=9), "hungarian")
    assert pairs[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert np.bincount(pairs[:, 1]).max() <= 3


@pytest.mark.parametrize("method", ["basin", "hungarian"])
def test_nothing_pairs_with_nothing(method: str) -> None:
    graph, n = graph_of("CCO"), with_hydrogens("CCO").GetNumAtoms()
    none, some = np.zeros((0, n, 3)), conformers("CCO", 2)
    for references, seeds in ((none, some), (some, none)):
        assert pair(graph, references, seeds, method).shape == (0, 2)


def test_an_unknown_method_is_rejected() -> None:
    with pytest.raises(ValueError, match="greedy"):
        pair(graph_of("CCO"), conformers("CCO"), conformers("CCO"), "greedy")
