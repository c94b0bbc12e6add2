"""Is every piece answered once, though processes die, and is an error an error?"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from process_work import counting, failing, hanging

from rdkit_ebd.runtime.crew import MOST_LOSSES, WAIT, Here, Lost
from rdkit_ebd.runtime.process_crew import ProcessCrew


def answers(crew: Any, set_up: Any, pieces: list[Any]) -> dict[Any, Any]:
    return dict(crew.answers(set_up, iter(pieces)))


@pytest.mark.parametrize("crew", [Here(), ProcessCrew(2)])
def test_pieces_are_answered(crew: Any) -> None:
    assert answers(crew, counting, [(k, 0) for k in range(20)]) == {(k, 0): (k, 0) for k in range(20)}
    assert answers(crew, counting, []) == {}


def test_a_piece_whose_worker_dies_is_done_again_with_care() -> None:
    found = answers(ProcessCrew(2), counting, [(0, 0), (1, 2), (2, 0), (3, 1)])
    assert found == {(0, 0): (0, 0), (1, 2): (1, 2), (2, 0): (2, 0), (3, 1): (3, 1)}  # the second number: deaths before


def test_a_piece_that_always_kills_is_lost() -> None:
    found = answers(ProcessCrew(1), counting, [(0, 10**6), (1, 0)])
    assert found[1, 0] == (1, 0)
    assert found[0, 10**6] == Lost(f"by signal {int(signal.SIGKILL)}")
    assert MOST_LOSSES > 2


def test_errors_are_raised() -> None:
    with pytest.raises(ValueError, match="no such thing here"):
        answers(ProcessCrew(1), failing, [1])
    with pytest.raises(TypeError, match="unpack"):
        answers(ProcessCrew(1), counting, [5])


def test_a_process_that_hangs_ends_itself() -> None:
    assert answers(ProcessCrew(1), hanging, [0.2]) == {0.2: 1}  # done again, where it has no time limit


def test_pieces_may_be_waited_for() -> None:
    answered: list[Any] = []

    def pieces() -> Iterator[Any]:
        yield (0, 0)
        while not answered:
            yield WAIT
        yield (1, 0)

    for _, answer in ProcessCrew(2).answers(counting, pieces()):
        answered.append(answer)
    assert answered == [(0, 0), (1, 0)]
