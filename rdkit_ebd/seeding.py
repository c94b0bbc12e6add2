"""Which seeds are deblurred? Of several for each conformer the one least like those before; the crowded never."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np
from rdkit import Chem

from rdkit_ebd.checks import CheckTables
from rdkit_ebd.coarse import CoarseSeeds, MakeParameters, coarse_seeds
from rdkit_ebd.featurise import rotatable_bonds
from rdkit_ebd.prune import symmetry_mappings
from rdkit_ebd.relief import openness, relieved
from rdkit_ebd.rmsd import best_rms
from rdkit_ebd.skeleton import Skeleton, with_hydrogens_back
from rdkit_ebd.stereo import stereo_kept
from rdkit_ebd.streams import hydrogen_stream, repeat_base

MORE_TRIALS = 3  # for skeletons whose every seed is crowded, before all atoms are embedded
# RDKit's own trials per seed, times those with all atoms: they cost less and fail more often, and a seed that an
# ensemble lacks costs the most.
MORE_ITERATIONS = 4
# Openness: the least distance over what it must not be below. Seeds with all atoms never come below 1.2; one in three
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
        deadline: `time.monotonic()` value after which no further seed is started.
        failures: RDKit's failure causes and how often each was met.
    """

    mol: Chem.Mol
    tables: CheckTables
    make_parameters: MakeParameters
    skeleton: Skeleton | None = None
    deadline: float | None = None
    failures: Counter[str] = field(default_factory=Counter)

    def seeds(self, indices: Sequence[int], base: int, pool: float = 1) -> CoarseSeeds:
        """One seed per conformer index.

        Seed k is chosen among `pool`, by what those before it are: the first six of twelve are the six. What has to be
        made again is numbered anew, because RDKit makes consecutive numbers in half the time of single ones.

        Args:
            indices: Conformer indices k wanted.
            base: From `streams.coarse_base`.
            pool: Seeds to choose from for each conformer, in the mean: 1.5 are two for every other one.

        Returns:
            One row per index, in the order of `indices`; NaN where none could be made.
        """
        pools = [self._ensemble(indices, base)]
        for j in range(1, ceil(pool) if len(indices) > 1 else 1):
            rows = _spread(len(indices), min(1.0, pool - j))
            pools.append(np.full_like(pools[0], np.nan))
            pools[j][rows] = self._ensemble(range(len(rows)), repeat_base(base, j))
        coords, good = np.array(pools), np.array([self._good(x) for x in pools])
        chosen = coords[self._choice(coords, good), np.arange(len(indices))]
        if self.skeleton is not None:
            self._mend(chosen, np.flatnonzero(~good.any(0)), indices, base, len(pools))
        return CoarseSeeds(chosen, np.isfinite(chosen).all((1, 2)), self.failures)

    def _ensemble(self, numbers: Sequence[int], base: int) -> np.ndarray:
        """Seeds (K, N, 3) of these numbers; NaN where there is none."""
        if self.skeleton is None:
            return self._whole(numbers, base)
        bare = coarse_seeds(self.skeleton.mol, numbers, base, self._patient, self.deadline)
        self.failures += bare.failures
        coords = np.full((len(numbers), self.mol.GetNumAtoms(), 3), np.nan)
        rows = np.flatnonzero(bare.made)
        if len(rows):
            streams = [hydrogen_stream(base, numbers[row]) for row in rows.tolist()]
            placed = with_hydrogens_back(self.skeleton, bare.coords[rows], streams)
            coords[rows] = self._with_room(placed)
        return coords - coords.mean(1, keepdims=True)

    def _with_room(self, coords: np.ndarray) -> np.ndarray:
        """Conformers (K, N, 3), the crowded among them given room where turning bonds can do that."""
        bonds, far_side = self._turning
        for row in np.flatnonzero(openness(coords, self.tables.clashes) <= CROWDED):
            coords[row] = relieved(coords[row], self.tables.clashes, bonds, far_side, WANTED)
        return coords

    @cached_property
    def _turning(self) -> tuple[np.ndarray, np.ndarray]:
        torsions, far_side = rotatable_bonds(self.mol)
        return torsions[:, 1:3], far_side

    def _whole(self, numbers: Sequence[int], base: int) -> np.ndarray:
        found = coarse_seeds(self.mol, numbers, base, self.make_parameters, self.deadline)
        self.failures += found.failures
        return found.coords

    def _patient(self, seed: int) -> Any:
        parameters: Any = self.make_parameters(seed)
        parameters.maxIterations *= MORE_ITERATIONS
        return parameters

    def _good(self, coords: np.ndarray) -> np.ndarray:
        """(K,) bool: made, of the written stereo, and not crowded."""
        right = np.isfinite(coords).all((1, 2)) & stereo_kept(coords, self.tables.labels)
        return right & (openness(coords, self.tables.clashes) > CROWDED)

    def _choice(self, coords: np.ndarray, good: np.ndarray) -> np.ndarray:
        """Which of the pools (J, K, N, 3) each of K seeds is taken from: a good one, the least like those before."""
        choice = good.argmax(0)
        if len(coords) == 1:
            return np.asarray(choice)
        mappings = symmetry_mappings(self.mol, maxMatches=MOST_MAPPINGS)
        before, count = np.empty_like(coords[0]), 0
        for k in range(coords.shape[1]):
            rivals = np.flatnonzero(good[:, k])
            if count and len(rivals) > 1:
                gaps = [best_rms(coords[j, k], before[:count], mappings).min() for j in rivals]
                choice[k] = rivals[int(np.argmax(gaps))]
            if len(rivals):
                before[count] = coords[choice[k], k]
                count += 1
        return np.asarray(choice)

    def _mend(self, chosen: np.ndarray, left: np.ndarray, indices: Sequence[int], base: int, trial: int) -> None:
        """Make the seeds of the rows that are left anew, of the skeleton and then of the molecule, in place."""
        for more in range(trial, trial + MORE_TRIALS):
            if not len(left) or not np.isfinite(chosen).any():
                break
            again = self._ensemble(range(len(left)), repeat_base(base, more))
            good = self._good(again)
            chosen[left[good]] = again[good]
            left = left[~good]
        if len(left):
            chosen[left] = self._whole([indices[row] for row in left.tolist()], base)


def _spread(count: int, share: float) -> np.ndarray:
    """Indices of a share of `count` rows, evenly spread and the same however many more there are."""
    steps = np.floor(np.arange(count + 1) * share + 1e-9)
    return np.flatnonzero(np.diff(steps))
