"""How do some atoms of a conformer stay in place? They are set where they belong, and the others hang on them.

What a network predicts has its own idea of the held part: bent a little otherwise, turned about its bonds. Set in place
by itself, the held part tears away from its neighbours. So each free part moves with the held atom that it is bonded
to, as a rigid body, by the motion that brings that atom and those about it from where they are to where they belong.
A part that hangs on several of them, such as the rest of a ring, cannot follow all: each of its atoms follows the
nearer ones more, and bond lengths and angles are then brought back to what they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from rdkit_ebd.arrays.geometry import kabsch_rotation, masked_mean
from rdkit_ebd.arrays.molgraph import OTHER_BOND, SAME_FRAGMENT, SINGLE, MolGraph

Position = tuple[float, float, float]

FADING = 0.05  # weight of a held atom one bond further away in the frame of the one that a part hangs on
LIKE_THE_WHOLE = 1e-4  # square angstrom; what decides about turns that the frame leaves open, as that of a single bond
OUTWARD = 25.0  # weight of the direction away from all held neighbours
REPAIRS = 200  # sweeps over the distances of a part that hangs on several atoms
_RATE = 1.2  # over-relaxation of the mean of an atom's corrections
_FAR = 1000  # hops between atoms that no bonds connect


@dataclass(frozen=True)
class Ties:
    """How the free atoms of a molecule hang on the held ones.

    Attributes:
        anchors: (M,) int64, held atoms that free ones are bonded to, as places among the held atoms.
        frames: (M, A) weight of each held atom in the motion of an anchor.
        shares: (N, M) how much each atom follows each anchor; rows of free atoms sum to one.
        pairs: (P, 2) int64, atoms whose distances are restored; none where every part hangs on one atom.
        loose: (N,) bool, atoms that move while they are.
    """

    anchors: Tensor
    frames: Tensor
    shares: Tensor
    pairs: Tensor
    loose: Tensor


@dataclass(frozen=True)
class Held:
    """Atoms held in place while the rest is deblurred around them.

    Attributes:
        atoms: (A,) int64 indices.
        positions: (B, A, 3) or (1, A, 3) angstrom.
        ties: How the others hang on them; None: all as one body.
    """

    atoms: Tensor
    positions: Tensor
    ties: Ties | None = None

    @classmethod
    def of(cls, positions: Mapping[int, Position], bonded: np.ndarray, x: Tensor) -> Held:
        """Atoms held at these positions, and what hangs on them.

        Args:
            positions: By atom index, angstrom; at least one.
            bonded: (N, N) bool, symmetric.
            x: The type and device that it is for.
        """
        atoms = np.array(list(positions))
        where = torch.tensor([list(positions.values())], dtype=x.dtype, device=x.device)
        return cls(torch.from_numpy(atoms).to(x.device), where, ties_of(atoms, bonded, x))

    def moved(self, by: Tensor) -> Held:
        """The same atoms, each row's positions shifted by (B, 1, 3)."""
        return replace(self, positions=self.positions + by)

    def put(self, x: Tensor) -> Tensor:
        """Superpose x (B, N, 3) on the held positions, let free parts follow theirs, and set the held atoms exactly."""
        here = x[:, self.atoms]
        whole = torch.ones(here.shape[:2], dtype=torch.bool, device=x.device)
        there = self.positions.expand_as(here)
        here_middle, there_middle = masked_mean(here, whole), masked_mean(there, whole)
        rotation = kabsch_rotation(here - here_middle, there - there_middle, whole)
        x = (x - here_middle) @ rotation + there_middle
        if self.ties is None:
            return x.index_copy(1, self.atoms, there)
        followed = _followed(x, x[:, self.atoms], there, self.ties).index_copy(1, self.atoms, there)
        return _repaired(followed, x, self.ties) if len(self.ties.pairs) else followed


def without_turns_of(graph: MolGraph, held: Mapping[int, Position]) -> MolGraph:
    """The graph without those rotatable bonds about which held atoms would turn against one another."""
    is_held = np.zeros(graph.num_atoms, bool)
    is_held[list(held)] = True
    a, b, rows = graph.torsions[:, 1], graph.torsions[:, 2], np.arange(len(graph.torsions))
    sides = []
    for side, end in ((~graph.far_side, a), (graph.far_side, b)):
        beyond = side & is_held
        beyond[rows, end] = False  # an end lies on the axis
        sides.append(beyond.any(1))
    free = ~(sides[0] & sides[1])
    return graph if free.all() else replace(graph, torsions=graph.torsions[free], far_side=graph.far_side[free])


def bonds_of(graph: MolGraph) -> np.ndarray:
    """(N, N) bool, which atoms of a graph are bonded."""
    code = graph.pair_types % SAME_FRAGMENT
    return np.asarray((code >= SINGLE) & (code <= OTHER_BOND))


