"""How do seeds pass through the model? Of the candidates for each conformer one is chosen, and all rounds are its."""

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
from rdkit_ebd.generators.service import Request
from rdkit_ebd.seeds.rdkit_seeds import Seeds
from rdkit_ebd.seeds.seeding import MOST_MAPPINGS

# Where the network drives every seed into the same clash (hydrogens in the fjords of crowded tricycles), half of the
# way may do, or half of that, and so on: seeds do not clash.
HALF_WAY_FROM = 5  # attempts


def deblurred(task: Task, indices: Sequence[int], start: Seeds, attempt: int) -> np.ndarray:
    """Run the model over a seed for each conformer, (K, N, 3); over the first of them if it is late."""
    config = task.model.config
    # What many rounds drive into a clash (over-flattened biaryls), fewer leave alone: each retry has one less.
    rounds = max(1, (task.params.numRounds or config.sampling.rounds) - attempt)
    times = deblur_times(task.params.numSteps or config.sampling.steps, rounds)
    seeds = choice_of(task, start)
    whole = _deblur_all(task, indices, seeds, attempt, times)
    if attempt < HALF_WAY_FROM or task.component.held or task.from_layout:
        return whole
    begun = seeds[: len(whole)]
    return begun + (whole - begun) * 0.5 ** (attempt - HALF_WAY_FROM + 1)


def choice_of(task: Task, start: Seeds) -> np.ndarray:
    """A seed for each conformer, the least like those chosen before it: (K, N, 3)."""
    count, most = start.sound.shape
    if most == 1:
        return start.first
    mappings = symmetry_mappings(task.component.mol, maxMatches=MOST_MAPPINGS)
    return np.asarray(start.coords[np.arange(count), chosen(start.coords, start.sound, mappings)])


def _deblur_all(
    task: Task, indices: Sequence[int], seeds: np.ndarray, attempt: int, times: Sequence[float]
) -> np.ndarray:
    """Run the model over seeds (K, N, 3), a bounded number of atoms at a time: coordinates, of fewer if it is late."""
    rows = max(1, task.params.batchAtoms // seeds.shape[1])
    coords = [seeds[:0]]
    for start in range(0, len(indices), rows):
        if task.late:
            break
        part = slice(start, start + rows)
        coords.append(_deblur_rows(task, indices[part], seeds[part], attempt, times))
        if not len(coords[-1]):
            break
    return np.concatenate(coords)


def _deblur_rows(
    task: Task, indices: Sequence[int], seeds: np.ndarray, attempt: int, times: Sequence[float]
) -> np.ndarray:
    assert task.graph is not None
    asked, own = task.params.noiseScale, task.model.config.sampling.noise_scale
    noise = torch.stack([noise_stream(task.seed, k, attempt, len(times), seeds.shape[1]) for k in indices])
    noise = noise * (own if asked is None else asked)
    wanted = task.callback is not None
    held, deadline = task.component.held, task.deadline
    own_tolerance, asked_tolerance = task.model.config.sampling.tolerance, task.params.roundTolerance
    tolerance = own_tolerance if asked_tolerance is None else asked_tolerance
    request = Request(task.graph, seeds, noise.numpy(), tuple(times), tolerance, held, deadline, wanted)
    made = task.deblurrer(request)
    if wanted and task.callback and made.path is not None:
        for states, k in zip(made.path, indices, strict=True):
            task.callback(k, _path_mol(task.component.mol, list(states), times))
    return made.coords


def _path_mol(mol: Chem.Mol, states: Sequence[np.ndarray], times: Sequence[float]) -> Chem.Mol:
    path = Chem.Mol(mol, True)
    for number, (state, t) in enumerate(zip(states, [*times, 0.0], strict=True)):
        conformer = new_conformer(state)
        conformer.SetId(number)
        conformer.SetDoubleProp("ebd_time", t)
        path.AddConformer(conformer, assignId=False)
    return path
