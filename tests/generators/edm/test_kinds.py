"""Do the kinds of atoms add up to the hydrogens ordered, and are they the likeliest that do?"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from rdkit_ebd.generators.edm.kinds import choose_kinds

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
