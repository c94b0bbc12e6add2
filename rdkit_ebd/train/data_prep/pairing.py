"""Which coarse seed should learn which reference? Basin pairs, or the paper's optimal assignment of layouts."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rdkit_ebd.arrays.batch import Batch, collate, fragment_points
from rdkit_ebd.arrays.geometry import align, dihedrals, twist, wrap_angle
from rdkit_ebd.arrays.molgraph import MolGraph

PAIRINGS = ("basin", "hungarian")
_CLOSE = 0.15  # angstrom above the best seed's RMSD within which other seeds are as good
_FAR = 0.7  # angstrom: beyond it a seed has other rings than the reference, which no network could mend
SELF = -1  # a pair's seed where none fits: the reference itself, distorted while training


def pair(graph: MolGraph, references: np.ndarray, seeds: np.ndarray, method: str = "basin") -> np.ndarray:
    """Choose (reference, seed) pairs.

    Args:
        graph: The molecule.
        references: (R, N, 3) angstrom.
        seeds: (S, N, 3) angstrom.
        method: "basin": every seed whose rings, once its torsions are turned to the reference's, fit the reference
            about as well as the best seed's do; `SELF` where no seed does. "hungarian": one-to-one
            assignment with the least Kabsch RMSD of fragment layouts (Park & Shen, section 4.1), repeated until every
            reference has a seed.

    Returns:
        (P, 2) int16.
    """
    if method not in PAIRINGS:
        raise ValueError(f"pairing must be one of {PAIRINGS}, not {method!r}")
    if not len(references) or not len(seeds):
        return np.zeros((0, 2), np.int16)
    x, y, batch = _all_pairs(graph, references, seeds)
    if method == "basin":
        return _basin_pairs(torsion_matched_rmsd(x, y, batch).view(len(references), len(seeds)).numpy())
    layouts = rmsd(fragment_points(x, batch), fragment_points(y, batch), batch.mask)
    return _assigned_pairs(layouts.view(len(references), len(seeds)).numpy())


def torsion_matched_rmsd(seed: Tensor, reference: Tensor, batch: Batch) -> Tensor:
    """RMSD over all atoms (B,) once the seed's torsions are the reference's: what is left is rings and bond angles."""
    if batch.torsions.shape[1]:
        gap = wrap_angle(dihedrals(reference, batch.torsions) - dihedrals(seed, batch.torsions)) * batch.torsion_mask
        seed = twist(seed, batch.torsions[..., 1:3], batch.far_side, gap)
    return rmsd(seed, reference, batch.mask)


def rmsd(x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
    """Kabsch RMSD (B,), angstrom, atoms in their given order."""
    square = ((align(x, y, mask) - y * mask[..., None]).square().sum(-1) * mask).sum(1)
    return (square / mask.sum(1)).sqrt()


def _all_pairs(graph: MolGraph, references: np.ndarray, seeds: np.ndarray) -> tuple[Tensor, Tensor, Batch]:
    r, s = len(references), len(seeds)
    batch = collate([graph]).repeated(r * s)
    x = torch.from_numpy(seeds).repeat(r, 1, 1)
    y = torch.from_numpy(references).repeat_interleave(s, 0)
    return x, y, batch


def _basin_pairs(distance: np.ndarray) -> np.ndarray:
    best = distance.min(1, keepdims=True)
    pairs = np.argwhere((distance <= best + _CLOSE) & (distance <= _FAR))
    alone = np.flatnonzero(best[:, 0] > _FAR)
    pairs = np.concatenate([pairs, np.stack([alone, np.full_like(alone, SELF)], 1)])
    return pairs[np.argsort(pairs[:, 0], kind="stable")].astype(np.int16)


def _assigned_pairs(distance: np.ndarray) -> np.ndarray:
    from scipy.optimize import linear_sum_assignment  # a training-only dependency

    left, pairs = list(range(len(distance))), []
    while left:
        rows, columns = linear_sum_assignment(distance[left])
        pairs += [(left[i], j) for i, j in zip(rows, columns, strict=True)]
        left = [r for i, r in enumerate(left) if i not in set(rows.tolist())]
    return np.array(sorted(pairs), np.int16)
