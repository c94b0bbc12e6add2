"""Is what a conformer is judged by its own: whatever its place in space, its atoms' order and its company?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import TINY, conformers, graph_of, permuted, rotations, rows, shaken
from torch import Tensor

from rdkit_ebd.arrays.batch import Batch, collate
from rdkit_ebd.arrays.geometry import centre
from rdkit_ebd.generators.ebd.confidence import Confidence
from rdkit_ebd.generators.ebd.network import DeblurNetwork

CONFIG = replace(TINY, confidence=True)


@pytest.fixture(scope="module")
def network() -> DeblurNetwork:
    return shaken(CONFIG)


def traits(network: DeblurNetwork, x: Tensor, batch: Batch) -> Tensor:
    x = centre(x, batch.mask)
    return network.with_traits(x, torch.ones(len(x), dtype=x.dtype), batch, x)[1]


def seen(network: DeblurNetwork, name: str, count: int = 2) -> tuple[Tensor, Batch, Tensor]:
    batch, x = rows(graph_of(name), count), torch.from_numpy(conformers(name, count))
    return x, batch, traits(network, x, batch)


def test_traits_do_not_depend_on_place_and_turn(network: DeblurNetwork) -> None:
    x, batch, before = seen(network, "penicillin_v")
    after = traits(network, x @ rotations(2) + 3.0, batch)
    assert torch.allclose(before, after, rtol=0, atol=1e-8)
    assert (before[0] - before[1]).abs().max() > 1e-3  # two conformers differ


def test_traits_do_not_depend_on_the_order_of_atoms(network: DeblurNetwork) -> None:
    x, _, before = seen(network, "captopril")
    order = np.random.default_rng(0).permutation(x.shape[1])
    graph = permuted(graph_of("captopril"), order)
    assert torch.allclose(before, traits(network, x[:, order], rows(graph, 2)), rtol=0, atol=1e-8)


def test_traits_do_not_depend_on_company(network: DeblurNetwork) -> None:
    names = ("nicotine", "tamoxifen")
    batch = collate([graph_of(name) for name in names])
    x = torch.zeros(*batch.mask.shape, 3, dtype=torch.float64)
    for row, name in enumerate(names):
        own = torch.from_numpy(conformers(name, 2))[0]
        x[row, : len(own)] = own
    together = traits(network, x, batch)
    for row, name in enumerate(names):
        assert torch.allclose(together[row], seen(network, name)[2][0], rtol=0, atol=1e-8)


def test_being_asked_does_not_change_the_answer(network: DeblurNetwork) -> None:
    batch, x = rows(graph_of("ibuprofen"), 2), torch.from_numpy(conformers("ibuprofen", 2))
    t = torch.ones(2, dtype=x.dtype)
    assert torch.equal(network(x, t, batch, x), network.with_traits(x, t, batch, x)[0])


def test_confidence_is_scaled_and_hides_nothing_unless_it_learns() -> None:
    torch.manual_seed(0)
    head = Confidence(CONFIG).double().requires_grad_(False)
    values = torch.randn(5, len(head.mean), dtype=torch.float64)
    assert head(values).shape == (5,)
    assert torch.equal(head(values), head(values))
    assert not torch.equal(head(values, 0.5), head(values, 0.5))
    shifted = Confidence(CONFIG).double().requires_grad_(False)
    shifted.load_state_dict(head.state_dict())
    shifted.mean.fill_(2.0)
    shifted.spread.fill_(3.0)
    assert torch.allclose(shifted(3 * values + 2), head(values))


def test_what_is_unlike_anything_known_does_not_carry_the_guess_away() -> None:
    torch.manual_seed(0)
    head = Confidence(CONFIG).requires_grad_(False)
    wild = torch.full((1, len(head.mean)), 1e6)
    assert torch.equal(head(wild), head(wild / 1e3))
