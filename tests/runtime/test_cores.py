"""How many cores does a process of a container count?"""

from __future__ import annotations

from pathlib import Path

import pytest

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
