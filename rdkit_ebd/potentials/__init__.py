"""Which potentials are there? Looked up by name; engines are imported only when one of theirs is asked for."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import entry_points

from rdkit import Chem

from rdkit_ebd.potentials.ase_calculator import ASEPotential
from rdkit_ebd.potentials.base import Minimum, Potential, Surface

__all__ = ["GROUP", "ASEPotential", "Minimum", "Potential", "Surface", "get_potential", "require_engine"]

GROUP = "rdkit_ebd.potentials"
# For suggestions: what is typed most often.
_NAMES = (
    *("UFF", "MMFF94", "MMFF94s", "MMFF94/OpenMM", "MMFF94s/OpenMM", "MMFF94s/OpenMM/CUDA"),
    *("GFN1-xTB", "GFN2-xTB", "GFN2-xTB/water", "openff-2.2.1", "openff-2.2.1/water"),
    *("AIMNet2", "AIMNet2-B97-3c", "ANI-2xt"),
)
Family = Callable[[str], Potential | None]

# Ours, by module; each has a `family` function and imports its engine only once a potential of it is used.
_BUILT_IN = ("rdkit_ff", "openmm_mmff", "xtb", "aimnet2", "ani2xt", "openff")


def get_potential(name: str) -> Potential:
    """The potential of a name, such as "MMFF94s", "MMFF94s/OpenMM", "openff-2.2.1", "GFN2-xTB/water" or "AIMNet2".

    Raises:
        ValueError: No family knows it; the message lists what there is.
    """
    for family in _families():
        potential = family(name)
        if potential is not None:
            return potential
    raise ValueError(
        f"no potential {name!r}{_suggestion(name)}: known are UFF, MMFF94, MMFF94s, MMFF94/OpenMM, MMFF94s/OpenMM "
        "(also /CUDA), GFN1-xTB, GFN2-xTB (also /water or another ALPB solvent), AIMNet2, AIMNet2-B97-3c, ANI-2xt "
        "(also /cpu, /cuda), openff-2.2.1 (also /water) and other SMIRNOFF force fields, "
        f"and what installed packages register under {GROUP!r}"
    )


def _suggestion(name: str) -> str:
    """The nearest names that exist, such as ", did you mean 'MMFF94s' or 'MMFF94'?"; empty where none is near."""
    lower = {known.lower(): known for known in _NAMES}
    close = difflib.get_close_matches(str(name).lower(), lower, 3, 0.6)
    return f", did you mean {' or '.join(repr(lower[c]) for c in close)}?" if close else ""


def require_engine(name: str) -> None:
    """Look whether a potential exists and can be used here, before any molecule is there to use it on.

    Raises:
        ValueError: There is no such potential.
        ImportError: Its engine is not installed; the message has the install line.
    """
    get_potential(name).obstacle(Chem.AddHs(Chem.MolFromSmiles("C")))


def _families() -> Iterator[Family]:
    for module in _BUILT_IN:
        yield import_module(f"{__name__}.{module}").family
    for entry in entry_points(group=GROUP):
        yield entry.load()
