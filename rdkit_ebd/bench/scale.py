"""How long does a library take on machines that are not here? A run is played through, chunk by chunk, from rates."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

HOUR = 3600.0


@dataclass(frozen=True)
class Rates:
    """What a molecule takes, with twenty conformers of a molecule of some fifty atoms unless they are others.

    Attributes:
        seeds: Seconds of a CPU core beside the network: templates, seeds, judgement, choice.
        network: Seconds of a CPU core in the network, where there is no device.
        device: Seconds of a device in the network, where there is one.
        spread: Standard deviation of a molecule's time over its mean.
        size: Bytes written.
        reading: Seconds of the driver.
        dispatch: Seconds of the driver for a chunk, sent and answered.
        start: Seconds until a worker has what it needs.
    """

    seeds: float = 0.37
    network: float = 0.90
    device: float = 0.09
    spread: float = 0.3
    size: float = 20 * 400.0
    reading: float = 4e-6
    dispatch: float = 2e-3
    start: float = 10.0


@dataclass(frozen=True)
class Machines:
    """What there is.

    Attributes:
        cores: CPU cores, a worker on each.
        devices: GPUs.
        bandwidth: Bytes per second that all of them write together.
        losses: Times an hour that a worker is taken away, as a spot machine is; it is there again after `back`.
        back: Seconds until another is in its place.
    """

    cores: int
    devices: int = 0
    bandwidth: float = 500e6
    losses: float = 0.0
    back: float = 120.0


@dataclass(frozen=True)
class Played:
    """What came of it.

    Attributes:
        hours: Until the last shard is written.
        size: Bytes.
        busy: Share of the time that each part works: "cores", "devices", "writing", "driver".
        redone: Chunks that were lost with their worker, and done again.
    """

    hours: float
    size: float
    busy: dict[str, float] = field(default_factory=dict)
    redone: int = 0

    @property
    def bottleneck(self) -> str:
        """What works most of the time."""
        return max(self.busy, key=lambda part: self.busy[part])


def simulate(molecules: int, chunk: int, machines: Machines, rates: Rates | None = None, seed: int = 0) -> Played:
    """Play a run: the driver reads and hands out, workers compute, devices and the store are shared.

    Args:
        molecules: In the library.
        chunk: Molecules in a chunk.
        machines: What there is.
        rates: What a molecule takes.
        seed: Of the times of chunks and of what is taken away.

    Example:
        >>> from rdkit_ebd.bench.scale import Machines, simulate
        >>> played = simulate(10**6, 256, Machines(cores=64))
        >>> played.bottleneck, 5 < played.hours < 6
        ('cores', True)
    """
    rates, rng = rates or Rates(), np.random.default_rng(seed)
    core = rates.seeds + (0.0 if machines.devices else rates.network)
    counts = [min(chunk, molecules - first) for first in range(0, molecules, chunk)]
    factors = np.maximum(0.1, 1 + rates.spread / np.sqrt(counts) * rng.standard_normal(len(counts)))
    durations = [float(count * core * factor) for count, factor in zip(counts, factors, strict=True)]
    return _Play(machines, rates, rng).through(counts, durations)


def replay(durations: Sequence[float], cores: int, start: float, dispatch: float = 0.0) -> float:
    """Seconds of a run whose chunks take as long as they were measured to, in their order.

    Args:
        durations: Seconds of each chunk on its worker.
        cores: Workers.
        start: Seconds until they have what they need.
        dispatch: Of the driver for a chunk.
    """
    rates = Rates(size=0.0, reading=0.0, dispatch=dispatch, start=start)
    played = _Play(Machines(cores), rates, np.random.default_rng(0)).through([1] * len(durations), durations)
    return played.hours * HOUR


class _Play:
    """The clock of each part: when it is free again, and how long it has worked."""

    def __init__(self, machines: Machines, rates: Rates, rng: np.random.Generator) -> None:
        self._machines, self._rates, self._rng = machines, rates, rng
        self._workers = [(rates.start, k) for k in range(machines.cores)]
        self._gone = [self._until_lost(0.0) for _ in range(machines.cores)]
        self._devices = [rates.start] * machines.devices
        self._driver = 0.0
        self._work = dict.fromkeys(("cores", "devices", "writing", "driver"), 0.0)
        self._redone, self._end = 0, 0.0

    def through(self, counts: Sequence[int], durations: Sequence[float]) -> Played:
        for count, duration in zip(counts, durations, strict=True):
            handing = count * self._rates.reading + self._rates.dispatch
            self._driver += handing
            self._work["driver"] += handing
            while not self._done(count, duration):
                self._redone += 1
        shares = {"cores": self._machines.cores, "devices": max(1, self._machines.devices), "writing": 1, "driver": 1}
        end = max(self._end, 1e-9)
        busy = {part: self._work[part] / end / shares[part] for part in shares}
        return Played(end / HOUR, sum(counts) * self._rates.size, busy, self._redone)

    def _done(self, count: int, duration: float) -> bool:
        """Have the next free worker do a chunk; whether it lives to see its end."""
        free, worker = heapq.heappop(self._workers)
        begun = max(free, self._driver)
        ended = self._written(count, self._through_device(count, begun, duration))
        lost = self._gone[worker]
        if lost < ended:
            again = max(lost, begun) + self._machines.back + self._rates.start
            self._gone[worker] = self._until_lost(again)
            self._work["cores"] += max(0.0, lost - begun)
            heapq.heappush(self._workers, (again, worker))
            return False
        self._work["cores"] += ended - begun
        self._end = max(self._end, ended)
        heapq.heappush(self._workers, (ended, worker))
        return True

    def _through_device(self, count: int, begun: float, duration: float) -> float:
        if not self._machines.devices:
            return begun + duration
        needed = count * self._rates.device
        device = heapq.heappop(self._devices)
        ready = max(device, begun) + needed
        heapq.heappush(self._devices, ready)
        self._work["devices"] += needed
        return max(begun + duration + needed, ready)

    def _written(self, count: int, ended: float) -> float:
        needed = count * self._rates.size / self._machines.bandwidth
        self._work["writing"] += needed
        # Chunks end in another order than they are begun: all that was written by now takes so long at least.
        return max(ended + needed, self._rates.start + self._work["writing"])

    def _until_lost(self, now: float) -> float:
        if not self._machines.losses:
            return math.inf
        return now + float(self._rng.exponential(HOUR / self._machines.losses))


CASES: tuple[tuple[str, Machines], ...] = (
    ("64 cores", Machines(64)),
    ("8 GPUs, 128 cores", Machines(128, 8)),
    ("1,000 spot cores", Machines(1000, losses=0.05)),
)
"""Machines that the page on scale has figures for."""


def rows(rates: Rates, sizes: Sequence[int] = (10**6, 10**8, 10**9)) -> Iterator[dict[str, str]]:
    """The table of that page: a row for each library on each of `CASES`."""
    for molecules in sizes:
        chunk = 256 if molecules <= 10**7 else 10_000
        for name, machines in CASES:
            played = simulate(molecules, chunk, machines, rates)
            busy = ", ".join(f"{part} {100 * share:.0f} %" for part, share in played.busy.items() if share >= 0.005)
            yield {
                "molecules": f"{molecules:,}",
                "machines": name,
                "chunk": f"{chunk:,}",
                "hours": f"{played.hours:,.3g}",
                "core hours": f"{played.hours * machines.cores:,.0f}",
                "TB": f"{played.size / 1e12:.3g}",
                "busy": busy,
                "chunks done again": f"{played.redone:,}",
            }
