"""Which conformer is behind a blurred one? An SE(3)-equivariant network over atoms and fragments.

Atoms attend to all atoms of their molecule; per pair the work is only `heads` wide, which keeps a CPU fast. Every
head also collects relative positions with its own weight, which gives equivariant vector channels; dot products of
mixed channels flow back into the scalars. Fragments are tokens of their own, with their centroids as positions.
Two things go beyond attention: stereo labels enter as (label x signed volume), the one parity-odd input, so that
mirror images differ; and the sides of rotatable bonds turn and lean as a whole by learnt angles, since no sum
of local forces moves a distant group along an arc.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from rdkit_ebd.arrays.batch import Batch
from rdkit_ebd.arrays.geometry import align, centre, gather_atoms
from rdkit_ebd.arrays.molgraph import ATOM_FEATURES, PAIR_TYPES
from rdkit_ebd.generators.ebd.hinges import Hinges
from rdkit_ebd.generators.ebd.layers import Dense, NetworkConfig
from rdkit_ebd.generators.ebd.twists import Twist

_TABLE = 2**15  # entries of a radial function
_PULL = 0.1  # keeps the sum over a molecule's atoms near one
_VOLUME_SCALE = 0.2  # brings signed volumes (angstrom^3) and their gradients (angstrom^2) near one


class DeblurNetwork(nn.Module):
    """Predicts the clean conformer x_0 from x_t."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        d = config.width
        self.embeddings = nn.ModuleList(nn.Embedding(size, d) for size in ATOM_FEATURES.values())
        self.time = nn.Sequential(Dense(16, d), nn.SiLU(), Dense(d, d))
        self.level = nn.Embedding(config.levels, d)
        self.fragment_size = nn.Embedding(32, d)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        every = config.twist_every
        self.twists = nn.ModuleDict(
            {str(i): Twist(config) for i in range(config.blocks) if every and (i + 1) % every == 0}
        )
        self.hinges = nn.ModuleDict({i: Hinges(config) for i in self.twists} if config.hinges else {})

    def set_low_precision(self, on: bool) -> None:
        """Multiply per-atom features in bfloat16 (several times faster on CPUs and GPUs that have it), or not."""
        for module in self.modules():
            if isinstance(module, Dense):
                module.low_precision = on

    def forward(self, x_t: Tensor, t: Tensor, batch: Batch, prior: Tensor) -> Tensor:
        """Denoise.

        Args:
            x_t: (B, N, 3) angstrom, centred.
            t: (B,) in [0, 1].
            batch: The molecules.
            prior: (B, N, 3) prior points; read only where the configuration says so.

        Returns:
            The predicted x_0 (B, N, 3), centred and aligned to x_t.
        """
        h = sum(emb(batch.atom_features[..., i]) for i, emb in enumerate(self.embeddings))
        h = h + (self.time(_time_features(t)) + self.level(batch.level))[:, None]
        members = batch.membership(x_t.dtype)
        z = self.fragment_size(members.sum(1).long().clamp(max=31))
        vectors = x_t.new_zeros(*x_t.shape, self.config.heads)
        statics = _statics(batch, members, prior - x_t if self.config.sees_prior else torch.zeros_like(x_t))
        x = x_t
        for i, block in enumerate(self.blocks):
            h, z, x, vectors = block(h, z, x, vectors, statics)
            if str(i) in self.hinges:
                x = self.hinges[str(i)](h, x, vectors, batch)
            if str(i) in self.twists:
                x = self.twists[str(i)](h, x, vectors, batch)
        return align(centre(x, batch.mask), x_t, batch.mask)


@dataclass(frozen=True)
class _Statics:
    """What stays fixed through the blocks."""

    batch: Batch
    pair_types: Tensor  # (B or 1, PAIR_TYPES, N * N), one-hot: a product is faster than an embedding's backward pass
    pooling: Tensor  # (B, F, N), rows sum to one
    key_bias: Tensor | None  # (B, 1, N), zero for atoms, very negative for padding; None where there is none
    fragment_bias: Tensor  # (B, 1, F)
    to_prior: Tensor  # (B, N, 3)
    pull: Tensor  # (B, 1, N), weight of each atom's pull on others


def _statics(batch: Batch, members: Tensor, to_prior: Tensor) -> _Statics:
    mask = batch.mask[:, None]
    pooling = (members / members.sum(1, keepdim=True).clamp(min=1)).transpose(1, 2)
    zero = members.new_zeros(())
    codes = torch.arange(PAIR_TYPES, device=members.device)[:, None]
    pair_types = batch.pair_types[:1] if batch.is_one_molecule else batch.pair_types
    return _Statics(
        batch,
        (pair_types.flatten(1)[:, None] == codes).to(members.dtype),
        pooling,
        None if batch.is_one_molecule else torch.where(mask, zero, zero - 1e9),
        torch.where(batch.fragment_mask[:, None], zero, zero - 1e9),
        to_prior,
        _PULL * mask.to(members.dtype),
    )


