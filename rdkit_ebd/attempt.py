"""How is each conformer attempted? Seed, deblurring, judgement, and again where it failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from rdkit import Chem, rdBase
from rdkit.Geometry import Point3D

from rdkit_ebd.checks import Cause, CheckTables, check_tables, judge
from rdkit_ebd.choice import chosen
from rdkit_ebd.coarse import own_seeds
from rdkit_ebd.components import Component
from rdkit_ebd.deblurring import Deblurred, Deblurrer, Request
from rdkit_ebd.featurise import mol_graph, unsupported
from rdkit_ebd.fragments import Vocabulary
from rdkit_ebd.molgraph import MolGraph
from rdkit_ebd.params import EBD
from rdkit_ebd.prune import symmetry_mappings
from rdkit_ebd.report import EmbedReport
from rdkit_ebd.sampler import deblur_times
from rdkit_ebd.seeding import MOST_MAPPINGS, Candidates, Seeding
from rdkit_ebd.skeleton import Skeleton, skeleton_of
from rdkit_ebd.stereo import stereo_kept
from rdkit_ebd.streams import coarse_base, noise_stream
from rdkit_ebd.weights import LoadedModel

Callback = Callable[[int, Chem.Mol], None]

DEFAULT_ATTEMPTS = 10
MOST_ATTEMPTS = 100  # RDKit's maxIterations counts cheap trials, ours whole conformers
# Where the network drives every seed into the same clash (hydrogens in the fjords of crowded tricycles), half of the
# way may do, or half of that, and so on: seeds do not clash.
HALF_WAY_FROM = 5  # attempts
OWN = "conformers"  # the coarse stage that makes no seeds
SKELETON = "skeleton"  # the one that makes them without hydrogens
SKELETON_ATTEMPTS = 2  # what fails more often is tried with all atoms
SEED_TRIALS = 30  # RDKit's own trials per seed; ours come on top
STEREO_CAUSES = (Cause.CENTRE_INVERTED, Cause.DOUBLE_BOND_STEREO, Cause.ATROPISOMER_STEREO)
CHIRAL_CAUSES = (Cause.CENTRE_INVERTED, Cause.ATROPISOMER_STEREO)


@dataclass(frozen=True)
class Made:
    """One conformer: coordinates (N, 3) angstrom, the attempt that made it, and its stage (see `report.STAGES`)."""

    coords: np.ndarray
    attempt: int
    stage: str


@dataclass(frozen=True)
class Task:
    """A component on its way through the pipeline, with all that is the same for each of its conformers."""

    component: Component
    params: EBD
    coarse: str  # "etkdg", "dg", SKELETON or OWN
    model: LoadedModel
    tables: CheckTables
    deblurrer: Deblurrer
    graph: MolGraph | None  # None where there is nothing to deblur
    skeleton: Skeleton | None  # None where seeds are made with all atoms
    pool: int  # seeds to choose from for each conformer
    quality_weight: float  # what the model's expectation of them is worth in that choice
    treatable: bool
    seed: int
    deadline: float | None
    report: EmbedReport
    callback: Callback | None

    @property
    def from_layout(self) -> bool:
        """Whether the seeds are but layouts of fragments that the user drew, whose atoms need not be in place."""
        return self.coarse == OWN and self.graph is not None and self.model.config.blur.prior == "fragments"

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return self.deadline is not None and time.monotonic() >= self.deadline


def unsupported_reasons(component: Component, model: LoadedModel) -> list[str]:
    """Why the model cannot deblur a component, in the whole molecule's atom numbers; small ones are always fine."""
    if len(component.atoms) < model.config.min_atoms:
        return []
    return unsupported(component.mol, model.config.elements, model.config.max_atoms, component.atoms.tolist())


