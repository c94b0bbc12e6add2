"""What is a denoiser? Anything that predicts clean conformers from blurred or noisy ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from rdkit_ebd.arrays.batch import Batch

PathCallback = Callable[[int, float, Tensor, Tensor], None]


class Denoiser(Protocol):
    """Anything that predicts clean conformers, or previous states: (x_t, t, batch, prior) -> x_0."""

    def __call__(self, x_t: Tensor, t: Tensor, batch: Batch, prior: Tensor) -> Tensor:
        """Predict x_0 (B, N, 3) from x_t (B, N, 3) at times t (B,)."""
        ...
