"""What is the GFN-xTB energy of a molecule? GFN2-xTB and GFN1-xTB by tblite, in the gas phase or in an ALPB solvent.

Charge and unpaired electrons are those written in the molecule. An energy depends on the coordinates alone: only
within one minimisation does a wavefunction start from the one before, which saves a fifth of the time or more.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem

from rdkit_ebd.arrays.units import BOHR, HARTREE
from rdkit_ebd.potentials.base import Minimum, Potential, Surface, check_request, checked_coords

if TYPE_CHECKING:
    from tblite.interface import Calculator, Result

# Largest component of the gradient, kcal/mol/angstrom: minima are then within ~0.003 kcal/mol of the bottom; at the
# usual 1.15 (0.05 eV/angstrom) they are up to 2 above it. Self-consistency leaves a noise of 0.01.
CONVERGED = 0.1

METHODS = ("GFN2-xTB", "GFN1-xTB")
SOLVENTS = (
    *("acetone", "acetonitrile", "aniline", "benzaldehyde", "benzene", "ch2cl2", "chcl3", "cs2", "dioxane", "dmf"),
    *("dmso", "ethanol", "ether", "ethylacetate", "furane", "hexadecane", "hexane", "methanol", "nitromethane"),
    *("octanol", "phenol", "thf", "toluene", "water", "woctanol"),
)
INSTALL = 'pip install "rdkit_ebd[xtb]"'

_HEAVIEST = 86
_LANTHANIDES = range(57, 72)  # their f electrons are in the core, three are left

# Stiffness of pairs one, two and three bonds apart and of everything else, kcal/mol/angstrom^2: what the optimiser
# believes of the surface before it has seen any of it. Without it, it takes twice the steps.
_STIFFNESS = {1: 700.0, 2: 200.0, 3: 20.0}
_SOFTNESS = 8.0
_SHORTEST = 0.1  # angstrom


def family(name: str) -> XTB | None:
    """The potential of "GFN2-xTB", "GFN1-xTB", "GFN2-xTB/water" and so on, in any case of letters; None of others.

    Raises:
        ValueError: The solvent has no ALPB parameters; the message lists those that have.
    """
    method, slash, solvent = name.lower().partition("/")
    methods = {known.lower(): known for known in METHODS}
    if method not in methods:
        return None
    if slash and solvent not in SOLVENTS:
        raise ValueError(f"no ALPB solvent {solvent!r} in {name!r}: known are {', '.join(SOLVENTS)}")
    return XTB(methods[method], solvent or None)


class XTB(Potential):
    """A GFN-xTB method.

    Attributes:
        name: Such as "GFN2-xTB" or "GFN2-xTB/water".
        method: Of `METHODS`.
        solvent: Of `SOLVENTS`; None for the gas phase.
    """

    def __init__(self, method: str, solvent: str | None = None) -> None:
        self.method, self.solvent = method, solvent
        self.name = f"{method}/{solvent}" if solvent else method

    def obstacle(self, mol: Chem.Mol) -> str | None:
        """Why this molecule cannot be treated: foreign elements, or electrons that do not add up; None if it can.

        Raises:
            ImportError: tblite or scipy is missing.
        """
        _require_packages()
        foreign = [f"{a.GetIdx()} ({a.GetSymbol()})" for a in mol.GetAtoms() if not 1 <= a.GetAtomicNum() <= _HEAVIEST]
        if foreign:
            return f"{self.method} knows the elements H to Rn, not those of atoms {', '.join(foreign)}"
        if not mol.GetNumAtoms():
            return "there are no atoms"
        return _electron_trouble(mol)

    def surface(self, mol: Chem.Mol) -> XTBSurface:
        """The energy surface of a molecule with explicit hydrogens for which `obstacle` is None."""
        return XTBSurface(mol, self.method, self.solvent)


class XTBSurface(Surface):
    """The GFN-xTB surface of one molecule; the calculator is made once.

    Where the electrons find no self-consistent state, the energy is NaN and a minimisation gives up.
    """

    def __init__(self, mol: Chem.Mol, method: str, solvent: str | None = None) -> None:
        self._numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
        self._steps = Chem.GetDistanceMatrix(mol).astype(int)
        self._charge, self._unpaired = Chem.GetFormalCharge(mol), _unpaired(mol)
        self._method, self._solvent = method, solvent
        self._calculator: Calculator | None = None

    def energy(self, coords: np.ndarray) -> float:
        """Energy in kcal/mol at coordinates (N, 3) in angstrom; NaN where the electrons do not converge."""
        return self.gradient(coords)[0]

    def gradient(self, coords: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy in kcal/mol and gradient (N, 3) in kcal/mol/angstrom; NaN where the electrons do not converge."""
        x = checked_coords(coords, len(self._numbers))
        try:
            energy, gradient, _ = self.solve(x)
        except RuntimeError:
            return float("nan"), np.full(x.shape, np.nan)
        return energy, gradient

    def minimise(
        self, coords: np.ndarray, max_iters: int, fixed: Collection[int] = (), restraint: float = 0.0
    ) -> Minimum:
        """Relax one conformer by BFGS until no component of the gradient exceeds `CONVERGED`.

        Where the electrons do not converge the conformer stays where it was, energy NaN, not converged.

        Args:
            coords: (N, 3) angstrom; not changed.
            max_iters: Iterations in all, at least 1; drugs take 30 to 100.
            fixed: Atoms that do not move at all.
            restraint: Force constant k of k |x - start|^2 on every heavy atom, kcal/mol/angstrom^2; 0 for none.

        Raises:
            ValueError: Anything of the above is out of range.
        """
        start = checked_coords(coords, len(self._numbers))
        check_request(len(self._numbers), max_iters, fixed, restraint)
        free = np.array([i not in set(fixed) for i in range(len(start))], dtype=bool)
        try:
            return _Descent(self, start, free, restraint * (self._numbers > 1)).run(max_iters)
        except RuntimeError:
            return Minimum(start, float("nan"), False)

    def stiffness(self, coords: np.ndarray) -> np.ndarray:
        """A guess at the second derivatives at coordinates (N, 3): (3N, 3N), kcal/mol/angstrom^2, positive definite."""
        atoms = len(coords)
        matrix = np.zeros((atoms, 3, atoms, 3))
        for i, j in np.argwhere(np.triu(np.isin(self._steps, list(_STIFFNESS)))):
            gap = coords[i] - coords[j]
            along = gap / max(float(np.linalg.norm(gap)), _SHORTEST)
            block = _STIFFNESS[int(self._steps[i, j])] * np.outer(along, along)
            for a, b, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
                matrix[a, :, b] += sign * block
        return matrix.reshape(3 * atoms, 3 * atoms) + _SOFTNESS * np.eye(3 * atoms)

    def solve(self, coords: np.ndarray, before: Result | None = None) -> tuple[float, np.ndarray, Result]:
        """Energy, gradient and wavefunction, sought from the one before if there is one.

        Raises:
            RuntimeError: There is none, says tblite.
        """
        calculator = self._placed(coords)
        try:
            result = calculator.singlepoint(before)
        except RuntimeError:
            if before is None:
                raise
            result = calculator.singlepoint()
        return float(result.get("energy")) * HARTREE, result.get("gradient") * (HARTREE / BOHR), result

    def _placed(self, x: np.ndarray) -> Calculator:
        if self._calculator is not None:
            self._calculator.update(x / BOHR)
            return self._calculator
        from tblite.interface import Calculator

        made = Calculator(self._method, self._numbers, x / BOHR, charge=float(self._charge), uhf=self._unpaired)
        made.set("verbosity", 0)
        if self._solvent:
            made.add("alpb-solvation", self._solvent)
        self._calculator = made
        return made


