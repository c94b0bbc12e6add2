"""How does a worker do its share of a library? Itself, with a watch on it; after a death, by a process of its own."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rdkit_ebd.embedding.pipeline import EmbedOutcome
from rdkit_ebd.generators.service import Deblurrer
from rdkit_ebd.library.answers import Network
from rdkit_ebd.library.job import Job, outcome_of
from rdkit_ebd.library.ordered_queue import OrderedQueue
from rdkit_ebd.library.process_pool import GRACE, WorkerPool
from rdkit_ebd.params import EBD

Item = Job | EmbedOutcome


@dataclass(frozen=True)
class WatchedRunner:
    """Does one job after the other in this process, and ends the process where a job hangs; for workers.

    Attributes:
        deblurrer: Who has the network; None: this process.
    """

    deblurrer: Deblurrer | None = None

    def outcomes(self, items: Iterator[Item], params: EBD, ahead: int | None) -> Generator[EmbedOutcome, None, None]:
        """As `Runner.outcomes`."""
        for item in items:
            if isinstance(item, Job):
                with ending(params.timeout + GRACE if params.timeout else 0.0):
                    outcome = outcome_of(item, params, self.deblurrer)
                yield outcome
            else:
                yield item


class KeptPool:
    """Worker processes that outlive a call, for calls with the same parameters; `close` ends them.

    Args:
        workers: How many.
        network: With which this process deblurs for all of them; None: each deblurs on the CPU itself.
    """

    def __init__(self, workers: int, network: Network | None = None) -> None:
        self._workers, self._network = workers, network
        self._pool: WorkerPool | None = None

    def outcomes(self, items: Iterator[Item], params: EBD, ahead: int | None) -> Generator[EmbedOutcome, None, None]:
        """As `Runner.outcomes`; a RuntimeError where no process can be started."""
        queue, complete = OrderedQueue(items, None if ahead is None else ahead * self._workers), False
        if self._pool is None:
            self._pool = WorkerPool(params, self._workers, self._network)
            self._pool.__enter__()
        try:
            yield from self._pool.outcomes(queue)
            complete = True
        finally:
            if not complete:  # somebody is at work on what nobody waits for
                self.close()

    def close(self) -> None:
        """End the processes."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.__exit__(None, None, None)


@contextmanager
def ending(seconds: float) -> Iterator[None]:
    """End this process where a `with` block takes longer, whatever holds Python meanwhile; 0: however long it takes."""
    if not seconds:
        yield
        return
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
