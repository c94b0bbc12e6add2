"""Which conformer does the published EBD see behind a blurred one? Its hierarchical EGNN, on the interface of ours.

Park & Shen, NeurIPS 2024: messages among fragments, messages among atoms, then a shift of each atom along the vectors
to its neighbours and to its fragment's point, six times. Scalars see distances alone, so the network cannot tell mirror
images apart, and handedness inside a fragment is a coin toss.

The published one has 2,457,356 parameters, width d = 128 (weights + biases):

    atoms       100 d + (d + 1) d + d                                                                        29,440
    fragments   4 d + d + d d + d                                                                            17,152
    block       f_inv_0   100 d  + (2d + 2) d + d  + d d + d  + 3d d + d + d d + d  + d + 1   = 128,385
                a_inv_0   100 d  + (3d + 2) d + d  + d d + d  + 3d d + d + d d + d  + d + 1   = 144,769
                a_eq      100 d  + (3d + 2) d + d  + d d + d  + (2d + 2) d + d + d d + d + d  = 128,640
    6 blocks                                                                                              2,410,764

Names of modules are the published ones, so that its checkpoint fits. Up to 33 atoms its results are those of the
authors' code, of which the tests hold measured outputs. Above, the published radius graph keeps at most 32 neighbours
of an atom, and so does this one: those of lowest index. Which ones their library keeps on a GPU, and so whether results
agree above 33 atoms, could not be compared. One quirk is never taken over: NaN that turns into zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from rdkit_ebd.arrays import molgraph as codes
from rdkit_ebd.arrays.batch import Batch
from rdkit_ebd.arrays.geometry import centre, gather_atoms
from rdkit_ebd.generators.ebd.layers import Dense

RADIUS = 10.0  # angstrom within which atoms hear of each other, bonded or not
REACH = 15.0  # angstrom, the most one neighbour moves an atom in one block
_EPSILON = 1e-8  # angstrom^2, as published; keeps the gradient of a distance finite where atoms coincide
_TABLE = 100  # rows of the published embeddings of elements and of edge types

# RDKit's BondType numbers as of 2023.3 (17: dative, the one other kind in organic molecules), then 2 and 3 hops.
EDGE_NUMBERS = (0, 1, 2, 3, 12, 17, 23, 24)
_NEAR_ONLY, _SINGLE, _DOUBLE, _TRIPLE, _AROMATIC, _OTHER, _TWO_HOPS, _THREE_HOPS = range(8)
_EDGE_OF_CODE = {
    **dict.fromkeys((codes.SINGLE, codes.SINGLE_RING), _SINGLE),
    **dict.fromkeys((codes.DOUBLE, codes.DOUBLE_RING), _DOUBLE),
    codes.TRIPLE: _TRIPLE,
    codes.AROMATIC: _AROMATIC,
    codes.OTHER_BOND: _OTHER,
    **dict.fromkeys((codes.ONE_THREE, codes.ONE_THREE_RING), _TWO_HOPS),
    **dict.fromkeys(range(codes.ONE_FOUR_ROTATABLE, codes.ONE_FOUR_TRANS + 1), _THREE_HOPS),
}
EDGE_OF_CODE = tuple(_EDGE_OF_CODE.get(code, _NEAR_ONLY) for code in range(codes.SAME_FRAGMENT))

COUNTED = ((6,), (7, 8, 15, 16), (9, 17, 35, 53))  # atomic numbers whose counts describe a fragment
HYDROGEN = (1,)


@dataclass(frozen=True)
class PaperNetworkConfig:
    """Size of the published network.

    Attributes:
        width: Channels per atom and per fragment.
        blocks: Number of blocks.
        published_quirks: As published, for its checkpoint: fragment layers hold edge-type embeddings that nothing
            reads, both pulls share their last layer, squared distances to and among fragments enter twice, fragments
            count no H, B, Si, Se, each block has the reach that all of them should share, and atoms keep few
            neighbours (next). Without: none of this.
        neighbours: With the quirks, most neighbours of an atom in the radius graph, lowest indices first; 0: no limit.
    """

    width: int = 128
    blocks: int = 6
    published_quirks: bool = True
    neighbours: int = 32


class PaperNetwork(nn.Module):
    """Predicts the clean conformer x_0 from x_t, whose fragments' means are the points that atoms are drawn to."""

    def __init__(self, config: PaperNetworkConfig) -> None:
        super().__init__()
        self.config = config
        d = config.width
        elements = _TABLE if config.published_quirks else codes.ATOM_FEATURES["atomic_number"]
        counts = len(COUNTED) + (0 if config.published_quirks else 2)
        self.atom_embedding = nn.Sequential(nn.Embedding(elements, d), nn.SiLU(), Dense(d + 1, d), nn.SiLU())
        self.frag_embedding = nn.Sequential(nn.Linear(counts + 1, d), nn.SiLU(), Dense(d, d), nn.SiLU())
        for i in range(config.blocks):
            self.add_module(f"e_block_{i}", Block(config))

    def set_low_precision(self, on: bool) -> None:
        """Multiply features that hold no distances in bfloat16, or not."""
        for module in self.modules():
            if isinstance(module, Dense):
                module.low_precision = on

    def forward(self, x_t: Tensor, t: Tensor, batch: Batch, prior: Tensor) -> Tensor:
        """Denoise.

        Args:
            x_t: (B, N, 3) angstrom.
            t: (B,) in [0, 1].
            batch: The molecules.
            prior: (B, N, 3) prior points, which this network does not look at: its fragments lie where x_t has them.

        Returns:
            The predicted x_0 (B, N, 3), centred.
        """
        s = _statics(x_t, batch, self.config)
        numbers = self.atom_embedding[:2](batch.atom_features[..., 0])
        h = self.atom_embedding[2:](torch.cat([numbers, _spread(t, numbers)], -1))
        counts = _fragment_counts(batch, s.members, others=not self.config.published_quirks)
        z = self.frag_embedding(torch.cat([counts, _spread(t, counts)], -1))
        x = x_t
        for i in range(self.config.blocks):
            h, z, x = self.get_submodule(f"e_block_{i}")(h, z, x, s)
        return centre(x, batch.mask)