def make_task(
    component: Component,
    params: EBD,
    model: LoadedModel,
    seed: int,
    deadline: float | None,
    callback: Callback | None,
    deblurrer: Deblurrer,
) -> Task:
    """Compute what the conformers of a component share."""
    tables = check_tables(component.mol)
    graph, treatable = None, not unsupported_reasons(component, model)
    if len(component.atoms) >= model.config.min_atoms and treatable:
        vocabulary = Vocabulary.from_dict(model.config.vocabulary)
        graph = mol_graph(component.mol, vocabulary, tables.labels)
    coarse = params.coarse or model.config.coarse
    # Held atoms may be hydrogens, and what is not deblurred needs them in place as they are.
    bare = skeleton_of(component.mol) if coarse == SKELETON and graph is not None and not component.held else None
    pool = (params.seedPool or model.config.seed_pool) if graph is not None else 1
    weight = model.config.quality_weight if params.qualityWeight is None else params.qualityWeight
    weight = weight if model.has_confidence else 0.0
    shared = (params, coarse, model, tables, deblurrer, graph, bare, pool, weight, treatable, seed, deadline)
    return Task(component, *shared, EmbedReport(), callback)


def make_conformers(task: Task, count: int) -> list[Made | None]:
    """Attempt each conformer until it passes, the attempts or the time run out; then the fallback, if there is one."""
    made: list[Made | None] = [None] * count
    causes = dict.fromkeys(range(count), "EXCEEDED_TIMEOUT")
    attempts, seedless = min(task.params.maxIterations or DEFAULT_ATTEMPTS, MOST_ATTEMPTS), 0
    coarse = None
    if not task.treatable:
        attempts, causes = 0, dict.fromkeys(range(count), "UNSUPPORTED")
    for attempt in range(attempts):
        pending = [k for k in range(count) if made[k] is None]
        if not pending or task.late or seedless == 2:
            break
        found = one_attempt(task, pending, attempt, causes, coarse)
        seedless = 0 if found is not None else seedless + 1
        if found is None and task.coarse != OWN:
            # What ETKDG's flat rings make impossible, distance geometry may do.
            coarse = "dg"
        for k, conformer in (found or {}).items():
            made[k] = conformer
    if task.params.fallback == "ETKDGv3":
        for k, conformer in fall_back(task, [k for k in range(count) if made[k] is None]).items():
            made[k] = conformer
    task.report.failed += [(k, causes[k]) for k in range(count) if made[k] is None]
    return made


def one_attempt(
    task: Task, pending: list[int], attempt: int, causes: dict[int, str], coarse: str | None = None
) -> dict[int, Made] | None:
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
        coords = deblurred(task, indices, start, attempt) if task.graph is not None else start.coords[:, 0]
    for k in indices[len(coords) :]:
        causes[k] = "EXCEEDED_TIMEOUT"
        report.failures[causes[k]] += 1
    indices = indices[: len(coords)]
    with report.timed("judge"):
        passed = judged(task, indices, coords, causes)
    stage = "seed" if task.graph is None else "deblurred"
    return {k: Made(x, attempt, stage) for k, x, ok in zip(indices, coords, passed, strict=True) if ok}


def right_seeds(
    task: Task, pending: list[int], attempt: int, causes: dict[int, str], coarse: str | None = None
) -> tuple[list[int], Candidates]:
    """Coarse seeds with the written stereo, and others to choose from beside each: indices and candidates."""
    params = task.params.copy()
    params.coarse, params.coordMap = coarse or task.coarse, {}  # which numbers the whole molecule's atoms

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
            own = own_seeds(mol, pending)
            seeds = Candidates(own.coords[:, None], own.made[:, None], own.failures)
        else:
            bare = task.skeleton if params.coarse == SKELETON and attempt < SKELETON_ATTEMPTS else None
            seeding = Seeding(mol, task.tables, recipe, bare, task.deadline)
            # RDKit makes consecutive numbers in half the time of single ones: what failed is numbered anew.
            numbers = range(len(pending)) if attempt else pending
            seeds = seeding.candidates(numbers, base, 1 if attempt else task.pool)
    task.report.failures.update(seeds.failures)
    excused = not params.enforceChirality or (task.from_layout and params.coarse == OWN)
    made, right = seeds.made, stereo_kept(seeds.coords[:, 0], task.tables.labels) | excused
    for row, k in enumerate(pending):
        if not made[row]:
            causes[k] = "EXCEEDED_TIMEOUT" if task.late else "NO_SEED"
        elif not right[row]:
            causes[k] = "SEED_STEREO"
        else:
            continue
        task.report.failures[causes[k]] += 1
    rows = np.flatnonzero(made & right)
    return [pending[row] for row in rows], replace(seeds, coords=seeds.coords[rows], sound=seeds.sound[rows])


