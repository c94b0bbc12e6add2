"""How much energy does a conformer release when it is relaxed? GFN2-xTB in the gas phase, kcal/mol."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from rdkit import Chem

from rdkit_ebd.potentials import get_potential, require_engine

POTENTIAL = "GFN2-xTB"
MOST_STEPS = 1000


def require_potential() -> None:
    """Raise an ImportError with the install line where a package is missing."""
    require_engine(POTENTIAL)


def released(mol: Chem.Mol, coords: np.ndarray) -> tuple[float | None, Counter[str]]:
    """Relax one conformer to the next minimum.

    Args:
        mol: With explicit hydrogens.
        coords: (N, 3) angstrom.

    Returns:
        The energy released, kcal/mol, None if there is none to speak of; and the cause, if something went wrong. What
        had not converged when the steps ran out counts with what it had released by then.

    Raises:
        ImportError: A package is missing.
    """
    potential = get_potential(POTENTIAL)
    if potential.obstacle(mol) is not None:
        return None, Counter(XTB_CANNOT_TREAT=1)
    surface = potential.surface(mol)
    energy = surface.energy(coords) - (minimum := surface.minimise(coords, MOST_STEPS)).energy
    if not math.isfinite(energy):
        return None, Counter(XTB_NO_ENERGY=1)
    return energy, Counter() if minimum.converged else Counter(XTB_NOT_CONVERGED=1)
