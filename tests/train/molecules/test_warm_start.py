"""Does a model that starts from another say what that says, of the kinds of atoms that both have?"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_generator import CONFIG, KINDS, tiny_networks

from rdkit_ebd.generators.edm.model import GeneratorNetworks
from rdkit_ebd.train.molecules.warm_start import take_over

OTHERS = ((9, 0), *reversed(KINDS), (16, 0))  # another order, and more


def test_the_same_is_said_of_the_same_kinds() -> None:
    start = tiny_networks()
    mine = GeneratorNetworks(replace(CONFIG, kinds=OTHERS)).eval()
    take_over(mine, OTHERS, start, KINDS)
    places = torch.tensor([OTHERS.index(kind) for kind in KINDS])
    x, sigma, whole = torch.randn(2, 5, 3), torch.tensor([0.2, 1.0]), torch.zeros(2, 5)
    kinds = torch.nn.functional.one_hot(torch.randint(len(KINDS), (2, 5)), len(KINDS)).float()
    wide = torch.zeros(2, 5, len(OTHERS)).index_copy(2, places, kinds)
    with torch.no_grad():
        one, other = start.skeletons(x, kinds, sigma, whole), mine.skeletons(x, wide, sigma, whole)
    torch.testing.assert_close(other.x, one.x)
    torch.testing.assert_close(other.bonds, one.bonds)
    torch.testing.assert_close(other.kinds.index_select(2, places), one.kinds)
    torch.testing.assert_close(mine.hydrogens.atom.weight[places], start.hydrogens.atom.weight)


def test_a_model_of_another_size_is_no_start() -> None:
    larger = replace(CONFIG, hydrogens=replace(CONFIG.hydrogens, width=32))
    with pytest.raises(ValueError, match=r"of another size: hydrogens\."):
        take_over(GeneratorNetworks(larger), KINDS, tiny_networks(), KINDS)
