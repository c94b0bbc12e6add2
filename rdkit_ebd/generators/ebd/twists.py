"""How does the network turn rotatable bonds? By their own dihedrals, and as the atoms on their sides would."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rdkit_ebd.arrays.batch import Batch
from rdkit_ebd.arrays.geometry import align, dihedrals, gather_atoms, twist
from rdkit_ebd.generators.ebd.layers import Dense, NetworkConfig


class Twist(nn.Module):
    """Turns rotatable bonds: each of their dihedrals pulls with a Fourier series whose terms depend on its atoms.

    That is the form of a force field's torsion term, with coefficients that see the surroundings. Sines change sign
    under reflection as the angle does; the sum over all dihedrals of a bond has no preferred direction or neighbour.
    What the rest of the molecule does to a bond is in no dihedral of its own: contacts push atoms, and those turn it.
    """

    orders: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        d, k = config.width, config.harmonics
        self.norm = nn.LayerNorm(d)
        self.outer, self.inner = Dense(d, d), Dense(d, d)
        last = Dense(d, k)
        self.coefficients = nn.Sequential(Dense(d + k, d), nn.SiLU(), last)
        self.register_buffer("orders", torch.arange(1, k + 1).float(), persistent=False)
        self.torques = Torques(config) if config.torques else None
        nn.init.normal_(last.weight, std=1e-3)
        nn.init.zeros_(last.bias)

    def forward(self, h: Tensor, x: Tensor, vectors: Tensor, batch: Batch) -> Tensor:
        """Turned coordinates (B, N, 3)."""
        if batch.dihedrals.shape[1] == 0:
            return x
        sine, cosine = _harmonics(dihedrals(x, batch.dihedrals), self.orders)
        normed = self.norm(h)
        atoms = gather_atoms(self.outer(normed), batch.ends[..., 0]) + gather_atoms(
            self.inner(normed), batch.ends[..., 1]
        )
        ends = functional.silu(atoms) + 1
        left, right = (gather_atoms(ends, batch.dihedral_ends[..., side]) for side in (0, 1))
        both = torch.addcmul(ends.new_full((), -1), left, right)  # of ends l and r: l + r + l r, whose order is nothing
        coefficients = self.coefficients(torch.cat([both, cosine], -1))
        pull = (coefficients * sine).sum(-1) * batch.dihedral_mask
        angle = torch.zeros_like(batch.torsion_mask, dtype=x.dtype).scatter_add(1, batch.dihedral_bonds, pull)
        if self.torques is not None:
            angle = angle + self.torques(normed, x, vectors, batch)
        turned = twist(x, batch.torsions[..., 1:3], batch.far_side, angle * batch.torsion_mask)
        # Turning leaves a rigid motion that depends on the bonds' order; the vector channels must not see it.
        return align(turned, x, batch.mask)


class Torques(nn.Module):
    """Turns rotatable bonds as atoms would: the rotation of each side nearest to the moves its atoms have in mind.

    Moves are mixed from vector channels and gated by the atoms; what comes of them is gated by the bond. Both sides
    count alike, and mirror images turn the other way.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        d, heads = config.width, config.heads
        self.mix = nn.Linear(heads, heads, bias=False)
        self.moves = Dense(d, heads)
        self.ends = Dense(d, d)
        last = Dense(d, heads)
        self.gate = nn.Sequential(Dense(d + 2, d), nn.SiLU(), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, h: Tensor, x: Tensor, vectors: Tensor, batch: Batch) -> Tensor:
        """Angles (B, R) in radians from scalars h (B, N, d), coordinates x and vectors (B, N, 3, heads)."""
        mask = batch.mask.to(x.dtype)
        moves = self.mix(vectors) * (self.moves(h) * mask[..., None])[:, :, None]
        a, b = gather_atoms(x, batch.torsions[..., 1]), gather_atoms(x, batch.torsions[..., 2])
        axis = functional.normalize(b - a, dim=-1)
        offset = x[:, None] - a[:, :, None]
        across = offset.square().sum(-1) - (offset * axis[:, :, None]).sum(-1).square()
        far = batch.far_side.to(x.dtype)
        sides = far, mask[:, None] - far
        arms = torch.cat([torch.linalg.cross(x[..., None].expand_as(moves), moves, dim=2), moves], -1).flatten(2)
        inertias = [(across * side).sum(-1, keepdim=True) for side in sides]
        angles = [_torque(side @ arms, a, axis) / (inertia + 1) for side, inertia in zip(sides, inertias, strict=True)]
        small, large = (extreme(*inertias).clamp(min=0).log1p() for extreme in (torch.minimum, torch.maximum))
        ends = self.ends(h)
        bond = gather_atoms(ends, batch.torsions[..., 1]) + gather_atoms(ends, batch.torsions[..., 2])
        gate = self.gate(torch.cat([functional.silu(bond), small, large], -1))
        return (gate * (angles[0] - angles[1])).sum(-1)


def _torque(sums: Tensor, origin: Tensor, axis: Tensor) -> Tensor:
    """About axes (B, R, 3) through origins, from sums (B, R, 6 heads) of x cross moves and of moves: (B, R, heads)."""
    moments, moves = sums.view(*axis.shape, -1).chunk(2, -1)
    moments = moments - torch.linalg.cross(origin[..., None].expand_as(moves), moves, dim=2)
    return (axis[..., None] * moments).sum(2)


def _harmonics(angle: Tensor, orders: Tensor) -> tuple[Tensor, Tensor]:
    """Sines and cosines of the multiples of (B, T) angles: (B, T, K) each."""
    multiple = angle[..., None] * orders
    return torch.sin(multiple), torch.cos(multiple)
