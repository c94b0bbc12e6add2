"""Which seeds does a library of torsions give? A few templates of RDKit, their bonds turned for all conformers at once.

Distance geometry makes the rings and the local geometry of a few templates; what makes the conformers of a molecule
differ are the angles about its bonds. They are drawn for more conformers than are wanted, evenly over what reference
ensembles show of each bond's surroundings. The crowded are left out, those of high energy if that is wanted, and of the
others those are taken that are least alike.

That is done for blocks of conformers, each about as large as all before it, so that conformer k is the same however
many are wanted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from rdkit import Chem

from rdkit_ebd.arrays.random_streams import repeat_base, torsion_stream
from rdkit_ebd.chem.stereo import stereo_kept
from rdkit_ebd.chem.torsion_environments import TurningBond, turning_bonds
from rdkit_ebd.chem.torsions import dihedral_angles, turn
from rdkit_ebd.judge.tables import CheckTables
from rdkit_ebd.seeds.declash import clearance
from rdkit_ebd.seeds.diverse import least_alike, shape_profiles
from rdkit_ebd.seeds.rdkit_seeds import Seeds
from rdkit_ebd.seeds.rough_energy import rough_energies
from rdkit_ebd.seeds.seeding import CROWDED, Seeding
from rdkit_ebd.seeds.templates import Templates
from rdkit_ebd.seeds.torsion_library import angles_at, torsion_library

POOL = 4  # conformers assembled for each that is wanted
BATCHES = 4  # times that, at most, where molecules are crowded
ENOUGH = 2  # conformers that are not crowded, for each that is wanted
FIRST_BLOCKS = (1, 4, 8)  # where the first blocks end; each later one ends at twice the number of the one before
CHUNK = 256  # conformers whose distances are looked at together


@dataclass
class Chosen:
    """Seeds chosen so far with the random numbers of one base, in order.

    Attributes:
        coords: (C, N, 3) angstrom, centred.
        sound: (C,) bool, neither crowded nor of another stereo.
        profiles: (C, P) of their shapes, as `shape_profiles` makes them.
    """

    coords: np.ndarray
    sound: np.ndarray
    profiles: np.ndarray

    def add(self, coords: np.ndarray, sound: np.ndarray, profiles: np.ndarray) -> None:
        """Append (K, N, 3), (K,) and (K, P)."""
        centred = coords - coords.mean(1, keepdims=True)
        whole = [(self.coords, centred), (self.sound, sound), (self.profiles, profiles)]
        self.coords, self.sound, self.profiles = (np.concatenate(pair) if len(pair[0]) else pair[1] for pair in whole)


@dataclass
class TorsionStore:
    """What is kept of one molecule between the attempts at its conformers, and between groups of them."""

    templates: Templates
    chosen: dict[int, Chosen] = field(default_factory=dict)

    @classmethod
    def empty(cls, mol: Chem.Mol) -> TorsionStore:
        """Of a molecule that nothing was made of."""
        return cls(Templates.none_yet(mol))


@dataclass
class TorsionSeeding:
    """Where the seeds of one molecule come from.

    Attributes:
        mol: All hydrogens explicit; not modified.
        tables: What its conformers are judged by.
        embedding: Who makes conformers by distance geometry, and gives rings their shapes.
        store: What was made of this molecule before.
        share: Of the seeds that are not crowded, those of lowest energy among which is chosen; 1: all of them.
    """

    mol: Chem.Mol
    tables: CheckTables
    embedding: Seeding
    store: TorsionStore
    share: float = 1.0

    @property
    def failures(self) -> Counter[str]:
        """RDKit's failure causes and how often each was met."""
        return self.embedding.failures

    def candidates(self, indices: Sequence[int], base: int, pool: int = POOL) -> Seeds:
        """A seed for each conformer index, which follows from molecule, base and index alone.

        Args:
            indices: Conformer indices wanted.
            base: From `streams.coarse_base`.
            pool: Conformers assembled for each that is wanted.
        """
        nothing = np.zeros((0, 0))
        chosen = self.store.chosen.setdefault(base, Chosen(nothing, nothing[:, :0].reshape(0), nothing))
        while len(chosen.sound) <= max(indices):
            if not self._add_block(chosen, base, pool):
                return Seeds.single(np.full((len(indices), self.mol.GetNumAtoms(), 3), np.nan), self.failures)
        rows = np.asarray(indices)
        return Seeds(chosen.coords[rows, None], chosen.sound[rows, None], self.failures)

    def _add_block(self, chosen: Chosen, base: int, pool: int) -> bool:
        """Choose the next block of seeds; whether there was anything to choose from."""
        first = len(chosen.sound)
        last = next((end for end in FIRST_BLOCKS if end > first), 2 * first)
        templates = self.store.templates.usable(self.embedding, last, base)
        if not len(templates):
            return False
        made, room, parents = self._enough(templates, range(first, last), base, pool)
        picked, sound, profiles = self._picked(made, room, parents, last - first, chosen.profiles)
        chosen.add(picked, sound, profiles)
        return True

    def _enough(
        self, templates: np.ndarray, block: range, base: int, pool: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Conformers (M, N, 3), `pool` for each of a block, and more where most are crowded; clearances, parents."""
        size = pool * len(block)
        made, room = np.zeros((0, *templates.shape[1:])), np.zeros(0)
        start = pool * BATCHES * block.start
        for _ in range(BATCHES):
            more = self._assembled(templates, range(start + len(made), start + len(made) + size), base)
            made, room = np.concatenate([made, more]), np.concatenate([room, self._room(more)])
            if (room > CROWDED).sum() >= min(ENOUGH * len(block), size):
                break
        numbers = range(start, start + len(made))
        shapes = self.embedding.shape_kinds(base, numbers)
        return made, room, shapes * len(templates) + np.array(numbers) % len(templates)

    def _assembled(self, templates: np.ndarray, numbers: range, base: int) -> np.ndarray:
        """Conformers (M, N, 3) of templates in turn, with angles of the library; where it has none, of others."""
        count, own = len(numbers), repeat_base(base, numbers.start)
        made = self.embedding.shaped(templates[np.array(numbers) % len(templates)], base, numbers)
        for place, bond in enumerate(self._bonds):
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

    def _picked(
        self, made: np.ndarray, room: np.ndarray, parents: np.ndarray, wanted: int, before: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of (M, N, 3) the conformers (K, N, 3) that are wanted, which of them are sound, (K,) bool, their profiles."""
        fit = np.flatnonzero(room > CROWDED)
        if len(fit) < wanted:
            nearly = np.argsort(-room, kind="stable")[:wanted]
            picked = self.embedding.with_room(made[nearly])
            return picked, self._room(picked) > CROWDED, shape_profiles(picked, self._classes)
        fit = self._low(made, fit, parents, wanted)
        profiles = shape_profiles(made[fit], self._classes)
        rows = least_alike(profiles, wanted, before)
        return made[fit[rows]], np.ones(len(rows), bool), profiles[rows]

    def _low(self, made: np.ndarray, fit: np.ndarray, parents: np.ndarray, wanted: int) -> np.ndarray:
        """Of the rows `fit` those of low energy among all with the same parents, the lowest first.

        Templates differ in what does not turn, such as large rings and stereo that is not written, and shapes of rings
        were drawn by their energies: all are to be seen.
        """
        if self.share == 1 or len(fit) <= wanted:
            return fit
        energies = rough_energies(self.mol, made[fit])
        if energies is None:
            return fit
        order = np.lexsort((energies, shares_below(energies, parents[fit])))
        return np.asarray(fit[order[: max(wanted, int(self.share * len(fit)))]])

    def _room(self, coords: np.ndarray) -> np.ndarray:
        """Clearance of conformers (K, N, 3), negative where they lack the written stereo."""
        parts = [clearance(coords[k : k + CHUNK], self.tables.room) for k in range(0, len(coords), CHUNK)]
        return np.where(stereo_kept(coords, self.tables.labels), np.concatenate(parts), -1.0)

    @cached_property
    def _bonds(self) -> Sequence[TurningBond]:
        return turning_bonds(self.mol)

    @cached_property
    def _classes(self) -> np.ndarray:
        """(N,) which heavy atoms are equivalent; -1: a hydrogen."""
        ranks = np.array(Chem.CanonicalRankAtoms(self.mol, breakTies=False, includeChirality=False))
        return np.where([atom.GetAtomicNum() > 1 for atom in self.mol.GetAtoms()], ranks, -1)


def shares_below(values: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """For each value (M,), which share of its own kind's lies below it."""
    found = np.zeros(len(values))
    for kind in np.unique(kinds):
        rows = np.flatnonzero(kinds == kind)
        found[rows[np.argsort(values[rows], kind="stable")]] = np.arange(len(rows)) / len(rows)
    return found
