"""How do worker processes share the molecules of a library? One loop: hand out, listen, deblur, replace the dead.

A worker is an interpreter of its own, started by command line and not by `multiprocessing`: scripts without
`if __name__ == "__main__"` and notebooks work, and no thread of torch is ever forked. What a worker dies of costs the
others nothing.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any

from rdkit_ebd.embedding.pipeline import EmbedOutcome
from rdkit_ebd.generators.checkpoint import LoadedModel
from rdkit_ebd.generators.service import Deblurred, DeviceFull, Request, companions, deblur_requests
from rdkit_ebd.library.job import Job, failed
from rdkit_ebd.library.messages import Ready, Refusal, Start, packed, receive, send
from rdkit_ebd.library.ordered_queue import OrderedQueue
from rdkit_ebd.params import EBD
from rdkit_ebd.report import FailureCause

WORKER = "rdkit_ebd.library.worker_main"
GRACE = 30.0  # seconds beyond its timeout after which a molecule's worker is taken to hang
START_LIMIT = 300.0  # seconds in which a worker must be ready
SUPPORTED = os.name == "posix"  # a Windows process cannot inherit its end of a socket pair by number
_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
# glibc gives large blocks back to the system at once, and every tensor of the network is then paid for in page faults.
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 29)}


class Worker:
    """A worker process as its parent sees it.

    Attributes:
        process: The process.
        connection: To it; its end is the process's end.
        ready: Whether it has loaded the model.
        job: What it is working at, and its number.
        since: `time.monotonic()` when it was started or given its job.
    """

    def __init__(self, start: Start) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [*_interpreter(), "-m", WORKER, str(theirs.fileno())],
                stdin=subprocess.PIPE,  # held open, never written to: the worker sees it end when this process ends
                stdout=2,  # ours is not the place for what RDKit prints
                env=_environment(),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for this process, which ends its workers
            )
        self.connection = Connection(ours.detach())
        self.ready, self.since = False, time.monotonic()
        self.job: tuple[int, Job] | None = None
        with suppress(OSError):  # it has died, which its parent will see
            send(self.connection, start)

    def give(self, number: int, job: Job, params: EBD) -> None:
        """Hand over a job; an OSError where the process has gone."""
        self.job, self.since = (number, job), time.monotonic()
        send(self.connection, packed(job, params))

    def end(self) -> str:
        """End the process at once, and say how it had ended."""
        self.process.kill()
        self.connection.close()
        if self.process.stdin is not None:
            self.process.stdin.close()
        code = self.process.wait()
        return f"by signal {-code}" if code < 0 else f"with exit code {code}"


class Pool:
    """Worker processes, for a `with` block; none of them outlives it.

    Args:
        params: Of every molecule, validated.
        count: Number of workers.
        model: With which this process deblurs for all workers; None: each deblurs on the CPU itself.
    """

    def __init__(self, params: EBD, count: int, model: LoadedModel | None = None) -> None:
        self.workers: list[Worker] = []
        self._params, self._model = params.copy(), model
        self._params.numThreads, self._params.device = 1, "cpu"
        self._count = count
        self._requests: list[tuple[Worker, Request]] = []

    def __enter__(self) -> Pool:
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
        """Outcomes of the jobs of a line, in its order.

        Raises:
            RuntimeError: No worker can be started.
            Exception: What the line's source raised, in its turn.
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
                told = f"internal error: {error!r}"
                queue.finish(taken[0], failed(taken[1].num_confs, FailureCause.INTERNAL_ERROR, told))

    def _listen(self, queue: OrderedQueue, patient: bool) -> None:
        """Take in what workers have said, waiting for it if there is time; if it is nothing, do what they asked for."""
        patience = self._until_the_next_limit() if patient and not self._requests else 0.0
        said = wait([worker.connection for worker in self.workers], patience)
        for worker in [w for w in self.workers if w.connection in said]:
            try:
                self._take_in(worker, receive(worker.connection), queue)
            except (EOFError, OSError):
                self._bury(worker, queue)
        if self._requests and not said:
            self._deblur()
        self._end_the_late(queue)

    def _take_in(self, worker: Worker, message: Any, queue: OrderedQueue) -> None:
        if isinstance(message, Ready):
            worker.ready = True
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
                send(worker.connection, answer)

    def _answers(self, requests: list[Request]) -> list[Deblurred | Refusal]:
        assert self._model is not None
        try:
            return [*deblur_requests(self._model, requests)]
        except Exception as error:  # the molecule's, and not the end of the others
            if len(requests) > 1:  # one of them is to blame
                return [answer for request in requests for answer in self._answers([request])]
            return [Refusal(str(error), isinstance(error, DeviceFull))]

    def _bury(self, worker: Worker, queue: OrderedQueue) -> None:
        """Take note of a worker's death, and start another in its place."""
        how = self._remove(worker)
        if worker.job is not None:
            queue.lose(*worker.job, how)
        if worker.ready:
            self._start()
        elif not self.workers:
            raise RuntimeError(
                f"worker processes cannot be started: {' '.join(_interpreter())} -m {WORKER} ended {how}, "
                "with what it says on standard error; workers=0 works without them"
            )

    def _end_the_late(self, queue: OrderedQueue) -> None:
        for worker in [w for w in self.workers if time.monotonic() >= self._limit(w)]:
            if worker.job is not None:
                number, job = worker.job
                worker.job = None
                told = f"its worker process did not answer in {self._params.timeout + GRACE:.0f} s and was ended"
                queue.finish(number, failed(job.num_confs, FailureCause.EXCEEDED_TIMEOUT, told))
            self._bury(worker, queue)

    def _limit(self, worker: Worker) -> float:
        """When a worker's time is up; infinity where nothing is asked of it, or nothing limits it."""
        if not worker.ready:
            return worker.since + START_LIMIT
        if worker.job is None or not self._params.timeout:
            return float("inf")
        return worker.since + self._params.timeout + GRACE

    def _until_the_next_limit(self) -> float | None:
        limit = min((self._limit(worker) for worker in self.workers), default=float("inf"))
        return max(0.0, limit - time.monotonic()) if limit < float("inf") else None

    def _start(self) -> None:
        self.workers.append(Worker(Start(self._params, self._model is not None)))

    def _remove(self, worker: Worker) -> str:
        self.workers.remove(worker)
        self._requests = [pair for pair in self._requests if pair[0] is not worker]
        return worker.end()

    def _end_all(self) -> None:
        for worker in list(self.workers):
            worker.process.kill()  # all of them first, so that none waits for another's end
        for worker in list(self.workers):
            self._remove(worker)


def _interpreter() -> list[str]:
    # -P: a random.py in the current folder is not for the worker to import
    return [sys.executable, *["-P"] * (sys.version_info >= (3, 11))]


def _environment() -> dict[str, str]:
    """That of this process, with its import path, one thread for every library, and memory that is kept."""
    paths = [str(Path(path).absolute()) for path in sys.path if isinstance(path, str)]
    return {**os.environ, **_THREADS, **_MEMORY, "PYTHONPATH": os.pathsep.join(paths)}
