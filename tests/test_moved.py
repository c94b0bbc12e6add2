"""Do modules under their names of 0.1 still give what they gave, with a warning that says where it is now?"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

import rdkit_ebd

FOLDER = Path(rdkit_ebd.__file__).parent / "_moved"
NAMES = {
    "draw": "draw_ensemble",
    "figures": "draw_spectra",
    "files": "read_molecules",
    "fragments": "Vocabulary",
    "properties": "electronic",
    "prune": "PruneConformers",
    "refine": "RefineConformers",
    "score": "ScoreConformers",
    "weights": "load_model",
}


def test_every_moved_module_is_tried() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(NAMES)


@pytest.mark.parametrize("module", NAMES)
def test_old_names_work_and_warn(module: str) -> None:
    sys.modules.pop(f"rdkit_ebd.{module}", None)
    with pytest.warns(DeprecationWarning, match=rf"rdkit_ebd\.{module} is now rdkit_ebd\."):
        old = importlib.import_module(f"rdkit_ebd.{module}")
    found = getattr(old, NAMES[module])
    assert found.__module__ != f"rdkit_ebd.{module}"
    assert getattr(importlib.import_module(found.__module__), NAMES[module]) is found
