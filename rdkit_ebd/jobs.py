"""What becomes of each molecule of a library, and whose turn is it? Outcomes, not errors, in the order of the input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rdkit import Chem

from rdkit_ebd.deblurring import Deblurrer, DeviceFull
from rdkit_ebd.embed import Outcome, Refused, make
from rdkit_ebd.params import EBD
from rdkit_ebd.report import EmbedReport

MOST_LOSSES = 2  # workers that one molecule may cost


@dataclass(frozen=True)
class Job:
    """A molecule and the conformers wanted of it."""

    mol: Chem.Mol
    num_confs: int


def failed(num_confs: int, cause: str, message: str) -> Outcome:
    """The outcome of a molecule of which nothing could be made, and which stays as it is."""
    causes = [(k, cause) for k in range(num_confs)]
    return Outcome([], EmbedReport(requested=num_confs, failed=causes, messages=[message]), None)


def outcome_of(job: Job, params: EBD, deblurrer: Deblurrer | None = None) -> Outcome:
    """Make the conformers of a molecule; whatever goes wrong is an outcome too, so that the others go on.

    Args:
        job: A sanitised molecule with atoms.
        params: Validated, but for what depends on the molecule.
        deblurrer: As in `embed.make`.
    """
    try:
        params.validate(job.mol.GetNumAtoms())
    except ValueError as error:  # coordMap beyond its atoms
        return failed(job.num_confs, "REFUSED", str(error))
    try:
        return make(job.mol, job.num_confs, params, deblurrer=deblurrer)
    except Refused as error:
        return failed(job.num_confs, error.cause, str(error))
    except (MemoryError, DeviceFull) as error:
        return failed(job.num_confs, "OUT_OF_MEMORY", str(error) or "out of memory")
    except Exception as error:
        return failed(job.num_confs, "INTERNAL_ERROR", f"internal error, please report it: {error!r}")


class Line:
    """Jobs in the order of the input: who is next, whose outcome may be told.

    Args:
        source: Jobs, and outcomes of molecules that need no work. Where it raises, it ends; the error is told when
            all that came before is.
        ahead: How many molecules may be read beyond those told; None: any number.
    """

    def __init__(self, source: Iterator[Job | Outcome], ahead: int | None = None) -> None:
        self._source, self._ahead = source, ahead
        self._read = self._told = 0
        self._ended = False
        self._again: list[tuple[int, Job]] = []
        self._losses: dict[int, int] = {}
        self._done: dict[int, Outcome | Exception] = {}

    def take(self) -> tuple[int, Job] | None:
        """The next job and its number; None where there is none, or none yet."""
        if self._again:
            return self._again.pop(0)
        while not self._ended and (self._ahead is None or self._read - self._told < self._ahead):
            item: Job | Outcome | Exception
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

    def finish(self, number: int, outcome: Outcome) -> None:
        """Note what became of a job."""
        self._done[number] = outcome

    def lose(self, number: int, job: Job, how: str) -> None:
        """Note that a worker died on a job, which is done once more, and no more than once."""
        self._losses[number] = self._losses.get(number, 0) + 1
        if self._losses[number] < MOST_LOSSES:
            self._again.append((number, job))
        else:
            message = f"{MOST_LOSSES} worker processes died on this molecule, the last {how}"
            self.finish(number, failed(job.num_confs, "WORKER_DIED", message))

    @property
    def ready(self) -> bool:
        """Whether the next outcome in order is there."""
        return self._told in self._done

    @property
    def over(self) -> bool:
        """Whether everything was read and told."""
        return self._ended and self._told == self._read

    def tell(self) -> Outcome:
        """The next outcome in order.

        Raises:
            Exception: What the source raised in its place.
        """
        outcome = self._done.pop(self._told)
        self._told += 1
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
