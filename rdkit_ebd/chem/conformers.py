"""Which conformers are meant, and are they coordinates of whole molecules? Asked before any work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Chem import Conformer


def chosen_conformers(mol: Chem.Mol, confIds: Sequence[int] | None) -> list[Conformer]:
    """Conformers of a molecule, in the order of the ids; all of them if there are no ids.

    Raises:
        TypeError: `mol` is not a molecule.
        ValueError: It has no conformers, not those, or one is named twice.
    """
    if not isinstance(mol, Chem.Mol):
        hint = " (one that could not be parsed?)" if mol is None else ""
        raise TypeError(f"mol must be a Chem.Mol, not {type(mol).__name__}{hint}")
    present = list(mol.GetConformers())
    if not present:
        raise ValueError("mol has no conformers: embed it first")
    if confIds is None:
        return present
    return [{c.GetId(): c for c in reversed(present)}[i] for i in _known_ids(confIds, [c.GetId() for c in present])]


def refuse_unfinished(mol: Chem.Mol, conformers: Iterable[Conformer]) -> None:
    """Raise a ValueError for what a potential would give nonsense for: missing hydrogens, flat drawings."""
    if mol.NeedsUpdatePropertyCache():
        raise ValueError("mol has not been sanitised (from SMARTS, say): call Chem.SanitizeMol")
    bare = [f"{a.GetIdx()} ({a.GetSymbol()})" for a in mol.GetAtoms() if a.GetTotalNumHs() > 0]
    if bare:
        raise ValueError(
            f"hydrogens are missing on atoms {', '.join(bare)}: an energy needs all of them, "
            "call Chem.AddHs(mol, addCoords=True)"
        )
    flat = [c.GetId() for c in conformers if not c.Is3D()]
    if flat:
        raise ValueError(f"conformers {flat} are 2D drawings: embed the molecule")


def positions(conformers: Iterable[Conformer]) -> list[np.ndarray]:
    """Coordinates (N, 3) of each, angstrom."""
    return [np.array(conformer.GetPositions(), dtype=np.float64) for conformer in conformers]


def new_conformer(coords: np.ndarray) -> Chem.Conformer:
    """An RDKit conformer of coordinates (N, 3) in angstrom."""
    conformer = Chem.Conformer(len(coords))
    conformer.Set3D(True)
    conformer.SetPositions(np.ascontiguousarray(coords, dtype=np.float64))
    return conformer


def place(conformer: Conformer, coords: np.ndarray) -> None:
    """Give a conformer coordinates (N, 3) in angstrom."""
    conformer.SetPositions(np.ascontiguousarray(coords, dtype=np.float64))


def _known_ids(asked: Sequence[Any], present: Sequence[int]) -> list[int]:
    ids = [int(i) for i in asked]
    unknown = sorted(set(ids) - set(present))
    if unknown:
        raise ValueError(f"no conformers with ids {unknown}: there are {sorted(present)}")
    twice = sorted(i for i, count in Counter(ids).items() if count > 1)
    if twice:
        raise ValueError(f"conformers {twice} are named more than once")
    return ids
