"""How does a Ray cluster share a stream of pieces? By tasks of one CPU each, a bounded number of them in hand."""

from __future__ import annotations

import ctypes
import logging
import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from rdkit_ebd.runtime.crew import IN_HAND, MOST_LOSSES, WAIT, Lost, SetUp, Work
from rdkit_ebd.runtime.process_crew import sendable
from rdkit_ebd.runtime.ray_cluster import joined

log = logging.getLogger(__name__)

LOOK = 10.0  # seconds between two looks at how large the cluster is
_MEMORY = {-3: 1 << 25, -1: 1 << 29}  # glibc's M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, as `processes` sets them

Helpers = Callable[[Any, SetUp], AbstractContextManager[SetUp]]
"""Starts what the workers need beside them (of the module `ray` and a `SetUp`), and gives the workers its address."""


@dataclass(frozen=True)
class RayCrew:
    """The CPUs of a Ray cluster, those that join later included.

    Attributes:
        address: As `ray_cluster.joined` takes it.
        helpers: What is started beside the workers; None: nothing.
        memory: Bytes that Ray sets aside for each task; 0: it does not count them.
    """

    address: str | None = None
    helpers: Helpers | None = None
    memory: int = 0

    def opened(self) -> AbstractContextManager[Any]:
        """As `Crew.opened`."""
        return joined(self.address)

    def answers(self, set_up: SetUp, pieces: Iterator[Any]) -> Generator[tuple[Any, Any], None, None]:
        """As `Crew.answers`.

        Raises:
            ImportError: Ray is not installed.
            ConnectionError: There is no cluster at the address.
        """
        helped = self.helpers or (lambda _, given: nullcontext(given))
        with joined(self.address) as ray, helped(ray, set_up) as ready:
            flight = _Flight(ray, ready, self.memory)
            try:
                yield from flight.answers(pieces)
            finally:
                flight.cancel()


class _Flight:
    """The tasks of one call that are in hand."""

    def __init__(self, ray: Any, set_up: SetUp, memory: int) -> None:
        self._ray, self._set_up = ray, ray.put((secrets.token_hex(8), set_up))
        options = {"num_cpus": 1, "max_retries": 0, **({"memory": memory} if memory else {})}
        self._do = ray.remote(**options)(_do)
        self._in_hand: dict[Any, tuple[Any, int]] = {}
        self._again: list[tuple[Any, int]] = []
        self._looked, self._cpus = float("-inf"), 1
        self._metrics = _Metrics()

    def answers(self, pieces: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
        ended = False
        while True:
            while len(self._in_hand) < self._most():
                piece, losses = self._again.pop(0) if self._again else (None, 0)
                if piece is None:
                    piece = None if ended else next(pieces, None)
                    ended = ended or piece is None
                if piece is None or piece is WAIT:
                    break
                self._in_hand[self._do.remote(self._set_up, piece, losses)] = piece, losses
            if not self._in_hand:
                return
            done, _ = self._ray.wait(list(self._in_hand), num_returns=1, timeout=1.0)
            for reference in done:
                piece, losses = self._in_hand.pop(reference)
                answer = self._answer(reference, piece, losses + 1)
                self._metrics.note(len(self._in_hand), answer)
                if answer is not None:
                    yield piece, answer[0]

    def _answer(self, reference: Any, piece: Any, losses: int) -> tuple[Any] | None:
        """What a task says; None where it did not come to that, and the piece is done again."""
        try:
            value, error = self._ray.get(reference)
        except self._ray.exceptions.RayError as lost:  # its worker or node died, or its answer with them
            how = f"{type(lost).__name__}: {' '.join(str(lost).split())[:300]}"
            log.info("a piece is done again, for the %d. time: %s", losses, how)
            if losses >= MOST_LOSSES:
                return (Lost(how),)
            self._again.append((piece, losses))
            return None
        if error is not None:
            raise error
        return (value,)

    def cancel(self) -> None:
        """End what is in hand."""
        for reference in self._in_hand:
            with suppress(Exception):  # the cluster has gone
                self._ray.cancel(reference, force=True)

    def _most(self) -> int:
        """Pieces that may be in hand, by the CPUs that are there now."""
        if time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            self._cpus = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        return IN_HAND * self._cpus


class _Metrics:
    """What Ray's dashboard shows of a run."""

    def __init__(self) -> None:
        from ray.util.metrics import Counter, Gauge

        self._in_hand = Gauge("ebd_pieces_in_hand", description="Pieces that are read and not answered.")
        self._lost = Counter("ebd_workers_lost", description="Tasks whose worker or node died.")
        self._counter, self._counters = Counter, dict[str, Any]()

    def note(self, in_hand: int, answer: tuple[Any] | None) -> None:
        """Count an answer, and what it counts itself in an attribute `counts`."""
        self._in_hand.set(in_hand)
        if answer is None:
            self._lost.inc()
            return
        counts: Mapping[str, float] = getattr(answer[0], "counts", None) or {}
        for name, count in {"pieces": 1, **counts}.items():
            if name not in self._counters:
                self._counters[name] = self._counter(f"ebd_{name}_done", description=f"{name} that are done.")
            if count > 0:
                self._counters[name].inc(count)


_made: dict[str, Work] = {}  # by the key of the call, in a worker process


def _do(set_up: tuple[str, SetUp], piece: Any, losses: int) -> tuple[Any, Exception | None]:
    """What a task does; what it raises is an answer, so that only a death is an error."""
    key, make = set_up
    try:
        if key not in _made:
            _made.clear()
            _keep_memory()
            _made[key] = make()
        return _made[key](piece, losses), None
    except Exception as error:
        return None, sendable(error)


def _keep_memory() -> None:
    """Have glibc keep large blocks, each of which is else paid for in page faults by every tensor."""
    with suppress(OSError, AttributeError):  # not glibc
        library = ctypes.CDLL(None)
        for setting, value in _MEMORY.items():
            library.mallopt(setting, value)
