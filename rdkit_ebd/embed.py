"""How do conformers come about? Seeds, deblurring, judgement, another attempt, pruning: one molecule's pipeline."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rdkit import Chem, rdBase
from rdkit.Geometry import Point3D

from rdkit_ebd.batch import Batch, collate
from rdkit_ebd.checks import Cause, CheckTables, check_tables, judge
from rdkit_ebd.coarse import coarse_seeds
from rdkit_ebd.components import Component, assemble, split, with_hydrogens
from rdkit_ebd.featurise import mol_graph, unsupported
from rdkit_ebd.fragments import Vocabulary
from rdkit_ebd.params import EBD
from rdkit_ebd.prune import keep_diverse, symmetry_mappings
from rdkit_ebd.report import EmbedReport, set_provenance
from rdkit_ebd.sampler import Held, deblur, deblur_times
from rdkit_ebd.stereo import stereo_kept
from rdkit_ebd.streams import coarse_base, mix, noise_stream
from rdkit_ebd.weights import LoadedModel, load_model

Callback = Callable[[int, Chem.Mol], None]

DEFAULT_ATTEMPTS = 10
MOST_ATTEMPTS = 100  # RDKit's maxIterations counts cheap trials, ours whole conformers
SEED_TRIALS = 30  # RDKit's own trials per seed; ours come on top
FEWEST_ATOMS = 4  # below this there is no shape to deblur: bond lengths and one angle, which the seed has
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
    model: LoadedModel
    tables: CheckTables
    batch: Batch | None  # one row; None where there is nothing to deblur
    treatable: bool
    seed: int
    deadline: float | None
    report: EmbedReport
    callback: Callback | None

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return self.deadline is not None and time.monotonic() >= self.deadline


def embed(mol: Chem.Mol, num_confs: int, params: EBD, callback: Callback | None = None) -> EmbedReport:
    """Make conformers and write them into the molecule; it is touched only once all of them are there.

    Args:
        mol: Changed in place: its conformers alone.
        num_confs: Conformers wanted, at least 0.
        params: Validated parameters.
        callback: Called as (index, path) for every conformer deblurred, where path is the component with the states
            x_t of the deblurring as conformers and the prediction x_0 as the last.

    Returns:
        What was made, and what was not and why.

    Raises:
        ValueError: The model cannot treat the molecule and there is no fallback; every offending atom is named.
    """
    report = EmbedReport(requested=num_confs)
    deadline = time.monotonic() + params.timeout if params.timeout else None
    seed = secrets.randbits(31) if params.randomSeed == -1 else params.randomSeed
    with report.timed("model"):
        model = load_model(params.model, params.device)
    with report.timed("prepare"):
        warn_of_missing_hydrogens(mol)
        components = split(with_hydrogens(mol), params.coordMap)
        refuse_unsupported(components, model, params)
        tasks = [
            make_task(component, params, model, mix(seed, number) if number else seed, deadline, callback)
            for number, component in enumerate(components)
        ]
    made = [make_conformers(task, num_confs) for task in tasks]
    collect(report, tasks)
    complete = [k for k in range(num_confs) if all(parts[k] is not None for parts in made)]
    whole = [whole_conformer(components, [parts[k] for parts in made]) for k in complete]
    with report.timed("prune"):
        kept = prune(mol, whole, params)
    report.pruned = len(whole) - len(kept)
    origin: dict[str, str | int] = {"model": model.config.name, "weights": model.weights_hash, "seed": seed}
    report.ids = write(mol, [(complete[i], whole[i]) for i in kept], params.clearConfs, origin)
    return report


def collect(report: EmbedReport, tasks: Sequence[Task]) -> None:
    """Add up what happened to the components; a conformer that failed in two of them failed once."""
    for task in tasks:
        report.merge(task.report)
    report.failed = sorted(dict(report.failed).items())
    report.attempts = max(task.report.attempts for task in tasks)


def refuse_unsupported(components: Sequence[Component], model: LoadedModel, params: EBD) -> None:
    """Raise a ValueError naming every atom the model does not know, unless another method may stand in."""
    reasons = [reason for component in components for reason in unsupported_reasons(component, model)]
    if reasons and params.fallback == "none":
        raise ValueError(
            f"model {model.config.name!r} cannot treat this molecule: {'; '.join(reasons)}. "
            "Set fallback='ETKDGv3' to get RDKit's conformers for such molecules."
        )


def unsupported_reasons(component: Component, model: LoadedModel) -> list[str]:
    """Why the model cannot deblur a component, in the whole molecule's atom numbers; lone ions are always fine."""
    if len(component.atoms) < FEWEST_ATOMS:
        return []
    return unsupported(component.mol, model.config.elements, model.config.max_atoms, component.atoms.tolist())


