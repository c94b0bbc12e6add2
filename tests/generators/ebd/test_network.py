"""Does the network treat space, numbering and handedness as a molecule does?

All parameters are shaken first: what is zero at initialisation would pass every one of these tests.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import TINY, assert_equivariant, conformers, graph_of, permuted, rotations, rows, shaken, system
from torch import Tensor, nn
from torch.nn import functional

from rdkit_ebd.arrays.batch import Batch, collate
from rdkit_ebd.arrays.molgraph import MolGraph
from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.generators.ebd.layers import Dense
from rdkit_ebd.generators.ebd.network import DeblurNetwork
from rdkit_ebd.generators.ebd.twists import Torques

MOLECULES = ["ibuprofen", "penicillin_v", "tamoxifen", "caffeine", "CC#CC", "CCO"]
CHIRAL = ["ibuprofen", "penicillin_v", "C[C@H](N)C(=O)O", "C[S@](=O)c1ccccc1"]
SMALL = {"one atom": "[Na+]", "two atoms": "Cl", "linear": "C#C", "planar": "C=C", "two parts": "[Na+].[Cl-]"}
MIRROR = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)


def at(time: float, x: Tensor) -> Tensor:
    return torch.full((len(x),), time, dtype=x.dtype)


def blurred(name: str) -> tuple[MolGraph, Batch, Tensor, Tensor]:
    """Graph, batch, noisy coordinates (2, N, 3) and a prior unlike them."""
    graph, batch, x = system(name)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype)
    return graph, batch, x + 0.1 * noise, x.flip(0) + 0.2 * noise.flip(0)


def mirrored(graph: MolGraph) -> MolGraph:
    """The enantiomer's graph."""
    return replace(graph, stereo_signs=-graph.stereo_signs)


@pytest.mark.parametrize("name", MOLECULES)
@pytest.mark.parametrize("time", [0.1, 1.0])
def test_moving_the_input_moves_the_output(network: DeblurNetwork, name: str, time: float) -> None:
    _, batch, x, prior = blurred(name)
    rotation, shift = rotations(len(x)), torch.tensor([3.0, -5.0, 2.0], dtype=x.dtype)
    before = network(x, at(time, x), batch, prior)
    after = network(x @ rotation + shift, at(time, x), batch, prior @ rotation + shift)
    assert torch.allclose(after, before @ rotation + shift, rtol=0, atol=1e-8)
    assert (before - x).abs().max() > 1e-2
    unturned = network(x @ rotation + shift, at(time, x), batch, prior + shift)  # the prior must turn along
    assert (unturned - after).abs().max() > 1e-4


