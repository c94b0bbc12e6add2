"""What other processes do in tests; nothing heavy is imported, so that they start and end at once."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable


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
