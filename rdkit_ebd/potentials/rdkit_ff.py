"""What is the force-field energy of a molecule in RDKit? UFF, MMFF94 and MMFF94s, the components of a salt included.

RDKit's own helpers leave out what components do to each other (`ignoreInterfragInteractions=True`); here they attract
and repel as they do in every other potential. For one component the energies are RDKit's.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdForceFieldHelpers

from rdkit_ebd.potentials.base import MAX_ITERS, Minimum, Potential, Surface, check_request, checked_coords

NAMES = ("UFF", "MMFF94", "MMFF94s")

# The elements that MMFF94 has atom types for; some of them as ions alone.
_MMFF_ELEMENTS = frozenset((1, 3, 6, 7, 8, 9, 11, 12, 14, 15, 16, 17, 19, 20, 26, 29, 30, 35, 53))


def family(name: str) -> RDKitForceField | None:
    """The potential of "UFF", "MMFF94" and "MMFF94s", in any case of letters; None of others."""
    known = {known.lower(): known for known in NAMES}
    return RDKitForceField(known[name.lower()]) if name.lower() in known else None


def minimise_to_convergence(mol: Chem.Mol, threads: int = 1, name: str = "MMFF94s") -> np.ndarray | None:
    """Minimise every conformer of a molecule in place, each to the minimum that `RDKitSurface.minimise` finds.

    Args:
        mol: With explicit hydrogens; its conformers are changed.
        threads: CPU threads.
        name: "MMFF94s" or "MMFF94".

    Returns:
        (K,) bool, which conformers met RDKit's criterion within `MAX_ITERS` iterations; None where the force field has
        no parameters for the molecule, which is unchanged then.
    """
    if not rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        return None
    outcome = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(
        mol, threads, MAX_ITERS, name, ignoreInterfragInteractions=False
    )
    return np.array([code == 0 for code, _ in outcome], dtype=bool)


class RDKitForceField(Potential):
    """A force field of RDKit.

    Attributes:
        name: Of `NAMES`.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def obstacle(self, mol: Chem.Mol) -> str | None:
        """Why this molecule cannot be treated: the atoms that have no parameters; None if it can."""
        if not mol.GetNumAtoms():
            return "there are no atoms"
        atoms = _without_uff_type(mol) if self.name == "UFF" else _without_mmff_type(mol, self.name)
        if atoms is None:
            return None
        named = ", ".join(f"{i} ({mol.GetAtomWithIdx(i).GetSymbol()})" for i in atoms)
        return f"{self.name} has no parameters for atoms {named}"

    def surface(self, mol: Chem.Mol) -> RDKitSurface:
        """The energy surface of a molecule with explicit hydrogens for which `obstacle` is None."""
        return RDKitSurface(mol, self.name)


