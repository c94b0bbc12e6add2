"""Which atoms does each molecule of a library hold? Those of one core, laid on every molecule that has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rdkit import Chem

from rdkit_ebd.chem.core_match import CoreMatch, MatchCore, require_pose
from rdkit_ebd.params import EBD

CoreOf = Callable[[Chem.Mol], CoreMatch]
"""Where the core is in a molecule; a ValueError for one that has not got it."""


def core_finder(core: Any, settings: EBD) -> CoreOf | None:
    """The function that lays a core on molecules.

    Args:
        core: A molecule with a pose, such a function, or None.
        settings: Of every molecule.

    Raises:
        TypeError: It is something else.
        ValueError: The molecule has no pose, or other atoms are to be held as well.
    """
    if core is None:
        return None
    if settings.coordMap:
        raise ValueError("give core or coordMap, not both")
    if isinstance(core, Chem.Mol):
        require_pose(core)
        return lambda mol: MatchCore(mol, core)
    if not callable(core):
        raise TypeError(f"core must be a Chem.Mol with a conformer or a function of the molecule, not {core!r}")
    return core