class _Descent:
    """One minimisation over the atoms that are free, each wavefunction started from the last."""

    def __init__(self, surface: XTBSurface, start: np.ndarray, free: np.ndarray, pull: np.ndarray) -> None:
        self.surface, self.start, self.free, self.pull = surface, start, free, pull[:, None]
        self.wavefunction: Result | None = None

    def run(self, max_iters: int) -> Minimum:
        """BFGS; where a line search fails on stale curvature it starts anew, with what is left of the iterations."""
        from scipy.optimize import minimize

        x, left, going = self.start[self.free].ravel(), max_iters, bool(self.free.any())
        energy, converged = self.objective(x)[0], True
        while going:
            options = {"gtol": CONVERGED, "maxiter": left, "hess_inv0": self._softness(x)}
            found = minimize(self.objective, x, jac=True, method="BFGS", options=options)
            x, energy, left = found.x, float(found.fun), left - found.nit
            converged = bool(np.abs(found.jac).max() <= CONVERGED)
            going = not converged and left > 0 and found.nit > 0
        coords = self._placed(x)
        return Minimum(coords, energy - self._penalty(coords), converged)

    def objective(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy with restraints, and its gradient over the free atoms, flat."""
        coords = self._placed(x)
        energy, gradient, self.wavefunction = self.surface.solve(coords, self.wavefunction)
        gradient = gradient + 2 * self.pull * (coords - self.start)
        return energy + self._penalty(coords), gradient[self.free].ravel()

    def _placed(self, x: np.ndarray) -> np.ndarray:
        coords = self.start.copy()
        coords[self.free] = x.reshape(-1, 3)
        return coords

    def _penalty(self, coords: np.ndarray) -> float:
        return float((self.pull * (coords - self.start) ** 2).sum())

    def _softness(self, x: np.ndarray) -> np.ndarray:
        """Inverse of the surface's stiffness over the free atoms, restraints included."""
        stiffness = self.surface.stiffness(self._placed(x)) + 2 * np.diag(self.pull.repeat(3))
        free = self.free.repeat(3)
        softness = np.linalg.inv(stiffness[np.ix_(free, free)])
        return (softness + softness.T) / 2  # scipy wants it symmetric to the last bit


def _unpaired(mol: Chem.Mol) -> int:
    return sum(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms())


def _electron_trouble(mol: Chem.Mol) -> str | None:
    numbers = [atom.GetAtomicNum() for atom in mol.GetAtoms()]
    electrons = sum(3 if z in _LANTHANIDES else z for z in numbers) - Chem.GetFormalCharge(mol)
    unpaired = _unpaired(mol)
    if electrons < 1:
        return "there are no valence electrons"
    if (electrons - unpaired) % 2 or unpaired > electrons:
        return f"of {electrons} electrons {unpaired} cannot be unpaired: write the radical electrons of its atoms"
    return None


def _require_packages() -> None:
    try:
        for package in ("tblite.interface", "scipy.optimize"):
            import_module(package)
    except ImportError as error:
        raise ImportError(f"GFN-xTB needs tblite and scipy: {INSTALL}") from error
