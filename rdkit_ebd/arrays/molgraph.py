"""What does the network see of a molecule? Arrays of atoms, atom pairs, stereo, fragments and rotatable bonds.

Free of RDKit, so that training needs nothing but torch; `featurise` makes these arrays from a molecule.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# One column each of `MolGraph.atom_features`; the number is the count of distinct values.
ATOM_FEATURES: dict[str, int] = {
    "atomic_number": 119,
    "formal_charge": 7,
    "degree": 8,
    "aromatic": 2,
    "smallest_ring": 9,
    "hybridisation": 6,
    "hydrogens": 5,
    "stereocentre": 2,
}

# Codes of `MolGraph.pair_types`: the closest topological relation of two atoms. 0 is an atom with itself.
SINGLE, SINGLE_RING, DOUBLE, DOUBLE_RING, TRIPLE, AROMATIC, OTHER_BOND = range(1, 8)
ONE_THREE, ONE_THREE_RING = 8, 9
ONE_FOUR_ROTATABLE, ONE_FOUR_STIFF, ONE_FOUR_RING, ONE_FOUR_CIS, ONE_FOUR_TRANS = range(10, 15)
FOUR_HOPS, FIVE_HOPS, SIX_OR_MORE_HOPS, OTHER_COMPONENT = range(15, 19)
SAME_FRAGMENT = 24  # added to the code
PAIR_TYPES = 2 * SAME_FRAGMENT
LOCAL_TYPES = ONE_FOUR_TRANS  # codes 1..14 are pairs within three bonds


@dataclass(frozen=True)
class MolGraph:
    """A molecule of N atoms, Q stereo labels, R rotatable bonds; F fragments.

    Attributes:
        atom_features: (N, 8) int16, columns as in `ATOM_FEATURES`.
        pair_types: (N, N) uint8, symmetric.
        fragments: (N,) int16, fragment of each atom.
        stereo_quads: (Q, 4) int16, atoms whose signed volume has the sign `stereo_signs`.
        stereo_signs: (Q,) int8.
        stereo_atoms: (Q,) int16, the stereocentres.
        torsions: (R, 4) int16, i-a-b-j of each rotatable bond a-b.
        far_side: (R, N) bool, atoms on b's side of the bond.
        level: Level of theory whose geometry is wanted or was recorded; 0 is the model's main one.
    """

    atom_features: np.ndarray
    pair_types: np.ndarray
    fragments: np.ndarray
    stereo_quads: np.ndarray
    stereo_signs: np.ndarray
    stereo_atoms: np.ndarray
    torsions: np.ndarray
    far_side: np.ndarray
    level: int = 0

    @cached_property
    def dihedrals(self) -> np.ndarray:
        """(T, 5) int64: every dihedral i-a-b-j about a rotatable bond, and the bond's row in `torsions`."""
        code = self.pair_types % SAME_FRAGMENT
        neighbours = [np.flatnonzero(row) for row in (code >= SINGLE) & (code <= OTHER_BOND)]
        rows = [
            (i, a, b, j, r)
            for r, (_, a, b, _) in enumerate(self.torsions.tolist())
            for i in neighbours[a]
            for j in neighbours[b]
            if i != b and j != a
        ]
        return np.array(rows, dtype=np.int64).reshape(-1, 5)

    @cached_property
    def dihedral_ends(self) -> tuple[np.ndarray, np.ndarray]:
        """(E, 2) int64: every i-a that is a side of dihedrals; (T, 2): the two sides of each, as rows of that."""
        i, a, b, j, _ = self.dihedrals.T
        key, inverse = np.unique(np.concatenate([i, j]) * self.num_atoms + np.concatenate([a, b]), return_inverse=True)
        return np.stack([key // self.num_atoms, key % self.num_atoms], 1), inverse.reshape(2, -1).T

    @property
    def num_atoms(self) -> int:
        """Number of atoms, hydrogens included."""
        return len(self.fragments)

    @property
    def num_fragments(self) -> int:
        """Number of fragments."""
        return int(self.fragments.max()) + 1 if len(self.fragments) else 0
