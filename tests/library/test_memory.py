"""Does a process that embeds all day stay as large as it was? Memory over many calls, also of such that fail."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from memory_growth import MOLECULES, resident, sizes
from rdkit import rdBase

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")

WARM_UP = 24  # calls after which caches are full and the allocator has what it needs
CALLS = 100
GROWTH = 2.0  # MiB; 20 kB kept at each call, what a molecule of this size and its tensors take, would be as much


def test_memory_is_seen() -> None:
    before = resident()
    kept = np.ones(2**25)  # 256 MiB: less might fit into what earlier tests have left
    assert resident() - before > 200
    assert kept.all()


def test_memory_does_not_grow_with_the_calls() -> None:
    with rdBase.BlockLogs():
        *_, warm = sizes(MOLECULES, WARM_UP, WARM_UP)
        *_, late = sizes(MOLECULES, CALLS, CALLS)
    assert late - warm < GROWTH
