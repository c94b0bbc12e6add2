"""Is a relaxed conformer still the molecule that was written? Its bonds by distance, its stereochemistry by shape."""

from __future__ import annotations

import numpy as np
from rdkit import Chem

from rdkit_ebd.chem.stereo import StereoLabels, atropisomers_kept, centres_kept, double_bonds_kept
from rdkit_ebd.judge.connectivity import Connectivity


def lost_identity(mol: Chem.Mol, labels: StereoLabels, coords: np.ndarray) -> str:
    """What a conformer (N, 3) of a molecule has lost: "graph" (by a proton that moved, say), "stereo", or ""."""
    if Connectivity.of(mol).changed(coords).any():
        return "graph"
    kept = (centres_kept, double_bonds_kept, atropisomers_kept)
    return "" if all(f(coords[None], labels).all() for f in kept) else "stereo"
