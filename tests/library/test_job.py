"""Are outcomes given in order, and is everything that goes wrong with a molecule an outcome?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helpers import with_hydrogens
from rdkit import Chem

from rdkit_ebd.embedding.pipeline import EmbedOutcome
from rdkit_ebd.generators.service import Deblurred, DeviceFull, Request
from rdkit_ebd.library.job import Job, failed, outcome_of
from rdkit_ebd.library.ordered_queue import OrderedQueue
from rdkit_ebd.params import EBD
from rdkit_ebd.report import FailureCause


def jobs(count: int) -> list[Job | EmbedOutcome]:
    return [Job(Chem.MolFromSmiles("C"), k) for k in range(count)]


def done(number: int) -> EmbedOutcome:
    return failed(number, FailureCause.INTERNAL_ERROR, f"molecule {number}")


def test_outcomes_are_reported_in_the_order_of_the_input() -> None:
    queue = OrderedQueue(iter([*jobs(3), done(3)]))
    taken = [queue.take() for _ in range(4)]
    assert [t and t[0] for t in taken] == [0, 1, 2, None]
    queue.finish(2, done(2))
    queue.finish(1, done(1))
    assert not queue.ready
    queue.finish(0, done(0))
    assert [queue.give().report.requested for _ in range(4)] == [0, 1, 2, 3]
    assert queue.over


def test_no_more_is_read_than_agreed() -> None:
    read: list[int] = []

    def source() -> Iterator[Job | EmbedOutcome]:
        for k, job in enumerate(jobs(10)):
            read.append(k)
            yield job

    queue = OrderedQueue(source(), ahead=3)
    assert [queue.take() is None for _ in range(5)] == [False, False, False, True, True]
    assert read == [0, 1, 2]
    queue.finish(0, done(0))
    queue.give()
    assert queue.take() is not None
    assert read == [0, 1, 2, 3]


def test_what_the_source_raises_is_reported_in_its_turn() -> None:
    def source() -> Iterator[Job | EmbedOutcome]:
        yield from jobs(2)
        raise OSError("the disk has gone")

    queue = OrderedQueue(source())
    assert [queue.take() is None for _ in range(4)] == [False, False, True, True]
    for k in range(2):
        queue.finish(k, done(k))
        queue.give()
    assert not queue.over
    with pytest.raises(OSError, match="gone"):
        queue.give()


def test_a_lost_job_is_done_once_more_and_no_more_than_once() -> None:
    queue = OrderedQueue(iter([Job(Chem.MolFromSmiles("C"), 2)]))
    taken = queue.take()
    assert taken is not None
    queue.lose(*taken, "by signal 9")
    assert queue.take() == taken
    queue.lose(*taken, "by signal 11")
    assert queue.take() is None
    report = queue.give().report
    assert report.failed == [(0, "WORKER_DIED"), (1, "WORKER_DIED")]
    assert "signal 11" in report.messages[0]
    assert not report.ok


def refuse(request: Request) -> Deblurred:
    raise DeviceFull(f"{request.atoms} atoms do not fit")


def break_down(request: Request) -> Deblurred:
    raise RuntimeError("unheard of")


@pytest.mark.parametrize(
    ("smiles", "params", "deblurrer", "cause", "said"),
    [
        ("C[Ge](C)(C)C", EBD(), None, "UNSUPPORTED", "Ge"),
        ("CCO", EBD(coarse="conformers"), None, "NO_OWN_CONFORMERS", "it has none"),
        ("CCO", EBD(coordMap={99: (0, 0, 0)}), None, "BAD_PARAMETERS", "99"),
        ("nicotine", EBD(), refuse, "OUT_OF_MEMORY", "do not fit"),
        ("nicotine", EBD(), break_down, "INTERNAL_ERROR", "unheard of"),
    ],
)
def test_whatever_goes_wrong_is_an_outcome(smiles: str, params: EBD, deblurrer: object, cause: str, said: str) -> None:
    mol = with_hydrogens(smiles)
    outcome = outcome_of(Job(mol, 2), params, deblurrer)  # type: ignore[arg-type]
    assert outcome.found == []
    assert outcome.origin is None
    assert outcome.report.failed == [(0, cause), (1, cause)]
    assert said in outcome.report.messages[0]
