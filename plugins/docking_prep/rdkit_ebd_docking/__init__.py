"""How do EBD conformers get into docking? Ensembles as PDBQT (Meeko) or SDF, ring puckers as ligands, and Vina runs.

from rdkit_ebd_docking import DockPrep, PrepareLigand
ligand = PrepareLigand(mol, DockPrep(randomSeed=42))
open("ligand.pdbqt", "w").write(ligand.pdbqts[0])
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "DockPrep": "ligand",
    "PreparedLigand": "ligand",
    "PrepareLigand": "ligand",
    "PrepareLibrary": "library",
    "LibraryReport": "library",
    "DockLigand": "docking",
    "Box": "docking",
    "ring_puckers": "puckers",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rdkit_ebd_docking' has no attribute {name!r}")
    return getattr(import_module(f"rdkit_ebd_docking.{_HOMES[name]}"), name)
