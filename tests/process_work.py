"""What other processes do in tests; nothing heavy is imported, so that they start and end at once."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rdkit_ebd.runtime.apart import Place


def sleeping() -> Callable[[float], float]:
    """Set-up of work that takes as many seconds as its task says."""
    return _slept


def deaf() -> Callable[[float], float]:
    """Set-up of work in a library that keeps Python from running meanwhile."""
    return _slept_deaf


def failing() -> Callable[[float], float]:
    """Set-up of work that cannot be set up."""
    raise ValueError("no such thing here")


def dividing() -> Callable[[float], float]:
    """Set-up of work that fails for some tasks."""
    return _reciprocal


def dying() -> Callable[[int], int]:
    """Set-up of work that ends its process by the signal that its task names; 0: none."""
    return _ended_by


def environment() -> Callable[[str], str]:
    """Set-up of work that looks at the environment."""
    return _variable


def reading(path: Path) -> str:
    """A reader that does as the file says: dies, takes memory or time, writes a file, or gives its second line."""
    order, _, rest = path.read_text().partition("\n")
    if order == "die":
        os.kill(os.getpid(), int(rest))
    elif order == "eat":
        return str(len(bytearray(int(rest))))
    elif order == "sleep":
        time.sleep(float(rest))
    elif order == "write":
        Path(rest).write_text("written")
    elif order == "raise":
        raise {"KeyError": KeyError, "ImportError": ImportError, "ValueError": ValueError}[rest]("told")
    return rest


def reading_all(paths: list[Path]) -> Iterator[str]:
    """A generator that says which file it reads."""
    for path in paths:
        yield Place(str(path))
        yield reading(path)


def _variable(name: str) -> str:
    return os.environ[name]


def _slept(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def _slept_deaf(seconds: float) -> float:
    ctypes.PyDLL(None).usleep(int(1e6 * seconds))
    return seconds


def _reciprocal(number: float) -> float:
    return 1 / number


def _ended_by(number: int) -> int:
    if number:
        os.kill(os.getpid(), number)
    return os.getpid()


def counting() -> Callable[[tuple[int, int], int], tuple[int, int]]:
    """Set-up of work on a crew's pieces: a number, and how many processes it kills; answers with both."""
    return _counted


def hanging() -> Callable[[float, int], int]:
    """Set-up of work that holds Python for ever where no process has died on it, with a limit of so many seconds."""
    return _hung


def _counted(piece: tuple[int, int], losses: int) -> tuple[int, int]:
    number, deaths = piece
    if losses < deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return number, losses


def _hung(seconds: float, losses: int) -> int:
    if not losses:
        from rdkit_ebd.library.careful import ending

        with ending(seconds):
            ctypes.PyDLL(None).sleep(1000)
    return losses