def make_task(
    component: Component,
    params: EBD,
    model: LoadedModel,
    seed: int,
    deadline: float | None,
    callback: Callback | None,
) -> Task:
    """Compute what the conformers of a component share."""
    tables = check_tables(component.mol)
    batch, treatable = None, not unsupported_reasons(component, model)
    if len(component.atoms) >= FEWEST_ATOMS and treatable:
        vocabulary = Vocabulary.from_dict(model.config.vocabulary)
        batch = collate([mol_graph(component.mol, vocabulary, tables.labels)]).to(model.device)
    return Task(component, params, model, tables, batch, treatable, seed, deadline, EmbedReport(), callback)


def make_conformers(task: Task, count: int) -> list[Made | None]:
    """Attempt each conformer until it passes, the attempts or the time run out; then the fallback, if there is one."""
    made: list[Made | None] = [None] * count
    causes = dict.fromkeys(range(count), "EXCEEDED_TIMEOUT")
    attempts, seedless = min(task.params.maxIterations or DEFAULT_ATTEMPTS, MOST_ATTEMPTS), 0
    if not task.treatable:
        attempts, causes = 0, dict.fromkeys(range(count), "UNSUPPORTED")
    for attempt in range(attempts):
        pending = [k for k in range(count) if made[k] is None]
        if not pending or task.late or seedless == 2:
            break
        found = one_attempt(task, pending, attempt, causes)
        seedless = 0 if found is not None else seedless + 1
        for k, conformer in (found or {}).items():
            made[k] = conformer
    if task.params.fallback == "ETKDGv3":
        for k, conformer in fall_back(task, [k for k in range(count) if made[k] is None]).items():
            made[k] = conformer
    task.report.failed += [(k, causes[k]) for k in range(count) if made[k] is None]
    return made


def one_attempt(task: Task, pending: list[int], attempt: int, causes: dict[int, str]) -> dict[int, Made] | None:
    """Seeds, deblurring and judgement of the pending conformers.

    Returns:
        Those that passed; None if not even a seed could be made.
    """
    report = task.report
    report.attempts += len(pending)
    with report.timed("coarse"):
        indices, seeds = right_seeds(task, pending, attempt, causes)
    if not indices:
        return None
    with report.timed("deblur"):
        coords = deblurred(task, indices, seeds, attempt) if task.batch is not None else seeds
    with report.timed("judge"):
        passed = judged(task, indices, coords, causes)
    stage = "seed" if task.batch is None else "deblurred"
    return {k: Made(x, attempt, stage) for k, x, ok in zip(indices, coords, passed, strict=True) if ok}


def right_seeds(
    task: Task, pending: list[int], attempt: int, causes: dict[int, str], coarse: str | None = None
) -> tuple[list[int], np.ndarray]:
    """Coarse seeds with the written stereo: their indices and (K, N, 3) coordinates."""
    params = task.params.copy()
    params.coarse = coarse or params.coarse

    def recipe(seed: int) -> Any:
        parameters: Any = params.coarse_parameters(seed)
        parameters.maxIterations = parameters.maxIterations or SEED_TRIALS
        if task.component.held:
            parameters.SetCoordMap({i: Point3D(*xyz) for i, xyz in task.component.held.items()})
        return parameters

    with rdBase.BlockLogs():  # the one warning worth having was given for the whole molecule
        seeds = coarse_seeds(task.component.mol, pending, coarse_base(task.seed, attempt), recipe, task.deadline)
    task.report.failures.update(seeds.failures)
    right = stereo_kept(seeds.coords, task.tables.labels) | (not params.enforceChirality)
    for row, k in enumerate(pending):
        if not seeds.made[row]:
            causes[k] = "EXCEEDED_TIMEOUT" if task.late else "NO_SEED"
        elif not right[row]:
            causes[k] = "SEED_STEREO"
        else:
            continue
        task.report.failures[causes[k]] += 1
    rows = np.flatnonzero(seeds.made & right)
    return [pending[row] for row in rows], seeds.coords[rows]


