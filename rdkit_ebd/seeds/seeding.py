"""Which seeds are there to choose from? RDKit's own, given room, and what their torsions give, mixed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from rdkit import Chem

from rdkit_ebd.arrays.random_streams import hydrogen_stream, repeat_base, torsion_stream
from rdkit_ebd.chem.stereo import stereo_kept
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.chem.torsions import rotatable_bonds
from rdkit_ebd.ensemble.select import chosen
from rdkit_ebd.judge.tables import CheckTables, Distances
from rdkit_ebd.params import EBD
from rdkit_ebd.runtime.deadline import NEVER, Deadline
from rdkit_ebd.seeds.declash import clearance, declashed
from rdkit_ebd.seeds.rdkit_seeds import MakeParameters, Seeds, coarse_seeds
from rdkit_ebd.seeds.recombine import recombined
from rdkit_ebd.seeds.ring_shapes import RingShapes, drawn_shapes, with_ring_shapes
from rdkit_ebd.seeds.skeleton import Skeleton, with_hydrogens_back

WHOLE_TAKES = 2  # times as long as a seed without hydrogens, at least
MORE_TRIALS = 3  # for skeletons whose every seed is crowded, before all atoms are embedded
# RDKit's own trials per seed, times those with all atoms: they cost less and fail more often, and a seed that an
# ensemble lacks costs the most.
MORE_ITERATIONS = 4
SKELETON_FORCE_TOL = 0.01  # RDKit's own 0.001 costs a tenth of the time, and is gone after the first deblurring
# Clearance: the least distance over what it must not be below. Seeds with all atoms never come below 1.2; one in three
# of the skeleton's is below 1, and more than half of those below 0.75 clash once deblurred, as against one in twenty.
CROWDED, WANTED = 1.0, 1.1
MOST_MAPPINGS = 12  # phenyl and CF3 groups count as symmetric; what is more than that may count as different


@dataclass
class Seeding:
    """Where the seeds of one molecule come from.

    Attributes:
        mol: All hydrogens explicit; not modified.
        tables: What its conformers are judged by; seeds without the written stereo are the last to be chosen.
        make_parameters: As `coarse_seeds` takes it.
        skeleton: Embedded in place of the molecule, which is embedded where that does not help; None: never.
        deadline: No further seed is started after it.
        rings: Shapes that its saturated rings are given; none: they stay as RDKit makes them.
        failures: RDKit's failure causes and how often each was met.
    """

    mol: Chem.Mol
    tables: CheckTables
    make_parameters: MakeParameters
    skeleton: Skeleton | None = None
    deadline: Deadline = NEVER
    rings: Sequence[RingShapes] = ()
    failures: Counter[str] = field(default_factory=Counter)

    def candidates(self, indices: Sequence[int], base: int, pool: int = 1) -> Seeds:
        """Seeds to choose from, for each conformer index: its own, and others that have torsions of those before it.

        Those of conformer k depend on no later one. What has to be made again is numbered anew, because RDKit makes
        consecutive numbers in half the time of single ones; not where time is limited, and conformers come in groups.

        Args:
            indices: Conformer indices k wanted.
            base: From `streams.coarse_base`.
            pool: Candidates for each conformer, at most.
        """
        since = time.perf_counter()
        coords = self._ensemble(indices, base)
        good = self._good(coords)
        if self.skeleton is not None:
            self._mend(coords, good, indices, base, time.perf_counter() - since)
        candidates, sound = coords[:, None], good[:, None]
        if pool > 1 and len(indices) > 1 and len(self._turning[0]):
            candidates, sound = self._with_rivals(coords, good, base, pool - 1)
        return Seeds(candidates, sound, self.failures)

    def templates(self, indices: Sequence[int], base: int) -> Seeds:
        """Seeds whose bonds are to be turned: crowded ones do as well, unless it is in a part that no bond turns.

        Args:
            indices: As `candidates` takes them.
            base: Likewise.
        """
        since = time.perf_counter()
        coords = self._ensemble(indices, base, room=False)
        stiff = self._stiff_contacts
        good = self._good(coords, stiff)
        if self.skeleton is not None:
            self._mend(coords, good, indices, base, time.perf_counter() - since, stiff)
        return Seeds(coords[:, None], good[:, None], self.failures)

    def seeds(self, indices: Sequence[int], base: int, pool: int = 1) -> Seeds:
        """One seed per conformer index: of its candidates the one least like those before.

        The first six of twelve are the six.

        Args:
            indices: As `candidates` takes them.
            base: Likewise.
            pool: Likewise.

        Returns:
            One row per index, in the order of `indices`; NaN where none could be made.
        """
        found = self.candidates(indices, base, pool)
        picks = chosen(found.coords, found.sound, self.mappings)
        rows = np.arange(len(picks))
        return Seeds(found.coords[rows, picks][:, None], found.sound[rows, picks][:, None], self.failures)

    @cached_property
    def mappings(self) -> np.ndarray:
        """Atom orders in which candidates are compared."""
        return symmetry_mappings(self.mol, maxMatches=MOST_MAPPINGS)

    def _ensemble(self, numbers: Sequence[int], base: int, room: bool = True) -> np.ndarray:
        """Seeds (K, N, 3) of these numbers, the crowded given room if wanted; NaN where there is none."""
        if self.skeleton is None:
            return self._whole(numbers, base)
        bare = coarse_seeds(self.skeleton.mol, numbers, base, self._patient, self.deadline)
        self.failures += bare.failures
        coords = np.full((len(numbers), self.mol.GetNumAtoms(), 3), np.nan)
        rows = np.flatnonzero(bare.made)
        if len(rows):
            streams = [hydrogen_stream(base, numbers[row]) for row in rows.tolist()]
            placed = with_hydrogens_back(self.skeleton, bare.first[rows], streams)
            shaped = self.shaped(placed, base, [numbers[row] for row in rows.tolist()])
            coords[rows] = self.with_room(shaped) if room else shaped
        return coords - coords.mean(1, keepdims=True)

    def shaped(self, coords: np.ndarray, base: int, numbers: Sequence[int]) -> np.ndarray:
        """Conformers (K, N, 3), one for each number, with saturated rings in shapes of low energy."""
        if not self.rings:
            return coords
        shaped = with_ring_shapes(self.mol, self.rings, coords, base, numbers)
        return np.where(stereo_kept(shaped, self.tables.labels)[:, None, None], shaped, coords)

    def shape_kinds(self, base: int, numbers: Sequence[int]) -> np.ndarray:
        """(K,) int64: numbers whose rings `shaped` gives the same shapes have the same one."""
        drawn = drawn_shapes(self.rings, base, numbers)
        return np.unique(drawn, axis=1, return_inverse=True)[1].reshape(len(numbers))

    def with_room(self, coords: np.ndarray) -> np.ndarray:
        """Conformers (K, N, 3), the crowded among them given room where turning bonds can do that."""
        quads, far_side = self._turning
        for row in np.flatnonzero(clearance(coords, self.tables.room) <= CROWDED):
            coords[row] = declashed(coords[row], self.tables.room, quads[:, 1:3], far_side, WANTED)
        return coords

    @cached_property
    def _turning(self) -> tuple[np.ndarray, np.ndarray]:
        return rotatable_bonds(self.mol)

    def _whole(self, numbers: Sequence[int], base: int) -> np.ndarray:
        found = coarse_seeds(self.mol, numbers, base, self.make_parameters, self.deadline)
        self.failures += found.failures
        rows, coords = np.flatnonzero(found.made), found.first
        if self.rings and len(rows):
            coords = coords.copy()
            coords[rows] = self.with_room(self.shaped(coords[rows], base, [numbers[row] for row in rows.tolist()]))
            coords = coords - coords.mean(1, keepdims=True)
        return coords

    def _patient(self, seed: int) -> Any:
        parameters: Any = self.make_parameters(seed)
        parameters.maxIterations *= MORE_ITERATIONS
        if parameters.optimizerForceTol == EBD.optimizerForceTol:  # else the user has said what it should be
            parameters.optimizerForceTol = SKELETON_FORCE_TOL
        return parameters

    def _good(self, coords: np.ndarray, contacts: Distances | None = None) -> np.ndarray:
        """(K,) bool: made, of the written stereo, and not crowded, in all contacts or in those given."""
        return self._right(coords) & (clearance(coords, contacts or self.tables.room) > CROWDED)

    @cached_property
    def _stiff_contacts(self) -> Distances:
        """Those between atoms that no bond turns against each other: rings, above all large ones."""
        room, far_side = self.tables.room, self._turning[1]
        stiff = (far_side[:, room.pairs[:, 0]] == far_side[:, room.pairs[:, 1]]).all(0)
        return room.of(stiff)

    def _right(self, coords: np.ndarray) -> np.ndarray:
        """(K,) bool: made, and of the written stereo."""
        return np.asarray(np.isfinite(coords).all((1, 2)) & stereo_kept(coords, self.tables.labels))

    def _mend(
        self,
        coords: np.ndarray,
        good: np.ndarray,
        indices: Sequence[int],
        base: int,
        pace: float,
        contacts: Distances | None = None,
    ) -> None:
        """Make anew the seeds that are not good by `_good`, of the skeleton and then of the molecule, in place.

        Nothing is begun that would end after the deadline, as the trial before took so many seconds (`pace`).
        """
        left = np.flatnonzero(~good)
        for trial in range(1, 1 + MORE_TRIALS):
            # RDKit looks at the time between its trials alone, of which one takes seconds for a large ring.
            if not len(left) or not np.isfinite(coords).any() or self.deadline.left < pace:
                break
            since = time.perf_counter()
            anew = range(indices[0], indices[0] + len(left))
            grouped = self.deadline != NEVER and contacts is None  # templates come in the same blocks at any rate
            numbers = [indices[row] for row in left.tolist()] if grouped else anew
            again = self._ensemble(numbers, repeat_base(base, trial))
            pace = time.perf_counter() - since
            fit = self._good(again, contacts)
            coords[left[fit]] = again[fit]
            left = left[~fit]
        if len(left) and self.deadline.left >= WHOLE_TAKES * pace:
            coords[left] = self._whole([indices[row] for row in left.tolist()], base)
        good[:] = self._good(coords, contacts)

    def _with_rivals(
        self, coords: np.ndarray, good: np.ndarray, base: int, others: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Seeds (K, N, 3) with recombined ones beside them: (K, 1 + others, N, 3), and which of all are sound."""
        candidates = np.repeat(coords[:, None], 1 + others, axis=1)
        sound = np.zeros(candidates.shape[:2], bool)
        sound[:, 0] = good
        known, rank = coords[good], np.cumsum(good) - good  # good seeds before each
        rows = np.flatnonzero(good & (rank > 0))
        if len(rows):
            rivals = self._rivals(known, rank[rows] + 1, base, others)
            candidates[rows, 1:] = rivals
            sound[rows, 1:] = self._good(rivals.reshape(-1, *coords.shape[1:])).reshape(len(rows), others)
        return candidates, sound

    def _rivals(self, known: np.ndarray, counts: np.ndarray, base: int, others: int) -> np.ndarray:
        """For each count, so many conformers (K, M, N, 3) of the parts of as many as are counted of the known ones."""
        quads, far_side = self._turning
        bases, donors = [], []
        for count in counts.tolist():
            random = np.random.default_rng(torsion_stream(base, count))
            bases.append(random.integers(count, size=others))
            donors.append(random.integers(count, size=(others, len(quads))))
        made = recombined(known, quads, far_side, np.concatenate(bases), np.concatenate(donors))
        return made.reshape(len(counts), others, *known.shape[1:])
