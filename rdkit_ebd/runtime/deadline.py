"""When is the time up? A point on a clock that runs on while the machine's date is changed, or never."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """A point of time after which nothing new is begun; processes of one machine share the clock.

    Attributes:
        at: Of `time.monotonic()`, seconds; infinity: never.
    """

    at: float = math.inf

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """So many seconds from now; 0 is no limit, as in RDKit's `timeout`."""
        return cls(time.monotonic() + seconds) if seconds else NEVER

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self.at

    @property
    def left(self) -> float:
        """Seconds until then, at least 0; infinity where there is no limit."""
        return max(0.0, self.at - time.monotonic())

    @property
    def patience(self) -> float | None:
        """`left` as functions that wait take it: None for ever."""
        return None if math.isinf(self.at) else self.left


NEVER = Deadline()
