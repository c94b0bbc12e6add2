"""What is a potential? What gives a molecule an energy surface, on which its conformers are relaxed and scored.

Units: angstrom, kcal/mol, kcal/mol/angstrom. To add one, subclass `Potential` and `Surface` and register a family:

    [project.entry-points."rdkit_ebd.potentials"]
    my-method = "my_package.my_module:family"

where `family(name)` gives a `Potential` for the names it knows and None for all others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from rdkit import Chem

from rdkit_ebd.runtime.deadline import NEVER, Deadline

MAX_ITERS = 5000
"""Iterations of a minimiser: RDKit's 200 leave most drugs unconverged, none needed more than 1000 of what was tried."""


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation ended.

    Attributes:
        coords: (N, 3) angstrom.
        energy: Energy of the potential alone there, restraints not counted, kcal/mol.
        converged: Whether the engine's own criterion was met.
        force: Largest force left on an atom that may move, restraints included, kcal/mol/angstrom; NaN where the
            engine does not say.
    """

    coords: np.ndarray
    energy: float
    converged: bool
    force: float = float("nan")


class Surface(ABC):
    """The energy surface of one molecule; all of its conformers share it.

    Attributes:
        notes: What a reader of the energies should know, such as where the charges came from.
        together: Whether many conformers at once take less time than one after the other, as on a GPU. They then
            stay in one process, and its threads serve them all.
    """

    notes: tuple[str, ...] = ()
    together: bool = False

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

    def energy_many(self, coords: Sequence[np.ndarray], deadline: Deadline = NEVER) -> Iterator[tuple[int, float]]:
        """Energies of conformers, each given as it is found; one after the other unless an engine knows better.

        Args:
            coords: K times (N, 3) angstrom.
            deadline: No conformer is begun after it.

        Yields:
            (position in `coords`, energy in kcal/mol).
        """
        for place, x in enumerate(coords):
            if deadline.passed:
                return
            yield place, self.energy(x)

    def minimise_many(
        self,
        coords: Sequence[np.ndarray],
        max_iters: int,
        fixed: Collection[int] = (),
        restraint: float = 0.0,
        deadline: Deadline = NEVER,
    ) -> Iterator[tuple[int, Minimum]]:
        """Relax conformers, each given as it ends; one after the other unless an engine knows better.

        Args:
            coords: K times (N, 3) angstrom; not changed.
            max_iters: As in `minimise`, for each.
            fixed: As there.
            restraint: As there.
            deadline: No conformer is begun after it, and an engine that treats many side by
                side gives up those that have not ended by then.

        Yields:
            (position in `coords`, where it ended), in no particular order.
        """
        for place, x in enumerate(coords):
            if deadline.passed:
                return
            yield place, self.minimise(x, max_iters, fixed, restraint)


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

    def minimise_molecules(
        self, work: Sequence[tuple[Chem.Mol, np.ndarray]], max_iters: int, tolerance: float | None = None
    ) -> Iterator[tuple[int, Minimum]]:
        """Relax conformers of any molecules; molecule by molecule unless an engine knows better.

        Args:
            work: Molecules with explicit hydrogens for which `obstacle` is None, and coordinates (N, 3) in angstrom;
                those of one molecule follow one another.
            max_iters: Iterations at most, for each.
            tolerance: Largest force to leave on an atom, kcal/mol/angstrom, where the engine can be asked for one;
                None for its own criterion.

        Yields:
            (position in `work`, where it ended), in no particular order.
        """
        for _, group in groupby(enumerate(work), key=lambda pair: id(pair[1][0])):
            places, entries = zip(*group, strict=True)
            surface = self.surface(entries[0][0])
            for place, minimum in surface.minimise_many([coords for _, coords in entries], max_iters):
                yield places[place], minimum


def checked_coords(coords: np.ndarray, atoms: int) -> np.ndarray:
    """A copy of coordinates, float64; ValueError unless they are (atoms, 3) finite numbers."""
    x = np.array(coords, dtype=np.float64)
    if x.shape != (atoms, 3):
        raise ValueError(f"coordinates must have the shape ({atoms}, 3), not {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"coordinates of atoms {np.flatnonzero(~np.isfinite(x).all(1)).tolist()} are not finite")
    return x


def check_request(atoms: int, max_iters: int, fixed: Collection[int], restraint: float) -> None:
    """ValueError where the arguments of `Surface.minimise` are out of range, for a molecule of so many atoms."""
    if max_iters < 1:
        raise ValueError(f"max_iters must be at least 1, not {max_iters}")
    if not 0 <= restraint < np.inf:
        raise ValueError(f"restraint must be a finite force constant of at least 0, not {restraint}")
    unknown = sorted(set(fixed) - set(range(atoms)))
    if unknown:
        raise ValueError(f"fixed names atoms {unknown}, but the molecule has {atoms} atoms (0 to n - 1)")
