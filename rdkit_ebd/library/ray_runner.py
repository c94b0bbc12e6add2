"""How does a Ray cluster embed the molecules of a library? In small groups, given back in order."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from rdkit import rdBase

from rdkit_ebd.embedding.pipeline import EmbedOutcome
from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.generators.service import Deblurrer
from rdkit_ebd.library.answers import one_by_one
from rdkit_ebd.library.careful import Item, KeptPool, WatchedRunner
from rdkit_ebd.library.job import Job, failed
from rdkit_ebd.library.messages import Work, packed, unpacked
from rdkit_ebd.library.ray_devices import Devices
from rdkit_ebd.params import EBD
from rdkit_ebd.report import FailureCause
from rdkit_ebd.runtime.crew import WAIT, Crew, Lost
from rdkit_ebd.runtime.ray_crew import RayCrew

GROUP = 4  # molecules that a worker is given at once
MOST_READ = 64  # groups that are read and not given back, where nobody says how many may be


@dataclass(frozen=True)
class RayRunner:
    """Shares jobs among the CPUs of a Ray cluster; where it has GPUs, they run the network.

    Attributes:
        address: "host:port", "ray://host:port", "auto" for the cluster of this machine; None: the one this process is
            connected to, or else one that is started here, on all cores.
        gpus_per_actor: GPUs of each process that holds the network; below 1 several share one.
        actors: How many of them; None: as the GPUs of the cluster allow. With `gpus_per_actor=0` they run on CPUs.
        group: Molecules that a worker is given at once.

    Example:
        >>> runner = RayRunner("ray://head:10001", gpus_per_actor=0.5)
        >>> runner.group
        4
    """

    address: str | None = None
    gpus_per_actor: float = 1.0
    actors: int | None = None
    group: int = GROUP

    def crew(self, params: EBD) -> RayCrew:
        """The cluster, with what such parameters need on it."""
        return RayCrew(self.address, Devices(params, self.gpus_per_actor, self.actors))

    def outcomes(self, items: Iterator[Item], params: EBD, ahead: int | None) -> Generator[EmbedOutcome, None, None]:
        """As `Runner.outcomes`.

        Raises:
            ImportError: Ray is not installed.
            ConnectionError: There is no cluster at the address; known within some seconds.
        """
        return grouped_outcomes(self.crew(params), GroupSetUp(params), items, self.group)


@dataclass(frozen=True)
class Group:
    """Jobs that a worker is given at once.

    Attributes:
        number: Of the group, from 0.
        jobs: As they are sent.
    """

    number: int
    jobs: tuple[Work, ...]


@dataclass(frozen=True)
class GroupSetUp:
    """Makes, in each worker, what does groups.

    Attributes:
        params: Of every molecule, validated.
        deblurrer: Who has the network; None: each worker on its CPU.
    """

    params: EBD
    deblurrer: Deblurrer | None = None

    def __call__(self) -> GroupWork:
        """Load the model, and take one thread."""
        torch.set_num_threads(1)
        params = self.params.copy()
        params.numThreads, params.device = 1, "cpu"
        load_model(params.model, "cpu")
        return GroupWork(params, self.deblurrer)


@dataclass(frozen=True)
class GroupWork:
    """Does groups; see `GroupSetUp`."""

    params: EBD
    deblurrer: Deblurrer | None

    def __call__(self, group: Group, losses: int) -> list[EmbedOutcome]:
        """The outcomes of a group; once a worker has died on it, each molecule is done where it can do no harm."""
        jobs = iter([unpacked(job) for job in group.jobs])
        with rdBase.BlockLogs():  # what is worth saying is said by whoever asked
            if not losses:
                return list(WatchedRunner(self.deblurrer).outcomes(jobs, self.params, None))
            careful = KeptPool(1, one_by_one(self.deblurrer) if self.deblurrer else None)
            try:
                return list(careful.outcomes(jobs, self.params, None))
            finally:
                careful.close()


def grouped_outcomes(
    crew: Crew, set_up: GroupSetUp, items: Iterator[Item], size: int
) -> Generator[EmbedOutcome, None, None]:
    """Outcomes of items in their order, by a crew that does them in groups; see `Runner.outcomes`."""
    groups = _Groups(items, set_up.params, size)
    for group, answer in crew.answers(set_up, groups.pieces()):
        groups.finish(group, answer)
        yield from groups.ready()
    yield from groups.ready()
    if groups.error is not None:
        raise groups.error


class _Groups:
    """Items that are read and not given back, group by group."""

    def __init__(self, items: Iterator[Item], params: EBD, size: int) -> None:
        self._items, self._params, self._size = items, params, size
        self._read: dict[int, list[Item]] = {}
        self._done: dict[int, list[EmbedOutcome]] = {}
        self._next = self._number = 0
        self.error: Exception | None = None

    def pieces(self) -> Iterator[Any]:
        while self.error is None:
            if self._number - self._next >= MOST_READ:
                yield WAIT
                continue
            held = self._take()
            if not held:
                return
            number, self._number = self._number, self._number + 1
            self._read[number] = held
            jobs = tuple(packed(item, self._params) for item in held if isinstance(item, Job))
            yield Group(number, jobs)

    def _take(self) -> list[Item]:
        held: list[Item] = []
        try:
            while len(held) < self._size:
                held.append(next(self._items))
        except StopIteration:
            pass
        except Exception as error:  # of the caller's own iterator; it comes in its turn
            self.error = error
        return held

    def finish(self, group: Group, answer: Any) -> None:
        """Note what became of a group."""
        jobs = [item for item in self._read[group.number] if isinstance(item, Job)]
        if isinstance(answer, Lost):
            message = f"workers died on its group again and again, the last: {answer.how}"
            answer = [failed(job.num_confs, FailureCause.WORKER_DIED, message) for job in jobs]
        made = iter(answer)
        items = self._read.pop(group.number)
        self._done[group.number] = [next(made) if isinstance(item, Job) else item for item in items]

    def ready(self) -> Iterator[EmbedOutcome]:
        """Those whose turn it is."""
        while self._next in self._done:
            outcomes = self._done.pop(self._next)
            self._next += 1
            yield from outcomes
