"""Who applies one function to a stream of pieces, though workers may die? Whatever has the method of a `Crew`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

MOST_LOSSES = 10  # workers that one piece may cost; whoever does it again does it with care, so that nodes are to blame
IN_HAND = 2  # pieces per worker that are read and not answered

Work = Callable[[Any, int], Any]
"""What is done with a piece; the number is how many workers died on it before."""
SetUp = Callable[[], Work]
"""Called once in each worker; it and the pieces can be pickled."""


WAIT = object()
"""In place of a piece: there is none before one that is in hand is answered."""


@dataclass(frozen=True)
class Lost:
    """The answer for a piece on which too many workers died.

    Attributes:
        how: How the last of them ended.
    """

    how: str


@runtime_checkable
class Crew(Protocol):
    """Workers, here or elsewhere."""

    def opened(self) -> AbstractContextManager[Any]:
        """For a `with` block around the work: whether there are workers is known when it begins.

        Raises:
            ImportError: What leads to them is not installed.
            ConnectionError: There is nobody.
        """
        ...

    def answers(self, set_up: SetUp, pieces: Iterator[Any]) -> Generator[tuple[Any, Any], None, None]:
        """Apply a function to pieces, a bounded number of which are in hand at any time.

        Args:
            set_up: Makes the function.
            pieces: Read as the work proceeds; `WAIT` is none.

        Returns:
            (piece, answer) as they are there; an answer may be `Lost`. Where it is closed, the work ends.

        Raises:
            Exception: What the function or `pieces` raised.
            RuntimeError: There are no workers to be had.
        """
        ...


@dataclass(frozen=True)
class Here:
    """Does it all in this process."""

    def opened(self) -> AbstractContextManager[Any]:
        """As `Crew.opened`."""
        return nullcontext()

    def answers(self, set_up: SetUp, pieces: Iterator[Any]) -> Generator[tuple[Any, Any], None, None]:
        """As `Crew.answers`, one after the other."""
        work = set_up()
        for piece in pieces:
            if piece is not WAIT:
                yield piece, work(piece, 0)
