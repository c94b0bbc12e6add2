"""Do the kinds of atoms add up to the hydrogens ordered, and are they the likeliest that do?"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from rdkit_ebd.generators.edm.kinds import choose_kinds, logits_given_hydrogens, valences_filled

HYDROGENS = np.array([0, 1, 2, 3, 0])


@pytest.mark.parametrize("total", range(10))
def test_likeliest_kinds_that_add_up(total: int) -> None:
    logits = np.random.default_rng(total).normal(size=(3, 5))
    ways = [np.array(way) for way in product(range(5), repeat=3) if HYDROGENS[list(way)].sum() == total]
    best = max(ways, key=lambda way: logits[np.arange(3), way].sum())
    assert choose_kinds(logits, HYDROGENS, total).tolist() == best.tolist()


def test_where_nothing_adds_up_each_is_its_own_best() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 5))
    assert choose_kinds(logits, HYDROGENS, 40).tolist() == logits.argmax(1).tolist()


@pytest.mark.parametrize("total", range(10))
def test_shares_are_those_of_all_ways_that_add_up(total: int) -> None:
    logits = torch.tensor(np.random.default_rng(total).normal(size=(2, 3, 5)))
    shares = logits.softmax(-1).numpy()
    given = logits_given_hydrogens(logits, torch.tensor(HYDROGENS), torch.tensor([total, 3])).exp().numpy()
    for row, wanted in enumerate((total, 3)):
        sums = np.zeros((3, 5))
        for way in product(range(5), repeat=3):
            if HYDROGENS[list(way)].sum() == wanted:
                sums[range(3), way] += shares[row, range(3), way].prod()
        assert np.abs(given[row] - sums / sums.sum(1, keepdims=True)).max() < 1e-12


def test_where_nothing_adds_up_shares_are_what_they_were() -> None:
    logits = torch.tensor(np.random.default_rng(0).normal(size=(2, 3, 5)))
    given = logits_given_hydrogens(logits, torch.tensor(HYDROGENS), torch.tensor([40, 3])).exp()
    assert torch.allclose(given[0], logits[0].softmax(-1))
    assert not torch.allclose(given[1], logits[1].softmax(-1))


@pytest.mark.parametrize(
    ("kinds", "bond", "filled"),
    [
        ([(6, 3), (8, 1)], 1, True),  # methanol
        ([(6, 2), (8, 0)], 2, True),  # formaldehyde
        ([(6, 2), (8, 1)], 1, False),  # a hydrogen too few
        ([(6, 3), (8, 0)], 1, False),  # a charge
        ([(7, 0), (7, 0)], 3, True),
        ([(6, 1), (7, 0)], 3, True),
        ([(6, 2), (7, 0)], 2, False),
    ],
)
def test_valences_are_those_of_neutral_atoms(kinds: list[tuple[int, int]], bond: int, filled: bool) -> None:
    bonds = np.array([[7, bond], [bond, 7]], np.int8)  # what the network says of an atom and itself is of no account
    assert valences_filled(np.array([0, 1]), bonds, tuple(kinds)) is filled


@pytest.mark.parametrize(
    ("orders", "filled"),
    [
        ((1, 2, 1), True),  # nitromethane, with charges on N and one O
        ((1, 1, 1), False),
        ((1, 2, 2), False),
    ],
)
def test_nitro_groups_may_have_their_charges(orders: tuple[int, int, int], filled: bool) -> None:
    kinds = ((7, 0), (6, 3), (8, 0))
    bonds = np.zeros((4, 4), np.int8)
    bonds[0, 1:] = bonds[1:, 0] = orders
    assert valences_filled(np.array([0, 1, 2, 2]), bonds, kinds) is filled


def test_held_atoms_have_the_bonds_that_they_had() -> None:
    known = ((6, 3), (7, 0), (8, 0))  # C-N(=O)... as in nitromethane, whose nitrogen has four bonds
    kinds, bonds = np.array([1, 2, 2, 0]), np.zeros((4, 4), np.int8)
    for other, order in ((1, 2), (2, 1), (3, 1)):
        bonds[0, other] = bonds[other, 0] = order
    assert valences_filled(kinds, bonds, known, (4, 2, 1))
    assert not valences_filled(kinds, bonds, known, (3, 2, 1))
