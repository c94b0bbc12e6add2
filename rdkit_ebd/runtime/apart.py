"""How is a file read that nobody vouches for? In a process of its own, of bounded memory and time, which may die.

Readers written in C (RDKit's of its pickled molecules, Python's own of pickles) can be brought to read beyond their
memory, to ask for more of it than there is, or to go on for ever. Where that happens to another process, it is an error
that names the file. The process has the rights of its user, so it keeps no program away that got as far as to run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, TypeVar

from rdkit_ebd.runtime.deadline import Deadline
from rdkit_ebd.runtime.processes import SUPPORTED, Process, listen, receive, send

T = TypeVar("T")

ROOM, ROOM_PER_BYTE = 1 << 30, 30  # bytes of memory for reading any file, and for each of its bytes
SECONDS, BYTES_PER_SECOND = 60.0, 1 << 20  # for an answer: of any file, and how fast a large one is read at least
START = 120.0  # seconds until the process has imported what it needs, on a machine that has much to do
_LONGEST = 1000  # letters of a message, which may have been taken from the file


@dataclass(frozen=True)
class Limits:
    """What reading may take.

    Attributes:
        memory: Bytes beyond what the process has when it begins.
        seconds: Until the next answer.
    """

    memory: int
    seconds: float


class Place(str):
    """The file that is read from now on: what a generator may yield in order to be understood if it dies."""


@dataclass(frozen=True)
class _Answer(Generic[T]):
    value: T


@dataclass(frozen=True)
class _Ready:
    """The process has what it needs, and begins."""


@dataclass(frozen=True)
class _End:
    """There is no more."""


@dataclass(frozen=True)
class _Raised:
    error: Exception


def limits_for(path: Path) -> Limits:
    """What reading a file may take, by its size.

    Raises:
        OSError: There is no such file.
    """
    size = path.stat().st_size
    return Limits(ROOM + ROOM_PER_BYTE * size, SECONDS + size / BYTES_PER_SECOND)


def read_apart(read: Callable[[Path], T], path: Path, limits: Limits | None = None) -> T:
    """What a function makes of a file, in a process of its own.

    Args:
        read: A function of a module; what it returns can be pickled.
        path: The file, as it is named in errors.
        limits: None: by the file's size.

    Raises:
        ValueError, OSError, ImportError: As the function raised it.
        ValueError: It raised something else, or took more memory or time than it may, or its process died.
    """
    with suppress(StopIteration):
        return next(generated_apart(partial(_once, read, path), path, limits))
    raise ValueError(f"{path} cannot be read")  # a generator of one value that gives none: never


def generated_apart(
    generate: Callable[[], Iterable[T | Place]], path: Path, limits: Limits | None = None
) -> Generator[T, None, None]:
    """What a generator yields, in a process of its own; in this one where the system has none.

    Args:
        generate: Such as a `partial` of functions of modules; what it yields can be pickled, and a `Place` is not
            passed on.
        path: The file that is read, as long as there is no `Place`.
        limits: None: by the file's size.

    Raises:
        The errors of `read_apart`.
    """
    limits = limits or limits_for(path)
    if not SUPPORTED:
        yield from _here(generate, path)
        return
    place, process = str(path), Process(partial(_serve, generate, limits))
    try:
        message: Any = _heard(process, place, START)
        while not isinstance(message, _End):
            if isinstance(message, _Raised):
                raise _told(message.error, place)
            if isinstance(message, Place):
                place = str(message)
            elif isinstance(message, _Answer):
                yield message.value
            message = _heard(process, place, limits.seconds)
    finally:
        process.end()


def _heard(process: Process, place: str, seconds: float) -> Any:
    """The next message of a process.

    Raises:
        ValueError: It has died, or says nothing for so long.
    """
    deadline, begun = Deadline.after(seconds), time.monotonic()
    while not listen([process], deadline):
        if deadline.passed:
            raise ValueError(f"{place} cannot be read: after {time.monotonic() - begun:.0f} s it was given up")
    try:
        return receive(process.connection)
    except (EOFError, OSError):
        ended = process.end()
        raise ValueError(f"{place} cannot be read: the process that read it ended {ended}; it is damaged") from None


def _here(generate: Callable[[], Iterable[T | Place]], path: Path) -> Generator[T, None, None]:
    place = str(path)
    try:
        for item in generate():
            if isinstance(item, Place):
                place = str(item)
            else:
                yield item
    except Exception as error:
        raise _told(error, place) from error


def _told(error: Exception, place: str) -> Exception:
    """An error as whoever asked for the file may expect it, with the file's name and no more than a few lines."""
    if isinstance(error, MemoryError):
        return ValueError(f"{place} cannot be read: it asks for more memory than a file of its size needs")
    if isinstance(error, (OSError, ImportError)) and len(str(error)) <= _LONGEST:
        return error
    reason = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else reason
    return ValueError(reason if place in reason else f"{place} cannot be read: {reason}")


def _once(read: Callable[[Path], T], path: Path) -> Iterable[T]:
    yield read(path)


def _serve(generate: Callable[[], Iterable[Any]], limits: Limits, connection: Connection) -> None:
    """What such a process does: it limits itself, and sends what the generator yields."""
    with suppress(EOFError, OSError):  # the end of the other process
        send(connection, _Ready())
        _limit(limits.memory)
        send(connection, _sent(generate, connection))


def _sent(generate: Callable[[], Iterable[Any]], connection: Connection) -> _End | _Raised:
    """Send all there is; how that ended."""
    try:
        for item in generate():
            send(connection, item if isinstance(item, Place) else _Answer(item))
    except MemoryError:  # without its traceback, which holds what took the memory
        return _Raised(MemoryError())
    except (ValueError, OSError, ImportError, RecursionError) as error:
        return _Raised(type(error)(*error.args) if _is_plain(error) else ValueError(str(error)))
    except Exception as error:  # whatever can be wrong with a file
        return _Raised(ValueError(repr(error)))
    return _End()


def _is_plain(error: Exception) -> bool:
    """Whether an error is of Python's own and can be made again from what it was made from."""
    return type(error).__module__ == "builtins" and all(isinstance(part, str | int | None) for part in error.args)


def _limit(memory: int) -> None:
    """Bound the memory of this process, and let it write no file and leave no core; where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    bounds = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0}
    with suppress(OSError, ValueError):  # no /proc: macOS, which does not keep to the limit either
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        bounds[resource.RLIMIT_AS] = pages * os.sysconf("SC_PAGE_SIZE") + memory
    for kind, most in bounds.items():
        with suppress(OSError, ValueError):
            _, hard = resource.getrlimit(kind)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (most, most))
