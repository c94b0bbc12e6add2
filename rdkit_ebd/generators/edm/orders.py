"""What may be asked for? A molecule's number, size and properties, and a fragment that stays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Order:
    """A molecule to be drawn.

    Attributes:
        index: Its number; with the seed it determines its noise.
        heavy: Heavy atoms.
        hydrogens: Hydrogens.
        wanted: Property -> value, in the model's units.
    """

    index: int
    heavy: int
    hydrogens: int
    wanted: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class HeldAtoms:
    """Atoms of a known fragment.

    Attributes:
        numbers: (M,) atomic numbers of its heavy atoms.
        x: (M, 3) where they are, angstrom.
        hydrogens: For each, positions (H, 3) of the hydrogens that stay.
        open: (M,) how many more hydrogens each may carry.
        bonds: (M, M) Kekule orders between them.
        valences: (M,) bonds of each, those to hydrogens and to what is to grow included.
        mesomeric: (M,) bool, whether bonds may as well be written otherwise: of charged atoms and their neighbours.
        parts: How many pieces it is of, which all others hold together.
    """

    numbers: np.ndarray
    x: np.ndarray
    hydrogens: tuple[np.ndarray, ...]
    open: np.ndarray
    bonds: np.ndarray
    valences: np.ndarray
    mesomeric: np.ndarray
    parts: int = 1

    def most_hydrogens(self, others: int, bonds: int) -> int:
        """Hydrogens that a molecule with so many other heavy atoms can have, each of up to so many bonds."""
        return int(sum(map(len, self.hydrogens)) + self.open.sum()) + (bonds - 2) * others - 2 * (self.parts - 1)
