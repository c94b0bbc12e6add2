"""How does the published EDM draw molecules, and how likely does it find some? A thousand steps; a bound in nats."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from rdkit_ebd.arrays.random_streams import mix
from rdkit_ebd.generators.edm.published.model import PublishedModel
from rdkit_ebd.generators.edm.published.process import Molecules, project

Watch = Callable[[int, Tensor], None]  # time, z (B, N, 3 + features)

_SIZE_STREAM, _LIKELIHOOD_STREAM = 0x4D, 0x4C
_UNSEEN = 1e-30  # share of a size that the training data do not have, as published


@dataclass(frozen=True)
class Drawn:
    """A molecule as it comes from noise.

    Attributes:
        numbers: (N,) int8, atomic numbers.
        coords: (N, 3) float32, angstrom, centred; NaN where the network answered so, which is never repaired.
    """

    numbers: np.ndarray
    coords: np.ndarray


def draw_sizes(sizes: dict[int, int], count: int, seed: int) -> list[int]:
    """Numbers of atoms drawn from p(M), the k-th from a stream of its own.

    Raises:
        ValueError: The histogram is empty.
    """
    if not sum(sizes.values()):
        raise ValueError("the model does not say how large its training molecules were; say how many atoms to make")
    atoms = sorted(sizes)
    ends = np.cumsum([sizes[n] for n in atoms])
    drawn = [np.random.default_rng(mix(seed, k, _SIZE_STREAM)).random() * ends[-1] for k in range(count)]
    return [atoms[int(place)] for place in np.searchsorted(ends, drawn, side="right")]


@torch.no_grad()
def draw_molecules(
    model: PublishedModel,
    sizes: Sequence[int],
    seeds: Sequence[int],
    conditions: Tensor | None = None,
    steps: int | None = None,
    watch: Watch | None = None,
) -> list[Drawn]:
    """Draw a batch of molecules, each from a stream of its own: its neighbours in the batch do not change it.

    Args:
        model: A published EDM.
        sizes: Numbers of atoms.
        seeds: One for each.
        conditions: (B, C) normalised properties, where the model is conditioned on any.
        steps: Evaluations of the network, evenly spaced; the model's T, as published, if not given.
        watch: Called with the time and z after each step.

    Raises:
        ValueError: There are not as many seeds as sizes, or steps than times.
    """
    process, total = model.process, model.config.process.timesteps
    if len(sizes) != len(seeds) or min(sizes, default=1) < 1:
        raise ValueError(f"{len(sizes)} sizes, of 1 atom or more, for {len(seeds)} seeds")
    if not 1 <= (steps := total if steps is None else steps) <= total:
        raise ValueError(f"steps must be from 1 to {total}, not {steps}")
    mask = torch.arange(max(sizes, default=1))[None] < torch.tensor(sizes)[:, None]
    streams = [torch.Generator().manual_seed(mix(seed)) for seed in seeds]
    mask_here, molecules = mask.to(model.device), Molecules(torch.zeros(0), mask.to(model.device), conditions)

    def noise() -> Tensor:
        return project(
            _noise(streams, sizes, mask.shape[1], 3 + model.config.process.features).to(model.device), mask_here
        )

    times = [round(total * k / steps) for k in range(steps, -1, -1)]
    z = noise()
    for t, s in pairwise(times):
        z = process.step(model.network, z, t, s, molecules, noise())
        if watch:
            watch(s, z)
    coords, classes = process.finish(model.network, z, molecules, noise())
    elements = np.array(model.config.elements, np.int8)
    found = zip(classes.cpu().numpy(), coords.float().cpu().numpy(), sizes, strict=True)
    return [Drawn(elements[kinds[:n]], places[:n]) for kinds, places, n in found]


def _noise(streams: Sequence[torch.Generator], sizes: Sequence[int], atoms: int, width: int) -> Tensor:
    """(B, atoms, width) normal noise, each molecule's from its stream, on the CPU whatever the device."""
    drawn = torch.zeros(len(sizes), atoms, width)
    for row, (stream, size) in enumerate(zip(streams, sizes, strict=True)):
        drawn[row, :size] = torch.randn(size, width, generator=stream)
    return drawn


@dataclass(frozen=True)
class Bound:
    """What is known of -log p of some molecules, in nats.

    Attributes:
        mean: (B,) estimates of the bound.
        error: (B,) their standard errors; NaN from a single draw.
    """

    mean: np.ndarray
    error: np.ndarray


@torch.no_grad()
def likelihood_bound(
    model: PublishedModel,
    values: Tensor,
    mask: Tensor,
    draws: int = 8,
    seed: int = 0,
    conditions: Tensor | None = None,
    indices: Sequence[int] | None = None,
) -> Bound:
    """Upper bound of -log p(x, h, M) of molecules in nats, with the paper's terms, by Monte Carlo.

    T times the term of a random time, of times spread evenly over the draws; L0 from as many draws of noise; the prior;
    the normaliser of coordinates; and -log p(M), where the model knows how large molecules are.

    Args:
        model: A published EDM.
        values: (B, N, 3 + features) as the process scales them.
        mask: (B, N) bool.
        draws: Times and noises per molecule, two evaluations of the network each.
        seed: Of both.
        conditions: (B, C) normalised properties, where the model is conditioned on any.
        indices: The molecules' numbers, which with the seed determine their times and noises whatever they are measured
            with; None: 0 to B - 1.
    """
    molecules = Molecules(values.to(model.device), mask.to(model.device), conditions)
    numbers = range(len(values)) if indices is None else indices
    streams = [torch.Generator().manual_seed(mix(seed, number, _LIKELIHOOD_STREAM)) for number in numbers]
    total, process, sizes = model.config.process.timesteps, model.process, mask.sum(1).tolist()
    here, found = mask.to(model.device), []
    for draw in range(draws):
        # Stratified: the k-th of n draws has its time in the k-th n-th of all times.
        share = (draw + torch.cat([torch.rand(1, generator=stream) for stream in streams])) / draws
        t = (share * total).long().clamp(max=total - 1) + 1
        drawn = [_noise(streams, sizes, *values.shape[1:]) for _ in range(2)]
        eps = [project(noise.to(model.device, values.dtype), here) for noise in drawn]
        found.append(process.negative_log_likelihood(model.network, molecules, t.to(model.device), *eps))
    stacked = torch.stack(found).double().cpu().numpy() - log_sizes(model.config.sizes, mask)
    spread = stacked.std(0, ddof=1) / math.sqrt(draws) if draws > 1 else np.full(len(values), np.nan)
    return Bound(stacked.mean(0), spread)


def log_sizes(sizes: dict[int, int], mask: Tensor) -> np.ndarray:
    """(B,) log p(M) of molecules; zero where the model knows no sizes."""
    total = sum(sizes.values())
    atoms = mask.sum(1).tolist()
    return np.array([math.log(sizes.get(n, 0) / total + _UNSEEN) if total else 0.0 for n in atoms])
