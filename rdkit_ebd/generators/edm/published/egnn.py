"""Which noise does the published EDM see in a noisy molecule? Its E(n)-equivariant graph network, for whole batches.

Hoogeboom et al., ICML 2022 (arXiv 2203.17003), appendix B: every atom hears every other one; messages know distances
alone, now and at the network's input; a bounded shift along the line between two atoms moves them, once per block.

The unconditional one for QM9 (width d = 256, 9 blocks, 7 inputs: 5 classes, charge, time) has 5,339,920 parameters:

    embeddings  7 d + d + d 7 + 7                                                                             3,847
    block       edge    (2d + 2) d + d  + d d + d          = 197,632      attention  d + 1            =         257
                node    2d d + d        + d d + d          = 197,120      shift      edge's + d       =     197,888
    9 blocks                                                                                              5,336,073

and the conditional one (192 wide, 5 classes, time, one property) 3,009,616.

Names of modules are the published ones, so that its checkpoint fits. Two quirks are kept, since its weights know them:
each block may shift by the whole range instead of its share, and the layers of a message end with an activation. One is
not: where the published network answers NaN with zeros, this one answers NaN, which its callers count.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

REACH = 15.0  # scaled angstrom: the most that one other atom moves an atom in one block
_EPSILON = 1e-8  # as published; keeps the gradient of a distance finite where atoms coincide
_SMALL = 0.001  # gain of the last layer of a shift: an untrained network hardly moves anything


@dataclass(frozen=True)
class EgnnConfig:
    """Size of the published network.

    Attributes:
        features: Node features without the time: classes, and the charge if it is one.
        context: Properties that molecules are conditioned on.
        width: Channels per atom.
        blocks: Number of blocks.
        attention: Messages are weighted by what they say.
        bounded: Shifts are bounded by a hyperbolic tangent.
        norm_constant: Added to the length of a vector that a shift follows.
        divisor: What sums over atoms are divided by.
    """

    features: int = 6
    context: int = 0
    width: int = 256
    blocks: int = 9
    attention: bool = True
    bounded: bool = True
    norm_constant: float = 1.0
    divisor: float = 1.0


@dataclass(frozen=True)
class _Pairs:
    """What stays fixed through the blocks: (B, N, N, 1) 1 / divisor where two atoms hear each other, and squares."""

    heard: Tensor
    squares: Tensor  # of the distances at the network's input


class Egnn(nn.Module):
    """Predicts the noise of coordinates and features; in the published state dict it is `dynamics.egnn`."""

    def __init__(self, config: EgnnConfig) -> None:
        super().__init__()
        self.config = config
        inputs = config.features + 1 + config.context
        self.embedding = nn.Linear(inputs, config.width)
        self.embedding_out = nn.Linear(config.width, inputs)
        for i in range(config.blocks):
            self.add_module(f"e_block_{i}", _Block(config))

    def forward(self, z: Tensor, t: Tensor, mask: Tensor, context: Tensor | None = None) -> Tensor:
        """Predict the noise.

        Args:
            z: (B, N, 3 + features) noisy coordinates, centred, and features, scaled.
            t: (B,) time in [0, 1].
            mask: (B, N) bool, atoms that are there.
            context: (B, context) normalised properties, where the network is conditioned on any.

        Returns:
            (B, N, 3 + features): noise of the coordinates, centred, and of the features; zero where there is no atom.

        Raises:
            ValueError: Properties are missing, or given and not wanted.
        """
        here = mask[..., None].to(z.dtype)
        given = 0 if context is None else context.shape[1]
        if given != self.config.context:
            raise ValueError(f"the network is conditioned on {self.config.context} properties, not on {given}")
        start, features = z[..., :3] * here, z[..., 3:] * here
        extra = [t[:, None, None].to(z.dtype).expand(-1, z.shape[1], 1)]
        if context is not None:
            extra.append(context[:, None].to(z.dtype).expand(-1, z.shape[1], -1) * here)
        apart = ~torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
        heard = (mask[:, :, None] & mask[:, None] & apart)[..., None].to(start.dtype)
        pairs = _Pairs(heard / self.config.divisor, _squares(start))
        h, x = self.embedding(torch.cat([features, *extra], -1)), start
        for i in range(self.config.blocks):
            h, x = self.get_submodule(f"e_block_{i}")(h, x, here, pairs)
        noise = self.embedding_out(h)[..., : self.config.features] * here
        return torch.cat([centred(x - start, mask), noise], -1)


class _Block(nn.Module):
    """Messages among atoms, then a shift of each atom; `e_block_i` of the published state dict."""

    def __init__(self, config: EgnnConfig) -> None:
        super().__init__()
        self.norm_constant = config.norm_constant
        self.gcl_0 = _Messages(config)
        self.gcl_equiv = _Shift(config)

    def forward(self, h: Tensor, x: Tensor, here: Tensor, pairs: _Pairs) -> tuple[Tensor, Tensor]:
        offsets = x[:, :, None] - x[:, None]
        squares = offsets.square().sum(-1, keepdim=True)
        directions = offsets / ((squares + _EPSILON).sqrt() + self.norm_constant)
        edges = torch.cat([squares, pairs.squares], -1)
        h = self.gcl_0(h, edges, pairs) * here
        return h, self.gcl_equiv(h, x, edges, directions, pairs) * here


class _Messages(nn.Module):
    def __init__(self, config: EgnnConfig) -> None:
        super().__init__()
        d = config.width
        self.edge_mlp = nn.Sequential(nn.Linear(2 * d + 2, d), nn.SiLU(), nn.Linear(d, d), nn.SiLU())
        self.node_mlp = nn.Sequential(nn.Linear(2 * d, d), nn.SiLU(), nn.Linear(d, d))
        self.att_mlp = nn.Sequential(nn.Linear(d, 1), nn.Sigmoid()) if config.attention else None

    def forward(self, h: Tensor, edges: Tensor, pairs: _Pairs) -> Tensor:
        messages = self.edge_mlp[1:](first_layer(self.edge_mlp[0], h, edges))
        weights = pairs.heard if self.att_mlp is None else self.att_mlp(messages) * pairs.heard
        heard = (messages * weights).sum(2)
        return torch.as_tensor(h + self.node_mlp(torch.cat([h, heard], -1)))


class _Shift(nn.Module):
    def __init__(self, config: EgnnConfig) -> None:
        super().__init__()
        d, self.bounded = config.width, config.bounded
        last = nn.Linear(d, 1, bias=False)
        nn.init.xavier_uniform_(last.weight, gain=_SMALL)
        self.coord_mlp = nn.Sequential(nn.Linear(2 * d + 2, d), nn.SiLU(), nn.Linear(d, d), nn.SiLU(), last)

    def forward(self, h: Tensor, x: Tensor, edges: Tensor, directions: Tensor, pairs: _Pairs) -> Tensor:
        amounts = self.coord_mlp[1:](first_layer(self.coord_mlp[0], h, edges))
        if self.bounded:
            amounts = torch.tanh(amounts) * REACH
        return torch.as_tensor(x + (directions * amounts * pairs.heard).sum(2))


def first_layer(layer: nn.Module, h: Tensor, edges: Tensor) -> Tensor:
    """A linear layer of [h_i, h_j, edges], with what belongs to one atom multiplied once per atom."""
    assert isinstance(layer, nn.Linear)
    d = h.shape[-1]
    own, other, rest = layer.weight.split([d, d, layer.in_features - 2 * d], 1)
    return (
        functional.linear(h, own, layer.bias)[:, :, None]
        + functional.linear(h, other)[:, None]
        + functional.linear(edges, rest)
    )


def _squares(x: Tensor) -> Tensor:
    return (x[:, :, None] - x[:, None]).square().sum(-1, keepdim=True)


def centred(x: Tensor, mask: Tensor) -> Tensor:
    """(B, N, 3) with the mean of the atoms that are there at the origin, and zeros elsewhere."""
    here = mask[..., None].to(x.dtype)
    return (x - (x * here).sum(1, keepdim=True) / here.sum(1, keepdim=True)) * here
