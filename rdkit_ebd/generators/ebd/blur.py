"""How does a conformer blur? Linear slide of every atom to its prior point, with noise along the way.

The prior point of an atom is its fragment's centroid in the coarse layout (`fragments`, coarse to fine, the paper's
C2F) or its own place in the seed (`atoms`, fine to fine, F2F). Time runs from 0 (conformer) to 1 (prior).
Source: Park & Shen, NeurIPS 2024, eq. 5-7, with the noise schedule as a setting.

Two things that the paper compares with are settings as well. A network may predict the previous state instead of the
conformer. And the corruption may be a diffusion about the prior points, after the idea of DecompDiff (Guan et al., ICML
2023) that every part of a molecule has a Gaussian of its own as its prior: with a_t = cos^2(pi t / 2),

    x_t = sqrt(a_t) x_0 + (1 - sqrt(a_t)) prior + sqrt(1 - a_t) sigma eps,

that is, the offsets x_t - prior undergo a variance-preserving diffusion, which ends in a Gaussian of width sigma about
each fragment's point. Its reverse step is that of the offsets (Ho et al., NeurIPS 2020, eq. 6-7).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from rdkit_ebd.arrays.batch import Batch, fragment_points
from rdkit_ebd.arrays.geometry import centre

Prior = Literal["fragments", "atoms"]
NoiseSchedule = Literal["constant", "sqrt"]
Corruption = Literal["blur", "diffusion"]
Target = Literal["x_0", "previous"]


@dataclass(frozen=True)
class BlurConfig:
    """Settings of the blurring process.

    Attributes:
        prior: Where atoms end: "fragments" (C2F) or "atoms" (F2F).
        sigma: Noise scale, angstrom; of a diffusion, the width of the Gaussians in which it ends.
        noise: "constant" (the paper's) or "sqrt", sigma * sqrt(t), which vanishes at the conformer.
        timesteps: The paper's T: the network knows the times 1/T, 2/T, ... up to (T - 1)/T, sees the last of them with
            the fully blurred state, and noise is the last thing that sampling adds. None: any time in [0, 1].
        corruption: "blur" (the paper's), or "diffusion" about the prior points, whose noise has a schedule of its own.
        target: What the network predicts: "x_0" (the paper's), or "previous", the mean of the state 1/T earlier, which
            needs `timesteps`.
    """

    prior: Prior = "atoms"
    sigma: float = 0.03
    noise: NoiseSchedule = "sqrt"
    timesteps: int | None = None
    corruption: Corruption = "blur"
    target: Target = "x_0"

    def __post_init__(self) -> None:
        words = {"prior": Prior, "noise": NoiseSchedule, "corruption": Corruption, "target": Target}
        for name, known in words.items():
            if getattr(self, name) not in get_args(known):
                raise ValueError(f"{name} must be one of {get_args(known)}, not {getattr(self, name)!r}")
        if self.sigma < 0:
            raise ValueError(f"sigma must not be negative, not {self.sigma}")
        if self.timesteps is not None and self.timesteps < 2:
            raise ValueError(f"timesteps must be at least 2, or None, not {self.timesteps}")
        if self.target == "previous" and self.timesteps is None:
            raise ValueError("target 'previous' needs timesteps: only then is there a previous state")

    def noise_scale(self, t: Tensor) -> Tensor:
        """Standard deviation of the noise at time t, angstrom."""
        if self.corruption == "diffusion":
            return self.sigma * torch.sin(0.5 * math.pi * t)
        return self.sigma * (t.sqrt() if self.noise == "sqrt" else torch.ones_like(t))


def prior_points(seed: Tensor, batch: Batch, config: BlurConfig) -> Tensor:
    """Where each atom of a seed (B, N, 3) is blurred to, centred: (B, N, 3) angstrom."""
    points = fragment_points(seed, batch) if config.prior == "fragments" else seed
    return centre(points, batch.mask)


def slide(x_0: Tensor, prior: Tensor, t: Tensor) -> Tensor:
    """The mean of the forward process: x_0 at t = 0, the prior at t = 1, exactly; t (B,)."""
    return torch.lerp(x_0, prior, t[:, None, None].to(x_0.dtype))


def mean_state(x_0: Tensor, prior: Tensor, t: Tensor, config: BlurConfig) -> Tensor:
    """The mean of x_t given x_0: (B, N, 3) angstrom; t (B,)."""
    return slide(x_0, prior, 1 - torch.cos(0.5 * math.pi * t) if config.corruption == "diffusion" else t)


def earlier_state(
    x_0: Tensor, x_t: Tensor, prior: Tensor, t: Tensor, earlier: Tensor, config: BlurConfig
) -> tuple[Tensor, Tensor]:
    """Mean (B, N, 3) and standard deviation (B,), angstrom, of the state at a time earlier than t.

    A blurred state depends on x_0 alone. That of a diffusion depends on where it is at t, too: it keeps part of its
    noise, and only the rest is drawn anew.

    Args:
        x_0: Conformers (B, N, 3), known or predicted.
        x_t: States (B, N, 3) at t.
        prior: (B, N, 3).
        t: (B,) times in (0, 1].
        earlier: (B,) times in [0, t).
        config: Blurring process.
    """
    if config.corruption == "blur":
        return mean_state(x_0, prior, earlier, config), config.noise_scale(earlier)
    here, there = torch.cos(0.5 * math.pi * t), torch.cos(0.5 * math.pi * earlier)
    kept = here / there
    renewed = (1 - kept.square()) / (1 - here.square())
    of_x_0, of_x_t = there * renewed, kept * (1 - there.square()) / (1 - here.square())
    mean = prior + of_x_0[:, None, None] * (x_0 - prior) + of_x_t[:, None, None] * (x_t - prior)
    return mean, config.sigma * ((1 - there.square()) * renewed).sqrt()


def blur(x_0: Tensor, prior: Tensor, t: Tensor, noise: Tensor, mask: Tensor, config: BlurConfig) -> Tensor:
    """Forward process q(x_t | x_0, prior): (B, N, 3) angstrom, centred.

    Args:
        x_0: Clean conformers (B, N, 3), aligned to their priors.
        prior: (B, N, 3) from `prior_points`.
        t: (B,) times in [0, 1].
        noise: (B, N, 3) standard normal.
        mask: (B, N).
        config: Noise schedule.
    """
    return centre(mean_state(x_0, prior, t, config) + config.noise_scale(t)[:, None, None] * noise, mask)
