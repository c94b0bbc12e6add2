"""Which seeds does a library of torsions give? A few templates of RDKit, their bonds turned for all conformers at once.

Distance geometry makes the rings and the local geometry of a few templates; what makes the conformers of a molecule
differ are the angles about its bonds. They are drawn for more conformers than are wanted, evenly over what reference
ensembles show of each bond's surroundings. The crowded are left out, those of high energy if that is wanted, and of the
others those are taken that are least like the ones before them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from rdkit import Chem

from rdkit_ebd.arrays.random_streams import torsion_stream
from rdkit_ebd.chem.stereo import stereo_kept
from rdkit_ebd.chem.torsion_environments import turning_bonds
from rdkit_ebd.chem.torsions import dihedral_angles, rotatable_bonds, turn
from rdkit_ebd.judge.tables import CheckTables
from rdkit_ebd.seeds.declash import clearance
from rdkit_ebd.seeds.diverse import even_points, least_alike_in_turn, shape_profiles
from rdkit_ebd.seeds.rdkit_seeds import Seeds
from rdkit_ebd.seeds.rough_energy import rough_energies
from rdkit_ebd.seeds.seeding import CROWDED, Seeding
from rdkit_ebd.seeds.torsion_library import angles_at, torsion_library

LEAST_TEMPLATES, PER_RING = 4, 2  # embeddings of a molecule, and more for each ring that can pucker
LARGEST_RING, PER_LARGE_RING = 8, 12  # atoms; the shapes of larger rings are many
POOL = 6  # conformers assembled for each that is wanted
CHUNK = 256  # conformers whose distances are looked at together


@dataclass
class TorsionSeeding:
    """Where the seeds of one molecule come from.

    Attributes:
        mol: All hydrogens explicit; not modified.
        tables: What its conformers are judged by.
        embedding: Who makes conformers by distance geometry, and gives rings their shapes.
        share: Of the seeds for a conformer that are not crowded, those of lowest energy that may be chosen; 1: all.
        failures: RDKit's failure causes and how often each was met.
    """

    mol: Chem.Mol
    tables: CheckTables
    embedding: Seeding
    share: float = 1.0
    failures: Counter[str] = field(default_factory=Counter)

    def candidates(self, indices: Sequence[int], base: int, pool: int = POOL) -> Seeds:
        """A seed for each conformer index: of a few that are assembled for it, the one least like those before it.

        The first six of twelve are the six.

        Args:
            indices: Conformer indices wanted, ascending.
            base: From `streams.coarse_base`.
            pool: Conformers assembled for each that is wanted.
        """
        count = self._template_count()
        known = self.embedding.templates(range(min(indices[-1] + 1, count)), base)
        self.failures += known.failures
        template = _templates_of(np.array(indices), known.made & known.sound[:, 0], known.made, count)
        rows = np.flatnonzero(template >= 0)
        coords = np.full((len(indices), self.mol.GetNumAtoms(), 3), np.nan)
        sound = np.zeros(len(indices), bool)
        if len(rows):
            numbers = (np.array(indices)[rows, None] * pool + np.arange(pool)).reshape(-1)
            made = self._assembled(known.first[np.repeat(template[rows], pool)], numbers, base)
            coords[rows], sound[rows] = self._picked(made, pool)
            coords -= coords.mean(1, keepdims=True)
        return Seeds(coords[:, None], sound[:, None], self.failures)

    def _assembled(self, made: np.ndarray, numbers: np.ndarray, base: int) -> np.ndarray:
        """Conformers (M, N, 3) of the templates given, with angles of the library; what it lacks stays as it is."""
        _, far_side = rotatable_bonds(self.mol)
        made = self.embedding.shaped(made, base, numbers.tolist())
        bonds = turning_bonds(self.mol)
        shares = even_points(len(bonds), numbers, [torsion_stream(base, place) for place in range(len(bonds))])
        for bond, points in zip(bonds, shares, strict=True):
            chances = torsion_library().chances(bond.names)
            if chances is not None:
                now = dihedral_angles(made, np.array([bond.quad]))[:, 0]
                _, a, b, _ = bond.quad
                turn(made, a, b, far_side[bond.row], angles_at(chances, points) - now)
        return made

    def _picked(self, made: np.ndarray, pool: int) -> tuple[np.ndarray, np.ndarray]:
        """One of each `pool` conformers (K * pool, N, 3), and which are sound: (K, N, 3) and (K,) bool."""
        room = self._room(made)
        fit = (room > CROWDED).reshape(-1, pool)
        wanted = self._low(made, fit) if self.share < 1 else fit
        picks = least_alike_in_turn(shape_profiles(made, self._classes()).reshape(*fit.shape, -1), wanted)
        lacking = ~fit.any(1)
        picks[lacking] = room.reshape(fit.shape)[lacking].argmax(1)
        rows = np.arange(len(fit)) * pool + picks
        coords = made[rows]
        if lacking.any():
            coords[lacking] = self.embedding.with_room(coords[lacking])
        return coords, self._room(coords) > CROWDED

    def _low(self, made: np.ndarray, fit: np.ndarray) -> np.ndarray:
        """(K, P) bool, which of those that are fit are among the lower of their row."""
        energies = rough_energies(self.mol, made[fit.reshape(-1)])
        if energies is None:
            return fit
        all_of_them = np.full(fit.shape, np.inf)
        all_of_them[fit] = energies
        ranks = all_of_them.argsort(1, kind="stable").argsort(1, kind="stable")
        return np.asarray(fit & (ranks < np.ceil(self.share * fit.sum(1, keepdims=True))))

    def _room(self, coords: np.ndarray) -> np.ndarray:
        """Clearance of conformers (K, N, 3), negative where they lack the written stereo."""
        parts = [clearance(coords[k : k + CHUNK], self.tables.room) for k in range(0, len(coords), CHUNK)]
        return np.where(stereo_kept(coords, self.tables.labels), np.concatenate(parts), -1.0)

    def _template_count(self) -> int:
        found = LEAST_TEMPLATES
        for ring in self.mol.GetRingInfo().AtomRings():
            if len(ring) > LARGEST_RING:
                found += PER_LARGE_RING
            elif not all(self.mol.GetAtomWithIdx(i).GetIsAromatic() for i in ring):
                found += PER_RING
        return found

    def _classes(self) -> np.ndarray:
        """(N,) which heavy atoms are equivalent; -1: a hydrogen."""
        ranks = np.array(Chem.CanonicalRankAtoms(self.mol, breakTies=False, includeChirality=False))
        return np.where([atom.GetAtomicNum() > 1 for atom in self.mol.GetAtoms()], ranks, -1)


def _templates_of(indices: np.ndarray, sound: np.ndarray, made: np.ndarray, count: int) -> np.ndarray:
    """Which template each conformer is made of, (K,): its own, or the last sound one before it; -1 where there is none.

    Nothing that comes later matters, so that it does not matter how many are wanted.
    """
    found = np.full(len(indices), -1)
    for usable in (made, sound):  # the sound ones have the last word
        places = np.where(usable, np.arange(len(usable)), -1)
        latest = np.maximum.accumulate(places)
        at = latest[np.minimum(indices % count, len(latest) - 1)]
        found = np.where(at >= 0, at, found)
    return found
