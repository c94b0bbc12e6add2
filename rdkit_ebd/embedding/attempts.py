"""How is each conformer attempted? Seed, deblurring, judgement, and again where it failed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rdkit import rdBase
from rdkit.Geometry import Point3D

from rdkit_ebd.arrays.random_streams import coarse_base
from rdkit_ebd.chem.stereo import stereo_kept
from rdkit_ebd.embedding.component_task import LARGE, OWN, SHAPED, SKELETON, TORSIONS, Task
from rdkit_ebd.embedding.deblur_seeds import deblurred
from rdkit_ebd.embedding.draft import ConformerDraft
from rdkit_ebd.embedding.held_core import in_place
from rdkit_ebd.judge.faults import faults
from rdkit_ebd.judge.mend import mend_failed, with_usual_ends
from rdkit_ebd.judge.octahedra import with_octahedral_ends
from rdkit_ebd.judge.verdict import judge
from rdkit_ebd.report import FailureCause
from rdkit_ebd.report.listening import tell
from rdkit_ebd.runtime.deadline import NEVER
from rdkit_ebd.seeds.rdkit_seeds import Seeds, own_seeds
from rdkit_ebd.seeds.seeding import Seeding
from rdkit_ebd.seeds.torsion_seeds import TorsionSeeding

DEFAULT_ATTEMPTS = 10
MOST_ATTEMPTS = 100  # RDKit's maxIterations counts cheap trials, ours whole conformers
# Attempts without a seed, after which there is none; trans-cyclooctene has one in ten, and costs little.
SMALL, SEEDLESS, SEEDLESS_SMALL = 40, 2, 5
TORSION_ATTEMPTS = 3  # what fails more often is embedded by itself
SKELETON_ATTEMPTS = 2  # what fails more often is tried with all atoms
LARGE_ATTEMPTS = 6  # of large molecules, whose seeds take seconds with all atoms
SLOW = 0.02  # seconds per atom that a conformer may take, for all that is known before the first is made
SHARE = 0.5  # of the time left, that conformers made together should take where time is limited
HOPELESS = 3  # conformers without a seed, after which an attempt is given up where time is limited
SEED_TRIALS = 30  # RDKit's own trials per seed; ours come on top
STEREO_CAUSES = (FailureCause.CENTRE_INVERTED, FailureCause.DOUBLE_BOND_STEREO, FailureCause.ATROPISOMER_STEREO)
CHIRAL_CAUSES = (FailureCause.CENTRE_INVERTED, FailureCause.ATROPISOMER_STEREO)


def make_conformers(task: Task, count: int) -> list[ConformerDraft | None]:
    """Attempt each conformer until it passes, the attempts or the time run out; then the fallback, if there is one."""
    made: list[ConformerDraft | None] = [None] * count
    causes = dict.fromkeys(range(count), FailureCause.EXCEEDED_TIMEOUT)
    attempts, seedless = min(task.params.maxIterations or DEFAULT_ATTEMPTS, MOST_ATTEMPTS), 0
    coarse, begun = None, 0
    patience = SEEDLESS if task.component.mol.GetNumAtoms() > SMALL else SEEDLESS_SMALL
    if not task.treatable:
        attempts, causes = 0, dict.fromkeys(range(count), FailureCause.UNSUPPORTED)
    for attempt in range(attempts):
        pending = [k for k in range(count) if made[k] is None]
        if not pending or task.late or seedless == patience:
            break
        begun = attempt + 1
        found = in_time(task, pending, attempt, causes, coarse)
        seedless = 0 if found is not None else seedless + 1
        if found is None and task.coarse != OWN:
            # What ETKDG's flat rings make impossible, distance geometry may do.
            coarse = "dg"
        for k, conformer in (found or {}).items():
            made[k] = conformer
        tell(f"{sum(conformer is not None for conformer in made)} of {count} conformers")
    if task.params.fallback == "ETKDGv3":
        for k, conformer in fall_back(task, [k for k in range(count) if made[k] is None], begun).items():
            made[k] = conformer
    task.report.failed += [(k, causes[k]) for k in range(count) if made[k] is None]
    task.report.faults = {k: text for k, text in task.report.faults.items() if made[k] is None}
    return made


def in_time(
    task: Task, pending: list[int], attempt: int, causes: dict[int, FailureCause], coarse: str | None
) -> dict[int, ConformerDraft] | None:
    """`one_attempt` for all that are pending; where time is limited, for a few at a time, so that some are finished."""
    if task.deadline == NEVER:
        return one_attempt(task, pending, attempt, causes, coarse)
    found: dict[int, ConformerDraft] = {}
    begun, pace, seeds = 0, SLOW * task.component.mol.GetNumAtoms(), False
    while begun < len(pending) and (task.deadline.left > pace or not begun):
        size = max(1, int(SHARE * task.deadline.left / pace))
        since, group = time.perf_counter(), pending[begun : begun + size]
        new = one_attempt(task, group, attempt, causes, coarse)
        seeds = seeds or new is not None or FailureCause.EXCEEDED_TIMEOUT in {causes[k] for k in group}
        found |= new or {}
        begun, pace = begun + size, (time.perf_counter() - since) / len(group)
        if not seeds and begun >= HOPELESS:
            break
    left = FailureCause.EXCEEDED_TIMEOUT if seeds else causes[pending[0]]
    causes.update(dict.fromkeys(pending[begun:], left))
    return found if seeds else None


def one_attempt(
    task: Task, pending: list[int], attempt: int, causes: dict[int, FailureCause], coarse: str | None = None
) -> dict[int, ConformerDraft] | None:
    """Seeds, deblurring and judgement of the pending conformers.

    Returns:
        Those that passed; None if not even a seed could be made.
    """
    report = task.report
    report.attempts += len(pending)
    with report.timed("coarse"):
        indices, start = right_seeds(task, pending, attempt, causes, coarse)
    if not indices:
        return None
    with report.timed("deblur"):
        coords = deblurred(task, indices, start, attempt) if task.graph is not None else start.first
    for k in indices[len(coords) :]:
        causes[k] = FailureCause.EXCEEDED_TIMEOUT
        report.failures[causes[k]] += 1
    indices = indices[: len(coords)]
    with report.timed("judge"):
        coords, passed = judged(task, indices, coords, causes)
    stage = "seed" if task.graph is None else "deblurred"
    return {k: ConformerDraft(k, x, attempt, stage) for k, x, ok in zip(indices, coords, passed, strict=True) if ok}


def right_seeds(
    task: Task, pending: list[int], attempt: int, causes: dict[int, FailureCause], coarse: str | None = None
) -> tuple[list[int], Seeds]:
    """Coarse seeds with the written stereo, and others to choose from beside each: indices and seeds."""
    params = task.params.copy()
    stage = coarse or task.coarse
    turned = stage == TORSIONS and attempt < TORSION_ATTEMPTS
    params.coarse, params.coordMap = SKELETON if stage == TORSIONS else stage, {}  # numbers are the whole molecule's

    def recipe(seed: int) -> Any:
        parameters: Any = params.coarse_parameters(seed)
        if coarse or not parameters.maxIterations:  # the paper's 5000 trials are for whoever asks for its seeds
            parameters.maxIterations = SEED_TRIALS
        if task.component.held:
            parameters.SetCoordMap({i: Point3D(*xyz) for i, xyz in task.component.held.items()})
        return parameters

    with rdBase.BlockLogs():  # the one warning worth having was given for the whole molecule
        mol, base = task.component.mol, coarse_base(task.seed, attempt)
        if params.coarse == OWN:
            seeds = own_seeds(mol, pending)
        else:
            bare = task.skeleton if params.coarse == SKELETON and attempt < _skeleton_attempts(task) else None
            rings = task.rings if params.coarse in SHAPED else ()
            by_distances = Seeding(mol, task.tables, recipe, bare, task.deadline, rings)
            turning = TorsionSeeding(mol, task.tables, by_distances, task.torsions, params.seedEnergyShare)
            seeding = turning if turned else by_distances
            # RDKit makes consecutive numbers in half the time of single ones: what failed is numbered anew,
            # unless it is but a group of all that failed.
            numbers = range(len(pending)) if attempt and task.deadline == NEVER else pending
            pool = task.pool if turned or not attempt else 1
            seeds = seeding.candidates(numbers, base, pool)
    task.report.failures.update(seeds.failures)
    fixed = with_octahedral_ends(seeds.coords, task.tables.octahedra, task.tables.arms, task.component.held)
    seeds = replace(seeds, coords=fixed)
    if task.component.held:
        many, pool = seeds.coords.shape[:2]
        coords = in_place(task.component, seeds.coords.reshape(many * pool, *seeds.coords.shape[2:]))
        seeds = replace(seeds, coords=coords.reshape(seeds.coords.shape))
    excused = not params.enforceChirality or (task.from_layout and params.coarse == OWN)
    made, right = seeds.made, stereo_kept(seeds.first, task.tables.labels) | excused
    for row, k in enumerate(pending):
        if not made[row]:
            causes[k] = FailureCause.EXCEEDED_TIMEOUT if task.late else FailureCause.NO_SEED
        elif not right[row]:
            causes[k] = FailureCause.SEED_STEREO
        else:
            continue
        task.report.failures[causes[k]] += 1
    rows = np.flatnonzero(made & right)
    return [pending[row] for row in rows], replace(seeds, coords=seeds.coords[rows], sound=seeds.sound[rows])


def _skeleton_attempts(task: Task) -> int:
    return LARGE_ATTEMPTS if task.component.mol.GetNumAtoms() > LARGE else SKELETON_ATTEMPTS


def judged(
    task: Task, indices: Sequence[int], coords: np.ndarray, causes: dict[int, FailureCause]
) -> tuple[np.ndarray, np.ndarray]:
    """The conformers (K, N, 3), those a little off mended, and (K,) bool, which may be written.

    Counts the causes met and the stereo yield; of what is rejected, says what is wrong.
    """
    coords = with_octahedral_ends(coords, task.tables.octahedra, task.tables.arms, task.component.held)
    coords = with_usual_ends(coords, task.tables, task.component.held)
    verdict, report = judge(coords, task.tables), task.report
    excused = () if task.params.enforceChirality else CHIRAL_CAUSES
    failed = {cause: rows for cause, rows in verdict.causes.items() if cause not in excused}
    coords, better = mend_failed(coords, verdict, task.tables, task.component.held, excused)
    report.mended += int(better.sum())
    for cause, rows in failed.items():
        if rows.any():
            report.failures[cause] += int(rows.sum())
        for row in np.flatnonzero(rows & ~better).tolist():
            causes[indices[row]] = cause
            report.faults[indices[row]] = fault_of(coords[row], cause, task)
    labels = task.tables.labels
    if len(labels.centre_signs) + len(labels.double_bonds) + len(labels.atropisomers):
        wrong = np.any([verdict.causes[cause] for cause in (*STEREO_CAUSES, FailureCause.NOT_FINITE)], axis=0)
        report.stereo_judged += len(coords)
        report.stereo_right += int((~wrong).sum())
    return coords, better | ~np.any(list(failed.values()), axis=0)


def fault_of(coords: np.ndarray, cause: FailureCause, task: Task) -> str:
    """What is wrong with a conformer (N, 3), by the whole molecule's atom numbers."""
    found = faults(coords, task.component.mol, task.tables, task.component.atoms.tolist())
    return found.get(cause, str(cause))


def fall_back(task: Task, pending: list[int], attempt: int) -> dict[int, ConformerDraft]:
    """Plain ETKDGv3 conformers, with the written stereo, for what the model could not make in the attempts before."""
    if not pending or task.late:
        return {}
    with task.report.timed("fallback"):  # the stream after that of the last attempt there can be
        indices, seeds = right_seeds(task, pending, MOST_ATTEMPTS, {}, coarse="etkdg")
    if indices:
        task.report.messages.append(f"{len(indices)} conformers by ETKDGv3, not by the model")
    return {k: ConformerDraft(k, x, attempt, "fallback") for k, x in zip(indices, seeds.first, strict=True)}
