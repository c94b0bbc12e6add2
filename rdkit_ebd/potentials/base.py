"""What is a potential? Something that gives a molecule an energy surface on which its conformers are relaxed and scored.

Units: angstrom, kcal/mol, kcal/mol/angstrom. To add one, subclass `Potential` and `Surface` and register a family:

    [project.entry-points."rdkit_ebd.potentials"]
    my-method = "my_package.my_module:family"

where `family(name)` gives a `Potential` for the names it knows and None for all others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from rdkit import Chem


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation ended.

    Attributes:
        coords: (N, 3) angstrom.
        energy: Energy of the potential alone there, restraints not counted, kcal/mol.
        converged: Whether the engine's own criterion was met.
    """

    coords: np.ndarray
    energy: float
    converged: bool


class Surface(ABC):
    """The energy surface of one molecule; all of its conformers share it.

    Attributes:
        notes: What a reader of the energies should know, such as where the charges came from.
    """

    notes: tuple[str, ...] = ()

    @abstractmethod
    def energy(self, coords: np.ndarray) -> float:
        """Energy in kcal/mol at coordinates (N, 3) in angstrom."""

    @abstractmethod
    def gradient(self, coords: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy in kcal/mol and gradient (N, 3) in kcal/mol/angstrom."""

    @abstractmethod
    def minimise(
        self, coords: np.ndarray, max_iters: int, fixed: Collection[int] = (), restraint: float = 0.0
    ) -> Minimum:
        """Relax one conformer.

        Args:
            coords: (N, 3) angstrom; not changed.
            max_iters: Iterations of the engine's minimiser, at least 1.
            fixed: Atoms that do not move at all.
            restraint: Force constant k of k |x - start|^2 on every heavy atom, kcal/mol/angstrom^2; 0 for none.
        """


class Potential(ABC):
    """A method, such as MMFF94s or GFN2-xTB.

    Attributes:
        name: As users type it, and as energies are labelled.
    """

    name: str

    @abstractmethod
    def obstacle(self, mol: Chem.Mol) -> str | None:
        """Why this molecule cannot be treated, naming the atoms to blame; None if it can.

        Raises:
            ImportError: A package is missing; the message has its install line.
        """

    @abstractmethod
    def surface(self, mol: Chem.Mol) -> Surface:
        """The energy surface of a molecule with explicit hydrogens for which `obstacle` is None."""
