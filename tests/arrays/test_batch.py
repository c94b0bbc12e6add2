"""Do padded rows stay what their molecules were, and do they never mix?"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from helpers import conformers, graph_of, permuted
from torch import Tensor

from rdkit_ebd.arrays.batch import Batch, collate, fragment_points
from rdkit_ebd.arrays.molgraph import MolGraph
from rdkit_ebd.generators.ebd.network import DeblurNetwork

MIXED = ["O", "C[C@H](N)C(=O)O", "c1ccccc1", "tamoxifen"]  # with and without stereo, with and without torsions


def stacked(names: list[str], garbage: float = 0.0) -> tuple[Batch, Tensor]:
    """A padded batch and its coordinates; what lies in the padding is up to the caller."""
    batch = collate([graph_of(name) for name in names])
    x = torch.full((*batch.mask.shape, 3), garbage, dtype=torch.float64)
    for row, name in enumerate(names):
        points = torch.from_numpy(conformers(name)[0])
        x[row, : len(points)] = points
    return batch, x


def graphs_equal(batch: Batch, row: int, graph: MolGraph) -> bool:
    n, q, r, t = graph.num_atoms, len(graph.stereo_signs), len(graph.torsions), len(graph.dihedrals)
    pairs = [
        (batch.atom_features[row, :n], graph.atom_features),
        (batch.pair_types[row, :n, :n], graph.pair_types),
        (batch.fragments[row, :n], graph.fragments),
        (batch.stereo_quads[row, :q], graph.stereo_quads),
        (batch.stereo_signs[row, :q], graph.stereo_signs),
        (batch.stereo_atoms[row, :q], graph.stereo_atoms),
        (batch.torsions[row, :r], graph.torsions),
        (batch.far_side[row, :r, :n], graph.far_side),
        (batch.dihedrals[row, :t], graph.dihedrals[:, :4]),
        (batch.dihedral_bonds[row, :t], graph.dihedrals[:, 4]),
        (batch.dihedral_ends[row, :t], graph.dihedral_ends[1]),
        (batch.ends[row, : len(graph.dihedral_ends[0])], graph.dihedral_ends[0]),
        (batch.level[row], graph.level),
    ]
    return all(np.array_equal(np.asarray(tensor), array) for tensor, array in pairs)


def test_rows_hold_their_graphs_and_nothing_else() -> None:
    graphs = [graph_of(name) for name in MIXED]
    batch = collate(graphs)
    for row, graph in enumerate(graphs):
        assert graphs_equal(batch, row, graph)
        assert batch.mask[row].sum() == graph.num_atoms
        assert batch.fragment_mask[row].sum() == graph.num_fragments
        assert batch.torsion_mask[row].sum() == len(graph.torsions)
        assert batch.dihedral_mask[row].sum() == len(graph.dihedrals)
        assert batch.stereo_signs[row].abs().sum() == len(graph.stereo_signs)
        assert not batch.far_side[row][:, graph.num_atoms :].any()
    assert not graphs_equal(batch, 1, permuted(graphs[1], np.arange(graphs[1].num_atoms)[::-1]))


@pytest.mark.parametrize("name", MIXED)
def test_dihedrals_are_made_of_their_ends(name: str) -> None:
    graph = graph_of(name)
    ends, sides = graph.dihedral_ends
    assert len(np.unique(ends, axis=0)) == len(ends)
    assert np.array_equal(ends[sides[:, 0]], graph.dihedrals[:, :2])
    assert np.array_equal(ends[sides[:, 1]], graph.dihedrals[:, [3, 2]])


def test_rows_are_repeated_and_reordered() -> None:
    batch = collate([graph_of(name) for name in MIXED])
    taken = batch.rows(torch.tensor([3, 1, 1]))
    for field in fields(Batch):
        whole, part = getattr(batch, field.name), getattr(taken, field.name)
        assert torch.equal(part, torch.stack([whole[3], whole[1], whole[1]]))


def test_to_moves_every_tensor() -> None:
    moved = collate([graph_of("O")]).to("meta")
    assert {getattr(moved, field.name).device.type for field in fields(Batch)} == {"meta"}


def test_membership_counts_each_atom_once() -> None:
    batch = collate([graph_of(name) for name in MIXED])
    members = batch.membership(torch.float64)
    assert torch.equal(members.sum(2), batch.mask.double())
    assert torch.equal(members.sum(1) > 0, batch.fragment_mask)
    assert members.dtype == torch.float64


def test_fragment_points_are_centroids() -> None:
    batch, x = stacked(MIXED, garbage=50.0)
    points = fragment_points(x, batch)
    for row, name in enumerate(MIXED):
        fragments = graph_of(name).fragments
        for number in np.unique(fragments):
            atoms = np.flatnonzero(fragments == number)
            assert torch.allclose(points[row, atoms], x[row, atoms].mean(0), rtol=0, atol=1e-12)
    assert (points[~batch.mask] == 0).all()
    assert torch.allclose(fragment_points(points, batch), points)


def test_a_molecule_is_the_same_alone_and_beside_larger_ones(network: DeblurNetwork) -> None:
    graphs = [graph_of(name) for name in MIXED]
    batch = collate(graphs)
    x = torch.full((*batch.mask.shape, 3), 3.0, dtype=torch.float64)
    t = torch.tensor([0.2, 1.0, 0.5, 0.8], dtype=torch.float64)
    for row, name in enumerate(MIXED):
        x[row, : graphs[row].num_atoms] = torch.from_numpy(conformers(name)[0])
    prior = x.flip(2)
    together = network(x, t, batch, prior)
    for row, graph in enumerate(graphs):
        one, n = slice(row, row + 1), graph.num_atoms
        alone = network(x[one, :n], t[one], collate([graph]), prior[one, :n])
        assert torch.allclose(together[one, :n], alone, rtol=0, atol=1e-9)
        assert (together[one, n:] == 0).all()
        assert (alone - x[one, :n]).abs().max() > 1e-3


def test_neighbours_in_the_batch_do_not_matter(network: DeblurNetwork) -> None:
    batch, x = stacked(["aspirin", "C[C@H](N)C(=O)O"])
    t = torch.ones(2, dtype=torch.float64)
    before = network(x, t, batch, x)
    x[0] *= 2
    after = network(x, t, batch, x)
    assert not torch.allclose(before[0], after[0], atol=1e-2)
    assert torch.equal(before[1], after[1])
