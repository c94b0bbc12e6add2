"""Does a run that is played through take what it must, and is a run that was done played again?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import call
from shard_runs import library_of, run

from rdkit_ebd.bench.scale import CASES, HOUR, Machines, Rates, replay, rows, simulate

EVEN = Rates(seeds=0.5, network=0.5, device=0.1, spread=0.0, size=1000.0, reading=0.0, dispatch=0.0, start=0.0)


def seconds(molecules: int, machines: Machines, rates: Rates = EVEN, chunk: int = 10) -> float:
    return simulate(molecules, chunk, machines, rates).hours * HOUR


def test_cores_share_the_work() -> None:
    assert seconds(1000, Machines(1, bandwidth=1e12)) == pytest.approx(1000)
    assert seconds(1000, Machines(10, bandwidth=1e12)) == pytest.approx(100)
    assert seconds(1000, Machines(64, bandwidth=1e12)) == pytest.approx(20)  # 100 chunks: some workers have two
    assert seconds(5, Machines(4, bandwidth=1e12)) == pytest.approx(5)


def test_what_is_scarce_is_what_it_takes() -> None:
    devices = simulate(10_000, 10, Machines(1000, 2, bandwidth=1e12), EVEN)
    assert devices.bottleneck == "devices"
    assert devices.hours * HOUR == pytest.approx(10_000 * 0.1 / 2, rel=0.02)
    writing = simulate(10_000, 10, Machines(1000, bandwidth=1e4), EVEN)
    assert writing.bottleneck == "writing"
    assert writing.hours * HOUR == pytest.approx(1000, rel=0.02)
    driver = simulate(10_000, 10, Machines(1000), Rates(start=0.0, dispatch=1.0))
    assert driver.bottleneck == "driver"
    assert driver.hours * HOUR == pytest.approx(1000, rel=0.05)


def test_what_is_taken_away_is_done_again() -> None:
    calm, spot = (simulate(20_000, 100, Machines(10, losses=losses), EVEN) for losses in (0.0, 2.0))
    assert calm.redone == 0
    assert spot.redone > 5
    assert spot.hours > calm.hours
    assert spot == simulate(20_000, 100, Machines(10, losses=2.0), EVEN)


def test_measured_chunks_are_played_in_their_order() -> None:
    assert replay([3.0, 1.0, 1.0, 1.0], 2, 2.0) == pytest.approx(5.0)
    assert replay([1.0, 1.0, 1.0, 3.0], 2, 2.0) == pytest.approx(6.0)


def test_the_table_has_every_case() -> None:
    table = list(rows(Rates(), (1000, 2000)))
    assert [(row["molecules"], row["machines"]) for row in table] == [
        (size, name) for size in ("1,000", "2,000") for name, _ in CASES
    ]


def test_runs_are_played_from_a_shell(tmp_path: Path) -> None:
    done = call("bench", "scale", "--simulate", "--molecules", 10**6, "--cores", 64, "--seconds", 0.5)
    assert done.exit_code == 0, done.output
    assert re.search(r"1,000,000 molecules on 64 cores and 0 GPUs: 2\.\d+ h", done.stdout)
    run(library_of(tmp_path, 40), tmp_path / "out")
    again = call("bench", "scale", "--of", tmp_path / "out", "--cores", 1)
    assert "4 chunks on 1 cores: " in again.stdout
    assert call("bench", "scale", "--of", tmp_path).exit_code == 2
