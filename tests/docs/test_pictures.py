"""Is every picture of the documentation made by the one script, and does that run?"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def made() -> set[str]:
    """The names in the script's table, without running it."""
    table = (DOCS / "make_pictures.py").read_text().partition("PICTURES: ")[2]
    return set(re.findall(r'"(\w+\.png)":', table))


def test_every_picture_is_made_by_the_script_and_shown() -> None:
    assert {path.name for path in (DOCS / "_static").glob("*.png")} == made()
    pages = "".join(path.read_text() for path in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"])
    assert all(f"_static/{name}" in pages for name in made())


def test_the_script_makes_one(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    command = [sys.executable, str(DOCS / "make_pictures.py"), str(tmp_path), "deblurring.png"]
    done = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "deblurring.png").read_bytes().startswith(b"\x89PNG")