def deblurred(task: Task, indices: Sequence[int], start: Candidates, attempt: int) -> np.ndarray:
    """Run the model over the best of the candidates, (K, N, 3); over the first of them if it is late."""
    config = task.model.config
    # What many rounds drive into a clash (over-flattened biaryls), fewer leave alone: each retry has one less.
    rounds = max(1, (task.params.numRounds or config.rounds) - attempt)
    times = deblur_times(task.params.numSteps or config.steps, rounds)
    seeds, done = choice_of(task, indices, start, attempt, times)
    whole = _deblur_all(task, indices[: len(seeds)], seeds, attempt, times, done)[0]
    if attempt < HALF_WAY_FROM or task.component.held or task.from_layout:
        return whole
    begun = seeds[: len(whole)]
    return begun + (whole - begun) * 0.5 ** (attempt - HALF_WAY_FROM + 1)


def choice_of(
    task: Task, indices: Sequence[int], start: Candidates, attempt: int, times: Sequence[float]
) -> tuple[np.ndarray, int]:
    """Choose a candidate for each conformer: (K, N, 3), and how many of the times they have been deblurred for.

    Where the model can tell which will be near a true conformer, all of them go through the first round to that end.
    """
    count, most = start.sound.shape
    if most == 1:
        return start.coords[:, 0], 0
    mappings = symmetry_mappings(task.component.mol, maxMatches=MOST_MAPPINGS)
    if not task.quality_weight:
        return start.coords[np.arange(count), chosen(start.coords, start.sound, mappings)], 0
    tried = start.sound.copy()
    tried[~tried.any(1), 0] = True
    rows, columns = np.nonzero(tried)
    first = times.index(times[0], 1) if times[0] in times[1:] else len(times)
    owners = [indices[row] for row in rows.tolist()]
    after, expected = _deblur_all(task, owners, start.coords[rows, columns], attempt, times[:first], judge=True)
    count = count if len(after) == len(rows) else int(rows[len(after)])  # it is late: those that are complete
    rows, columns = rows[rows < count], columns[rows < count]
    coords, distance = start.coords[:count].copy(), np.full((count, most), np.inf)
    coords[rows, columns], distance[rows, columns] = after[: len(rows)], expected[: len(rows)]
    picks = np.arange(count), chosen(coords, tried[:count], mappings, distance, task.quality_weight)
    # Whoever watches sees all of the way.
    return (start.coords[:count][picks], 0) if task.callback else (coords[picks], first)


