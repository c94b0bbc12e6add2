"""Calling the command line in tests, and reading what it wrote."""

from __future__ import annotations

from pathlib import Path

from rdkit import Chem
from typer.testing import CliRunner, Result

from rdkit_ebd.cli.app import app


def call(*words: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=stdin)


def records(path: Path) -> list[Chem.Mol]:
    return list(Chem.SDMolSupplier(str(path), removeHs=False))
