"""How do seeds pass through the model? A round for all candidates, a choice among them, and the rounds left to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from rdkit import Chem

from rdkit_ebd.arrays.random_streams import noise_stream
from rdkit_ebd.chem.conformers import new_conformer
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.embedding.component_task import Task
from rdkit_ebd.ensemble.select import chosen
from rdkit_ebd.generators.ebd.sampler import deblur_times
from rdkit_ebd.generators.service import Deblurred, Request
from rdkit_ebd.seeds.rdkit_seeds import Seeds
from rdkit_ebd.seeds.seeding import MOST_MAPPINGS

# Where the network drives every seed into the same clash (hydrogens in the fjords of crowded tricycles), half of the
# way may do, or half of that, and so on: seeds do not clash.
HALF_WAY_FROM = 5  # attempts


def deblurred(task: Task, indices: Sequence[int], start: Seeds, attempt: int) -> np.ndarray:
    """Run the model over the best of the candidates, (K, N, 3); over the first of them if it is late."""
    config = task.model.config
    # What many rounds drive into a clash (over-flattened biaryls), fewer leave alone: each retry has one less.
    rounds = max(1, (task.params.numRounds or config.sampling.rounds) - attempt)
    times = deblur_times(task.params.numSteps or config.sampling.steps, rounds)
    seeds, done = choice_of(task, indices, start, attempt, times)
    whole = _deblur_all(task, indices[: len(seeds)], seeds, attempt, times, done)[0]
    if attempt < HALF_WAY_FROM or task.component.held or task.from_layout:
        return whole
    begun = seeds[: len(whole)]
    return begun + (whole - begun) * 0.5 ** (attempt - HALF_WAY_FROM + 1)


def choice_of(
    task: Task, indices: Sequence[int], start: Seeds, attempt: int, times: Sequence[float]
) -> tuple[np.ndarray, int]:
    """Choose a candidate for each conformer: (K, N, 3), and how many of the times they have been deblurred for.

    Where the model can tell which will be near a true conformer, all of them go through the first round to that end.
    """
    count, most = start.sound.shape
    if most == 1:
        return start.first, 0
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
    asked, own = task.params.noiseScale, task.model.config.sampling.noise_scale
    noise = torch.stack([noise_stream(task.seed, k, attempt, len(times), seeds.shape[1])[done:] for k in indices])
    noise = noise * (own if asked is None else asked)
    wanted = task.callback is not None and not judge
    held, deadline = task.component.held, task.deadline
    own_tolerance, asked_tolerance = task.model.config.sampling.tolerance, task.params.roundTolerance
    tolerance = own_tolerance if asked_tolerance is None else asked_tolerance
    request = Request(task.graph, seeds, noise.numpy(), tuple(times[done:]), tolerance, held, deadline, wanted, judge)
    made = task.deblurrer(request)
    if wanted and task.callback and made.path is not None:
        for states, k in zip(made.path, indices, strict=True):
            task.callback(k, _path_mol(task.component.mol, list(states), times))
    return made


def _path_mol(mol: Chem.Mol, states: Sequence[np.ndarray], times: Sequence[float]) -> Chem.Mol:
    path = Chem.Mol(mol, True)
    for number, (state, t) in enumerate(zip(states, [*times, 0.0], strict=True)):
        conformer = new_conformer(state)
        conformer.SetId(number)
        conformer.SetDoubleProp("ebd_time", t)
        path.AddConformer(conformer, assignId=False)
    return path
