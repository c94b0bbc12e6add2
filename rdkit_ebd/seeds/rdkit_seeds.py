"""What rough shapes does RDKit propose for a molecule? Distance-geometry seeds, one random stream per conformer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from rdkit_ebd.report import FailureCause
from rdkit_ebd.runtime.deadline import NEVER, Deadline

MakeParameters = Callable[[int], rdDistGeom.EmbedParameters]


GIVE_UP_AFTER = 3  # tries from random coordinates, once a whole ensemble gave nothing


@dataclass(frozen=True)
class Seeds:
    """Rough conformers of one molecule to start from, one or several for each conformer wanted.

    Attributes:
        coords: (K, P, N, 3) float64, angstrom, centred, P candidates for each of K conformers; the first of each is
            RDKit's own, NaN where none could be made.
        sound: (K, P) bool: of the written stereo and not crowded, as far as that was looked at. Where no candidate is,
            the first is still there to be tried.
        failures: RDKit's failure causes and how often each was met.
    """

    coords: np.ndarray
    sound: np.ndarray
    failures: Counter[str] = field(default_factory=Counter)

    @classmethod
    def single(cls, coords: np.ndarray, failures: Counter[str]) -> Seeds:
        """One seed for each conformer, (K, N, 3) angstrom."""
        centred = coords - coords.mean(1, keepdims=True)
        return cls(centred[:, None], np.isfinite(centred).all((1, 2))[:, None], failures)

    @property
    def first(self) -> np.ndarray:
        """(K, N, 3), the first candidate of each conformer."""
        return np.asarray(self.coords[:, 0])

    @property
    def made(self) -> np.ndarray:
        """(K,) bool, whether there is a seed at all."""
        return np.asarray(np.isfinite(self.first).all((1, 2)))


def coarse_seeds(
    mol: Chem.Mol, indices: Sequence[int], base: int, make_parameters: MakeParameters, deadline: Deadline = NEVER
) -> Seeds:
    """Embed one seed per conformer index; seed k depends on (molecule, base, k) alone.

    Args:
        mol: The molecule; not modified. Its atoms are taken as they are.
        indices: Conformer indices k wanted.
        base: From `streams.coarse_base`.
        make_parameters: RDKit parameters for a given random seed, with sequential seeds enabled.
        deadline: No further seed is started after it.

    Returns:
        One seed per index, in the order of `indices`.
    """
    work = Chem.Mol(mol, True)  # quick copy: no conformers, no properties
    maker = _Maker(work, base, make_parameters, deadline)
    coords = np.full((len(indices), mol.GetNumAtoms(), 3), np.nan)
    together = _contiguous(indices) and not maker.late
    if together:
        coords = maker.ensemble(indices)
    nothing = together and bool(np.isnan(coords).all())
    if nothing:
        # Large molecules have distance matrices that give no coordinates at all; random ones do, all at once.
        coords[:GIVE_UP_AFTER] = maker.ensemble(indices[:GIVE_UP_AFTER], True)
        if np.isfinite(coords).any() and len(indices) > GIVE_UP_AFTER:
            coords[GIVE_UP_AFTER:] = maker.ensemble(indices[GIVE_UP_AFTER:], True)
    for row, k in enumerate(indices):
        if nothing and row >= GIVE_UP_AFTER and np.isnan(coords[:row]).all():
            break
        if np.isnan(coords[row]).any():
            # Random coordinates are for seeds whose distance matrix gives nothing; an ensemble's call has shown which.
            coords[row] = maker.first([(k, True)] if together and not nothing else [(k, False), (k, True)])
    return Seeds.single(coords, maker.failures)


def own_seeds(mol: Chem.Mol, indices: Sequence[int]) -> Seeds:
    """The molecule's own conformers as seeds: index k starts from the k-th, counting on from the first after the last.

    Args:
        mol: With at least one conformer.
        indices: Conformer indices k wanted.
    """
    own = np.array([conformer.GetPositions() for conformer in mol.GetConformers()])
    return Seeds.single(own[np.asarray(indices) % len(own)], Counter())


@dataclass
class _Maker:
    """Calls of RDKit for one molecule, with what went wrong in them."""

    mol: Chem.Mol
    base: int
    make_parameters: MakeParameters
    deadline: Deadline
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def late(self) -> bool:
        return self.deadline.passed

    def ensemble(self, indices: Sequence[int], random_coords: bool = False) -> np.ndarray:
        """Seeds (K, N, 3) of contiguous indices in one call; NaN where there is none."""
        coords = np.full((len(indices), self.mol.GetNumAtoms(), 3), np.nan)
        if self.late:
            return coords
        parameters: Any = _within(self.make_parameters(self.base + indices[0]), self.deadline)
        parameters.useRandomCoords = parameters.useRandomCoords or random_coords
        rdDistGeom.EmbedMultipleConfs(self.mol, len(indices), parameters)
        _count(self.failures, parameters)
        made = np.array([conformer.GetPositions() for conformer in self.mol.GetConformers()])
        made = made.reshape(-1, self.mol.GetNumAtoms(), 3)
        for row, place in self._places(made, indices, random_coords):
            coords[row] = made[place]
        return coords

    def first(self, tries: Sequence[tuple[int, bool]]) -> np.ndarray:
        """The first seed that can be made of (index, from random coordinates) (N, 3); NaN if there is none."""
        for k, random_coords in tries:
            if self.late:
                self.failures[FailureCause.EXCEEDED_TIMEOUT] += 1
                break
            parameters: Any = _within(self.make_parameters(self.base + k), self.deadline)
            parameters.useRandomCoords = parameters.useRandomCoords or random_coords
            confid = rdDistGeom.EmbedMolecule(self.mol, parameters)
            _count(self.failures, parameters)
            if confid >= 0:
                return np.asarray(self.mol.GetConformer(confid).GetPositions())
        return np.full((self.mol.GetNumAtoms(), 3), np.nan)

    def _places(self, made: np.ndarray, indices: Sequence[int], random_coords: bool) -> list[tuple[int, int]]:
        """(row, place among those made) of the seeds that an ensemble's call made.

        RDKit renumbers what it made, so that where some are missing it does not say which. A single call makes the
        seed of one row again, and its place among the others tells how many are missing on either side.
        """
        found: list[tuple[int, int]] = []
        open_spans = [(0, len(indices), 0, len(made))]
        while open_spans:
            low, high, start, end = open_spans.pop()
            if high - low == end - start:
                found += zip(range(low, high), range(start, end), strict=True)
            elif end > start and not self.late:
                row, place = self._landmark(made[start:end], indices, range(low, high), random_coords)
                if place >= 0:
                    found.append((row, start + place))
                    open_spans += [(low, row, start, start + place), (row + 1, high, start + place + 1, end)]
        return found

    def _landmark(self, made: np.ndarray, indices: Sequence[int], rows: range, random_coords: bool) -> tuple[int, int]:
        """A row near the middle of rows, and its place among those made of them; -1: none."""
        for row in sorted(rows, key=lambda row: abs(row - (rows.start + rows.stop) // 2)):
            same = np.flatnonzero((made == self.first([(indices[row], random_coords)])).all((1, 2)))
            if len(same):
                return row, int(same[0])
        return rows.start, -1


def _contiguous(indices: Sequence[int]) -> bool:
    return len(indices) > 1 and list(indices) == list(range(indices[0], indices[0] + len(indices)))


def _within(parameters: Any, deadline: Deadline) -> Any:
    """Hand RDKit what is left of the time, in its whole seconds (0 would mean no limit)."""
    if deadline != NEVER:
        left = max(1, round(deadline.left))
        parameters.timeout = left if parameters.timeout == 0 else min(parameters.timeout, left)
    return parameters


def _count(failures: Counter[str], parameters: Any) -> None:
    if not parameters.trackFailures:
        return
    counts = parameters.GetFailureCounts()
    for value, cause in rdDistGeom.EmbedFailureCauses.values.items():
        if value < len(counts) and counts[value]:
            failures[cause.name] += counts[value]