def _deblur_all(
    task: Task,
    indices: Sequence[int],
    seeds: np.ndarray,
    attempt: int,
    times: Sequence[float],
    done: int = 0,
    judge: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Run the model over seeds (K, N, 3) for the times not yet done, a bounded number of atoms at a time.

    Returns:
        Coordinates (K, N, 3), and (K,) the expected distances where they are to be judged; of fewer if it is late.
    """
    if done == len(times):
        return seeds, np.zeros(0)
    rows = max(1, task.params.batchAtoms // seeds.shape[1])
    coords, expected = [seeds[:0]], [np.zeros(0)]
    for start in range(0, len(indices), rows):
        if task.late:
            break
        part = slice(start, start + rows)
        made = _deblur_rows(task, indices[part], seeds[part], attempt, times, done, judge)
        coords.append(made.coords)
        if made.expected is not None:
            expected.append(made.expected)
        if not len(made.coords):
            break
    return np.concatenate(coords), np.concatenate(expected)


def _deblur_rows(
    task: Task,
    indices: Sequence[int],
    seeds: np.ndarray,
    attempt: int,
    times: Sequence[float],
    done: int,
    judge: bool,
) -> Deblurred:
    assert task.graph is not None
    asked, own = task.params.noiseScale, task.model.config.noise_scale
    noise = torch.stack([noise_stream(task.seed, k, attempt, len(times), seeds.shape[1])[done:] for k in indices])
    noise = noise * (own if asked is None else asked)
    wanted = task.callback is not None and not judge
    held, deadline = task.component.held, task.deadline
    own_tolerance, asked_tolerance = task.model.config.tolerance, task.params.roundTolerance
    tolerance = own_tolerance if asked_tolerance is None else asked_tolerance
    request = Request(task.graph, seeds, noise.numpy(), tuple(times[done:]), tolerance, held, deadline, wanted, judge)
    made = task.deblurrer(request)
    if wanted and task.callback and made.path is not None:
        for states, k in zip(made.path, indices, strict=True):
            task.callback(k, _path_mol(task.component.mol, list(states), times))
    return made


def judged(task: Task, indices: Sequence[int], coords: np.ndarray, causes: dict[int, str]) -> np.ndarray:
    """(K,) bool, which conformers may be written; counts the others' causes and the stereo yield."""
    verdict = judge(coords, task.tables)
    excused = () if task.params.enforceChirality else CHIRAL_CAUSES
    failed = {cause: rows for cause, rows in verdict.causes.items() if cause not in excused}
    for cause, rows in failed.items():
        if rows.any():
            task.report.failures[cause.name] += int(rows.sum())
        for row in np.flatnonzero(rows).tolist():
            causes[indices[row]] = cause.name
    labels = task.tables.labels
    if len(labels.centre_signs) + len(labels.double_bonds) + len(labels.atropisomers):
        wrong = np.any([verdict.causes[cause] for cause in (*STEREO_CAUSES, Cause.NOT_FINITE)], axis=0)
        task.report.stereo_judged += len(coords)
        task.report.stereo_right += int((~wrong).sum())
    return ~np.any(list(failed.values()), axis=0)


def fall_back(task: Task, pending: list[int]) -> dict[int, Made]:
    """Plain ETKDGv3 conformers, with the written stereo, for what the model could not make."""
    if not pending or task.late:
        return {}
    attempt = MOST_ATTEMPTS  # a stream of its own
    with task.report.timed("fallback"):
        indices, seeds = right_seeds(task, pending, attempt, {}, coarse="etkdg")
    if indices:
        task.report.messages.append(f"{len(indices)} conformers by ETKDGv3, not by the model")
    return {k: Made(x, attempt, "fallback") for k, x in zip(indices, seeds.coords[:, 0], strict=True)}


def new_conformer(coords: np.ndarray) -> Chem.Conformer:
    """An RDKit conformer of coordinates (N, 3) in angstrom."""
    conformer = Chem.Conformer(len(coords))
    conformer.Set3D(True)
    conformer.SetPositions(np.ascontiguousarray(coords, dtype=np.float64))
    return conformer


def _path_mol(mol: Chem.Mol, states: Sequence[np.ndarray], times: Sequence[float]) -> Chem.Mol:
    path = Chem.Mol(mol, True)
    for number, (state, t) in enumerate(zip(states, [*times, 0.0], strict=True)):
        conformer = new_conformer(state)
        conformer.SetId(number)
        conformer.SetDoubleProp("ebd_time", t)
        path.AddConformer(conformer, assignId=False)
    return path