def ties_of(atoms: np.ndarray, bonded: np.ndarray, x: Tensor) -> Ties:
    """How the free atoms of a molecule hang on held ones.

    Args:
        atoms: (A,) the held ones.
        bonded: (N, N) bool, symmetric.
        x: The type and device that it is for.
    """
    free = np.ones(len(bonded), bool)
    free[atoms] = False
    anchors = np.flatnonzero(bonded[atoms][:, free].any(1))
    if not len(anchors):
        anchors = np.arange(1)  # nothing is bonded to a held atom: all follow the first, and that is nothing but put
    everywhere = np.ones(len(bonded), bool)
    hops = _hops(atoms[anchors], everywhere, bonded)[:, atoms]
    frames = FADING ** (hops - 1.0)
    frames[np.arange(len(anchors)), anchors] = 0.0  # the frame turns about it
    through = _hops(atoms[anchors], free, bonded).T
    reached = (through < _FAR) & free[:, None]
    shares = np.where(reached, 1.0 / np.maximum(through, 1) ** 2.0, 0.0)
    shares[free & ~reached.any(1)] = 1.0
    shares = shares / np.maximum(shares.sum(1, keepdims=True), 1e-9)
    torn = free & (reached.sum(1) > 1)
    pairs = np.argwhere(np.triu(_near(bonded) & (torn[:, None] | torn[None, :]), 1))
    return Ties(
        torch.from_numpy(anchors).to(x.device),
        torch.from_numpy(frames).to(x),
        torch.from_numpy(shares).to(x),
        torch.from_numpy(pairs).to(x.device),
        torch.from_numpy(torn).to(x.device),
    )


def _hops(starts: np.ndarray, on: np.ndarray, bonded: np.ndarray) -> np.ndarray:
    """(M, N) bonds between starts and atoms, on ways over the atoms (N,) that may be passed; 1000 if there is none."""
    hops = np.full((len(starts), len(bonded)), _FAR)
    last = np.zeros(hops.shape, np.float32)
    last[np.arange(len(starts)), starts] = 1.0
    hops[last > 0] = 0
    adjacent, step = bonded.astype(np.float32), 0
    while last.any():
        step += 1
        new = (last @ adjacent > 0) & (hops == _FAR) & on
        hops[new] = step
        last = new.astype(np.float32)
    return hops


def _near(bonded: np.ndarray) -> np.ndarray:
    """(N, N) bool, atoms one or two bonds apart."""
    adjacent = bonded.astype(np.float32)
    return np.asarray(bonded | (adjacent @ adjacent > 0))


def _followed(x: Tensor, here: Tensor, there: Tensor, ties: Ties) -> Tensor:
    """Every atom of (B, N, 3) moved with its anchors, from where the held atoms (B, A, 3) are to where they belong."""
    b, m = len(x), len(ties.anchors)
    origin, target = here[:, ties.anchors], there[:, ties.anchors]
    open_turns = torch.eye(3, dtype=x.dtype, device=x.device).mul(LIKE_THE_WHOLE**0.5).expand(b, m, 3, 3)
    arms, wanted = (
        torch.cat([_with_sums(points[:, None] - centres[:, :, None], ties.frames), open_turns], 2).flatten(0, 1)
        for points, centres in ((here, origin), (there, target))
    )
    everything = torch.ones(arms.shape[:2], dtype=torch.bool, device=x.device)
    rotation = kabsch_rotation(arms, wanted, everything).view(b, m, 3, 3)
    shift = target - torch.einsum("bmi,bmij->bmj", origin, rotation)
    return torch.einsum("nm,bni,bmij->bnj", ties.shares, x, rotation) + torch.einsum("nm,bmj->bnj", ties.shares, shift)


def _with_sums(arms: Tensor, frames: Tensor) -> Tensor:
    """Weighted arms (B, M, A, 3) of anchors, and the sum of those to their neighbours, away from which free atoms are.

    Where the held neighbours of an atom are the mirror image of what they were, as where a held ring has another
    chair, no rotation suits all of them; the sum is what matters then. Weights are split evenly between both sides of
    the superposition, which multiplies them.
    """
    weight = frames.sqrt()[..., None]
    neighbours = (arms * (frames >= 1)[..., None]).sum(2, keepdim=True)
    return torch.cat([arms * weight, neighbours * OUTWARD**0.5], 2)


def _repaired(x: Tensor, before: Tensor, ties: Ties) -> Tensor:
    """(B, N, 3) with the distances that pairs had before, as far as the loose atoms can give them."""
    i, j = ties.pairs.T
    wanted = (before[:, i] - before[:, j]).norm(dim=-1, keepdim=True)
    give = torch.stack([ties.loose[i], ties.loose[j]], -1).to(x.dtype)
    give = give / give.sum(-1, keepdim=True)
    counts = torch.zeros_like(x[0, :, 0]).index_add(0, ties.pairs.T.flatten(), torch.ones_like(give).T.flatten())
    rate = _RATE / counts.clamp(min=1)[:, None]
    for _ in range(REPAIRS):
        gap = x[:, i] - x[:, j]
        length = gap.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        push = gap * ((wanted - length) / length)
        moves = torch.zeros_like(x).index_add(1, i, push * give[:, :1]).index_add(1, j, -push * give[:, 1:])
        x = x + moves * rate
    return x
