"""How is one function applied to many things in several processes? Answers as they come; an error ends it all."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from rdkit_ebd.runtime.deadline import NEVER, Deadline
from rdkit_ebd.runtime.processes import SUPPORTED, Process, end_all, listen, receive, send

T = TypeVar("T")

SetUp = Callable[[], Callable[[Any], T]]
"""Called once in each process; what it returns is applied to the tasks."""


class ProcessError(RuntimeError):
    """Other processes cannot do the work, or one of them died; whoever asked may do it itself."""


@dataclass(frozen=True)
class _Answer(Generic[T]):
    value: T


@dataclass(frozen=True)
class _Raised:
    error: Exception


@dataclass(frozen=True)
class _Ready:
    """The function is there."""


@dataclass(frozen=True)
class _Unable:
    reason: str


def in_processes(
    set_up: SetUp[T], tasks: Sequence[Any], count: int, deadline: Deadline = NEVER
) -> Generator[tuple[int, T], None, None]:
    """Apply a function to tasks in other processes, of one thread each; in this one where the system has none.

    Args:
        set_up: Makes the function; it and the tasks can be pickled.
        tasks: In the order in which they are begun.
        count: Processes at most.
        deadline: No answer is waited for after it.

    Returns:
        (position of the task, answer) as they are there. When this ends, however it does, so do the processes.

    Raises:
        ProcessError: The processes cannot be started or set up, or one has died or was stopped.
        Exception: What the function raised.
    """
    if not SUPPORTED:
        work = set_up()
        yield from ((k, work(task)) for k, task in enumerate(tasks) if not deadline.passed)
        return
    left = list(enumerate(tasks))[::-1]
    at_work: dict[Process, int] = {}
    crew: list[Process] = []
    try:
        for _ in range(min(count, len(tasks))):
            crew.append(Process(_serve))
            _hand(crew[-1], set_up)
        while left or at_work:
            for process in listen(crew, deadline):
                message = _message(process)
                if left and not deadline.passed:
                    done = at_work.get(process)
                    at_work[process], task = left.pop()
                    _hand(process, task)
                else:
                    done = at_work.pop(process, None)
                if isinstance(message, _Answer) and done is not None:
                    yield done, message.value
            if deadline.passed:
                return
            _check(crew)
    finally:
        end_all(crew)


def _message(process: Process) -> Any:
    """What a process says, unless it is that it cannot work."""
    try:
        message = receive(process.connection)
    except (EOFError, OSError):
        raise ProcessError(f"a process ended {process.end()}") from None
    if isinstance(message, _Unable):
        raise ProcessError(message.reason)
    if isinstance(message, _Raised):
        raise message.error
    return message


def _check(crew: Sequence[Process]) -> None:
    if any(process.is_stopped for process in crew):
        raise ProcessError("a process was stopped, and nobody continued it")


def _hand(process: Process, message: Any) -> None:
    try:
        send(process.connection, message)
    except OSError:  # it has died, which is seen when it is listened to
        pass
    except Exception as error:  # whatever pickle raises
        raise ProcessError(f"the work cannot be sent to another process: {error!r}") from error


def _serve(connection: Connection) -> None:
    """What such a process does: set up, then task after task."""
    try:
        work = receive(connection)()
    except Exception as error:  # of a script's own function, say, which another process does not have
        send(connection, _Unable(f"the work cannot be set up in another process: {error!r}"))
        return
    send(connection, _Ready())
    with suppress(EOFError, OSError):  # the end of the other process
        while True:
            send(connection, _outcome(work, receive(connection)))


def _outcome(work: Callable[[Any], Any], task: Any) -> _Answer[Any] | _Raised:
    try:
        return _Answer(work(task))
    except Exception as error:
        return _Raised(error if _can_be_sent(error) else RuntimeError(repr(error)))


def _can_be_sent(error: Exception) -> bool:
    import pickle

    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True
