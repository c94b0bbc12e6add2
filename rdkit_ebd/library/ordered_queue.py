"""Whose turn is it, and whose outcome may be given back? Jobs in the order of the input."""

from __future__ import annotations

from collections.abc import Iterator

from rdkit_ebd.embedding.pipeline import EmbedOutcome
from rdkit_ebd.library.job import Job, failed
from rdkit_ebd.report import FailureCause

MOST_LOSSES = 2  # workers that one molecule may cost


class OrderedQueue:
    """Jobs in the order of the input: who is next, whose outcome may be given back.

    Args:
        source: Jobs, and outcomes of molecules that need no work. Where it raises, it ends; the error is given back
            when all that came before is.
        ahead: How many molecules may be read beyond those given back; None: any number.
    """

    def __init__(self, source: Iterator[Job | EmbedOutcome], ahead: int | None = None) -> None:
        self._source, self._ahead = source, ahead
        self._read = self._given = 0
        self._ended = False
        self._again: list[tuple[int, Job]] = []
        self._losses: dict[int, int] = {}
        self._done: dict[int, EmbedOutcome | Exception] = {}

    def take(self) -> tuple[int, Job] | None:
        """The next job and its number; None where there is none, or none yet."""
        if self._again:
            return self._again.pop(0)
        while not self._ended and (self._ahead is None or self._read - self._given < self._ahead):
            item: Job | EmbedOutcome | Exception
            try:
                item = next(self._source)
            except StopIteration:
                self._ended = True
                break
            except Exception as error:  # of the caller's own iterator, or about what it gave
                self._ended, item = True, error
            number, self._read = self._read, self._read + 1
            if isinstance(item, Job):
                return number, item
            self._done[number] = item
        return None

    def finish(self, number: int, outcome: EmbedOutcome) -> None:
        """Note what became of a job."""
        self._done[number] = outcome

    def lose(self, number: int, job: Job, how: str) -> None:
        """Note that a worker died on a job, which is done once more, and no more than once."""
        self._losses[number] = self._losses.get(number, 0) + 1
        if self._losses[number] < MOST_LOSSES:
            self._again.append((number, job))
        else:
            message = f"{MOST_LOSSES} worker processes died on this molecule, the last {how}"
            self.finish(number, failed(job.num_confs, FailureCause.WORKER_DIED, message))

    @property
    def ready(self) -> bool:
        """Whether the next outcome in order is there."""
        return self._given in self._done

    @property
    def over(self) -> bool:
        """Whether everything was read and given back."""
        return self._ended and self._given == self._read

    def give(self) -> EmbedOutcome:
        """The next outcome in order.

        Raises:
            Exception: What the source raised in its place.
        """
        outcome = self._done.pop(self._given)
        self._given += 1
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
