"""Calling the command line in tests, and reading what it wrote."""

from __future__ import annotations

import os
from pathlib import Path

from rdkit import Chem
from typer.testing import CliRunner, Result

from rdkit_ebd.cli.app import app


def call(*words: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=stdin)


def records(path: Path) -> list[Chem.Mol]:
    return list(Chem.SDMolSupplier(str(path), removeHs=False))


def has_room_for_marks(folder: Path) -> bool:
    """Whether the file system has extended attributes of the user."""
    probe = folder / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.probe", b"x")
    except (OSError, AttributeError):
        return False
    return True
