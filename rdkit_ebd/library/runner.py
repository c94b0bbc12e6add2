"""Who does the jobs of a library? This process, others of this machine, or whatever has the method of a `Runner`."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Protocol, runtime_checkable

from rdkit_ebd.embedding.pipeline import EmbedOutcome
from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.generators.service import deblur_requests
from rdkit_ebd.library.job import Job, outcome_of
from rdkit_ebd.library.ordered_queue import OrderedQueue
from rdkit_ebd.library.process_pool import WorkerPool
from rdkit_ebd.library.ray_runner import RayRunner
from rdkit_ebd.params import EBD
from rdkit_ebd.runtime.cores import usable_cores
from rdkit_ebd.runtime.processes import SUPPORTED

Item = Job | EmbedOutcome
"""A molecule to embed, or the outcome of one that needs no work."""


@runtime_checkable
class Runner(Protocol):
    """Does jobs."""

    def outcomes(self, items: Iterator[Item], params: EBD, ahead: int | None) -> Generator[EmbedOutcome, None, None]:
        """One outcome for each item, in the order of the items; `library.job.outcome_of` makes that of a job.

        Args:
            items: Read as the work proceeds. What it raises comes in its turn, after all outcomes before it.
            params: Of every molecule, validated. Its model is a path.
            ahead: Items that may be read per worker beyond those whose outcomes were given; None: any number.

        Returns:
            A generator; where it is closed, the work ends.
        """
        ...


@dataclass(frozen=True)
class InProcessRunner:
    """Does one job after the other in this process, where nothing catches a crash or a hang."""

    def outcomes(self, items: Iterator[Item], params: EBD, ahead: int | None) -> Generator[EmbedOutcome, None, None]:
        """As `Runner.outcomes`; no item is read before the outcome of the last was given."""
        yield from (outcome_of(item, params) if isinstance(item, Job) else item for item in items)


@dataclass(frozen=True)
class LocalRunner:
    """Shares jobs among processes of this machine.

    Attributes:
        workers: How many; 0: none, all is done here; None: one per usable core where there are several molecules and
            cores, else 0.
        served: Whether this process runs the network for all of them; None: where the device is a GPU.
    """

    workers: int | None = None
    served: bool | None = None

    def __post_init__(self) -> None:
        """Check the number of workers.

        Raises:
            TypeError: It is no integer.
            ValueError: It is negative.
            NotImplementedError: There are no worker processes on this system.
        """
        workers = self.workers
        if workers is None:
            return
        if isinstance(workers, bool) or not hasattr(workers, "__index__"):
            raise TypeError(f"workers must be an integer or None, not {workers!r}")
        if workers < 0:
            raise ValueError(f"workers must be at least 0, not {workers}")
        if workers and not SUPPORTED:
            raise NotImplementedError("worker processes need a POSIX system: workers=0 does without them")

    def outcomes(self, items: Iterator[Item], params: EBD, ahead: int | None) -> Generator[EmbedOutcome, None, None]:
        """As `Runner.outcomes`; a RuntimeError where no process can be started."""
        count, items = _peeked(items, default_workers() if self.workers is None else self.workers)
        if not count or (self.workers is None and count == 1):
            yield from InProcessRunner().outcomes(items, params, ahead)
            return
        model = load_model(params.model, params.device)
        served = model.device.type == "cuda" if self.served is None else self.served
        queue = OrderedQueue(items, None if ahead is None else ahead * count)
        with WorkerPool(params, count, partial(deblur_requests, model) if served else None) as pool:
            yield from pool.outcomes(queue)


def runner_of(runner: Any, workers: int | None) -> Runner:
    """The runner that arguments of a call stand for.

    Raises:
        TypeError: `runner` is neither "local" nor "ray" nor a runner, or `workers` no integer.
        ValueError: `workers` is negative, or is given with a runner that has its own.
        NotImplementedError: There are no worker processes on this system.
    """
    if runner == "local":
        return LocalRunner(workers)
    if runner != "ray" and (isinstance(runner, type) or not isinstance(runner, Runner)):
        raise TypeError(f"runner must be 'local', 'ray' or an object with a method `outcomes`, not {runner!r}")
    if workers is not None:
        raise ValueError(f"workers={workers} is for runner='local': {runner!r} has workers of its own")
    return RayRunner() if runner == "ray" else runner


def default_workers() -> int:
    """The number of workers that `workers=None` means for a library: one per usable core, 0 where there is only one."""
    cores = usable_cores()
    return cores if SUPPORTED and cores > 1 else 0


def _peeked(items: Iterator[Item], most: int) -> tuple[int, Iterator[Item]]:
    """How many items there are, counted no further than `most`, and the same items again."""
    first: list[Item] = []
    try:
        while len(first) < most:
            first.append(next(items))
    except StopIteration:
        pass
    except Exception as error:
        return len(first), chain(first, _raising(error))
    return len(first), chain(first, items)


def _raising(error: Exception) -> Iterator[Item]:
    yield from ()
    raise error
