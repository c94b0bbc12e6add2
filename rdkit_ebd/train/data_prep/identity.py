"""Is a relaxed conformer still the molecule that was written? Its bonds by distance, its stereochemistry by shape."""

from __future__ import annotations

import numpy as np
from rdkit import Chem

from rdkit_ebd.chem.stereo import StereoLabels, atropisomers_kept, centres_kept, double_bonds_kept

_LONGEST, _SHORTEST = 1.3, 1.15  # times the sum of covalent radii: a bond is shorter, what is none is longer
_APART = 2  # bonds: atoms this near may touch, as across a four-membered ring


def lost_identity(mol: Chem.Mol, labels: StereoLabels, coords: np.ndarray) -> str:
    """What a conformer (N, 3) of a molecule has lost: "graph" (by a proton that moved, say), "stereo", or ""."""
    if not graph_kept(mol, coords):
        return "graph"
    kept = (centres_kept, double_bonds_kept, atropisomers_kept)
    return "" if all(f(coords[None], labels).all() for f in kept) else "stereo"


def graph_kept(mol: Chem.Mol, coords: np.ndarray) -> bool:
    """Whether every bond is as long as one, and no atoms further than two bonds apart are as close as if bonded."""
    table = Chem.GetPeriodicTable()
    radii = np.array([table.GetRcovalent(atom.GetAtomicNum()) for atom in mol.GetAtoms()])
    sums = radii[:, None] + radii[None]
    distances = np.linalg.norm(coords[:, None] - coords[None], axis=-1)
    steps = Chem.GetDistanceMatrix(mol)
    broken = (steps == 1) & (distances > _LONGEST * sums)
    formed = (steps > _APART) & (distances < _SHORTEST * sums)
    return not (broken | formed).any()
