"""How does an ASE calculator become a potential? Any of them: EMT, xtb, MACE, GPAW, ...; minima by scipy's BFGS."""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

import numpy as np
from rdkit import Chem

from rdkit_ebd.arrays.units import KCAL_PER_EV
from rdkit_ebd.potentials.base import Minimum, Potential, Surface, check_request, checked_coords

CONVERGED = 0.1  # kcal/mol/angstrom, largest component of the gradient


class ASEPotential(Potential):
    """Energies of an ASE calculator, for `RefineConformers`, `ScoreConformers` and `EBD(refine=..., score=...)`.

    Args:
        calculator: Makes a calculator; called once for a molecule. Charge and spin multiplicity of the molecule are
            in `atoms.info` as "charge" and "spin", where calculators look for them.
        name: What the energies are labelled with.

    Example:
        >>> from rdkit_ebd.potentials import ASEPotential
        >>> from ase.calculators.emt import EMT  # doctest: +SKIP
        >>> toy = ASEPotential(EMT, "EMT")  # doctest: +SKIP
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CCO"))
        >>> conf_id = EmbedMolecule(mol, randomSeed=1)
        >>> [(code, energy)] = RefineConformers(mol, toy)  # doctest: +SKIP
    """

    def __init__(self, calculator: Callable[[], Any], name: str) -> None:
        self.name = name
        self._calculator = calculator

    def obstacle(self, mol: Chem.Mol) -> str | None:
        """None: only the calculator knows, when it is asked.

        Raises:
            ImportError: ASE or scipy is not installed.
        """
        try:
            for package in ("ase", "scipy.optimize"):
                import_module(package)
        except ImportError as error:
            raise ImportError("calculators of ASE need ase and scipy: pip install ase scipy") from error
        return None

    def surface(self, mol: Chem.Mol) -> ASESurface:
        """The calculator's surface of a molecule with explicit hydrogens."""
        return ASESurface(mol, self._calculator())


class ASESurface(Surface):
    """The surface of one molecule; what the calculator raises is an energy that is not a number."""

    def __init__(self, mol: Chem.Mol, calculator: Any) -> None:
        from ase import Atoms

        self._numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
        unpaired = sum(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms())
        info = {"charge": Chem.GetFormalCharge(mol), "spin": unpaired + 1}
        self._atoms = Atoms(self._numbers, positions=np.zeros((len(self._numbers), 3)), info=info)
        self._atoms.calc = calculator

    def energy(self, coords: np.ndarray) -> float:
        """Energy in kcal/mol at coordinates (N, 3) in angstrom; NaN where the calculator fails."""
        return self.gradient(coords)[0]

    def gradient(self, coords: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy in kcal/mol and gradient (N, 3) in kcal/mol/angstrom; NaN where the calculator fails."""
        x = checked_coords(coords, len(self._numbers))
        self._atoms.set_positions(x)
        try:
            energy, forces = self._atoms.get_potential_energy(), self._atoms.get_forces()
        except Exception:  # each calculator has errors of its own
            return float("nan"), np.full(x.shape, np.nan)
        return float(energy) * KCAL_PER_EV, np.asarray(forces) * -KCAL_PER_EV

    def minimise(
        self, coords: np.ndarray, max_iters: int, fixed: Collection[int] = (), restraint: float = 0.0
    ) -> Minimum:
        """Relax one conformer until no component of the gradient exceeds `CONVERGED`.

        Where the calculator fails the conformer stays where it was, energy NaN, not converged.
        """
        from scipy.optimize import minimize

        start = checked_coords(coords, len(self._numbers))
        check_request(len(self._numbers), max_iters, fixed, restraint)
        free = np.array([i not in set(fixed) for i in range(len(start))], dtype=bool)
        pull = restraint * (self._numbers > 1)[:, None]

        def placed(x: np.ndarray) -> np.ndarray:
            moved = start.copy()
            moved[free] = x.reshape(-1, 3)
            return moved

        def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
            moved = placed(x)
            energy, gradient = self.gradient(moved)
            if not np.isfinite(energy):
                raise FloatingPointError
            apart = moved - start
            return energy + float((pull * apart**2).sum()), (gradient + 2 * pull * apart)[free].ravel()

        try:
            if not free.any():
                return Minimum(start, self.energy(start), True)
            options = {"gtol": CONVERGED, "maxiter": max_iters}
            found = minimize(objective, start[free].ravel(), jac=True, method="BFGS", options=options)
        except FloatingPointError:
            return Minimum(start, float("nan"), False)
        force = float(np.abs(found.jac).max())
        ended = placed(found.x)
        return Minimum(ended, self.energy(ended), force <= CONVERGED, force)