class Block(nn.Module):
    """One round of messages: fragments, then atoms, then coordinates."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        d, heads = config.width, config.heads
        self.heads = heads
        self.fragments = FragmentAttention(config)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv = Dense(d, 3 * config.attended)
        self.out = Dense(config.attended + 2 * heads + 1, d)
        self.types = nn.Parameter(torch.randn(2 * heads, PAIR_TYPES))
        self.radial = RadialBias(config.radial, heads)
        self.gate = Dense(d, heads)
        self.mix = nn.Linear(heads + 3, 2 * heads, bias=False)
        self.shift = nn.Linear(d, heads)
        hidden = config.hidden or 3 * d
        self.feed = nn.Sequential(Dense(d, hidden), nn.SiLU(), Dense(hidden, d))
        nn.init.ones_(self.types[:heads])
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.shift.bias)

    def forward(
        self, h: Tensor, z: Tensor, x: Tensor, vectors: Tensor, s: _Statics
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Update scalars h (B, N, d), fragments z (B, F, d), coordinates x (B, N, 3), vectors (B, N, 3, heads)."""
        centroids = s.pooling @ x
        z, from_fragments = self.fragments(h, z, centroids, s)
        h = h + from_fragments
        normed = self.norm1(h)
        distances = _distances(x)
        logit, value = self._logits(normed, distances, s)
        message = torch.softmax(logit if s.key_bias is None else logit + s.key_bias, -1) @ value
        message = message.permute(1, 2, 0, 3).flatten(2)
        vectors = vectors + self._collect(logit, distances, x, s) * torch.tanh(self.gate(normed))[:, :, None]
        inputs = torch.cat([vectors, self._landmarks(x, centroids, s)], -1)
        first, second = self.mix(inputs).chunk(2, -1)
        invariants = [(first * second).sum(2), (first.square().sum(2) + 1e-6).sqrt(), _handedness(x, s.batch)]
        h = h + self.out(torch.cat([message, *invariants], -1))
        h = h + self.feed(self.norm2(h))
        shift = (first * self.shift(h)[:, :, None]).sum(-1)
        return h, z, x + shift * s.batch.mask[..., None], vectors

    def _logits(self, h: Tensor, distances: Tensor, s: _Statics) -> tuple[Tensor, Tensor]:
        """Attention logits (heads, B, N, N) and values (heads, B, N, d / heads), single precision."""
        b, n, _ = h.shape
        q, k, v = _per_head(self.qkv(h), self.heads)
        radial, k = self.radial(distances).flatten(0, 1), k.transpose(-1, -2)
        of_types = torch.bmm(self.types.expand(len(s.pair_types), -1, -1), s.pair_types)
        scale, bias = of_types.view(-1, 2 * self.heads, n, n).transpose(0, 1).chunk(2)
        if torch.is_grad_enabled():
            logit = torch.addcmul(bias, torch.baddbmm(radial, q, k).view(-1, b, n, n), scale)
        else:  # what is as large as this is not copied without need
            logit = radial.baddbmm_(q, k).view(-1, b, n, n)
            torch.addcmul(bias, logit, scale, out=logit)
        return logit, v.view(self.heads, b, n, -1)

    def _collect(self, logit: Tensor, distances: Tensor, x: Tensor, s: _Statics) -> Tensor:
        """Sum over j of silu(logit_ij) (x_i - x_j) / (d_ij + 1), per head: (B, N, 3, heads). Logits are used up."""
        pull = s.pull / (distances + 1)
        weight = functional.silu(logit) * pull if torch.is_grad_enabled() else functional.silu(logit, True).mul_(pull)
        there = weight @ functional.pad(x, (0, 1), value=1.0)  # weighted positions, and the sum of weights
        return (there[..., 3:] * x - there[..., :3]).permute(1, 2, 3, 0)

    def _landmarks(self, x: Tensor, centroids: Tensor, s: _Statics) -> Tensor:
        """Vectors an atom knows without messages: to its fragment's centroid, to its prior, of its handedness."""
        to_centroid = gather_atoms(centroids, s.batch.fragments) - x
        return torch.stack([to_centroid, s.to_prior, _handed_vectors(x, s.batch)], -1)


