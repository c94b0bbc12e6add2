"""What molecule do bare atoms in space make? One whose bonds are read off the distance tables."""

from __future__ import annotations

import numpy as np
from rdkit import Chem

from rdkit_ebd.judge.distance_bonds import bond_orders

_BONDS = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}


def bonded(numbers: np.ndarray, coords: np.ndarray, orders: np.ndarray | None = None) -> Chem.Mol:
    """A molecule with the bonds of the distance tables and one conformer, not sanitised.

    Args:
        numbers: (N,) atomic numbers.
        coords: (N, 3) angstrom.
        orders: (N, N) bond orders where they are known already.
    """
    found = bond_orders(numbers, coords) if orders is None else orders
    mol = Chem.RWMol()
    for number in numbers.tolist():
        mol.AddAtom(Chem.Atom(number))
    for begin, end in np.argwhere(np.triu(found)).tolist():
        mol.AddBond(begin, end, _BONDS[int(found[begin, end])])
    conformer = Chem.Conformer(len(numbers))
    conformer.SetPositions(np.asarray(coords, np.float64))
    mol.AddConformer(conformer)
    return mol.GetMol()


def sanitised(mol: Chem.Mol) -> str:
    """Sanitise a molecule in place; the cause where RDKit will not have it, or ""."""
    try:
        Chem.SanitizeMol(mol)
    except Chem.MolSanitizeException as error:
        return type(error).__name__
    return ""


def canonical(mol: Chem.Mol) -> str:
    """The SMILES that a valid molecule is counted by: of its largest fragment, without hydrogens and stereo.

    The published evaluation leaves the hydrogens in; whether two molecules are the same is the same question.
    """
    fragments = Chem.GetMolFrags(mol, asMols=True)
    largest = max(fragments, key=Chem.Mol.GetNumAtoms)
    return str(Chem.MolToSmiles(Chem.RemoveHs(largest, sanitize=False), isomericSmiles=False))