class RDKitSurface(Surface):
    """The surface of one molecule. The force field is built anew at each call, which costs little beside using it."""

    def __init__(self, mol: Chem.Mol, name: str) -> None:
        self._mol = Chem.Mol(mol, True)
        self._mol.AddConformer(Chem.Conformer(mol.GetNumAtoms()))
        self._uff = name == "UFF"
        self._properties = None if self._uff else rdForceFieldHelpers.MMFFGetMoleculeProperties(self._mol, name)
        if not self._uff and self._properties is None:
            raise ValueError(f"{name} has no parameters for the molecule")

    def energy(self, coords: np.ndarray) -> float:
        """Energy in kcal/mol at coordinates (N, 3) in angstrom."""
        return float(self._field(checked_coords(coords, self._mol.GetNumAtoms())).CalcEnergy())

    def gradient(self, coords: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy in kcal/mol and gradient (N, 3) in kcal/mol/angstrom."""
        field = self._field(checked_coords(coords, self._mol.GetNumAtoms()))
        return float(field.CalcEnergy()), np.array(field.CalcGrad()).reshape(-1, 3)

    def minimise(
        self, coords: np.ndarray, max_iters: int, fixed: Collection[int] = (), restraint: float = 0.0
    ) -> Minimum:
        """Relax one conformer by RDKit's BFGS until RDKit's criterion is met.

        Where there is no energy, as with atoms that lie on each other, or RDKit's line search breaks down, the
        conformer stays where it was, energy NaN, not converged.

        Args:
            coords: (N, 3) angstrom; not changed.
            max_iters: Iterations in all, at least 1; drugs take 200 to 1000.
            fixed: Atoms that do not move at all.
            restraint: Force constant k of k |x - start|^2 on every heavy atom, kcal/mol/angstrom^2; 0 for none.

        Raises:
            ValueError: Anything of the above is out of range.
        """
        start = checked_coords(coords, self._mol.GetNumAtoms())
        check_request(self._mol.GetNumAtoms(), max_iters, fixed, restraint)
        field = self._field(start)
        for atom in fixed:
            field.AddFixedPoint(int(atom))
        if restraint > 0:
            self._restrain(field, restraint)
        if not np.isfinite(field.CalcEnergy()):
            return Minimum(start, float("nan"), False)
        try:
            with rdBase.BlockLogs():  # of RDKit's stack trace, where the line search breaks down
                left = field.Minimize(maxIts=max_iters)
        except RuntimeError:
            return Minimum(start, float("nan"), False)
        found = np.array(self._mol.GetConformer().GetPositions())
        if not np.isfinite(found).all():
            return Minimum(start, float("nan"), False)
        return Minimum(found, self.energy(found), left == 0)

    def _field(self, coords: np.ndarray) -> Any:
        """The force field at coordinates, which it reads from and writes to the conformer."""
        self._mol.GetConformer().SetPositions(coords)
        if self._uff:
            field = rdForceFieldHelpers.UFFGetMoleculeForceField(self._mol, ignoreInterfragInteractions=False)
        else:
            field = rdForceFieldHelpers.MMFFGetMoleculeForceField(
                self._mol, self._properties, ignoreInterfragInteractions=False
            )
        field.Initialize()
        return field

    def _restrain(self, field: Any, constant: float) -> None:
        tie = field.UFFAddPositionConstraint if self._uff else field.MMFFAddPositionConstraint
        for atom in self._mol.GetAtoms():
            if atom.GetAtomicNum() > 1:
                tie(atom.GetIdx(), 0.0, 2 * constant)  # RDKit's constraints have a half in front
        field.Initialize()


def _without_uff_type(mol: Chem.Mol) -> list[int] | None:
    """Atoms that UFF has no type for; None where it has all."""
    with rdBase.BlockLogs():
        if rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
            return None
        own = [rdForceFieldHelpers.GetUFFVdWParams(mol, i, i) for i in range(mol.GetNumAtoms())]
    return [i for i, parameters in enumerate(own) if parameters is None] or list(range(mol.GetNumAtoms()))


def _without_mmff_type(mol: Chem.Mol, variant: str) -> list[int] | None:
    """Atoms that MMFF94 has no type for, as near as RDKit lets one know; None where it has all.

    RDKit does not tell which atoms they are. They are those of foreign elements, else the atom without which the rest
    has types, else any of the molecule.
    """
    with rdBase.BlockLogs():
        if rdForceFieldHelpers.MMFFGetMoleculeProperties(Chem.Mol(mol, True), variant) is not None:
            return None
        everywhere = list(range(mol.GetNumAtoms()))
        foreign = [i for i in everywhere if mol.GetAtomWithIdx(i).GetAtomicNum() not in _MMFF_ELEMENTS]
        return foreign or [i for i in everywhere if _has_types_without(mol, i, variant)] or everywhere


def _has_types_without(mol: Chem.Mol, index: int, variant: str) -> bool:
    """Whether a molecule is typed once an atom and the hydrogens on it are gone."""
    rest = Chem.RWMol(mol, True)
    Chem.KekulizeIfPossible(rest, clearAromaticFlags=True)
    atom = rest.GetAtomWithIdx(index)
    if atom.GetAtomicNum() == 1 and atom.GetDegree():
        return False
    gone = [index, *(n.GetIdx() for n in atom.GetNeighbors() if n.GetAtomicNum() == 1)]
    for i in sorted(gone, reverse=True):
        rest.RemoveAtom(i)
    failed = Chem.SanitizeMol(rest, catchErrors=True) != Chem.SanitizeFlags.SANITIZE_NONE
    return not failed and rdForceFieldHelpers.MMFFGetMoleculeProperties(rest, variant) is not None
