"""How do worker processes share the molecules of a library? One loop: hand out, listen, deblur, replace the dead.

What a worker dies of costs the others nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any

from rdkit import rdBase

from rdkit_ebd.embedding.pipeline import EmbedOutcome
from rdkit_ebd.generators.service import Deblurred, Request, companions
from rdkit_ebd.library.answers import Network, answers_of
from rdkit_ebd.library.job import Job, failed
from rdkit_ebd.library.messages import Ready, Refusal, Start, packed
from rdkit_ebd.library.ordered_queue import OrderedQueue
from rdkit_ebd.library.worker_main import serve
from rdkit_ebd.params import EBD
from rdkit_ebd.report import FailureCause
from rdkit_ebd.runtime.deadline import NEVER, Deadline
from rdkit_ebd.runtime.processes import Process, end_all, interpreter, listen, receive, send

GRACE = 30.0  # seconds beyond its timeout after which a molecule's worker is taken to hang
START_LIMIT = 300.0  # seconds in which a worker must be ready
MOST_FAILED_STARTS = 3  # one after the other that are tried again: memory may be short for a moment, or for good


class Worker:
    """A worker process as its parent sees it.

    Attributes:
        process: The process.
        ready: Whether it has loaded the model.
        job: What it is working at, and its number.
        since: `time.monotonic()` when it was started or given its job.
    """

    def __init__(self, start: Start) -> None:
        self.process = Process(serve)
        self.ready, self.since = False, time.monotonic()
        self.job: tuple[int, Job] | None = None
        with suppress(OSError):  # it has died, which its parent will see
            send(self.process.connection, start)

    def give(self, number: int, job: Job, params: EBD) -> None:
        """Hand over a job; an OSError where the process has gone."""
        self.job, self.since = (number, job), time.monotonic()
        send(self.process.connection, packed(job, params))


class WorkerPool:
    """Worker processes, for a `with` block; none of them outlives it.

    Args:
        params: Of every molecule, validated.
        count: Number of workers.
        network: With which this process deblurs for all workers; None: each deblurs on the CPU itself.
    """

    def __init__(self, params: EBD, count: int, network: Network | None = None) -> None:
        self.workers: list[Worker] = []
        self._params, self._network = params.copy(), network
        self._params.numThreads, self._params.device = 1, "cpu"
        self._count = count
        self._requests: list[tuple[Worker, Request]] = []
        self._failed_starts = 0

    def __enter__(self) -> WorkerPool:
        try:
            for _ in range(self._count):
                self._start()
        except BaseException:
            self._end_all()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_all()

    def outcomes(self, queue: OrderedQueue) -> Iterator[EmbedOutcome]:
        """Outcomes of the jobs of a queue, in its order.

        Raises:
            RuntimeError: No worker can be started.
            Exception: What the queue's source raised, in its turn.
        """
        while not queue.over:
            self._hand_out(queue)
            self._listen(queue, patient=not queue.ready)
            if queue.ready:
                self._hand_out(queue)  # so that nobody waits for what the caller does meanwhile
                yield queue.give()

    def _hand_out(self, queue: OrderedQueue) -> None:
        for worker in [w for w in self.workers if w.ready and w.job is None]:
            taken = queue.take()
            if taken is None:
                return
            try:
                worker.give(*taken, self._params)
            except OSError:
                self._bury(worker, queue)
            except Exception as error:  # RDKit cannot pack it
                worker.job = None
                message = f"internal error: {error!r}"
                queue.finish(taken[0], failed(taken[1].num_confs, FailureCause.INTERNAL_ERROR, message))

    def _listen(self, queue: OrderedQueue, patient: bool) -> None:
        """Take in what workers have said, waiting for it if there is time; if it is nothing, do what they asked for."""
        wait = NEVER if patient and not self._requests else Deadline(0.0)
        by_process = {worker.process: worker for worker in self.workers}
        said = [by_process[process] for process in listen(by_process, wait)]
        for worker in said:
            try:
                self._take_in(worker, receive(worker.process.connection), queue)
            except (EOFError, OSError):
                self._bury(worker, queue)
        if self._requests and not said:
            self._deblur()
        self._end_the_late(queue)

    def _take_in(self, worker: Worker, message: Any, queue: OrderedQueue) -> None:
        if isinstance(message, Ready):
            worker.ready, self._failed_starts = True, 0
        elif isinstance(message, Request):
            self._requests.append((worker, message))
        elif worker.job is not None:
            queue.finish(worker.job[0], message)
            worker.job = None

    def _deblur(self) -> None:
        """Put the oldest request through the network, with those that go well with it, and answer them."""
        chosen = companions([request for _, request in self._requests], self._params.batchAtoms)
        together = [self._requests[k] for k in chosen]
        self._requests = [pair for k, pair in enumerate(self._requests) if k not in chosen]
        for (worker, _), answer in zip(together, self._answers([request for _, request in together]), strict=True):
            with suppress(OSError):  # it has died, which `_listen` will see
                send(worker.process.connection, answer)

    def _answers(self, requests: list[Request]) -> list[Deblurred | Refusal]:
        assert self._network is not None
        return answers_of(self._network, requests)

    def _bury(self, worker: Worker, queue: OrderedQueue, how: str = "") -> None:
        """Take note of a worker's death, and start another in its place."""
        ended = self._remove(worker)
        if worker.job is not None:
            queue.lose(*worker.job, how or ended)
        self._failed_starts += not worker.ready
        if worker.ready or self._failed_starts <= MOST_FAILED_STARTS:
            self._start()
            return
        command = f"{' '.join(interpreter())} ended {how or ended}, with what it says on standard error"
        if not self.workers:
            raise RuntimeError(f"worker processes cannot be started: {command}; workers=0 works without them")
        rdBase.LogWarningMsg(f"{len(self.workers)} of {self._count} worker processes are left: {command}")

    def _end_the_late(self, queue: OrderedQueue) -> None:
        for worker in [w for w in self.workers if w.process.is_stopped]:
            self._bury(worker, queue, "stopped by a signal and not continued")
        for worker in [w for w in self.workers if time.monotonic() >= self._limit(w)]:
            if worker.job is not None:
                number, job = worker.job
                worker.job = None
                message = f"its worker process did not answer in {self._params.timeout + GRACE:.0f} s and was ended"
                queue.finish(number, failed(job.num_confs, FailureCause.EXCEEDED_TIMEOUT, message))
            self._bury(worker, queue)

    def _limit(self, worker: Worker) -> float:
        """When a worker's time is up; infinity where nothing is asked of it, or nothing limits it."""
        if not worker.ready:
            return worker.since + START_LIMIT
        if worker.job is None or not self._params.timeout:
            return float("inf")
        return worker.since + self._params.timeout + GRACE

    def _start(self) -> None:
        self.workers.append(Worker(Start(self._params, self._network is not None)))

    def _remove(self, worker: Worker) -> str:
        self.workers.remove(worker)
        self._requests = [pair for pair in self._requests if pair[0] is not worker]
        return worker.process.end()

    def _end_all(self) -> None:
        end_all(worker.process for worker in self.workers)
        self.workers, self._requests = [], []