@dataclass(frozen=True)
class _Statics:
    """What stays fixed through the blocks."""

    batch: Batch
    members: Tensor  # (B, N, F), the paper's M
    points: Tensor  # (B, N, 3), M x_f, with x_f the fragment means of x_t
    edges: Tensor  # (B, N, N), one where two atoms hear of each other
    types: Tensor  # (B, N, N, 8), one-hot in the order of EDGE_NUMBERS
    squares: Tensor  # (B, N, N), squared distances of x_t
    fragment_edges: Tensor  # (B, F, F)
    fragment_squares: Tensor  # (B, F, F)


def _statics(x_t: Tensor, batch: Batch, config: PaperNetworkConfig) -> _Statics:
    members = batch.membership(x_t.dtype)
    layout = members.transpose(1, 2) @ x_t / members.sum(1).clamp(min=1)[..., None]
    kinds = torch.tensor(EDGE_OF_CODE, device=x_t.device)[batch.pair_types % codes.SAME_FRAGMENT]
    squares = _offsets(x_t).square().sum(-1)
    pairs = _complete(batch.mask)
    near = pairs & (squares <= RADIUS * RADIUS)
    if config.published_quirks and config.neighbours:
        near = near & (near.cumsum(-1) <= config.neighbours)
    edges = near | (pairs & (kinds != _NEAR_ONLY))
    return _Statics(
        batch,
        members,
        members @ layout,
        edges.to(x_t.dtype),
        functional.one_hot(kinds, len(EDGE_NUMBERS)).to(x_t.dtype),
        squares,
        _complete(batch.fragment_mask).to(x_t.dtype),
        _offsets(layout).square().sum(-1),
    )