class FragmentAttention(nn.Module):
    """Messages among fragments, pooled from their atoms and given back to them."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        d = config.width
        self.heads = config.heads
        self.pool = Dense(2 * d, d)
        self.norm = nn.LayerNorm(d)
        self.qkv = Dense(d, 3 * config.attended)
        self.radial = RadialBias(config.radial, config.heads)
        self.out = Dense(config.attended, d)
        self.give = Dense(d, d)

    def forward(self, h: Tensor, z: Tensor, centroids: Tensor, s: _Statics) -> tuple[Tensor, Tensor]:
        """h (B, N, d), z (B, F, d), centroids (B, F, 3) -> updated z and the part each atom gets (B, N, d)."""
        b, f, _ = z.shape
        z = z + functional.silu(self.pool(torch.cat([z, s.pooling @ h], -1)))
        q, k, v = _per_head(self.qkv(self.norm(z)), self.heads)
        logit = torch.baddbmm(self.radial(_distances(centroids)).flatten(0, 1), q, k.transpose(-1, -2))
        message = torch.softmax(logit.view(-1, b, f, f) + s.fragment_bias, -1) @ v.view(self.heads, b, f, -1)
        z = z + self.out(message.permute(1, 2, 0, 3).flatten(2))
        return z, gather_atoms(self.give(z), s.batch.fragments)


class RadialBias(nn.Module):
    """A learnt function of distance per head: (B, N, N) -> (heads, B, N, N).

    Training sums Gaussians, and so do GPUs; otherwise the sum is read from a table, which is several times faster and
    within 1e-3 of it: it is the same few curves for every pair of atoms. The nearest entry is read, as looking up is
    what costs.
    """

    centres: Tensor

    def __init__(self, radial: int, heads: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(heads, radial) / math.sqrt(radial))
        self.register_buffer("centres", torch.linspace(0, 1, radial), persistent=False)
        self._table: tuple[object, Tensor] = (None, torch.empty(0))

    def forward(self, distances: Tensor) -> Tensor:
        """Gaussians in exp(-d / 4 angstrom): fine at bond lengths, coarse far away."""
        b, n, _ = distances.shape
        closeness = torch.exp(-distances / 4).view(b, 1, n * n)
        if torch.is_grad_enabled() or distances.is_cuda:  # where sums are cheap, and a table is not worth waiting for
            curves = torch.bmm(self.weight.expand(b, -1, -1), _gaussians(closeness, self.centres))
            return curves.view(b, -1, n, n).transpose(0, 1)
        nearest = (closeness.flatten() * (_TABLE - 1) + 0.5).int()
        return self._entries().index_select(1, nearest).view(-1, b, n, n)

    def _entries(self) -> Tensor:
        """Values at evenly spaced closenesses: (heads, entries)."""
        weight = self.weight
        made_of = (weight.data_ptr(), weight._version, weight.dtype)
        if self._table[0] != made_of:
            self._table = made_of, weight @ _gaussians_at_entries(weight.shape[1], weight.device, weight.dtype)
        return self._table[1]


def _gaussians(closeness: Tensor, centres: Tensor) -> Tensor:
    """(..., 1, M) -> (..., radial, M)."""
    # Beyond six widths they are nothing, but denormal numbers take sixty times as long.
    return torch.exp(-((closeness - centres[:, None]) * len(centres)).clamp(-6, 6).square())


@lru_cache(maxsize=2)
def _gaussians_at_entries(radial: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """At the closenesses of a table, (radial, entries): the same for all tables of a network."""
    entries = torch.linspace(0, 1, _TABLE, device=device, dtype=dtype)
    return _gaussians(entries[None], torch.linspace(0, 1, radial, device=device).to(dtype))


def _per_head(qkv: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, scaled for their products, keys and values (heads x B, N, d / heads) from (B, N, 3 d)."""
    b, n, d = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
    q, k, v = qkv.view(b, n, 3, heads, d // heads).permute(2, 3, 0, 1, 4).flatten(1, 2).unbind(0)
    return q / math.sqrt(d // heads), k, v


def _distances(x: Tensor) -> Tensor:
    """(B, N, 3) -> (B, N, N), smooth at zero."""
    across, up, along = ((c[:, :, None] - c[:, None]).square() for c in x.unbind(-1))
    return (across + up + along + 1e-6).sqrt()


def _handedness(x: Tensor, batch: Batch) -> Tensor:
    """Label x signed volume at each stereocentre, zero elsewhere: (B, N, 1), even under reflection with its label."""
    p = gather_atoms(x, batch.stereo_quads)
    a, b, c = (p[:, :, i] - p[:, :, 0] for i in (1, 2, 3))
    volume = (a * torch.linalg.cross(b, c)).sum(-1) * batch.stereo_signs * _VOLUME_SCALE
    return torch.zeros_like(x[..., 0]).scatter_add(1, batch.stereo_atoms, volume)[..., None]


def _handed_vectors(x: Tensor, batch: Batch) -> Tensor:
    """Label x gradient of the signed volume on each of its four atoms: (B, N, 3), the way to the right hand."""
    p = gather_atoms(x, batch.stereo_quads)
    a, b, c = (p[:, :, i] - p[:, :, 0] for i in (1, 2, 3))
    grads = [torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)]
    pulls = torch.stack([-(grads[0] + grads[1] + grads[2]), *grads], 2) * batch.stereo_signs[..., None, None]
    index = batch.stereo_quads.flatten(1)[..., None].expand(-1, -1, 3)
    return torch.zeros_like(x).scatter_add(1, index, pulls.flatten(1, 2) * _VOLUME_SCALE)


def _time_features(t: Tensor) -> Tensor:
    """(B,) -> (B, 16)."""
    frequencies = torch.pi * torch.arange(1, 9, device=t.device, dtype=t.dtype) / 2
    phase = t[:, None] * frequencies
    return torch.cat([torch.sin(phase), torch.cos(phase)], -1)
