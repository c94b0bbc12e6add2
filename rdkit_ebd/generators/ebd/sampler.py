"""How is a conformer deblurred? A few steps from the prior to atoms, each a prediction and a partial blur back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from rdkit_ebd.arrays.batch import Batch
from rdkit_ebd.arrays.geometry import align, centre, masked_mean
from rdkit_ebd.generators.denoiser import Denoiser, PathCallback
from rdkit_ebd.generators.ebd.blur import BlurConfig, earlier_state, mean_state, prior_points
from rdkit_ebd.generators.ebd.held import Held

_Pass = Callable[[Tensor, Batch, Sequence[float], Tensor, PathCallback | None], Tensor]
"""Seeds, their batch, times, noise and callback -> conformers."""


def deblur_times(steps: int, rounds: int = 1) -> list[float]:
    """Times at which the network is asked: 1 down to 1 / steps, evenly, once per round."""
    if steps < 1 or rounds < 1:
        raise ValueError(f"a conformer needs at least one deblurring step and round, not {steps} and {rounds}")
    return [1 - i / steps for i in range(steps)] * rounds


def deblur(
    denoise: Denoiser,
    seed: Tensor,
    batch: Batch,
    config: BlurConfig,
    times: Sequence[float],
    noise: Tensor,
    held: Held | None = None,
    callback: PathCallback | None = None,
    tolerance: float = 0.0,
) -> Tensor:
    """Deblur coarse seeds into conformers (Park & Shen, algorithm 2, with a free choice of times).

    Args:
        denoise: The network.
        seed: (B, N, 3) coarse conformers, angstrom.
        batch: The molecules.
        config: Blurring process the network was trained on.
        times: Descending, the first usually 1. Where they rise or stay, a new round begins, with the conformer
            reached as its seed: repeated denoising climbs to the nearest mode, as a minimiser finds its basin.
        noise: (B, len(times), N, 3) standard normal, one slice per step.
        held: Atoms that stay in place, in the seeds' frame.
        callback: Called as (step, t, x_t, x_0) before each step is taken; conformers that have settled are shown as
            they are.
        tolerance: Root mean square displacement of a round, angstrom, below which a conformer has settled and takes no
            further one; 0: it takes them all. Rows do not wait for one another, so that one that settles early does
            not depend on its company.

    Returns:
        (B, N, 3) conformers, aligned to their seeds.

    Raises:
        ValueError: One time alone, for a network of discrete times; or others than its own, for one that predicts the
            previous of them.
    """
    run = partial(_run, denoise, config, held)
    starts = [step for step in range(len(times)) if not step or times[step] >= times[step - 1]]
    if tolerance <= 0 or len(starts) == 1:
        return run(seed, batch, times, noise, callback)
    x, rows = seed.clone(), torch.arange(len(seed), device=seed.device)
    for start, stop in zip(starts, [*starts[1:], len(times)], strict=True):
        shown = callback and _for_all_rows(callback, x, rows, start)
        if len(rows):
            rows = _round(run, x, rows, batch, times[start:stop], noise[:, start:stop], tolerance, shown)
        elif shown:
            for step in range(start, stop):
                shown(step - start, times[step], x[rows], x[rows])
    return x


def _round(
    run: _Pass,
    x: Tensor,
    rows: Tensor,
    batch: Batch,
    times: Sequence[float],
    noise: Tensor,
    tolerance: float,
    callback: PathCallback | None,
) -> Tensor:
    """Take some rows of x (B, N, 3) through a round, in place; those that it has moved by more than the tolerance."""
    before, own = x[rows], batch.rows(rows)
    after = run(before, own, times, noise[rows], callback)
    x[rows] = after
    square = ((after - before).square().sum(-1) * own.mask).sum(1) / own.mask.sum(1)
    return rows[square > tolerance**2]


def _run(
    denoise: Denoiser,
    config: BlurConfig,
    held: Held | None,
    seed: Tensor,
    batch: Batch,
    times: Sequence[float],
    noise: Tensor,
    callback: PathCallback | None,
) -> Tensor:
    """Take all seeds through all times."""
    _check_times(times, config)
    middle = masked_mean(seed, batch.mask)
    seed = seed - middle
    held = held and held.moved(-middle)
    prior = prior_points(seed, batch, config)
    x_0 = x_t = prior
    t = torch.ones(len(seed), dtype=seed.dtype, device=seed.device)
    for step, time in enumerate(times):
        begins = not step or time >= times[step - 1]
        if step and begins:
            seed, prior = x_0, prior_points(x_0, batch, config)
        before, t = t, torch.full_like(t, time)
        if begins:
            mean, scale = mean_state(x_0, prior, t, config), config.noise_scale(t)
        else:
            mean, scale = earlier_state(x_0, x_t, prior, before, t, config)
            mean = x_0 if config.target == "previous" else mean  # then the network has said it already
        x_t = centre(mean + scale[:, None, None] * noise[:, step], batch.mask)
        if time == 1 and config.timesteps:  # not trained; the next time is asked of a state as blurred as this
            x_0 = prior
        else:
            x_0 = align(denoise(x_t, t, batch, prior), seed, batch.mask)
            x_0 = held.put(x_0) if held else x_0
        if callback is not None:
            callback(step, time, x_t + middle, x_0 + middle)
    if config.timesteps:  # the noise of time 1, which no prediction has seen
        x_0 = centre(x_0 + config.noise_scale(torch.zeros_like(t))[:, None, None] * noise[:, 0], batch.mask)
        x_0 = held.put(x_0) if held else x_0
    return x_0 + middle


def _for_all_rows(callback: PathCallback, x: Tensor, rows: Tensor, start: int) -> PathCallback:
    """A callback for some rows that shows all of them."""

    def shown(step: int, time: float, x_t: Tensor, x_0: Tensor) -> None:
        callback(start + step, time, x.index_copy(0, rows, x_t), x.index_copy(0, rows, x_0))

    return shown


def _check_times(times: Sequence[float], config: BlurConfig) -> None:
    if config.timesteps and len(times) < 2:
        raise ValueError("a model of discrete times is never asked at time 1: it needs at least two deblurring steps")
    own = deblur_times(config.timesteps) if config.target == "previous" and config.timesteps else []
    if own and list(times) != own * (len(times) // len(own)):
        raise ValueError(f"a model that predicts the previous of {len(own)} states is used with {len(own)} steps")
