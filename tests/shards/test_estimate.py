"""Is a sample from all over a library, and does its estimate say what its figures mean?"""

from __future__ import annotations

from pathlib import Path

import pytest
from shard_runs import GRID, library_of

from rdkit_ebd import EBD
from rdkit_ebd.library.arguments import settings_for_all
from rdkit_ebd.runtime.crew import Here
from rdkit_ebd.shards.embed_work import EmbedJob, EmbedSetUp
from rdkit_ebd.shards.estimate import Estimate, estimate, sampled


@pytest.mark.parametrize(("total", "firsts"), [(95, [0, 23, 47, 71]), (7, [0])])
def test_samples_are_from_all_over(tmp_path: Path, total: int, firsts: list[int]) -> None:
    found = list(sampled(library_of(tmp_path, total), total, 20, 5))
    assert [chunk.first for chunk in found] == firsts
    assert {len(chunk) for chunk in found} == {5}
    assert found[-1].slices[0].texts[0].text.endswith(f"-{firsts[-1]}")


def test_an_estimate_is_of_the_whole(tmp_path: Path) -> None:
    set_up = EmbedSetUp(EmbedJob(3, settings_for_all(EBD(device="cpu"), {})), None, None, GRID)
    found = estimate(library_of(tmp_path, 500), 100, Here(), set_up, 4, 0.1)
    assert (found.molecules, found.chunks, found.sampled, found.conformers, found.failures) == (500, 5, 200, 3.0, 0.0)
    assert found.seconds > 0
    assert 0 < found.error < float("inf")
    assert found.size > 100


def test_figures_are_told_with_their_units() -> None:
    lines = Estimate(10**6, 3907, 200, 0.36, 0.02, 20.0, 0.01, 400.0, 100, 0.05).lines()
    assert lines[2] == "100 core hours: 1 h on 100 cores, 5.00 at 0.05 a core and hour"
    assert lines[3] == "20,000,000 conformers, 8 GB (400 bytes each)"


def test_one_piece_alone_says_nothing_of_the_spread() -> None:
    [_, sample, *_] = Estimate(8, 1, 8, 0.1, float("nan"), 1.0, 0.0, 400.0, 1).lines()
    assert "0.1 s of one core a molecule" in sample
    assert "nan" not in sample
