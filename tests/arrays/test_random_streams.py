"""Does every conformer have random numbers of its own, the same ones every time?"""

from __future__ import annotations

import itertools

import pytest
import torch

from rdkit_ebd.arrays.random_streams import coarse_base, mix, noise_stream

SEEDS = [0, 1, 2, 42, 43, 2**31 - 1, 2**31, 2**62, -1, -2, -(2**31)]
FEW_CONFORMERS = 10_000
INT32 = 1 << 31


def test_every_word_and_its_place_matter() -> None:
    words = list(itertools.product([0, 1, 2, 3, 255, 10**9, -1], repeat=3))
    assert len({mix(*w) for w in words}) == len(words)
    assert len({mix(), mix(0), mix(0, 0), mix(0, 0, 0)}) == 4
    assert all(0 <= mix(*w) < 2**63 for w in words)


def test_streams_are_distinct() -> None:
    keys = itertools.product(SEEDS, range(4), range(3))
    streams = {noise_stream(seed, index, attempt, 2, 3).numpy().tobytes() for seed, index, attempt in keys}
    assert len(streams) == len(SEEDS) * 4 * 3


def test_streams_are_independent() -> None:
    noise = torch.stack([noise_stream(7, k, 0, 4, 200).flatten() for k in range(50)])
    correlation = torch.corrcoef(noise) - torch.eye(50)
    assert correlation.abs().max() < 5 / noise.shape[1] ** 0.5
    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 1) < 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stream_depends_on_its_key_alone(seed: int) -> None:
    torch.manual_seed(1)
    first, state = noise_stream(seed, 5, 2, 4, 10), torch.get_rng_state()
    noise_stream(seed, 4, 2, 4, 10)
    torch.manual_seed(2)
    assert torch.equal(noise_stream(seed, 5, 2, 4, 10), first)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)  # the global generator was not touched
    assert first.shape == (4, 10, 3)


def test_coarse_bases_never_share_a_seed() -> None:
    bases = sorted(coarse_base(seed, attempt) for seed in range(30, 60) for attempt in range(5))
    assert min(b - a for a, b in itertools.pairwise(bases)) > 0
    near = [coarse_base(seed, attempt) for seed in (42, 43) for attempt in range(10)]
    assert min(abs(a - b) for a, b in itertools.combinations(near, 2)) >= FEW_CONFORMERS


@pytest.mark.parametrize("seed", SEEDS)
def test_coarse_seeds_are_seeds_rdkit_takes(seed: int) -> None:
    for attempt in range(101):
        base = coarse_base(seed, attempt)
        assert base >= 0
        assert base + 10**6 < INT32
        assert base == coarse_base(seed, attempt)
