"""How do molecules of unlike size stand side by side for a network? Padded tensors, like sizes together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rdkit_ebd.data.molecule_arrays import MoleculeArrays


@dataclass(frozen=True)
class MoleculeBatch:
    """B molecules padded to N atoms.

    Attributes:
        rows: (B,) int64, their places in the set.
        coords: (B, N, 3) float32, angstrom.
        numbers: (B, N) int64, atomic numbers; 0 where there is no atom.
        classes: (B, N) int64, places of the elements.
        mask: (B, N) bool.
    """

    rows: np.ndarray
    coords: Tensor
    numbers: Tensor
    classes: Tensor
    mask: Tensor


def padded(molecules: MoleculeArrays, rows: np.ndarray, elements: Sequence[int]) -> MoleculeBatch:
    """Some molecules as one batch.

    Raises:
        ValueError: They have elements that are not among those; which are named.
    """
    sizes = molecules.sizes[rows]
    here = np.arange(sizes.max(initial=1))[None] < sizes[:, None]
    atoms = np.where(here, molecules.offsets[rows][:, None] + np.arange(here.shape[1]), 0)
    numbers = np.where(here, molecules.numbers[atoms], 0).astype(np.int64)
    places = np.full(128, -1)
    places[list(elements)] = np.arange(len(elements))
    places[0] = 0
    classes = places[numbers]
    if (classes < 0).any():
        raise ValueError(f"atomic numbers {sorted(set(numbers[classes < 0].tolist()))} are not among {tuple(elements)}")
    coords = molecules.coords[atoms] * here[..., None]
    return MoleculeBatch(
        rows,
        torch.from_numpy(coords.astype(np.float32)),
        torch.from_numpy(numbers),
        torch.from_numpy(classes),
        torch.from_numpy(here),
    )


def shuffled_rows(sizes: np.ndarray, batch: int, seed: int, pool: int = 16) -> Iterator[np.ndarray]:
    """Rows of one pass over a set in random batches; in a pool of so many batches like sizes stand together."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(sizes))
    for start in range(0, len(order), batch * pool):
        part = order[start : start + batch * pool]
        part = part[np.argsort(sizes[part], kind="stable")]
        parts = [part[k : k + batch] for k in range(0, len(part), batch)]
        for k in generator.permutation(len(parts)):
            yield parts[k]
