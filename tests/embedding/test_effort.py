"""Is more than any machine can do rejected at once, for one molecule and for one of many?"""

from __future__ import annotations

import resource
import sys

import pytest
from helpers import with_hydrogens
from rdkit import Chem

from rdkit_ebd import EBD, EmbedMolecules, EmbedMultipleConfs
from rdkit_ebd.embedding.effort import MOST_CONFORMERS, excesses
from rdkit_ebd.generators.model_config import SamplingDefaults

SAMPLING = SamplingDefaults(steps=4, rounds=4, seed_pool=3)


def test_what_a_user_asks_for_is_not_too_much() -> None:
    drug = with_hydrogens("tamoxifen")
    for count, params in ((1000, EBD(overSample=10)), (MOST_CONFORMERS, EBD()), (300, EBD(numSteps=1000))):
        assert excesses(drug, count, params, SAMPLING) == []
    peptide = Chem.MolFromSequence("ACDEFGHIKLMNPQRSTVWY" * 2)
    assert excesses(peptide, 10_000, EBD(), SAMPLING) == []


@pytest.mark.parametrize(
    ("count", "params", "reason"),
    [
        (1000, EBD(overSample=1000), "1000000 conformers, more than 100000"),
        (10_000, EBD(seedPool=1000), "do not fit into the memory"),
        (1, EBD(numSteps=1000, numRounds=100), "100000 steps"),
    ],
)
def test_products_are_bounded_too(count: int, params: EBD, reason: str) -> None:
    assert reason in "; ".join(excesses(with_hydrogens("aspirin"), count, params, SAMPLING))


def test_an_error_comes_before_the_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    aspirin, endless = with_hydrogens("aspirin"), Chem.MolFromSmiles("C" * 20_000)
    with pytest.raises(ValueError, match="at most 100000, not 100000000"):
        EmbedMultipleConfs(aspirin, 100_000_000)
    with pytest.raises(ValueError, match="60002 atoms, hydrogens included, are more than 10000"):
        EmbedMultipleConfs(endless, 1, fallback="ETKDGv3")
    with pytest.raises(ValueError, match="molecule 1: numConfs must be at most"):
        EmbedMolecules([aspirin, aspirin], [1, 10**9])
    first, second = EmbedMolecules([endless, aspirin], 1, EBD(randomSeed=1), workers=0).reports
    assert [first.ok, second.ok] == [False, True]
    assert "60002 atoms" in first.messages[0]
    if sys.platform.startswith("linux"):
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # kB
