"""Is every feature that the documentation claims linked to a test that is there?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "features.md").read_text()
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and "](" in line]
LINK = re.compile(r"\[[^\]]+\]\(https://github\.com/rdkit-ebd/rdkit-ebd/blob/main/(tests/[\w/]+\.py) \"(test_\w+)\"\)")


def test_the_table_is_whole() -> None:
    head = next(line for line in PAGE.splitlines() if line.startswith("| | "))
    columns = head.strip("| ").split(" | ")
    assert columns == ["rdkit_ebd", "RDKit (ETKDGv3)", "Auto3D", "openconf", "CDPKit confgen", "OMEGA", "nvMolKit"]
    assert len(ROWS) > 25
    assert {len(row) for row in ROWS} == {len(columns) + 1}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_feature_is_tested(row: list[str]) -> None:
    link = LINK.fullmatch(row[1])
    assert link, f"no link to a test: {row[1]}"
    source = (ROOT / link[1]).read_text()
    assert re.search(rf"^\s*def {link[2]}\(", source, re.MULTILINE), f"{link[1]} has no {link[2]}"
