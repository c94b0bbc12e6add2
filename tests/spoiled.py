"""Potentials with real force fields beneath that go wrong when and how a test wants it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection

import numpy as np
from rdkit import Chem

from rdkit_ebd.potentials import Minimum, Surface
from rdkit_ebd.potentials.rdkit_ff import RDKitForceField, RDKitSurface

Spoil = Callable[[int, Minimum], Minimum]
"""(how many were minimised before, minimum) -> what is answered instead."""


class SpoiledSurface(RDKitSurface):
    """MMFF94s, whose minima are spoiled."""

    notes = ("spoiled",)

    def __init__(self, mol: Chem.Mol, spoil: Spoil) -> None:
        super().__init__(mol, "MMFF94s")
        self.spoil, self.done = spoil, 0

    def minimise(
        self, coords: np.ndarray, max_iters: int, fixed: Collection[int] = (), restraint: float = 0.0
    ) -> Minimum:
        """The minimum of MMFF94s, spoiled."""
        self.done += 1
        return self.spoil(self.done - 1, super().minimise(coords, max_iters, fixed, restraint))


class Spoiled(RDKitForceField):
    """MMFF94s, whose minima are spoiled; under a name of its own."""

    def __init__(self, spoil: Spoil) -> None:
        super().__init__("MMFF94s")
        self.name, self.spoil = "spoiled", spoil

    def obstacle(self, mol: Chem.Mol) -> str | None:
        """None."""
        return None

    def surface(self, mol: Chem.Mol) -> Surface:
        """The spoiled surface."""
        return SpoiledSurface(mol, self.spoil)


class OnlyHere(RDKitForceField):
    """MMFF94s that works in the process alone that made it."""

    def __init__(self) -> None:
        super().__init__("MMFF94s")
        self.home = os.getpid()

    def surface(self, mol: Chem.Mol) -> RDKitSurface:
        """That of MMFF94s."""
        if os.getpid() != self.home:
            raise RuntimeError("not in another process")
        return super().surface(mol)


def mirrored(minimum: Minimum) -> Minimum:
    """The other hand."""
    return Minimum(minimum.coords * [-1.0, 1.0, 1.0], minimum.energy, minimum.converged)


def interrupted_after(count: int) -> Spoil:
    """Ctrl-C in the minimisation after so many."""

    def spoil(done: int, minimum: Minimum) -> Minimum:
        if done == count:
            raise KeyboardInterrupt
        return minimum

    return spoil
