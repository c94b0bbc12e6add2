"""How do processes of this machine share a stream of pieces? One that dies is replaced, and its piece is done again."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from rdkit_ebd.runtime.crew import MOST_LOSSES, WAIT, Lost, SetUp
from rdkit_ebd.runtime.processes import Process, end_all, listen, receive, send

MOST_FAILED_STARTS = 3  # in a row, after which there are no workers to be had


@dataclass(frozen=True)
class _Answer:
    value: Any


@dataclass(frozen=True)
class _Raised:
    error: Exception


@dataclass(frozen=True)
class _Ready:
    """The function is there."""


@dataclass
class _Piece:
    piece: Any
    losses: int = 0


@dataclass(frozen=True)
class ProcessCrew:
    """Processes of this machine, each with one thread.

    Attributes:
        workers: How many, at least 1.
    """

    workers: int

    def opened(self) -> AbstractContextManager[Any]:
        """As `Crew.opened`."""
        return nullcontext()

    def answers(self, set_up: SetUp, pieces: Iterator[Any]) -> Generator[tuple[Any, Any], None, None]:
        """As `Crew.answers`; a piece is read when there is a process for it."""
        with _Processes(self.workers, set_up, pieces) as processes:
            yield from processes.answers()


class _Processes:
    """The processes of one call, and what each is at work on."""

    def __init__(self, count: int, set_up: SetUp, pieces: Iterator[Any]) -> None:
        self._count, self._set_up, self._pieces = count, set_up, pieces
        self._crew: dict[Process, _Piece | None] = {}
        self._ready: set[Process] = set()
        self._again: list[_Piece] = []
        self._failed_starts, self._ended = 0, False

    def __enter__(self) -> _Processes:
        return self

    def __exit__(self, *ending: object) -> None:
        end_all(self._crew)

    def answers(self) -> Iterator[tuple[Any, Any]]:
        while len(self._crew) < self._count:
            self._start()
        while True:
            for process in self._ready:
                if self._crew[process] is None:
                    self._hand(process)
            if not any(self._crew.values()) and not self._again and self._ended:
                return
            for process in listen(self._crew):
                answer = self._heard(process)
                if answer is not None:
                    yield answer
            for process in [process for process in self._crew if process.is_stopped]:
                answer = self._bury(process)
                if answer is not None:
                    yield answer

    def _start(self) -> None:
        process = Process(_serve)
        with suppress(OSError):  # it has died, which is seen when it is listened to
            send(process.connection, self._set_up)
        self._crew[process] = None

    def _hand(self, process: Process) -> None:
        """Give a process the next piece, where there is one."""
        piece = self._again.pop(0) if self._again else None
        if piece is None and not self._ended:
            try:
                found = next(self._pieces)
                piece = None if found is WAIT else _Piece(found)
            except StopIteration:
                self._ended = True
        if piece is not None:
            self._crew[process] = piece
            with suppress(OSError):
                send(process.connection, (piece.piece, piece.losses))

    def _heard(self, process: Process) -> tuple[Any, Any] | None:
        try:
            message = receive(process.connection)
        except (EOFError, OSError):
            return self._bury(process)
        if isinstance(message, _Raised):
            raise message.error
        if isinstance(message, _Ready):
            self._ready.add(process)
            self._failed_starts = 0
            return None
        piece, self._crew[process] = self._crew[process], None
        assert piece is not None
        return piece.piece, message.value

    def _bury(self, process: Process) -> tuple[Any, Any] | None:
        """Start another in the place of one that has died; the answer of its piece, if that is given up."""
        piece, how = self._crew.pop(process), process.end()
        self._failed_starts += process not in self._ready
        self._ready.discard(process)
        if self._failed_starts > MOST_FAILED_STARTS:
            raise RuntimeError(f"worker processes cannot be started: the last ended {how}")
        self._start()
        if piece is None:
            return None
        piece.losses += 1
        if piece.losses >= MOST_LOSSES:
            return piece.piece, Lost(how)
        self._again.append(piece)
        return None


def _serve(connection: Connection) -> None:
    """What such a process does: set up, then piece after piece."""
    with suppress(EOFError, OSError):  # the end of the other process
        try:
            work = receive(connection)()
        except Exception as error:
            send(connection, _Raised(sendable(error)))
            return
        send(connection, _Ready())
        while True:
            send(connection, _outcome(work, *receive(connection)))


def _outcome(work: Any, piece: Any, losses: int) -> _Answer | _Raised:
    try:
        return _Answer(work(piece, losses))
    except Exception as error:
        return _Raised(sendable(error))


def sendable(error: Exception) -> Exception:
    """An error that another process can be sent: itself, or its text."""
    import pickle

    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(repr(error))
    return error
