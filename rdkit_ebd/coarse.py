"""What rough shapes does RDKit propose for a molecule? Distance-geometry seeds, one random stream per conformer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDistGeom

MakeParameters = Callable[[int], rdDistGeom.EmbedParameters]


GIVE_UP_AFTER = 3  # single tries, from random coordinates too, once a whole ensemble gave nothing


@dataclass(frozen=True)
class CoarseSeeds:
    """Seeds of one molecule.

    Attributes:
        coords: (K, N, 3) float64, angstrom, centred, one row per index asked for; NaN where none could be made.
        made: (K,) bool, whether row k is a seed.
        failures: RDKit's failure causes and how often each was met.
    """

    coords: np.ndarray
    made: np.ndarray
    failures: Counter[str] = field(default_factory=Counter)


def coarse_seeds(
    mol: Chem.Mol, indices: Sequence[int], base: int, make_parameters: MakeParameters, deadline: float | None = None
) -> CoarseSeeds:
    """Embed one seed per conformer index; seed k depends on (molecule, base, k) alone.

    Args:
        mol: The molecule; not modified. Its atoms are taken as they are.
        indices: Conformer indices k wanted.
        base: From `streams.coarse_base`.
        make_parameters: RDKit parameters for a given random seed, with sequential seeds enabled.
        deadline: `time.monotonic()` value after which no further seed is started.

    Returns:
        One row per index, in the order of `indices`.
    """
    work = Chem.Mol(mol, True)  # quick copy: no conformers, no properties
    coords = np.full((len(indices), mol.GetNumAtoms(), 3), np.nan)
    failures: Counter[str] = Counter()
    hopeless = len(indices)
    if _contiguous(indices) and (deadline is None or time.monotonic() < deadline):
        parameters = _within(make_parameters(base + indices[0]), deadline)
        ids = list(rdDistGeom.EmbedMultipleConfs(work, len(indices), parameters))
        if len(ids) == len(indices):
            coords[:] = [work.GetConformer(i).GetPositions() for i in ids]
            _count(failures, parameters)
            return _centred(coords, failures)
        hopeless = len(indices) if ids else GIVE_UP_AFTER
    # RDKit renumbers what it made, so after a failure only single calls can tell which index failed.
    for row, k in enumerate(indices):
        if row >= hopeless and np.isnan(coords[:row]).all():
            break
        if deadline is not None and time.monotonic() >= deadline:
            failures["EXCEEDED_TIMEOUT"] += 1
            continue
        made = _one_seed(work, base + k, make_parameters, deadline, failures)
        if made is not None:
            coords[row] = made
    return _centred(coords, failures)


def own_seeds(mol: Chem.Mol, indices: Sequence[int]) -> CoarseSeeds:
    """The molecule's own conformers as seeds: index k starts from the k-th, counting on from the first after the last.

    Args:
        mol: With at least one conformer.
        indices: Conformer indices k wanted.
    """
    own = np.array([conformer.GetPositions() for conformer in mol.GetConformers()])
    return _centred(own[np.asarray(indices) % len(own)], Counter())


def _one_seed(
    work: Chem.Mol, seed: int, make_parameters: MakeParameters, deadline: float | None, failures: Counter[str]
) -> np.ndarray | None:
    """One seed, tried again from random coordinates where the distance-matrix start fails."""
    for random_coords in (False, True):
        parameters: Any = _within(make_parameters(seed), deadline)
        parameters.useRandomCoords = parameters.useRandomCoords or random_coords
        confid = rdDistGeom.EmbedMolecule(work, parameters)
        _count(failures, parameters)
        if confid >= 0:
            return np.asarray(work.GetConformer(confid).GetPositions())
        if deadline is not None and time.monotonic() >= deadline:
            return None
    return None


def _contiguous(indices: Sequence[int]) -> bool:
    return len(indices) > 1 and list(indices) == list(range(indices[0], indices[0] + len(indices)))


def _within(parameters: Any, deadline: float | None) -> Any:
    """Hand RDKit what is left of the time, in its whole seconds (0 would mean no limit)."""
    if deadline is not None:
        left = max(1, int(deadline - time.monotonic() + 0.999))
        parameters.timeout = left if parameters.timeout == 0 else min(parameters.timeout, left)
    return parameters


def _count(failures: Counter[str], parameters: Any) -> None:
    if not parameters.trackFailures:
        return
    counts = parameters.GetFailureCounts()
    for value, cause in rdDistGeom.EmbedFailureCauses.values.items():
        if value < len(counts) and counts[value]:
            failures[cause.name] += counts[value]


def _centred(coords: np.ndarray, failures: Counter[str]) -> CoarseSeeds:
    return CoarseSeeds(coords - coords.mean(1, keepdims=True), np.isfinite(coords).all((1, 2)), failures)
