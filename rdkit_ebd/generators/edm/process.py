"""What is noise to a molecule? Gaussian, of standard deviation sigma on positions, in Karras et al.'s terms (2022).

The state is what EDM (Hoogeboom et al., 2022) has: positions without their mean, and one-hot kinds of atoms scaled so
that they appear from the noise after the coarse shape has. With sigma_d the spread of the data, a denoiser is

    D(x; sigma) = c_skip x + c_out F(c_in x; sigma),
    c_skip = sigma_d^2 / (sigma^2 + sigma_d^2), c_out = sigma sigma_d c_in, c_in = 1 / sqrt(sigma^2 + sigma_d^2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class NoiseConfig:
    """The process a model was trained on.

    Attributes:
        spread: sigma_d, standard deviation of the training molecules' coordinates, angstrom.
        kind_scale: Noise of a one-hot kind is sigma over this (angstrom).
        least: Lowest noise, angstrom.
        most: Highest noise, angstrom.
        centre: Median of the noise trained on, angstrom.
        width: Standard deviation of its logarithm.
        hydrogen_spread: Standard deviation of hydrogens about their atom at t = 1, angstrom.
        jitter: Largest noise of the skeletons that hydrogens are trained to be placed on, angstrom.
    """

    spread: float = 1.15
    kind_scale: float = 0.5
    least: float = 0.015
    most: float = 12.0
    centre: float = 0.4
    width: float = 1.2
    hydrogen_spread: float = 0.8
    jitter: float = 0.08


def noise_levels(steps: int, least: float, most: float, rho: float) -> list[float]:
    """Levels from high to low, evenly spaced in sigma^(1 / rho) (Karras et al., equation 5)."""
    high, low = most ** (1 / rho), least ** (1 / rho)
    return [(high + i / max(steps - 1, 1) * (low - high)) ** rho for i in range(steps)]


def training_levels(count: int, config: NoiseConfig, generator: torch.Generator | None = None) -> Tensor:
    """Noise of a batch (count,), log-normal and spread evenly over its quantiles."""
    quantiles = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    normal = math.sqrt(2) * torch.erfinv(2 * quantiles.clamp(1e-4, 1 - 1e-4) - 1)
    return torch.exp(math.log(config.centre) + config.width * normal).clamp(config.least, config.most)


def split_noise(level: float, following: float, churn: float) -> tuple[float, float]:
    """How to get from one level to a lower one: what is kept of the noise, as a factor, and the fresh noise added.

    Args:
        level: The noise now.
        following: The noise wanted, lower.
        churn: 0 for none that is fresh (a deterministic step), 1 for as much as the reverse process has.
    """
    fresh = min(following, churn * math.sqrt(following**2 * (level**2 - following**2)) / level)
    return math.sqrt(following**2 - fresh**2) / level, fresh
