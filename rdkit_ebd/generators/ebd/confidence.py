"""How near a true conformer will this one end? A guess from what the network sees of it on the way.

References are the conformers that a search and a minimisation in DFT have left. Of two seeds of one molecule the
network can guess, to some degree, which will become the more like one of them; chosen by that, and by how unlike they
are to each other, ensembles of the same size are nearer to the references.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from rdkit_ebd.arrays.batch import Batch
from rdkit_ebd.generators.ebd.layers import NetworkConfig

SEEN_EVERY = 2  # blocks
_HYDROGEN = 1
_GLOBAL = 3  # traits that are no mean over a block's channels
_MOST = 6.0  # standard deviations: traits of what is unlike all training molecules must not carry the guess away


class Confidence(nn.Module):
    """Guesses the distance of a conformer, once deblurred, from the nearest reference.

    Attributes:
        mean: (traits,) mean of each trait over the conformers it was fitted to.
        spread: (traits,) standard deviation, likewise.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        size = (config.blocks // SEEN_EVERY) * (3 * config.width + 2 * config.heads) + _GLOBAL
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.inner, self.outer = nn.Linear(size, config.width), nn.Linear(config.width, 1)

    def forward(self, traits: Tensor, dropout: float = 0.0) -> Tensor:
        """Distance (B,), angstrom, from traits (B, traits); with the share of them that training hides."""
        scaled = ((traits - self.mean) / self.spread).clamp(-_MOST, _MOST)
        hidden = functional.silu(self.inner(functional.dropout(scaled, dropout / 3, dropout > 0)))
        return self.outer(functional.dropout(hidden, dropout, dropout > 0))[:, 0]


def traits(seen: Sequence[tuple[Tensor, Tensor]], x_t: Tensor, x_0: Tensor, batch: Batch) -> Tensor:
    """What the network sees of conformers, rows of a batch, whatever the other rows are: (B, traits).

    Args:
        seen: Scalars (B, N, d) and vectors (B, N, 3, heads) after some of the blocks.
        x_t: (B, N, 3) the network's input, angstrom.
        x_0: (B, N, 3) its output.
        batch: The molecules.
    """
    atoms = batch.mask.to(x_0.dtype)
    heavy = atoms * (batch.atom_features[..., 0] != _HYDROGEN)
    parts = []
    for h, vectors in seen:
        mean = _mean(h, atoms)
        deviation = (_mean(h.square(), atoms) - mean.square()).clamp(min=0)
        lengths = (vectors.square().sum(2) + 1e-12).sqrt()
        whole = (_mean(vectors.flatten(2), atoms).view(len(h), 3, -1).square().sum(1) + 1e-12).sqrt()
        parts += [mean, (deviation + 1e-12).sqrt(), _mean(h, heavy), _mean(lengths, atoms), whole]
    moved = _mean((x_0 - x_t).square().sum(-1, keepdim=True), atoms).sqrt()
    middle = _mean(x_0, heavy)[:, None]
    gyration = _mean((x_0 - middle).square().sum(-1, keepdim=True), heavy).sqrt()
    size = heavy.sum(1, keepdim=True).clamp(min=1).sqrt()
    return torch.cat([*parts, moved, gyration, gyration / size], -1)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean over atoms: (B, N, c) weighted by (B, N) -> (B, c)."""
    return (values * weights[..., None]).sum(1) / weights.sum(1, keepdim=True).clamp(min=1)
