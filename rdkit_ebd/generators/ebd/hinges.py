"""How does the network bend a molecule? Each side of a rotatable bond may lean about the bond's other end, as a whole.

A group out of line by ten degrees is wrong by an angstrom at its far end, and no sum of local moves brings it back:
what torsions are to `twists`, the two bends of each end are here. Where ring atoms move, for another
pucker, what hangs on them is carried along.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rdkit_ebd.arrays.batch import Batch
from rdkit_ebd.arrays.geometry import align, gather_atoms
from rdkit_ebd.generators.ebd.layers import Dense, NetworkConfig


class Hinges(nn.Module):
    """Leans and carries the sides of rotatable bonds, both sides alike.

    A side leans as the moves that its atoms have in mind would turn it, and as the vector channels of the bond's ends
    pull at it. Rotations are small, and taken to first order.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        d, heads = config.width, config.heads
        self.norm = nn.LayerNorm(d)
        self.mix = nn.Linear(heads, heads, bias=False)
        self.moves = Dense(d, heads)
        self.fixed, self.moving = Dense(d, d), Dense(d, d)
        last = Dense(d, 4 * heads)
        self.gate = nn.Sequential(Dense(d + 2, d), nn.SiLU(), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, h: Tensor, x: Tensor, vectors: Tensor, batch: Batch) -> Tensor:
        """Bent coordinates (B, N, 3) from scalars h (B, N, d), coordinates x and vectors (B, N, 3, heads)."""
        if batch.torsions.shape[1] == 0:
            return x
        mask, normed = batch.mask.to(x.dtype), self.norm(h)
        ends, far = batch.torsions[..., 1:3], batch.far_side.to(x.dtype)
        fixed, moving = (ends.roll(k, -1).transpose(1, 2).flatten(1) for k in (0, 1))  # each bond both ways: (B, 2 R)
        sides = torch.cat([far, mask[:, None] - far], 1) * batch.torsion_mask.repeat(1, 2)[..., None]
        p, q = gather_atoms(x, fixed), gather_atoms(x, moving)
        axis = functional.normalize(q - p, dim=-1)[..., None]
        moves = self.mix(vectors) * (self.moves(normed) * mask[..., None])[:, :, None]
        turn, inertia = _turns(x, moves, sides, p)
        sizes = torch.stack([inertia, inertia.roll(inertia.shape[1] // 2, 1)], -1).clamp(min=0).log1p()
        bond = gather_atoms(self.fixed(normed), fixed) + gather_atoms(self.moving(normed), moving)
        gates = self.gate(torch.cat([functional.silu(bond), sizes], -1)) * batch.torsion_mask.repeat(1, 2)[..., None]
        of_side, of_moving, of_fixed, carrying = gates[:, :, None].chunk(4, -1)
        at_fixed, at_moving = (_vectors_at(vectors, index) for index in (fixed, moving))
        pull = (of_moving * at_moving + of_fixed * at_fixed).sum(-1)
        lean = (of_side * turn).sum(-1) + torch.linalg.cross(axis[..., 0], pull)
        lean = lean - (lean * axis[..., 0]).sum(-1, keepdim=True) * axis[..., 0]  # about the bond it is a torsion
        carry = (carrying * at_fixed).sum(-1)
        field = sides.transpose(1, 2) @ torch.cat([lean, carry - torch.linalg.cross(lean, p)], -1)
        moved = x + torch.linalg.cross(field[..., :3], x) + field[..., 3:]
        moved = moved.scatter_add(1, fixed[..., None].expand(-1, -1, 3), carry)
        return align(moved, x, batch.mask)


def _turns(x: Tensor, moves: Tensor, sides: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """The rotation about p (B, D, 3) nearest to the moves of each side's atoms, and the side's moment of inertia.

    Returns:
        (B, D, 3, heads) radians, and (B, D) square angstrom times atoms.
    """
    arms = torch.cat([torch.linalg.cross(x[..., None].expand_as(moves), moves, dim=2), moves], -1).flatten(2)
    moments, sums = (sides @ arms).view(*p.shape, -1).chunk(2, -1)
    moments = moments - torch.linalg.cross(p[..., None].expand_as(sums), sums, dim=2)
    whole = torch.cat([x, x.square().sum(-1, keepdim=True), torch.ones_like(x[..., :1])], -1)
    first, second, count = (sides @ whole).split([3, 1, 1], -1)
    inertia = (second - 2 * (p * first).sum(-1, keepdim=True) + count * p.square().sum(-1, keepdim=True))[..., 0]
    return moments / (inertia[..., None, None] + 1), inertia


def _vectors_at(vectors: Tensor, index: Tensor) -> Tensor:
    """(B, N, 3, heads) at (B, D) -> (B, D, 3, heads)."""
    return gather_atoms(vectors.flatten(2), index).view(*index.shape, 3, -1)