@pytest.mark.parametrize("name", ["ibuprofen", "tamoxifen"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equivariance_is_no_matter_of_the_parameters(name: str, seed: int) -> None:
    network = shaken(replace(TINY, sees_prior=False), seed=seed)
    _, batch, x, prior = blurred(name)
    assert_equivariant(lambda y: network(y, at(0.5, x), batch, prior), x)


@pytest.mark.parametrize("name", MOLECULES)
def test_renumbering_the_atoms_renumbers_the_output(network: DeblurNetwork, name: str) -> None:
    graph, batch, x, prior = blurred(name)
    order = np.random.default_rng(0).permutation(graph.num_atoms)
    shuffled = rows(permuted(graph, order), 2)
    before = network(x, at(0.7, x), batch, prior)
    after = network(x[:, order], at(0.7, x), shuffled, prior[:, order])
    assert torch.allclose(after, before[:, order], rtol=0, atol=1e-8)
    assert not torch.allclose(network(x[:, order], at(0.7, x), batch, prior[:, order]), after, atol=1e-2)


@pytest.mark.parametrize("name", MOLECULES[:4])
def test_a_rotatable_bond_has_no_direction(network: DeblurNetwork, name: str) -> None:
    graph, batch, x, prior = blurred(name)
    turned = replace(graph, torsions=graph.torsions[:, ::-1].copy(), far_side=~graph.far_side)
    before = network(x, at(0.7, x), batch, prior)
    after = network(x, at(0.7, x), rows(turned, 2), prior)
    assert torch.allclose(after, before, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", ["ibuprofen", "CCCCCCCO"])
def test_rotatable_bonds_have_no_order(network: DeblurNetwork, name: str) -> None:
    graph, batch, x, prior = blurred(name)
    order = np.arange(len(graph.torsions))[::-1].copy()
    reordered = replace(graph, torsions=graph.torsions[order], far_side=graph.far_side[order])
    before = network(x, at(0.7, x), batch, prior)
    after = network(x, at(0.7, x), rows(reordered, 2), prior)
    assert torch.allclose(after, before, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", CHIRAL)
def test_mirror_images_differ_by_their_labels(network: DeblurNetwork, name: str) -> None:
    graph, batch, x, prior = blurred(name)
    before = network(x, at(0.7, x), batch, prior)
    enantiomer = network(x * MIRROR, at(0.7, x), rows(mirrored(graph), 2), prior * MIRROR)
    assert torch.allclose(enantiomer, before * MIRROR, rtol=0, atol=1e-8)
    mislabelled = network(x * MIRROR, at(0.7, x), batch, prior * MIRROR)
    assert (mislabelled - before * MIRROR).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["caffeine", "CCO", "tamoxifen"])
def test_without_labels_mirror_images_are_mirrored(network: DeblurNetwork, name: str) -> None:
    _, batch, x, prior = blurred(name)
    before = network(x, at(0.7, x), batch, prior)
    after = network(x * MIRROR, at(0.7, x), batch, prior * MIRROR)
    assert torch.allclose(after, before * MIRROR, rtol=0, atol=1e-8)


def test_every_input_matters(network: DeblurNetwork) -> None:
    graph, batch, x, prior = blurred("ibuprofen")
    before = network(x, at(0.7, x), batch, prior)
    other_pairs = replace(graph, pair_types=graph.pair_types.max() - graph.pair_types)
    others = {
        "time": network(x, at(0.2, x), batch, prior),
        "prior": network(x, at(0.7, x), batch, prior * 1.1),
        "level": network(x, at(0.7, x), rows(replace(graph, level=1), 2), prior),
        "labels": network(x, at(0.7, x), rows(mirrored(graph), 2), prior),
        "fragments": network(x, at(0.7, x), rows(replace(graph, fragments=0 * graph.fragments), 2), prior),
        "pairs": network(x, at(0.7, x), rows(other_pairs, 2), prior),
        "atoms": network(x, at(0.7, x), rows(replace(graph, atom_features=graph.atom_features[::-1].copy()), 2), prior),
    }
    unmoved = [name for name, after in others.items() if (after - before).abs().max() < 1e-4]
    assert unmoved == []


def test_the_prior_is_seen_only_if_the_configuration_says_so() -> None:
    blind = shaken(replace(TINY, sees_prior=False))
    _, batch, x, prior = blurred("CCO")
    assert torch.equal(blind(x, at(0.7, x), batch, prior), blind(x, at(0.7, x), batch, 3 * prior))


def test_bonds_turn_where_the_configuration_says_so() -> None:
    assert list(shaken(TINY).twists) == ["1", "3"]
    assert list(shaken(replace(TINY, twist_every=0)).twists) == []
    _, batch, x, prior = blurred("CCCCO")
    network = shaken()
    before = network(x, at(0.7, x), batch, prior)
    network.twists.clear()
    assert (network(x, at(0.7, x), batch, prior) - before).abs().max() > 1e-4


def test_a_side_that_is_to_turn_as_a_whole_turns_its_bond() -> None:
    """Moves along the arc about each bond in turn: a bond gives way by their angle, but for what inertia holds back."""
    _, batch, x = system("ibuprofen", 1)
    module = Torques(TINY).double().requires_grad_(False)
    module.mix.weight.copy_(torch.eye(TINY.heads))
    for layer, value in ((module.moves, 1.0), (module.gate[2], 1.0)):
        layer.weight.zero_()
        layer.bias.fill_(value)
    h = x.new_zeros(*x.shape[:2], TINY.width)
    for r, (_, a, b, _) in enumerate(batch.torsions[0].tolist()):
        axis = functional.normalize(x[0, b] - x[0, a], dim=0)
        arms = torch.linalg.cross(axis.expand_as(x[0]), x[0] - x[0, a])
        for side, sign in ((batch.far_side[0, r], 1), (~batch.far_side[0, r], -1)):
            channels = torch.zeros(*x.shape, TINY.heads, dtype=x.dtype)
            channels[0, side, :, 1] = 0.1 * arms[side]
            inertia = arms[side].square().sum()
            assert module(h, x, channels, batch)[0, r] == pytest.approx(float(sign * 0.1 * inertia / (inertia + 1)))


def test_torques_learn_from_nothing() -> None:
    """A network that had none starts with them as it was."""
    _, batch, x, prior = blurred("ibuprofen")
    without = shaken(replace(TINY, torques=False))
    with_them = DeblurNetwork(TINY).double().eval()
    missing = with_them.load_state_dict(without.state_dict(), strict=False).missing_keys
    assert missing
    assert all(".torques." in name for name in missing)
    assert torch.equal(with_them(x, at(0.7, x), batch, prior), without(x, at(0.7, x), batch, prior))
    assert (shaken()(x, at(0.7, x), batch, prior) - without(x, at(0.7, x), batch, prior)).abs().max() > 1e-3


@pytest.mark.parametrize("smiles", [*SMALL.values(), "CC", "C#CC#C", "c1ccccc1", "ibuprofen"])
def test_gradients_are_finite_everywhere(smiles: str) -> None:
    graph = graph_of(smiles)
    x = torch.from_numpy(conformers(smiles))
    if smiles == SMALL["two parts"]:  # which RDKit puts on top of each other
        x = torch.tensor([[[0.0, 0, 0], [2, 1, 0]]], dtype=x.dtype)
    x = x.requires_grad_()
    network = shaken().requires_grad_(True)
    out = network(x, at(0.5, x), collate([graph]), x.detach())
    (out * torch.randn_like(out)).sum().backward()
    assert torch.isfinite(out).all()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    assert all(bool(torch.isfinite(g).all()) for g in gradients.values())
    assert graph.num_atoms == 1 or any(bool(g.abs().max() > 0) for g in gradients.values())


def test_gradients_are_finite_when_all_atoms_coincide() -> None:
    graph = graph_of("CCO")
    x = torch.zeros(1, graph.num_atoms, 3, dtype=torch.float64, requires_grad=True)
    shaken()(x, at(1.0, x), collate([graph]), x.detach()).square().sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_every_parameter_learns() -> None:
    network = shaken().requires_grad_(True)
    _, batch, x, prior = blurred("ibuprofen")
    (network(x, at(0.7, x), batch, prior) - x.flip(2)).square().sum().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not bool(p.grad.abs().max() > 0)]
    # nothing after the last coordinates reads the last block's fragments
    assert [name for name in idle if not name.startswith("blocks.3.fragments")] == []


def test_a_fresh_network_starts_near_its_input() -> None:
    torch.manual_seed(0)
    fresh = DeblurNetwork(TINY).double()
    _, batch, x, prior = blurred("ibuprofen")
    out = fresh(x, at(1.0, x), batch, prior)
    assert (out - (x - x.mean(1, keepdim=True))).norm(dim=-1).mean() < 0.1


@pytest.mark.parametrize("name", ["ibuprofen", "CC#CC"])
def test_low_precision_is_for_dense_layers_alone_and_stays_close(name: str) -> None:
    network = shaken(scale=0.02).float()
    _, batch, x, prior = blurred(name)
    x, prior = x.float(), prior.float()
    exact = network(x, at(0.7, x), batch, prior)
    network.set_low_precision(True)
    rough = network(x, at(0.7, x), batch, prior)
    assert rough.dtype == exact.dtype
    assert 0 < (rough - exact).abs().max() < 0.1 * (exact - x).abs().max() + 0.02
    plain = [m for m in network.modules() if isinstance(m, nn.Linear) and not isinstance(m, Dense)]
    assert plain
    assert all(m.low_precision for m in network.modules() if isinstance(m, Dense))
    assert not any(hasattr(m, "low_precision") for m in plain)
    network.set_low_precision(False)
    assert torch.equal(network(x, at(0.7, x), batch, prior), exact)


@pytest.mark.parametrize("name", ["ibuprofen", "penicillin_v"])
def test_tables_of_radial_functions_stand_for_them(name: str) -> None:
    """With trained weights: random ones make a network that is more chaotic than any that is used."""
    _, batch, x, prior = blurred(name)
    network = copy.deepcopy(load_model().network).double()
    with torch.enable_grad():
        summed = network(x, at(1.0, x), batch, prior)
    with torch.no_grad():
        read = network(x, at(1.0, x), batch, prior)
        first = next(p for name, p in network.named_parameters() if name.endswith("radial.weight"))
        first.mul_(5)  # the table must follow, as the optimiser changes weights in place
        changed = network(x, at(1.0, x), batch, prior)
    assert not torch.equal(summed, read)  # else this test compares a path with itself
    assert (summed - read).abs().max() < 5e-4
    with torch.enable_grad():
        assert (network(x, at(1.0, x), batch, prior) - changed).abs().max() < 5e-4
    assert (changed - read).abs().max() > 5e-3


@pytest.mark.parametrize("name", ["ibuprofen", "CC#CC"])
def test_copies_of_one_molecule_are_as_rows_of_their_own(name: str) -> None:
    graph, _, x, prior = blurred(name)
    network, one = shaken(), collate([graph])
    copies, rows_apart = one.repeated(len(x)), collate([graph] * len(x))
    assert copies.is_one_molecule
    assert not rows_apart.is_one_molecule
    with torch.no_grad():
        together = network(x, at(0.5, x), copies, prior)
        assert (together - network(x, at(0.5, x), rows_apart, prior)).abs().max() < 1e-9
