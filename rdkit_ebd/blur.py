"""How does a conformer blur? Linear slide of every atom to its prior point, with noise along the way.

The prior point of an atom is its fragment's centroid in the coarse layout (`fragments`, coarse to fine, the paper's
C2F) or its own place in the seed (`atoms`, fine to fine, F2F). Time runs from 0 (conformer) to 1 (prior).
Source: Park & Shen, NeurIPS 2024, eq. 5-7, with the noise schedule as a setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from rdkit_ebd.batch import Batch, fragment_points
from rdkit_ebd.geometry import centre

Prior = Literal["fragments", "atoms"]
NoiseSchedule = Literal["constant", "sqrt"]


@dataclass(frozen=True)
class BlurConfig:
    """Settings of the blurring process.

    Attributes:
        prior: Where atoms end: "fragments" (C2F) or "atoms" (F2F).
        sigma: Noise scale, angstrom.
        noise: "constant" (the paper's) or "sqrt", sigma * sqrt(t), which vanishes at the conformer.
        timesteps: The paper's T: the network knows the times 1/T, 2/T, ... up to (T - 1)/T, is told the last of them of
            the fully blurred state, and noise is the last thing that sampling adds. None: any time in [0, 1].
    """

    prior: Prior = "atoms"
    sigma: float = 0.03
    noise: NoiseSchedule = "sqrt"
    timesteps: int | None = None

    def __post_init__(self) -> None:
        if self.prior not in get_args(Prior):
            raise ValueError(f"prior must be one of {get_args(Prior)}, not {self.prior!r}")
        if self.noise not in get_args(NoiseSchedule):
            raise ValueError(f"noise must be one of {get_args(NoiseSchedule)}, not {self.noise!r}")
        if self.sigma < 0:
            raise ValueError(f"sigma must not be negative, not {self.sigma}")
        if self.timesteps is not None and self.timesteps < 2:
            raise ValueError(f"timesteps must be at least 2, or None, not {self.timesteps}")

    def noise_scale(self, t: Tensor) -> Tensor:
        """Standard deviation of the noise at time t, angstrom."""
        return self.sigma * (t.sqrt() if self.noise == "sqrt" else torch.ones_like(t))


def prior_points(seed: Tensor, batch: Batch, config: BlurConfig) -> Tensor:
    """Where each atom of a seed (B, N, 3) is blurred to, centred: (B, N, 3) angstrom."""
    points = fragment_points(seed, batch) if config.prior == "fragments" else seed
    return centre(points, batch.mask)


def slide(x_0: Tensor, prior: Tensor, t: Tensor) -> Tensor:
    """The mean of the forward process: x_0 at t = 0, the prior at t = 1, exactly; t (B,)."""
    return torch.lerp(x_0, prior, t[:, None, None].to(x_0.dtype))


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
    return centre(slide(x_0, prior, t) + config.noise_scale(t)[:, None, None] * noise, mask)
