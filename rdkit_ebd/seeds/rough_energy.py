"""Which of many assembled shapes are strained? Force-field energies of what their torsions and contacts cost."""

from __future__ import annotations

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdForceFieldHelpers

from rdkit_ebd.chem.conformers import new_conformer

DIELECTRIC = 4.0  # molecules in vacuum fold onto themselves more than those in anything else


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
    return np.array([field.CalcEnergy(x.reshape(-1).tolist()) for x in coords])
