"""Which parts of a molecule are embedded on their own? Its connected components, hydrogens added, set side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rdkit import Chem

from rdkit_ebd.chem.held_stereo import Positions, renamed

_GAP = 2.5  # angstrom between the bounding spheres of neighbouring components


@dataclass(frozen=True)
class Component:
    """A connected part of a molecule.

    Attributes:
        mol: The part, all hydrogens explicit.
        atoms: (N,) index of each of its atoms in the whole molecule with hydrogens.
        held: Positions of the atoms held in place, by the part's own indices, angstrom.
    """

    mol: Chem.Mol
    atoms: np.ndarray
    held: dict[int, tuple[float, float, float]]


def with_hydrogens(mol: Chem.Mol, conformers: bool = False) -> Chem.Mol:
    """A copy with every implicit hydrogen added after the molecule's own atoms; its conformers only if asked for."""
    work = Chem.Mol(mol) if conformers else Chem.Mol(mol, True)
    if work.NeedsUpdatePropertyCache():
        work.UpdatePropertyCache(strict=False)
    Chem.GetSymmSSSR(work)  # a molecule that was not sanitised has no ring information
    return Chem.AddHs(work, addCoords=conformers)


def split(mol: Chem.Mol, held: Positions) -> list[Component]:
    """Connected components, largest first, so that the others are placed around it."""
    frags: list[tuple[int, ...]] = []
    mols: Any = Chem.GetMolFrags(mol, asMols=True, sanitizeFrags=False, fragsMolAtomMapping=frags)
    mols = [mol] if len(frags) == 1 else list(mols)
    for part in mols:
        Chem.GetSymmSSSR(part)  # fragments taken without sanitising have no ring information
    parts = [_component(part, atoms, held) for part, atoms in zip(mols, frags, strict=True)]
    return sorted(parts, key=lambda part: (-len(part.atoms), int(part.atoms[0])))


def _component(part: Chem.Mol, atoms: Sequence[int], held: Positions) -> Component:
    here = {i: held[a] for i, a in enumerate(atoms) if a in held}
    return Component(renamed(part, here), np.array(atoms), here)


def assemble(components: Sequence[Component], coords: Sequence[np.ndarray]) -> np.ndarray:
    """Put one conformer of each component into one set of coordinates.

    RDKit leaves separately embedded components on top of each other; here they stand in a row, a gap apart, except
    for those with held atoms, which stay where they are.

    Args:
        components: From `split`.
        coords: (N_i, 3) angstrom of each.

    Returns:
        (N, 3) angstrom.
    """
    whole = np.zeros((sum(len(c.atoms) for c in components), 3))
    edge = max((float(x[:, 0].max()) for c, x in zip(components, coords, strict=True) if c.held), default=None)
    for component, x in zip(components, coords, strict=True):
        if not component.held and edge is not None:
            x = x - x.mean(0)
            x = x + np.array([edge + _GAP + np.linalg.norm(x, axis=1).max(), 0.0, 0.0])
        whole[component.atoms] = x
        edge = max(float(x[:, 0].max()), -np.inf if edge is None else edge)
    return whole
