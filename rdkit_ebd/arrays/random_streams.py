"""Which random numbers belong to a conformer? Streams keyed by (seed, index, attempt), and nothing else."""

from __future__ import annotations

import torch
from torch import Tensor

_WORD = (1 << 64) - 1
_COARSE_LIMIT = 1 << 30  # RDKit adds the conformer's index to its seed and rejects a sum beyond 2**31


def mix(*words: int) -> int:
    """Hash integers to 63 bits; every word and its place matter, zero and negative ones included."""
    state = 0xCBF29CE484222325
    for word in words:
        state = _splitmix((state ^ (word & _WORD)) & _WORD)
    return state >> 1


def coarse_base(seed: int, attempt: int) -> int:
    """RDKit seed of conformer 0 in one attempt; conformer k gets this plus k.

    RDKit on its own uses seed + k, which makes the ensembles of seeds 42 and 43 the same one shifted by one.
    """
    return mix(seed, attempt) % _COARSE_LIMIT


def repeat_base(base: int, trial: int) -> int:
    """RDKit seed of conformer 0 in a further trial, where seeds of a base were not good enough."""
    return mix(base, trial) % _COARSE_LIMIT


def hydrogen_stream(base: int, index: int) -> int:
    """Seed of the choices among the places of a conformer's hydrogens."""
    return mix(base, index, 0x48)  # H


def torsion_stream(base: int, index: int) -> int:
    """Seed of the choice among the torsions of other conformers."""
    return mix(base, index, 0x54)  # T


def ring_stream(base: int, place: int) -> int:
    """Seed of the choice among the shapes of one of a molecule's ring systems."""
    return mix(base, place, 0x52)  # R


def noise_stream(seed: int, index: int, attempt: int, steps: int, atoms: int) -> Tensor:
    """Standard normal noise (steps, atoms, 3) of one conformer.

    Drawn on the CPU whatever the device, so that the device does not change the conformer.
    """
    generator = torch.Generator().manual_seed(mix(seed, index, attempt))
    return torch.randn(steps, atoms, 3, generator=generator)


def _splitmix(z: int) -> int:
    z = (z + 0x9E3779B97F4A7C15) & _WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
    return z ^ (z >> 31)