class Block(nn.Module):
    """One round: fragments, then atoms, then coordinates."""

    def __init__(self, config: PaperNetworkConfig) -> None:
        super().__init__()
        d, published = config.width, config.published_quirks
        types = _TABLE if published else len(EDGE_NUMBERS)
        self.copies = 2 if published else 1  # of the fragments' squared distances, which never change
        self.f_inv_0 = Messages(d, self.copies)
        if published:
            self.f_inv_0.bond_emb = EdgeTypes(types, d)
        self.a_inv_0 = Messages(d, 2, types)
        self.a_eq = Pulls(d, types, self.copies, REACH if published else REACH / config.blocks, shared=published)

    def forward(self, h: Tensor, z: Tensor, x: Tensor, s: _Statics) -> tuple[Tensor, Tensor, Tensor]:
        """Update scalars h (B, N, d) of atoms and z (B, F, d) of fragments, and coordinates x (B, N, 3)."""
        among = s.fragment_squares[..., None].expand(-1, -1, -1, self.copies)
        z = self.f_inv_0(z, s.members.transpose(1, 2) @ h, among, s.fragment_edges)
        offsets = _offsets(x)
        squares = offsets.square().sum(-1)
        pairs = torch.cat([squares[..., None], s.squares[..., None], s.types], -1)
        h = self.a_inv_0(h, gather_atoms(z, s.batch.fragments), pairs, s.edges)
        shift = self.a_eq(h, gather_atoms(z, s.batch.fragments), pairs, offsets / _away(squares), x - s.points, s.edges)
        return h, z, x + shift * s.batch.mask[..., None]


def over_pairs(mlp: nn.Sequential, h: Tensor, pairs: Tensor, types: EdgeTypes | None) -> Tensor:
    """An MLP on [h_i, h_j, squared distances, embedding of the edge's type], for all pairs at once.

    The parts of the first layer are multiplied on their own: the concatenation would be most of the memory and work.

    Args:
        mlp: Its first layer's weight is (d, 2d + distances), or (d, 3d + distances) with types.
        h: (B, N, d).
        pairs: (B, N, N, K) squared distances, then the one-hot type if there are types.
        types: Embeddings of the types.

    Returns:
        (B, N, N, as wide as the MLP's last layer).
    """
    first, d = mlp[0], h.shape[-1]
    assert isinstance(first, nn.Linear)
    here, there, rest = first.weight[:, :d], first.weight[:, d : 2 * d], first.weight[:, 2 * d :]
    if types is not None:
        rest = torch.cat([rest[:, :-d], rest[:, -d:] @ types.rows().T], 1)
    ends = functional.linear(h, here, first.bias)[:, :, None] + functional.linear(h, there)[:, None]
    out: Tensor = mlp[1:](ends + functional.linear(pairs, rest))
    return out


class EdgeTypes(nn.Embedding):
    """Embeddings of edge types: by their published numbers where the table has so many rows, else in their order."""

    def rows(self) -> Tensor:
        """(8, d) in the order of `EDGE_NUMBERS`."""
        return self.weight[list(EDGE_NUMBERS)] if self.num_embeddings == _TABLE else self.weight


class Messages(nn.Module):
    """Scalars of atoms, or of fragments, from those of their neighbours."""

    bond_emb: EdgeTypes

    def __init__(self, width: int, distances: int, types: int = 0) -> None:
        super().__init__()
        self.typed = bool(types)
        if types:
            self.bond_emb = EdgeTypes(types, width)
        first = nn.Linear((3 if types else 2) * width + distances, width)
        self.edge_mlp = nn.Sequential(first, nn.SiLU(), Dense(width, width), nn.SiLU())
        self.att_mlp = nn.Sequential(nn.Linear(width, 1), nn.Sigmoid())
        self.node_mlp = nn.Sequential(Dense(3 * width, width), nn.SiLU(), Dense(width, width))

    def forward(self, h: Tensor, beside: Tensor, pairs: Tensor, edges: Tensor) -> Tensor:
        """h and what the other level knows of it (B, N, d), pairs (B, N, N, K), edges (B, N, N) -> h."""
        message = over_pairs(self.edge_mlp, h, pairs, self.bond_emb if self.typed else None)
        weight = self.att_mlp(message).squeeze(-1) * edges
        heard = (weight[:, :, None] @ message).squeeze(2)
        update: Tensor = self.node_mlp(torch.cat([h, beside, heard], -1))
        return h + update


