"""Do the networks turn with the molecule, and does the order of its atoms not matter?"""

from __future__ import annotations

import pytest
import torch
from tiny_generator import CONFIG, KINDS, tiny_networks
from torch import Tensor

from rdkit_ebd.generators.edm.hydrogens import filled_slots, nearest_pairing
from rdkit_ebd.generators.edm.pair_block import centred
from rdkit_ebd.generators.edm.process import noise_levels, split_noise, training_levels
from rdkit_ebd.generators.edm.skeletons import whole_molecule

ATOMS = 5


@pytest.fixture(scope="module")
def state() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Positions, kinds, noise, what is told of two molecules."""
    g = torch.Generator().manual_seed(1)
    x = centred(torch.randn(2, ATOMS, 3, generator=g, dtype=torch.float64)) * 2
    kinds = torch.randn(2, ATOMS, len(KINDS), generator=g, dtype=torch.float64)
    told = whole_molecule(ATOMS, torch.tensor([4, 6]), torch.ones(2, 1, dtype=torch.float64), torch.ones(2, 1).double())
    return x, kinds, torch.tensor([0.2, 2.0], dtype=torch.float64), told


def turn() -> Tensor:
    """A reflection and a rotation at once."""
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64))
    return q


def test_skeletons_turn_with_the_molecule(state: tuple[Tensor, ...]) -> None:
    x, kinds, sigma, told = state
    network, q = tiny_networks().skeletons.double(), turn()
    here, there = network(x, kinds, sigma, told), network(x @ q, kinds, sigma, told)
    assert torch.allclose(here.x @ q, there.x, atol=1e-10)
    assert torch.allclose(here.kinds, there.kinds, atol=1e-10)
    assert float((here.x - x).abs().max()) > 0.01  # it does something
    assert float(here.x.mean(1).abs().max()) < 1e-12


def test_the_order_of_atoms_does_not_matter(state: tuple[Tensor, ...]) -> None:
    x, kinds, sigma, told = state
    network, order = tiny_networks().skeletons.double(), torch.tensor([3, 0, 4, 1, 2])
    here, there = network(x, kinds, sigma, told), network(x[:, order], kinds[:, order], sigma, told)
    assert torch.allclose(here.x[:, order], there.x, atol=1e-10)
    assert torch.allclose(here.bonds[:, order][:, :, order], there.bonds, atol=1e-10)
    assert torch.allclose(here.bonds, here.bonds.transpose(1, 2), atol=1e-10)


def test_low_noise_is_believed_and_conditions_matter(state: tuple[Tensor, ...]) -> None:
    x, _, _, told = state
    network = tiny_networks().skeletons.double()
    kinds = torch.eye(len(KINDS), dtype=torch.float64)[torch.tensor([[0, 1, 2, 3, 8]] * 2)]
    low = network(x, kinds, torch.full((2,), 0.01, dtype=torch.float64), told)
    assert float((low.x - x).abs().max()) < 0.1
    assert low.kinds.argmax(-1).tolist() == [[0, 1, 2, 3, 8]] * 2
    high = torch.full((2,), 1.0, dtype=torch.float64)
    other = told * torch.tensor([1.0, 1.0, 1.0, -1.0, 1.0])
    assert not torch.allclose(network(x, kinds, high, told).x, network(x, kinds, high, other).x, atol=1e-6)


def test_hydrogens_turn_with_the_molecule(state: tuple[Tensor, ...]) -> None:
    x, _, _, _ = state
    network, q = tiny_networks().hydrogens.double(), turn()
    kinds = torch.tensor([[3, 2, 1, 0, 8]] * 2)
    slots = filled_slots(torch.tensor([h for _, h in KINDS])[kinds]).double()
    y = torch.randn(2, ATOMS, 4, 3, generator=torch.Generator().manual_seed(3)).double() * slots[..., None]
    t, jitter = torch.tensor([1.0, 0.3]).double(), torch.tensor([0.03, 0.0]).double()
    (x1, y1), (x2, y2) = network(x, y, t, jitter, kinds, slots), network(x @ q, y @ q, t, jitter, kinds, slots)
    assert torch.allclose(x1 @ q, x2, atol=1e-10)
    assert torch.allclose(y1 @ q, y2, atol=1e-10)
    assert torch.equal(y1 * (1 - slots[..., None]), torch.zeros_like(y1))


def test_pairing_keeps_the_set_and_shortens_the_way() -> None:
    g = torch.Generator().manual_seed(4)
    slots = filled_slots(torch.tensor([[3, 2, 1, 0, 4]]))
    y, noise = (torch.randn(1, 5, 4, 3, generator=g) * slots[..., None] for _ in range(2))
    paired = nearest_pairing(y, noise, slots)
    assert float((paired - noise).square().sum()) < float((y - noise).square().sum())
    for atom in range(5):
        assert sorted(paired[0, atom].sum(-1).tolist()) == pytest.approx(sorted(y[0, atom].sum(-1).tolist()))
    assert torch.equal(paired * (1 - slots[..., None]), torch.zeros_like(y))


def test_levels_fall_and_steps_end_at_the_next_level() -> None:
    levels = noise_levels(20, 0.02, 8.0, 4.0)
    assert levels == sorted(levels, reverse=True)
    assert (levels[0], levels[-1]) == pytest.approx((8.0, 0.02))
    for churn in (0.0, 0.5, 1.0):
        kept, fresh = split_noise(2.0, 1.2, churn)
        assert (kept * 2.0) ** 2 + fresh**2 == pytest.approx(1.2**2)
    assert split_noise(2.0, 1.2, 0.0)[1] == 0.0
    trained = training_levels(4000, CONFIG.noise)
    assert float(trained.median()) == pytest.approx(CONFIG.noise.centre, rel=0.01)
