"""Which of many assembled shapes are strained? Force-field energies of what their torsions and contacts cost."""

from __future__ import annotations

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdForceFieldHelpers

from rdkit_ebd.chem.conformers import new_conformer
from rdkit_ebd.chem.torsions import dihedral_angles

DIELECTRIC = 4.0  # molecules in vacuum fold onto themselves more than those in anything else
# MMFF94s leaves Z and E acids and esters to their charges, and with these weakened they are alike. In truth Z is lower
# by 4 (formic acid, microwave) to 8 kcal/mol (methyl acetate, infrared).
CARBOXYL, E_ABOVE_Z = Chem.MolFromSmarts("[OX1]=[CX3]-;!@[OX2]-[#1,#6]"), 5.0


def rough_energies(mol: Chem.Mol, coords: np.ndarray) -> np.ndarray | None:
    """MMFF94s energies (M,) of conformers (M, N, 3), kcal/mol, without bonds and angles, which are all alike.

    None where the force field does not know the molecule.
    """
    if not len(coords):
        return np.zeros(0)
    work = Chem.Mol(mol, True)
    work.AddConformer(new_conformer(coords[0]), assignId=True)
    with rdBase.BlockLogs():
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(work, mmffVariant="MMFF94s")
        if properties is None:
            return None
        properties.SetMMFFDielectricModel(True)
        properties.SetMMFFDielectricConstant(DIELECTRIC)
        for off in (properties.SetMMFFBondTerm, properties.SetMMFFAngleTerm, properties.SetMMFFStretchBendTerm):
            off(False)
        field = rdForceFieldHelpers.MMFFGetMoleculeForceField(work, properties)
    return np.array([field.CalcEnergy(x.reshape(-1).tolist()) for x in coords]) + _of_carboxyls(mol, coords)


def _of_carboxyls(mol: Chem.Mol, coords: np.ndarray) -> np.ndarray:
    """How much the acids and esters of conformers (M, N, 3) are above Z, (M,) kcal/mol."""
    quads = np.array(mol.GetSubstructMatches(CARBOXYL), dtype=np.int64).reshape(-1, 4)
    return np.asarray(E_ABOVE_Z * (1 - np.cos(dihedral_angles(coords, quads))).sum(1) / 2)
