"""How are seeds made of the skeleton alone? Embedded, hydrogens put back, the crowded ones made again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from rdkit import Chem

from rdkit_ebd.checks import CheckTables, Distances
from rdkit_ebd.coarse import CoarseSeeds, MakeParameters, coarse_seeds
from rdkit_ebd.skeleton import Skeleton, with_hydrogens_back
from rdkit_ebd.stereo import stereo_kept
from rdkit_ebd.streams import hydrogen_stream, repeat_base

TRIALS = 4
# RDKit's own trials per seed, times those with all atoms: they cost less and fail more often, and a seed that an
# ensemble lacks costs the most.
MORE_ITERATIONS = 4
# Distance over the least one allowed. Seeds with all atoms never come below 1.2; of the skeleton's, one in six is below
# this, and more than half of those clash once deblurred, as against one in twenty of the others.
CROWDED = 0.75


def skeleton_seeds(
    mol: Chem.Mol,
    skeleton: Skeleton,
    indices: Sequence[int],
    base: int,
    make_parameters: MakeParameters,
    tables: CheckTables,
    deadline: float | None = None,
) -> CoarseSeeds:
    """Embed one seed per conformer index; seed k depends on (molecule, base, k) and on how many of those before failed.

    What has to be made again is numbered anew, because RDKit makes an ensemble of consecutive numbers in half the time
    of single ones. The first six of twelve are the same as the six all the same.

    Args:
        mol: The molecule, all hydrogens explicit; not modified.
        skeleton: Of that molecule.
        indices: Conformer indices k wanted.
        base: From `streams.coarse_base`.
        make_parameters: As `coarse_seeds` takes it.
        tables: What the molecule's conformers are judged by; seeds that are crowded or lack the written stereo are
            made again, and with all atoms if that does not help.
        deadline: `time.monotonic()` value after which no further seed is started.

    Returns:
        One row per index, in the order of `indices`.
    """

    def patient(seed: int) -> Any:
        parameters: Any = make_parameters(seed)
        parameters.maxIterations *= MORE_ITERATIONS
        return parameters

    coords = np.full((len(indices), mol.GetNumAtoms(), 3), np.nan)
    left, failures = np.arange(len(indices)), Counter[str]()
    for trial in range(TRIALS):
        numbers = range(len(left)) if trial else indices
        found = _trial(skeleton, numbers, repeat_base(base, trial), patient, deadline)
        failures += found.failures
        good = (
            found.made & stereo_kept(found.coords, tables.labels) & (openness(found.coords, tables.clashes) > CROWDED)
        )
        coords[left[good]] = found.coords[good]
        nothing, left = not found.made.any(), left[~good]
        if nothing or not len(left):
            break
    if len(left):
        whole = coarse_seeds(mol, [indices[row] for row in left.tolist()], base, make_parameters, deadline)
        coords[left] = whole.coords
        failures += whole.failures
    return CoarseSeeds(coords, np.isfinite(coords).all((1, 2)), failures)


def openness(coords: np.ndarray, clashes: Distances) -> np.ndarray:
    """The least ratio of a distance in (K, N, 3) and what it must not be below, (K,); infinite without such pairs."""
    if not len(clashes.pairs):
        return np.full(len(coords), np.inf)
    gaps = coords[:, clashes.pairs[:, 0]] - coords[:, clashes.pairs[:, 1]]
    return np.asarray((np.linalg.norm(gaps, axis=-1) / clashes.lower).min(1))


def _trial(
    skeleton: Skeleton, indices: Sequence[int], base: int, make_parameters: MakeParameters, deadline: float | None
) -> CoarseSeeds:
    bare = coarse_seeds(skeleton.mol, indices, base, make_parameters, deadline)
    coords = np.full((len(indices), len(skeleton.places), 3), np.nan)
    rows = np.flatnonzero(bare.made)
    if len(rows):
        streams = [hydrogen_stream(base, indices[row]) for row in rows.tolist()]
        placed = with_hydrogens_back(skeleton, bare.coords[rows], streams)
        coords[rows] = placed - placed.mean(1, keepdims=True)
    return CoarseSeeds(coords, np.isfinite(coords).all((1, 2)), bare.failures)
