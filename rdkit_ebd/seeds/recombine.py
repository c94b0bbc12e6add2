"""What other shapes do the parts of known ones give? Conformers with the torsions of others."""

from __future__ import annotations

import numpy as np

from rdkit_ebd.chem.torsions import dihedral_angles, turn


def recombined(
    coords: np.ndarray, quads: np.ndarray, far_side: np.ndarray, bases: np.ndarray, donors: np.ndarray
) -> np.ndarray:
    """Give conformers the torsions of others; bond lengths, bond angles and rings stay.

    Args:
        coords: (K, N, 3) angstrom.
        quads: (R, 4) atoms i-a-b-j of rotatable bonds a-b.
        far_side: (R, N) bool, atoms on b's side.
        bases: (M,) which conformer each new one is made of.
        donors: (M, R) which conformer it takes each torsion from.

    Returns:
        (M, N, 3) angstrom.
    """
    found = coords[bases]
    angles = dihedral_angles(coords, quads)
    # Turning one bond leaves the dihedrals of all others as they are.
    gaps = np.take_along_axis(angles, donors, 0) - angles[bases]
    for (_, a, b, _), far, gap in zip(quads, far_side, gaps.T, strict=True):
        turn(found, a, b, far, gap)
    return found
