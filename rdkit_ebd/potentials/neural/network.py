"""What must a neural potential be able to say? Energies and gradients of a batch of conformers of any molecules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor


class Network(Protocol):
    """A network, or an ensemble of them, with its weights on one device."""

    device: torch.device

    def prepare(self, numbers: Tensor, charges: Tensor) -> Any:
        """Everything about a batch that does not change as its atoms move.

        Args:
            numbers: (B, N) int64, atomic numbers; 0 where there is no atom.
            charges: (B,) float32, of the whole molecules.
        """

    def __call__(self, coords: Tensor, prepared: Any) -> tuple[Tensor, Tensor]:
        """Energies (B,) float64 in kcal/mol, gradients (B, N, 3) in kcal/mol/angstrom; 0 where there is no atom.

        Args:
            coords: (B, N, 3) float32, angstrom.
            prepared: What `prepare` made of the same rows.
        """


@dataclass(frozen=True)
class Species:
    """What a network needs to know of a molecule.

    Attributes:
        numbers: (N,) int64, atomic numbers.
        charge: Of the whole molecule.
        steps: (N, N) int64, bonds between two atoms on the shortest way.
    """

    numbers: np.ndarray
    charge: int
    steps: np.ndarray


def padded(arrays: Sequence[np.ndarray], size: int, fill: float, like: torch.dtype, device: torch.device) -> Tensor:
    """Stack arrays (N, ...) of different N into (B, size, ...)."""
    out = torch.full((len(arrays), size, *arrays[0].shape[1:]), fill, dtype=like)
    for row, array in enumerate(arrays):
        out[row, : len(array)] = torch.as_tensor(array)
    return out.to(device)


def padded_squares(arrays: Sequence[np.ndarray], size: int, fill: int, device: torch.device) -> Tensor:
    """Stack arrays (N, N) of different N into (B, size, size) int64."""
    out = torch.full((len(arrays), size, size), fill, dtype=torch.int64)
    for row, array in enumerate(arrays):
        out[row, : len(array), : len(array)] = torch.as_tensor(array)
    return out.to(device)
