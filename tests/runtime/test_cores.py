"""How many cores does a process of a container count?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rdkit_ebd.params import count_threads
from rdkit_ebd.runtime import cores


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 4), ("150000 100000", 2), ("20000 100000", 1), (None, 4)]
)
def test_a_container_s_share_of_the_machine_counts(
    quota: str | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(quota + "\n")
    monkeypatch.setattr(cores, "_CGROUP", file)
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda process: set(range(4)), raising=False)
    assert cores.usable_cores() == expected


def test_parameters_count_the_same_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda process: set(range(3)), raising=False)
    monkeypatch.setattr(cores, "_CGROUP", Path("/none"))
    assert [count_threads(number) for number in (0, -1, -7, 5)] == [3, 2, 1, 5]
