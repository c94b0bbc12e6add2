"""How are point sets centred, aligned and twisted? Batched, masked, differentiable torch functions.

Shapes: x (B, N, 3) angstrom; mask (B, N) bool, true where there is an atom.
"""

from __future__ import annotations

import torch
from torch import Tensor


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Centroid of the masked points: (B, N, 3) -> (B, 1, 3)."""
    weight = mask.to(x.dtype)[..., None]
    return (x * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)


def centre(x: Tensor, mask: Tensor) -> Tensor:
    """Move each point set's centroid to the origin; padding becomes zero."""
    return (x - masked_mean(x, mask)) * mask[..., None]


def kabsch_rotation(x: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Proper rotation R (B, 3, 3) that brings centred x onto centred target: x @ R.

    det(U V^T), not sign(det A), decides the reflection: the latter is zero for planar and collinear sets. The
    rotation carries no gradient: losses that align first have zero derivative through it at the optimum.
    """
    with torch.no_grad():
        dtype = torch.promote_types(x.dtype, torch.float32)
        a = (x * mask[..., None]).to(dtype).transpose(1, 2) @ target.to(dtype)
        u, _, vh = torch.linalg.svd(a)
        flip = torch.ones_like(a[..., 0])
        flip[..., 2] = torch.sign(torch.linalg.det(u @ vh))
        return ((u * flip[:, None]) @ vh).to(x.dtype)


def align(x: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Kabsch-align x to target (both are centred on the way); the result has target's centroid."""
    target_mean = masked_mean(target, mask)
    x, target = centre(x, mask), centre(target, mask)
    return (x @ kabsch_rotation(x, target, mask) + target_mean) * mask[..., None]


def pair_distances(x: Tensor, pairs: Tensor) -> Tensor:
    """Distances of index pairs: x (B, N, 3), pairs (B, P, 2) -> (B, P) angstrom."""
    ends = torch.gather(x[:, None].expand(-1, 2, -1, -1), 2, pairs.transpose(1, 2)[..., None].expand(-1, -1, -1, 3))
    return (ends[:, 0] - ends[:, 1]).square().sum(-1).add(1e-8).sqrt()


def gather_atoms(x: Tensor, index: Tensor) -> Tensor:
    """x (B, N, D) at index (B, ...) -> (B, ..., D)."""
    if index.shape[0] and index.stride(0) == 0:  # the same for all rows, which copies whole features at once
        return x.index_select(1, index[0].flatten()).view(*index.shape, x.shape[-1])
    flat = index.reshape(index.shape[0], -1)
    return torch.gather(x, 1, flat[..., None].expand(-1, -1, x.shape[-1])).reshape(*index.shape, x.shape[-1])


def dihedrals(x: Tensor, quads: Tensor) -> Tensor:
    """Dihedral angles in radians, (-pi, pi]: quads (B, R, 4) -> (B, R)."""
    p = gather_atoms(x, quads)
    b0, b1, b2 = p[..., 0, :] - p[..., 1, :], p[..., 2, :] - p[..., 1, :], p[..., 3, :] - p[..., 2, :]
    axis = b1 / b1.norm(dim=-1, keepdim=True).clamp(min=1e-8)
    v = b0 - (b0 * axis).sum(-1, keepdim=True) * axis
    w = b2 - (b2 * axis).sum(-1, keepdim=True) * axis
    sine, cosine = (torch.linalg.cross(axis, v) * w).sum(-1), (v * w).sum(-1)
    undefined = sine.square() + cosine.square() < 1e-12  # a linear chain: call it zero, with a zero gradient
    return torch.atan2(torch.where(undefined, 0.0, sine), torch.where(undefined, 1.0, cosine))


def twist(x: Tensor, bonds: Tensor, far_side: Tensor, angles: Tensor) -> Tensor:
    """Turn the two halves of a molecule about its rotatable bonds, each half by half the angle.

    Bond lengths, bond angles and every other torsion stay as they are; the order of the bonds does not matter but for
    a rigid motion of the whole.

    Args:
        x: (B, N, 3) coordinates.
        bonds: (B, R, 2) atoms a, b of each bond; padding may be anything as long as its angle is zero.
        far_side: (B, R, N) true for the atoms on b's side.
        angles: (B, R) increments of the dihedral i-a-b-j, radians.
    """
    for r in range(bonds.shape[1]):
        ends = gather_atoms(x, bonds[:, r])
        origin, arm = ends[:, :1], ends[:, 1] - ends[:, 0]
        axis = (arm / arm.square().sum(-1, keepdim=True).add(1e-12).sqrt())[:, None]
        half = 0.5 * angles[:, r, None, None]
        side = far_side[:, r, :, None].to(x.dtype) * 2 - 1
        offset = x - origin
        along = (offset * axis).sum(-1, keepdim=True) * axis
        across = offset - along
        sideways = torch.linalg.cross(axis.expand_as(offset), offset)
        x = origin + along + across * torch.cos(half) + sideways * (side * torch.sin(half))
    return x


def wrap_angle(angle: Tensor) -> Tensor:
    """Map angles to (-pi, pi]."""
    return torch.atan2(torch.sin(angle), torch.cos(angle))


def random_rotations(
    count: int, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Uniform proper rotations (count, 3, 3), from the QR decomposition of Gaussian matrices."""
    q, r = torch.linalg.qr(torch.randn(count, 3, 3, generator=generator, dtype=dtype))
    q = q * torch.sign(torch.diagonal(r, dim1=1, dim2=2))[:, None]
    return q * torch.sign(torch.linalg.det(q))[:, None, None]
