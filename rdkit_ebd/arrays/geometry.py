"""How are point sets centred, aligned and twisted? Batched, masked, differentiable torch functions.

Shapes: x (B, N, 3) angstrom; mask (B, N) bool, true where there is an atom.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

_SQUARINGS = 20  # of a 4 x 4 matrix, until one of its eigenvectors is left


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
        if a.is_cuda:
            return rotation_by_powers(a).to(x.dtype)
        # One conformer that is lost must not raise for all of its batch: it is judged as not finite later.
        a = torch.where(a.isfinite().all(-1, keepdim=True).all(-2, keepdim=True), a, torch.zeros_like(a))
        u, _, vh = torch.linalg.svd(a)
        flip = torch.ones_like(a[..., 0])
        flip[..., 2] = torch.sign(torch.linalg.det(u @ vh))
        return ((u * flip[:, None]) @ vh).to(x.dtype)


def rotation_by_powers(covariance: Tensor) -> Tensor:
    """The rotation that `kabsch_rotation` finds, without a singular value decomposition.

    That waits for the host on a GPU, and cannot be part of a CUDA graph. The best rotation's quaternion q is the first
    eigenvector of a matrix that is linear in the covariance (Horn, J. Opt. Soc. Am. A 4, 629, 1987), to which the
    columns of its high powers tend. Where several rotations are as good, it is one of them.

    Args:
        covariance: (B, 3, 3) sum over points of x_i y_j.
    """
    to_key, to_rotation = _quaternion_maps(covariance.device)
    key = (covariance.double().flatten(1) @ to_key).view(-1, 4, 4)
    size = key.flatten(1).norm(dim=1).clamp(min=1e-30)
    power = key / size[:, None, None] + torch.eye(4, dtype=key.dtype, device=key.device)  # no eigenvalue is negative
    for k in range(_SQUARINGS):
        power = power @ power
        if k % 3 == 0:
            power = power / power.diagonal(dim1=1, dim2=2).sum(-1)[:, None, None]
    longest = power.diagonal(dim1=1, dim2=2).argmax(-1)
    quaternion = torch.nn.functional.normalize(power.gather(1, longest[:, None, None].expand(-1, 1, 4))[:, 0], dim=-1)
    square = quaternion[:, :, None] * quaternion[:, None]
    return (square.flatten(1) @ to_rotation).view(-1, 3, 3).to(covariance.dtype)


@lru_cache(maxsize=8)
def _quaternion_maps(device: torch.device) -> tuple[Tensor, Tensor]:
    """(9, 16) from a covariance to Horn's matrix, and (16, 9) from q q^T to a rotation of rows."""
    key, rotation = torch.zeros(3, 3, 4, 4, dtype=torch.double), torch.zeros(4, 4, 3, 3, dtype=torch.double)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        key[i, i, 0, 0] = key[i, i, i + 1, i + 1] = 1
        key[j, j, i + 1, i + 1] = key[k, k, i + 1, i + 1] = -1
        key[j, k, [0, i + 1], [i + 1, 0]] = 1
        key[k, j, [0, i + 1], [i + 1, 0]] = -1
        key[i, j, [i + 1, j + 1], [j + 1, i + 1]] = key[j, i, [i + 1, j + 1], [j + 1, i + 1]] = 1
        rotation[0, 0, i, i] = rotation[i + 1, i + 1, i, i] = 1
        rotation[j + 1, j + 1, i, i] = rotation[k + 1, k + 1, i, i] = -1
        rotation[i + 1, j + 1, i, j] = rotation[i + 1, j + 1, j, i] = 2
        rotation[0, k + 1, i, j], rotation[0, k + 1, j, i] = 2, -2
    return key.view(9, 16).to(device), rotation.view(16, 9).to(device)


def align(x: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Kabsch-align x to target (both are centred on the way); the result has target's centroid."""
    target_mean = masked_mean(target, mask)
    x, target = centre(x, mask), centre(target, mask)
    return (x @ kabsch_rotation(x, target, mask) + target_mean) * mask[..., None]


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
    return torch.atan2(sine.masked_fill(undefined, 0.0), cosine.masked_fill(undefined, 1.0))


def twist(x: Tensor, bonds: Tensor, far_side: Tensor, angles: Tensor) -> Tensor:
    """Turn molecules about their rotatable bonds; of each bond the smaller side moves.

    Bond lengths, bond angles and every other torsion stay as they are; the order of the bonds does not matter. Smaller
    sides are disjoint or one within the other, and the inner ones turn first: no bond has moved when its turn comes, so
    that all rotations are known beforehand.

    Args:
        x: (B, N, 3) coordinates.
        bonds: (B, R, 2) atoms a, b of each bond; padding may be anything as long as its angle is zero.
        far_side: (B, R, N) true for the atoms on b's side.
        angles: (B, R) increments of the dihedral i-a-b-j, radians.
    """
    if not bonds.shape[1]:
        return x
    far = far_side[:1] if far_side.stride(0) == 0 else far_side  # of one molecule
    small = 2 * far.sum(-1) <= far.shape[-1]
    side = far == small[..., None]
    order = side.sum(-1).argsort(1)
    ends = gather_atoms(x, bonds)
    origin, arm = ends[..., 0, :], ends[..., 1, :] - ends[..., 0, :]
    axis = arm / arm.square().sum(-1, keepdim=True).add(1e-12).sqrt()
    rotations = _rotations(axis, torch.where(small, angles, -angles))
    shifts = origin[..., None, :] - origin[..., None, :] @ rotations
    sides = side.gather(1, order[..., None].expand_as(side))[..., None]
    moves = gather_atoms(torch.cat([rotations, shifts], -2).flatten(2), order.expand(len(x), -1))
    for r in range(bonds.shape[1]):
        rotation, shift = moves[:, r].view(-1, 4, 3).split([3, 1], 1)
        x = torch.where(sides[:, r], torch.baddbmm(shift, x, rotation), x)
    return x


def _rotations(axis: Tensor, angle: Tensor) -> Tensor:
    """Rotations of rows, x @ R, by angles (...) about unit vectors (..., 3): (..., 3, 3)."""
    whole = torch.eye(3, dtype=axis.dtype, device=axis.device).expand(*axis.shape, 3)
    sideways = torch.linalg.cross(axis[..., None, :].expand_as(whole), whole)
    sine, cosine = torch.sin(angle)[..., None, None], torch.cos(angle)[..., None, None]
    return cosine * whole + sine * sideways + (1 - cosine) * axis[..., None] * axis[..., None, :]


def wrap_angle(angle: Tensor) -> Tensor:
    """Map angles to (-pi, pi]."""
    return torch.atan2(torch.sin(angle), torch.cos(angle))