def deblurred(task: Task, indices: Sequence[int], seeds: np.ndarray, attempt: int) -> np.ndarray:
    """Run the model over seeds (K, N, 3), a bounded number of atoms at a time."""
    assert task.batch is not None
    rows = max(1, task.params.batchAtoms // seeds.shape[1])
    steps = task.params.numSteps or task.model.config.steps
    parts = []
    for start in range(0, len(indices), rows):
        if task.late:
            parts.append(np.full((len(indices) - start, *seeds.shape[1:]), np.nan))
            break
        part = slice(start, start + rows)
        parts.append(_deblur_rows(task, indices[part], seeds[part], attempt, steps))
    return np.concatenate(parts)


def _deblur_rows(task: Task, indices: Sequence[int], seeds: np.ndarray, attempt: int, steps: int) -> np.ndarray:
    assert task.batch is not None
    device, atoms = task.model.device, seeds.shape[1]
    batch = task.batch.rows(torch.zeros(len(indices), dtype=torch.long, device=device))
    noise = torch.stack([noise_stream(task.seed, k, attempt, steps, atoms) for k in indices])
    x = torch.from_numpy(seeds).float().to(device)
    held = None
    if task.component.held:
        held = Held(
            torch.tensor(list(task.component.held), device=device),
            torch.tensor([list(task.component.held.values())], dtype=x.dtype, device=device),
        )
        x = held.put(x)
    asked, own = task.params.noiseScale, task.model.config.noise_scale
    noise_scale = own if asked is None else asked
    path: list[torch.Tensor] = []

    def record(step: int, t: float, x_t: torch.Tensor, x_0: torch.Tensor) -> None:
        path.append(x_t.cpu())
        if step == steps - 1:
            path.append(x_0.cpu())

    with torch.inference_mode():
        out = deblur(
            task.model.network,
            x,
            batch,
            task.model.config.blur,
            deblur_times(steps),
            noise_scale * noise.to(device),
            held,
            record if task.callback else None,
        )
    if task.callback:
        for row, k in enumerate(indices):
            task.callback(k, _path_mol(task.component.mol, [state[row].numpy() for state in path], steps))
    return out.cpu().double().numpy()


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
    return {k: Made(x, attempt, "fallback") for k, x in zip(indices, seeds, strict=True)}


def whole_conformer(components: Sequence[Component], parts: Sequence[Made | None]) -> Made:
    """One conformer of the whole molecule from those of its components."""
    present = [part for part in parts if part is not None]
    coords = assemble(components, [part.coords for part in present])
    stages = {part.stage for part in present}
    stage = next(s for s in ("fallback", "deblurred", "seed") if s in stages)  # what a reader must know comes first
    return Made(coords, max(part.attempt for part in present), stage)


def prune(mol: Chem.Mol, made: Sequence[Made], params: EBD) -> list[int]:
    """Positions in `made` that are kept."""
    if params.pruneRmsThresh <= 0 or len(made) < 2:
        return list(range(len(made)))
    mappings = symmetry_mappings(mol, params.onlyHeavyAtomsForRMS, params.useSymmetryForPruning)
    coords = np.stack([m.coords[: mol.GetNumAtoms()] for m in made])
    return keep_diverse(coords, mappings, params.pruneRmsThresh)


def write(mol: Chem.Mol, made: Sequence[tuple[int, Made]], clear: bool, origin: dict[str, str | int]) -> list[int]:
    """Add conformers to the molecule, with their provenance; returns their ids."""
    if clear:
        mol.RemoveAllConformers()
    first = max((c.GetId() for c in mol.GetConformers()), default=-1) + 1
    for number, (index, conformer) in enumerate(made):
        new = _conformer(conformer.coords[: mol.GetNumAtoms()])
        new.SetId(first + number)
        set_provenance(new, **origin, index=index, attempt=conformer.attempt, stage=conformer.stage)
        mol.AddConformer(new, assignId=False)
    return list(range(first, first + len(made)))


def warn_of_missing_hydrogens(mol: Chem.Mol) -> None:
    """RDKit's own warning, once per call; the missing hydrogens are there while embedding, and left out afterwards."""
    if any(atom.GetTotalNumHs() > 0 for atom in mol.GetAtoms()):
        rdBase.LogWarningMsg("Molecule does not have explicit Hs. Consider calling AddHs()")


def _conformer(coords: np.ndarray) -> Chem.Conformer:
    conformer = Chem.Conformer(len(coords))
    conformer.Set3D(True)
    conformer.SetPositions(np.ascontiguousarray(coords, dtype=np.float64))
    return conformer


def _path_mol(mol: Chem.Mol, states: Sequence[np.ndarray], steps: int) -> Chem.Mol:
    path = Chem.Mol(mol, True)
    times: Iterator[float] = iter([*deblur_times(steps), 0.0])
    for number, (state, t) in enumerate(zip(states, times, strict=True)):
        conformer = _conformer(state)
        conformer.SetId(number)
        conformer.SetDoubleProp("ebd_time", t)
        path.AddConformer(conformer, assignId=False)
    return path
