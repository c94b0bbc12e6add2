"""Which seeds does a library of torsions give? A few templates of RDKit, their bonds turned for all conformers at once.

Distance geometry makes the rings and the local geometry of a few templates; what makes the conformers of a molecule
differ are the angles about its bonds. They are drawn for more conformers than are wanted, evenly over what reference
ensembles show of each bond's surroundings. The crowded are left out, those of high energy if that is wanted, and of the
others those are taken that are least alike. That is a choice of a whole set: where more are wanted, all are others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from rdkit_ebd.arrays.random_streams import repeat_base, torsion_stream
from rdkit_ebd.chem.stereo import stereo_kept
from rdkit_ebd.chem.torsion_environments import turning_bonds
from rdkit_ebd.chem.torsions import dihedral_angles, turn
from rdkit_ebd.judge.tables import CheckTables
from rdkit_ebd.seeds.declash import clearance
from rdkit_ebd.seeds.diverse import least_alike, shape_profiles
from rdkit_ebd.seeds.rdkit_seeds import Seeds
from rdkit_ebd.seeds.rough_energy import rough_energies
from rdkit_ebd.seeds.seeding import CROWDED, Seeding
from rdkit_ebd.seeds.torsion_library import angles_at, torsion_library

LEAST_TEMPLATES, PER_RING = 4, 2  # embeddings of a molecule, and more for each ring that can pucker
LARGEST_RING, PER_LARGE_RING = 8, 12  # atoms; the shapes of larger rings are many
POOL = 4  # conformers assembled for each that is wanted
BATCHES = 4  # times that, at most, where molecules are crowded
ENOUGH = 2  # conformers that are not crowded, for each that is wanted
CHUNK = 256  # conformers whose distances are looked at together


@dataclass
class Templates:
    """Conformers of one molecule whose bonds are turned, embedded once for all groups and attempts.

    Attributes:
        coords: (T, N, 3) angstrom, NaN where there is none.
        sound: (T,) bool, of the written stereo.
        base: Of the random numbers that the first were embedded with.
    """

    coords: np.ndarray
    sound: np.ndarray
    base: int

    @classmethod
    def none_yet(cls, mol: Chem.Mol) -> Templates:
        """Nothing embedded."""
        return cls(np.zeros((0, mol.GetNumAtoms(), 3)), np.zeros(0, bool), 0)

    def usable(self, embedding: Seeding, count: int, base: int) -> np.ndarray:
        """Templates (U, N, 3) of `count` embedded ones: those of the written stereo, or all if none is.

        Those there are already are used again; where they are of no use, others are embedded in their place.
        """
        if len(self.coords) and not np.isfinite(self.coords).all((1, 2)).any():
            self.coords, self.sound = self.coords[:0], self.sound[:0]
        if not len(self.coords):
            self.base = base
        if count > len(self.coords):
            more = embedding.templates(range(len(self.coords), count), self.base)
            self.coords = np.concatenate([self.coords, more.first])
            self.sound = np.concatenate([self.sound, more.sound[:, 0]])
        return self.coords[self.sound if self.sound.any() else np.isfinite(self.coords).all((1, 2))]


@dataclass
class TorsionSeeding:
    """Where the seeds of one molecule come from.

    Attributes:
        mol: All hydrogens explicit; not modified.
        tables: What its conformers are judged by.
        embedding: Who makes conformers by distance geometry, and gives rings their shapes.
        templates: Those that it has made before, which are used again.
        share: Of the seeds that are not crowded, those of lowest energy among which is chosen; 1: all of them.
    """

    mol: Chem.Mol
    tables: CheckTables
    embedding: Seeding
    templates: Templates
    share: float = 1.0

    @property
    def failures(self) -> Counter[str]:
        """RDKit's failure causes and how often each was met."""
        return self.embedding.failures

    def candidates(self, indices: Sequence[int], base: int, pool: int = POOL) -> Seeds:
        """A seed for each conformer index; the set of them, not each by itself, follows from base and indices.

        Args:
            indices: Conformer indices wanted.
            base: From `streams.coarse_base`.
            pool: Conformers assembled for each that is wanted.
        """
        wanted = len(indices)
        usable = self.templates.usable(self.embedding, min(indices[-1] + 1, self._template_count()), base)
        if not len(usable):
            return Seeds.single(np.full((wanted, self.mol.GetNumAtoms(), 3), np.nan), self.failures)
        made, room = self._enough(usable, wanted, pool, indices[0], base)
        picked, sound = self._picked(made, room, wanted)
        return Seeds((picked - picked.mean(1, keepdims=True))[:, None], sound[:, None], self.failures)

    def _enough(
        self, templates: np.ndarray, wanted: int, pool: int, first: int, base: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Conformers (M, N, 3), `pool` for each wanted, and more where most are crowded; and their clearances (M,)."""
        size = pool * wanted
        made, room = np.zeros((0, *templates.shape[1:])), np.zeros(0)
        for batch in range(BATCHES):
            # Those of another group of the same molecule must be others.
            start = pool * BATCHES * first + batch * size
            more = self._assembled(templates, range(start, start + size), base)
            made, room = np.concatenate([made, more]), np.concatenate([room, self._room(more)])
            if (room > CROWDED).sum() >= ENOUGH * min(wanted, size):
                break
        return made, room

    def _assembled(self, templates: np.ndarray, numbers: range, base: int) -> np.ndarray:
        """Conformers (M, N, 3) of templates in turn, with angles of the library; where it has none, of others."""
        count, own = len(numbers), repeat_base(base, numbers.start)
        made = self.embedding.shaped(templates[np.array(numbers) % len(templates)], base, numbers)
        for place, bond in enumerate(turning_bonds(self.mol)):
            chances = torsion_library().chances(bond.names)
            random = np.random.default_rng(torsion_stream(own, place))
            now = dihedral_angles(made, np.array([bond.quad]))[:, 0]
            order = random.permutation(count)
            if chances is None:
                wanted = now[order]
            else:  # every share of the distribution once, in an order of its own for each bond
                wanted = angles_at(chances, (order + random.random(count)) / count)
            _, a, b, _ = bond.quad
            turn(made, a, b, bond.far_side, wanted - now)
        return made

    def _picked(self, made: np.ndarray, room: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
        """The conformers (K, N, 3) of (M, N, 3) that are wanted, and which of them are sound, (K,) bool."""
        fit = np.flatnonzero(room > CROWDED)
        if len(fit) < wanted:
            nearly = np.argsort(-room, kind="stable")[:wanted]
            picked = self.embedding.with_room(made[nearly])
            return picked, self._room(picked) > CROWDED
        fit = self._low(made, fit, wanted)
        rows = fit[least_alike(shape_profiles(made[fit], self._classes()), wanted)]
        return made[rows], np.ones(len(rows), bool)

    def _low(self, made: np.ndarray, fit: np.ndarray, wanted: int) -> np.ndarray:
        """Of the rows `fit` those of low energy, the lowest first."""
        if self.share == 1 or len(fit) <= wanted:
            return fit
        energies = rough_energies(self.mol, made[fit])
        if energies is None:
            return fit
        return np.asarray(fit[np.argsort(energies, kind="stable")[: max(wanted, int(self.share * len(fit)))]])

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