class Pulls(nn.Module):
    """Shifts of atoms along the vectors to their neighbours and to their fragment's point."""

    def __init__(self, width: int, types: int, copies: int, reach: float, shared: bool) -> None:
        super().__init__()
        self.copies, self.reach = copies, reach
        self.bond_emb = EdgeTypes(types, width)
        first, last = nn.Linear(3 * width + 2, width), _last(width)
        self.coord_mlp_atom = nn.Sequential(first, nn.SiLU(), Dense(width, width), nn.SiLU(), last)
        first, last = nn.Linear(2 * width + copies, width), last if shared else _last(width)
        self.coord_mlp_frag = nn.Sequential(first, nn.SiLU(), Dense(width, width), nn.SiLU(), last)

    def forward(
        self, h: Tensor, fragment: Tensor, pairs: Tensor, arrows: Tensor, offsets: Tensor, edges: Tensor
    ) -> Tensor:
        """Shifts (B, N, 3), angstrom.

        Args:
            h: (B, N, d) of atoms.
            fragment: (B, N, d) of the fragments they belong to.
            pairs: (B, N, N, K).
            arrows: (B, N, N, 3), (x_i - x_j) / (d_ij + 1).
            offsets: (B, N, 3) from the fragments' points.
            edges: (B, N, N).
        """
        pull = self._size(over_pairs(self.coord_mlp_atom, h, pairs, self.bond_emb))
        square = offsets.square().sum(-1, keepdim=True)
        inputs = torch.cat([h, fragment, square.expand(-1, -1, self.copies)], -1)
        to_point = self._size(self.coord_mlp_frag(inputs)) * offsets / _away(square.squeeze(-1))
        return (pull * edges[..., None] * arrows).sum(2) + to_point

    def _size(self, raw: Tensor) -> Tensor:
        return self.reach * torch.tanh(raw)


def _last(width: int) -> nn.Linear:
    """The last layer of a pull, small at first: an untrained network leaves its input nearly where it is."""
    layer = nn.Linear(width, 1, bias=False)
    nn.init.xavier_uniform_(layer.weight, gain=1e-3)
    return layer


def _fragment_counts(batch: Batch, members: Tensor, others: bool) -> Tensor:
    """Atoms of each group of elements in each fragment, (B, F, 3); with hydrogens and `others` (B, F, 5)."""
    numbers = batch.atom_features[..., 0]
    groups = (*COUNTED, HYDROGEN) if others else COUNTED
    found = [torch.isin(numbers, torch.tensor(group, device=numbers.device)) for group in groups]
    if others:
        found.append(~torch.stack(found).any(0))
    return members.transpose(1, 2) @ torch.stack(found, -1).to(members.dtype)


def _spread(t: Tensor, like: Tensor) -> Tensor:
    """(B,) -> (B, N, 1) beside features (B, N, d)."""
    return t.to(like.dtype)[:, None, None].expand(-1, like.shape[1], 1)


def _offsets(x: Tensor) -> Tensor:
    """x_i - x_j: (B, N, 3) -> (B, N, N, 3)."""
    return x[:, :, None] - x[:, None]


def _away(squares: Tensor) -> Tensor:
    """d + 1 of squared distances, with an axis for coordinates: (...) -> (..., 1)."""
    return (squares + _EPSILON).sqrt()[..., None] + 1


def _complete(mask: Tensor) -> Tensor:
    """Every pair of different things that are there: (B, N) -> (B, N, N) bool."""
    return mask[:, :, None] & mask[:, None] & ~torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
