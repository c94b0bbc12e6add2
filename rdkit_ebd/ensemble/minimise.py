"""What becomes of a conformer that is relaxed? A minimum that is the same molecule, or what it was, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rdkit_ebd.chem.stereo import StereoLabels, atropisomers_kept, centres_kept, double_bonds_kept
from rdkit_ebd.ensemble.energy_runner import Engine, side_by_side, through
from rdkit_ebd.judge.connectivity import Connectivity
from rdkit_ebd.judge.tables import CheckTables
from rdkit_ebd.judge.verdict import judge
from rdkit_ebd.potentials import Minimum, Surface
from rdkit_ebd.potentials.base import MAX_ITERS
from rdkit_ebd.report import FailureCause
from rdkit_ebd.runtime.deadline import NEVER, Deadline

Verdict = Callable[[np.ndarray, np.ndarray], FailureCause | None]
"""(coordinates before, coordinates after), each (N, 3) -> what was lost on the way; None where nothing was."""


@dataclass(frozen=True)
class Minimised:
    """What became of one conformer.

    Attributes:
        coords: (N, 3) angstrom; those it had before where there is a problem.
        energy: kcal/mol; NaN where there is a problem.
        converged: Whether the engine's criterion was met.
        problem: Why it was not relaxed, such as CENTRE_INVERTED; None if it was.
    """

    coords: np.ndarray
    energy: float
    converged: bool
    problem: FailureCause | None = None


@dataclass(frozen=True)
class Terms:
    """How to relax: iterations, atoms that stay, and the restraint on the others; see `Surface.minimise`."""

    max_iters: int = MAX_ITERS
    fixed: tuple[int, ...] = ()
    restraint: float = 0.0


def relax(
    engine: Engine,
    starts: Sequence[np.ndarray],
    terms: Terms,
    verdict: Verdict,
    threads: int = 1,
    deadline: Deadline = NEVER,
) -> Iterator[tuple[int, Minimised]]:
    """Relax conformers and judge what came out, as they finish.

    Args:
        engine: Potential and molecule.
        starts: K times (N, 3) angstrom; not changed.
        terms: How.
        verdict: Which losses of a conformer are worth more than its energy.
        threads: Processes at most.
        deadline: No conformer is begun after it.

    Returns:
        (position in `starts`, outcome) of all but those that the time was too short for.
    """
    whole = [k for k, x in enumerate(starts) if np.isfinite(x).all()]
    for k in sorted(set(range(len(starts))) - set(whole)):
        yield k, Minimised(starts[k], np.nan, False, FailureCause.NOT_FINITE)
    for place, minimum in _minima(engine, [starts[k] for k in whole], terms, threads, deadline):
        k = whole[place]
        yield k, _outcome(starts[k], minimum, terms, verdict)


def energies(
    engine: Engine, coords: Sequence[np.ndarray], threads: int = 1, deadline: Deadline = NEVER
) -> Iterator[tuple[int, float]]:
    """Energies of conformers in kcal/mol as they are found, as in `relax`; NaN where there is none."""
    finite = [k for k, x in enumerate(coords) if np.isfinite(x).all()]
    for k in sorted(set(range(len(coords))) - set(finite)):
        yield k, np.nan
    for place, energy in _energies(engine, [coords[k] for k in finite], threads, deadline):
        yield finite[place], energy


def stereo_lost(labels: StereoLabels) -> Verdict:
    """A verdict on the written stereochemistry alone."""
    kept = {
        FailureCause.CENTRE_INVERTED: centres_kept,
        FailureCause.DOUBLE_BOND_STEREO: double_bonds_kept,
        FailureCause.ATROPISOMER_STEREO: atropisomers_kept,
    }

    def verdict(before: np.ndarray, after: np.ndarray) -> FailureCause | None:
        lost = (cause for cause, f in kept.items() if (f(before, labels) & ~f(after, labels)).any())
        return next(lost, None)

    return verdict


def bonds_lost(connectivity: Connectivity) -> Verdict:
    """A verdict on whether atoms still have the partners that they had, made once for a molecule."""

    def verdict(before: np.ndarray, after: np.ndarray) -> FailureCause | None:
        changed = connectivity.changed(after) & ~connectivity.changed(before)
        return FailureCause.BONDS_CHANGED if changed.any() else None

    return verdict


def first_of(*verdicts: Verdict) -> Verdict:
    """Several verdicts, of which the first that finds something has the say."""

    def verdict(before: np.ndarray, after: np.ndarray) -> FailureCause | None:
        return next((cause for cause in (v(before, after) for v in verdicts) if cause is not None), None)

    return verdict


def checks_lost(tables: CheckTables, excused: Sequence[FailureCause] = ()) -> Verdict:
    """A verdict on everything that conformers are judged by; what failed before is not held against the potential."""

    def verdict(before: np.ndarray, after: np.ndarray) -> FailureCause | None:
        causes = judge(np.stack([before, after]), tables).causes
        return next((c for c, failed in causes.items() if c not in excused and failed[1] and not failed[0]), None)

    return verdict


def _minima(
    engine: Engine, starts: Sequence[np.ndarray], terms: Terms, threads: int, deadline: Deadline
) -> Iterator[tuple[int, Minimum]]:
    if not engine.surface.together:
        return through(engine, partial(_minimise, terms=terms), starts, threads, deadline)
    return side_by_side(engine, partial(_minimise_many, terms=terms, deadline=deadline), starts, threads)


def _energies(
    engine: Engine, coords: Sequence[np.ndarray], threads: int, deadline: Deadline
) -> Iterator[tuple[int, float]]:
    if not engine.surface.together:
        return through(engine, _energy, coords, threads, deadline)
    return side_by_side(engine, partial(_energy_many, deadline=deadline), coords, threads)


def _minimise_many(
    surface: Surface, coords: Sequence[np.ndarray], terms: Terms, deadline: Deadline
) -> Iterator[tuple[int, Minimum]]:
    return surface.minimise_many(coords, terms.max_iters, terms.fixed, terms.restraint, deadline)


def _energy_many(surface: Surface, coords: Sequence[np.ndarray], deadline: Deadline) -> Iterator[tuple[int, float]]:
    return surface.energy_many(coords, deadline)


def _minimise(surface: Surface, coords: np.ndarray, terms: Terms) -> Minimum:
    return surface.minimise(coords, terms.max_iters, terms.fixed, terms.restraint)


def _energy(surface: Surface, coords: np.ndarray) -> float:
    return surface.energy(coords)


def _outcome(start: np.ndarray, minimum: Minimum, terms: Terms, verdict: Verdict) -> Minimised:
    coords = np.array(minimum.coords, dtype=np.float64)
    coords[list(terms.fixed)] = start[list(terms.fixed)]  # also where an engine works in single precision
    if not np.isfinite(coords).all():
        problem: FailureCause | None = FailureCause.NOT_FINITE
    else:
        problem = verdict(start, coords) if np.isfinite(minimum.energy) else FailureCause.NO_ENERGY
    if problem:
        return Minimised(start, np.nan, False, problem)
    return Minimised(coords, minimum.energy, minimum.converged)
