"""How is a fragment told to a model? Its heavy atoms, the hydrogens that stay, and where more may grow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rdkit import Chem

from rdkit_ebd.generators.edm.hydrogens import SLOTS
from rdkit_ebd.generators.edm.model import GeneratorConfig
from rdkit_ebd.generators.edm.orders import HeldAtoms


def held_atoms(core: Chem.Mol, config: GeneratorConfig, conf_id: int = -1) -> HeldAtoms:
    """The atoms of a fragment that stay.

    Heavy atoms and explicit hydrogens stay where they are. What grows, grows where the fragment has room: where an atom
    has hydrogens that are not atoms of the graph, or dummy atoms as neighbours.

    Args:
        core: A fragment with a 3D conformer.
        config: Of the model.
        conf_id: Which conformer; -1 for the first.

    Raises:
        ValueError: It has no conformer, an atom is of no kind the model knows, or nothing can grow from it.
    """
    if not core.GetNumConformers():
        raise ValueError("core has no conformer: its atoms stay where they are, so it must have coordinates")
    coords = np.asarray(core.GetConformer(conf_id).GetPositions())
    heavy = [atom for atom in core.GetAtoms() if atom.GetAtomicNum() > 1]
    if not heavy:
        raise ValueError("core has no heavy atom to grow from")
    hydrogens = tuple(coords[_neighbours(atom, 1)].reshape(-1, 3) for atom in heavy)
    room = np.array([atom.GetNumImplicitHs() + atom.GetNumExplicitHs() + len(_neighbours(atom, 0)) for atom in heavy])
    known = {z for z, _ in config.kinds}
    if strange := sorted({a.GetSymbol() for a in heavy if a.GetAtomicNum() not in known}):
        raise ValueError(f"core has {', '.join(strange)}, of which {config.name} knows nothing")
    kinds = set(config.kinds)
    for atom, own, more in zip(heavy, hydrogens, room.tolist(), strict=True):
        if not any((atom.GetAtomicNum(), count) in kinds for count in range(len(own), len(own) + more + 1)):
            raise ValueError(
                f"core: {atom.GetSymbol()}{atom.GetIdx()} has {len(own)} hydrogens: {config.name} knows no such atom"
            )
    if not room.sum():
        raise ValueError(
            "core has no room to grow: leave out hydrogens where it may (Chem.RemoveHs), or put dummy atoms there"
        )
    return HeldAtoms(
        np.array([atom.GetAtomicNum() for atom in heavy]),
        coords[[atom.GetIdx() for atom in heavy]],
        hydrogens,
        np.minimum(room, SLOTS),
    )


def _neighbours(atom: Chem.Atom, atomic: int) -> Sequence[int]:
    return [other.GetIdx() for other in atom.GetNeighbors() if other.GetAtomicNum() == atomic]
