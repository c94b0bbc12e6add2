"""Whose bonds are turned? A few conformers of a molecule by distance geometry, embedded once for all that is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from rdkit_ebd.chem.undefined_stereo import undefined_stereo
from rdkit_ebd.seeds.seeding import Seeding

LEAST, PER_RING = 4, 2  # embeddings of a molecule, and more for each ring that can pucker
PER_OPEN = 4  # and for each centre or double bond of which no hand is written
LARGEST_RING = 8  # atoms; the shapes of larger rings are many


@dataclass
class Templates:
    """Conformers of one molecule whose bonds are turned; those there are already are used again.

    Attributes:
        coords: (T, N, 3) angstrom, NaN where there is none.
        sound: (T,) bool, of the written stereo.
        base: Of the random numbers that they were embedded with.
        most: How many show all that is to be seen, or infinity.
    """

    coords: np.ndarray
    sound: np.ndarray
    base: int
    most: float

    @classmethod
    def none_yet(cls, mol: Chem.Mol) -> Templates:
        """Nothing embedded."""
        return cls(np.zeros((0, mol.GetNumAtoms(), 3)), np.zeros(0, bool), 0, enough_templates(mol))

    def usable(self, embedding: Seeding, conformers: int, base: int) -> np.ndarray:
        """Those for so many conformers (U, N, 3) that have the written stereo, or that are made at all if none has.

        Args:
            embedding: Who makes what there is not yet.
            conformers: There are no more templates than these; what there is of more is left aside.
            base: Of the random numbers of the first, from `streams.coarse_base`; where none that there is was of any
                use, others are embedded with it.
        """
        count = int(min(self.most, conformers))
        if not np.isfinite(self.coords).all((1, 2)).any():
            self.coords, self.sound, self.base = self.coords[:0], self.sound[:0], base
        if count > len(self.coords):
            more = embedding.templates(range(len(self.coords), count), self.base)
            self.coords = np.concatenate([self.coords, more.first])
            self.sound = np.concatenate([self.sound, more.sound[:, 0]])
        coords, sound = self.coords[:count], self.sound[:count]
        return coords[sound if sound.any() else np.isfinite(coords).all((1, 2))]


def enough_templates(mol: Chem.Mol) -> float:
    """Templates that show what bonds that turn do not: rings in their shapes, and the isomers of what is not written.

    Large rings have one for each conformer, as their shapes are too many for a few.
    """
    unwritten = undefined_stereo(mol)
    found = LEAST + PER_OPEN * (len(unwritten.atoms) + len(unwritten.bonds))
    for ring in mol.GetRingInfo().AtomRings():
        if len(ring) > LARGEST_RING:
            return math.inf
        if not all(mol.GetAtomWithIdx(i).GetIsAromatic() for i in ring):
            found += PER_RING
    return found
