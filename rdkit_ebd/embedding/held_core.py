"""What follows from atoms that are held in place? Seeds that are about them already, and a judgement without them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from rdkit import Chem

from rdkit_ebd.chem.components import Component
from rdkit_ebd.chem.held_stereo import contradicted
from rdkit_ebd.generators.ebd.held import Held
from rdkit_ebd.judge.ranges import Ranges
from rdkit_ebd.judge.tables import CheckTables, Distances

# Groups of atoms that must be flat, puckered or octahedral, and what belongs to each of them.
_GROUPS = {"aromatic": (), "flat_bonds": ("flat_bond_limits",), "puckered": (), "octahedra": ("arms",)}
_KINDS = {"twists": ("twist_kinds",), "heights": ("height_kinds",)}


class ContradictedPose(ValueError):
    """Held positions that cannot be those of the molecule."""


def in_place(component: Component, coords: np.ndarray) -> np.ndarray:
    """Conformers (K, N, 3) with the held atoms where they are held, and what hangs on them about them."""
    if not component.held or not len(coords):
        return coords
    x = torch.from_numpy(np.nan_to_num(coords))
    bonded = Chem.GetAdjacencyMatrix(component.mol).astype(bool)
    placed = Held.of(component.held, bonded, x).put(x).numpy()
    return np.where(np.isfinite(coords), placed, np.nan)


def require_hands(component: Component) -> None:
    """Look whether the held positions can be those of the molecule.

    Raises:
        ContradictedPose: Stereocentres have the other hand in them than the written one; all are named.
    """
    wrong = contradicted(component.mol, component.held)
    if wrong:
        atoms = ", ".join(f"{component.mol.GetAtomWithIdx(i).GetSymbol()} {component.atoms[i]}" for i in wrong)
        raise ContradictedPose(
            f"held positions have the other hand than the written one at atoms {atoms}: hold the pose of this "
            "stereoisomer, leave the stereo of these atoms unwritten, or set enforceChirality=False"
        )


def excused(tables: CheckTables, held: Collection[int], mol: Chem.Mol) -> CheckTables:
    """The tables without what held atoms alone decide: it is as it was given, and not for the model to answer for.

    Written stereo is judged all the same.

    Args:
        tables: Of the molecule.
        held: Indices of the held atoms.
        mol: The molecule, whose hydrogens go where their neighbours have them.
    """
    if not held:
        return tables
    given = np.zeros(mol.GetNumAtoms(), bool)
    given[list(held)] = True
    decided = given | np.array([atom.GetAtomicNum() == 1 for atom in mol.GetAtoms()], dtype=bool)
    changes: dict[str, Any] = {}
    for field in fields(tables):
        value = getattr(tables, field.name)
        if isinstance(value, Distances):
            changes[field.name] = value.of(~given[value.pairs].all(1))
        elif isinstance(value, Ranges):
            # An angle is as good as the distance of its outer atoms.
            corners = field.name == "corners"
            rows = ~(given[value.atoms[:, ::2]] if corners else decided[value.atoms]).all(1)
            changes[field.name] = value.of(rows)
            changes |= {other: getattr(tables, other)[rows] for other in _KINDS.get(field.name, ())}
    for name, companions in _GROUPS.items():
        value = getattr(tables, name)
        if isinstance(value, tuple):
            changes[name] = tuple(groups[~decided[groups].all(1)] for groups in value)
            continue
        rows = ~decided[value].all(1)
        changes |= {name: value[rows]} | {other: getattr(tables, other)[rows] for other in companions}
    return replace(tables, **changes)
