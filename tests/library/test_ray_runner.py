"""Does a Ray cluster make what one process makes, whatever of it dies?"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crew import running
from helpers import needs, with_hydrogens
from ray_clusters import raylets, workers
from shard_runs import library_of, rows, run, shards

from rdkit_ebd import EBD, EmbedMolecules, StreamMolecules
from rdkit_ebd.library.ray_runner import RayRunner
from rdkit_ebd.library.runner import LocalRunner

pytestmark = needs("ray")
NAMES = ("metformin", "fosfomycin", "captopril")
PARAMS = EBD(randomSeed=7, device="cpu")


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[Any, list[Any]]]:
    import ray

    with raylets([1, 1]) as (whole, nodes):
        ray.init(address=whole.address, log_to_driver=False)
        yield whole, nodes


def test_conformers_are_those_of_one_process(cluster: tuple[Any, list[Any]]) -> None:
    mols, alone = ([*map(with_hydrogens, (*NAMES, "C[Ge](C)(C)C")), None] for _ in range(2))
    expected = EmbedMolecules(alone, 2, PARAMS, workers=0)
    runner = RayRunner(gpus_per_actor=0, actors=1, group=2)  # with an actor that has the network, as on a GPU
    report = EmbedMolecules(mols, 2, PARAMS, runner=runner)
    assert [r.failed for r in report.reports] == [r.failed for r in expected.reports]
    assert [r.messages for r in report.reports] == [r.messages for r in expected.reports]
    for mol, one in zip(mols, alone, strict=True):
        if mol is not None and one is not None:
            ours, theirs = ([c.GetPositions() for c in m.GetConformers()] for m in (mol, one))
            assert np.array_equal(ours, theirs)

    def broken() -> Iterator[Any]:
        yield with_hydrogens("metformin")
        raise OSError("the disk is gone")

    stream = StreamMolecules(broken(), 1, PARAMS, runner="ray")
    assert next(stream)[1].ok
    with pytest.raises(OSError, match="the disk is gone"):
        next(stream)


def test_nothing_is_lost_and_nothing_done_twice(cluster: tuple[Any, list[Any]], tmp_path: Path) -> None:
    """A worker is killed, and a raylet with all that is on it."""
    whole, [node] = cluster
    library = library_of(tmp_path, 8)
    run(library, tmp_path / "alone", chunk=1, runner=LocalRunner(0), confs=1)
    out = tmp_path / "out"
    killed: list[int] = []

    def watch(tally: Any) -> None:
        if tally.chunks >= 3 and not killed and (pids := workers()):
            killed.append(random.Random(1).choice(pids))
            os.kill(killed[0], signal.SIGKILL)
            whole.remove_node(node, allow_graceful=False)

    tally = run(library, out, chunk=1, runner=RayRunner(), confs=1, watch=watch)
    assert killed
    assert not running(killed[0])
    assert tally.molecules == 8
    assert shards(out) == shards(tmp_path / "alone")
    assert rows(out) == [(k, 0) for k in range(8)]
