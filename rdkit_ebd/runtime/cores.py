"""How many CPU cores may this process use?"""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """CPU cores that this process may use; a container's share of its machine counts, rounded up."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, math.ceil(_quota(_CGROUP))))


def _quota(file: Path) -> float:
    """Cores' worth of time that a control group may use, from its cpu.max; a great many where nothing limits it."""
    try:
        time_allowed, period = file.read_text().split()
        return int(time_allowed) / int(period)
    except (OSError, ValueError):  # no such file, or "max"
        return 1e9
