"""What molecule are these atoms in space? Bonds, charges and stereochemistry as RDKit perceives them, or why none."""

from __future__ import annotations

from enum import Enum

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDetermineBonds

from rdkit_ebd.molecules.bond_orders import set_bond_orders

# Bonds reach this times the covalent radii, of which RDKit takes notice with useVdw alone: otherwise, and with its 1.3,
# the far corners of small cages are joined, which are one in twenty of QM9. With 1.14, 67 of its 130,831 are misread.
_REACH = 1.14
# Four of 6,000 of QM9 get other charges than these, and all four are misread: their SMILES has charges of this kind.
_USUAL_CHARGE = Chem.MolFromSmarts("[#7+,#7-,#5-,#15+,#8-,#16-,$([C-]#[#7+,#8+]),$([O+]#[C-])]")


class InvalidCause(str, Enum):
    """Why atoms make no molecule; the value is what it means."""

    NOT_FINITE = "coordinates are not finite"
    DISCONNECTED = "the atoms are more than one molecule"
    VALENCE = "an atom has more neighbours than bonds, or no bond orders make every atom's valence full"
    SANITISE = "RDKit rejects the molecule"
    CHARGE = "valences are full with charges only that stable molecules do not have, such as on carbon"
    CORE = "the fragment that was to stay has other bonds, or more has grown on an atom than it has room for"


def decoded(numbers: np.ndarray, coords: np.ndarray) -> tuple[Chem.Mol, InvalidCause | None]:
    """The molecule that atoms make.

    Args:
        numbers: (A,) atomic numbers.
        coords: (A, 3) angstrom.

    Returns:
        A sanitised molecule with bonds, charges, stereochemistry and one conformer, and None; or, with the cause, the
        molecule as far as it came, for whoever wants to look at it.
    """
    if not np.isfinite(coords).all():
        return _atoms(numbers, np.nan_to_num(coords)).GetMol(), InvalidCause.NOT_FINITE
    silence = rdBase.BlockLogs()
    try:
        mol = connected(numbers, coords)
        if len(Chem.GetMolFrags(mol)) > 1:
            return mol.GetMol(), InvalidCause.DISCONNECTED
        try:
            set_bond_orders(mol)
        except ValueError:
            return mol.GetMol(), InvalidCause.VALENCE
        try:
            Chem.SanitizeMol(mol)
        except Chem.MolSanitizeException:
            return mol.GetMol(), InvalidCause.SANITISE
        if any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()):
            return mol.GetMol(), InvalidCause.VALENCE
        if _oddly_charged(mol):
            return mol.GetMol(), InvalidCause.CHARGE
        Chem.AssignStereochemistryFrom3D(mol)
    finally:
        del silence
    return mol.GetMol(), None


def connected(numbers: np.ndarray, coords: np.ndarray) -> Chem.RWMol:
    """Atoms (A,) at finite coordinates (A, 3) with single bonds between those that are near enough; not sanitised."""
    mol = _atoms(numbers, coords)
    rdDetermineBonds.DetermineConnectivity(mol, covFactor=_REACH, useVdw=True)
    return mol


def _oddly_charged(mol: Chem.Mol) -> bool:
    usual = {index for (index,) in mol.GetSubstructMatches(_USUAL_CHARGE)}
    return any(atom.GetFormalCharge() and atom.GetIdx() not in usual for atom in mol.GetAtoms())


def _atoms(numbers: np.ndarray, coords: np.ndarray) -> Chem.RWMol:
    mol = Chem.RWMol()
    for atomic in numbers.tolist():
        atom = Chem.Atom(atomic)
        atom.SetNoImplicit(True)
        mol.AddAtom(atom)
    conformer = Chem.Conformer(len(numbers))
    conformer.SetPositions(np.asarray(coords, np.float64))
    mol.AddConformer(conformer, assignId=True)
    return mol
