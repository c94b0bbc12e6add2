"""What is one round of messages? Pairs learn from atoms and geometry, atoms from pairs, positions from vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_REACH = 3.0  # angstrom; distances are seen as exp(-d / reach), fine at bond lengths and coarse far away


@dataclass(frozen=True)
class PairBlockConfig:
    """Size of a network of pair blocks.

    Attributes:
        width: Scalar channels of an atom.
        heads: Attention heads; `pair` is a multiple of it.
        blocks: Number of blocks.
        pair: Channels of a pair of atoms.
        hidden: Channels inside the update of a pair.
        vectors: Vector channels of an atom.
        radial: Radial basis functions of a distance.
        feed: Width of the feed-forward layer, times `width`.
    """

    width: int = 96
    heads: int = 6
    blocks: int = 4
    pair: int = 24
    hidden: int = 48
    vectors: int = 6
    radial: int = 16
    feed: int = 3


@dataclass
class PairState:
    """What a block updates.

    Attributes:
        atoms: (B, N, width).
        pairs: (B, N, N, pair).
        vectors: (B, N, vectors, 3), turning with the molecule.
    """

    atoms: Tensor
    pairs: Tensor
    vectors: Tensor


class PairBlock(nn.Module):
    """One round; every tensor is dense: molecules of one batch have the same number of atoms."""

    def __init__(self, config: PairBlockConfig) -> None:
        super().__init__()
        d, p, v = config.width, config.pair, config.vectors
        self.config = config
        self.norm1 = nn.LayerNorm(d, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(d, elementwise_affine=False)
        self.modulation = nn.Linear(d, 4 * d)
        self.qkv = nn.Linear(d, 3 * d + 2 * config.hidden)
        self.pair_in = nn.Linear(p + config.radial + 3 * v, config.hidden, bias=False)
        self.pair_out = nn.Linear(config.hidden, p)
        self.pair_norm = nn.LayerNorm(p)
        self.read = nn.Linear(p, config.heads + v)
        self.mix = nn.Parameter(torch.randn(v, 2 * v) / math.sqrt(v))
        self.gate = nn.Linear(d, v)
        self.out = nn.Linear(d + p + 2 * v, d)
        self.feed_in = nn.Linear(d, config.feed * d)
        self.feed_out = nn.Linear(config.feed * d, d)
        self.shift = nn.Linear(d, 2 * v)
        for zero in (self.modulation, self.shift):
            nn.init.zeros_(zero.weight)
            nn.init.zeros_(zero.bias)
        nn.init.zeros_(self.feed_out.weight)
        nn.init.zeros_(self.out.weight)

    def forward(self, state: PairState, x: Tensor, condition: Tensor, centres: Tensor) -> tuple[PairState, Tensor]:
        """One round.

        Args:
            state: Atoms, pairs, vectors.
            x: (B, N, 3) positions, angstrom.
            condition: (B, width), what the whole molecule is told, such as the noise level.
            centres: (radial,) of the radial basis.

        Returns:
            The next state, and the shift (B, N, 3) that the block would give each atom.
        """
        config, (b, n, d) = self.config, state.atoms.shape
        scale1, bias1, scale2, bias2 = self.modulation(condition)[:, None].chunk(4, -1)
        normed = self.norm1(state.atoms) * (1 + scale1) + bias1
        q, k, value, of_i, of_j = self.qkv(normed).split([d, d, d, config.hidden, config.hidden], -1)
        r, distance = differences(x)
        pairs = state.pairs + self._pair_update(state, r, distance, of_i, of_j, centres)
        seen = self.pair_norm(pairs)
        bias, weight = self.read(seen).split([config.heads, config.vectors], -1)
        q, k, value = (part.view(b, n, config.heads, -1).transpose(1, 2) for part in (q, k, value))
        logit = q @ k.transpose(-1, -2) / math.sqrt(d // config.heads) + bias.permute(0, 3, 1, 2)
        attention = torch.softmax(logit, -1)
        message = (attention @ value).transpose(1, 2).reshape(b, n, d)
        of_pairs = (attention.permute(0, 2, 3, 1)[..., None] * seen.view(b, n, n, config.heads, -1)).sum(2)
        pull = weight.transpose(2, 3) @ (r / (distance + 1))
        vectors = state.vectors + pull * torch.tanh(self.gate(normed))[..., None]
        first, second = torch.einsum("bnck,ce->bnek", vectors, self.mix).chunk(2, 2)
        invariants = [(first * second).sum(-1), (first.square().sum(-1) + 1e-4).sqrt()]
        atoms = state.atoms + self.out(torch.cat([message, of_pairs.reshape(b, n, -1), *invariants], -1))
        normed = self.norm2(atoms) * (1 + scale2) + bias2
        atoms = atoms + self.feed_out(functional.silu(self.feed_in(normed)))
        shift = (torch.cat([first, second], 2) * self.shift(atoms)[..., None]).sum(2)
        return PairState(atoms, pairs, vectors), shift

    def _pair_update(
        self, state: PairState, r: Tensor, distance: Tensor, of_i: Tensor, of_j: Tensor, centres: Tensor
    ) -> Tensor:
        """From distances, from how vectors lie to the pair and to one another, and from both atoms: (B, N, N, pair)."""
        along = r @ state.vectors.transpose(2, 3)
        between = torch.einsum("bick,bjck->bijc", state.vectors, state.vectors)
        features = [state.pairs, radial_basis(distance, centres), along, along.transpose(1, 2), between]
        hidden = self.pair_in(torch.cat(features, -1)) + of_i[:, :, None] + of_j[:, None]
        return self.pair_out(functional.silu(hidden))


class PairStart(nn.Module):
    """The state before the first block, from distances alone."""

    centres: Tensor

    def __init__(self, config: PairBlockConfig) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(0, 1, config.radial), persistent=False)
        layers = nn.Linear(config.radial + 1, config.hidden), nn.SiLU(), nn.Linear(config.hidden, config.pair)
        self.pairs = nn.Sequential(*layers)
        self.vectors = nn.Linear(config.pair, config.vectors)

    def forward(self, atoms: Tensor, x: Tensor) -> PairState:
        """Atoms (B, N, width) and positions (B, N, 3) -> state."""
        r, distance = differences(x)
        pairs = self.pairs(torch.cat([radial_basis(distance, self.centres), distance], -1))
        return PairState(atoms, pairs, self.vectors(pairs).transpose(2, 3) @ (r / (distance + 1)))


def differences(x: Tensor) -> tuple[Tensor, Tensor]:
    """(B, N, 3) -> r_ij = x_i - x_j (B, N, N, 3) and its length (B, N, N, 1), smooth at zero."""
    r = x[:, :, None] - x[:, None]
    return r, (r.square().sum(-1, keepdim=True) + 1e-4).sqrt()


def radial_basis(distance: Tensor, centres: Tensor) -> Tensor:
    """(B, N, N, 1) angstrom -> (B, N, N, radial): Gaussians in exp(-d / 3 angstrom)."""
    return torch.exp(-((torch.exp(-distance / _REACH) - centres) * len(centres)).square())


def centred(x: Tensor) -> Tensor:
    """(B, N, 3) without its mean over atoms."""
    return x - x.mean(1, keepdim=True)
