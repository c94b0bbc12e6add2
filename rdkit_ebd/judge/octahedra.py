"""Where are the five ends of an octahedral centre? Fluorines of SF5 have no choice, and RDKit's seeds none right.

Distance geometry knows four neighbours and fewer: its bounds put the fluorines of SF5 groups anywhere around sulfur.
But the bond that the group hangs on says where they are, except for a turn about it.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import permutations

import numpy as np
from rdkit import Chem

from rdkit_ebd.arrays.vectors import cross, unit

_PATTERNS = [Chem.MolFromSmarts(f"*[S,Se,Te,Si,P,As,Sb;X6]{f'([{end};X1])' * 4}[{end};X1]") for end in ("F", "Cl")]
_QUARTERS = np.arange(4) * np.pi / 2
# The four around the axis in their order, and the one opposite the anchor; those alike but for a turn are left out.
_ORDERS = np.array([order for order in permutations(range(5)) if order[0] == min(order[:4])])
_FREE = 1e-3  # what places of free ends count for beside those of held ones
_OFF = np.radians(20.0)  # of angles in a hexacoordinate centre, from 90 degrees or 180
_LEAN = np.radians(88.0)  # of the four from the fifth, which the group's rest pushes them to; AIMNet2


def octahedra(mol: Chem.Mol) -> np.ndarray:
    """What each such centre hangs on, the centre, and its five ends, all of one element: (O, 7) int64."""
    found = [match for pattern in _PATTERNS for match in mol.GetSubstructMatches(pattern)]
    return np.array(found, dtype=np.int64).reshape(-1, 7)


def with_octahedral_ends(
    coords: np.ndarray, groups: np.ndarray, lengths: np.ndarray, held: Collection[int] = ()
) -> np.ndarray:
    """Conformers (..., N, 3) with the ends of octahedral centres in place.

    Args:
        coords: Angstrom; not changed.
        groups: (O, 7), of `octahedra`.
        lengths: (O,) of the bonds to the ends, angstrom.
        held: Atoms that stay where they are; other ends of their groups go where these leave room.
    """
    out = coords.copy() if len(groups) else coords
    for (anchor, centre, *ends), length in zip(groups.tolist(), lengths, strict=True):
        free = np.array([end not in held for end in ends])
        made = _ends(coords[..., anchor, :], coords[..., centre, :], coords[..., ends, :], length, free)
        out[..., np.array(ends)[free], :] = made[..., free, :]
    return out


def octahedral(coords: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Which conformers have all neighbours of such centres beside or opposite each other: (K, N, 3) -> (K,) bool."""
    arms = unit(coords[:, np.delete(groups, 1, axis=1)] - coords[:, groups[:, 1], None])
    first, second = np.triu_indices(6, 1)
    angles = np.arccos((arms @ np.swapaxes(arms, -1, -2))[..., first, second].clip(-1.0, 1.0))
    opposite = angles > np.pi - _OFF
    beside = np.abs(angles - np.pi / 2) < _OFF
    return np.asarray(((opposite | beside).all(-1) & (opposite.sum(-1) == 3)).all(-1))


def _ends(anchor: np.ndarray, centre: np.ndarray, ends: np.ndarray, length: float, free: np.ndarray) -> np.ndarray:
    """Five ends (..., 5, 3) about their centre (..., 3), as near as can be to where they were, held ones foremost."""
    axis = unit(centre - anchor)
    arms = ends - centre[..., None, :]
    weights = np.where(free, _FREE, 1.0)
    aside = np.eye(3)[np.abs(axis).argmin(-1)]  # some direction that is not the axis
    first = unit(cross(axis, aside))
    second = cross(axis, first)
    x, y = ((arms * side[..., None, :]).sum(-1)[..., _ORDERS[:, :4]] for side in (first, second))
    # The turn that brings four places nearest to their ends: (..., orders).
    along, across = x * np.cos(_QUARTERS) + y * np.sin(_QUARTERS), y * np.cos(_QUARTERS) - x * np.sin(_QUARTERS)
    share = weights[_ORDERS[:, :4]]
    begin = np.arctan2((share * across).sum(-1), (share * along).sum(-1))
    angles = begin[..., None] + _QUARTERS
    plane = [side[..., None, None, :] for side in (first, second)]
    around = np.cos(angles)[..., None] * plane[0] + np.sin(angles)[..., None] * plane[1]
    up = axis[..., None, None, :]
    four = np.cos(_LEAN) * up + np.sin(_LEAN) * around
    placed = np.concatenate([four, np.broadcast_to(up, (*four.shape[:-2], 1, 3))], axis=-2) * length
    placed = np.take_along_axis(placed, np.broadcast_to(_ORDERS.argsort(1)[..., None], placed.shape), -2)
    off = (((placed - arms[..., None, :, :]) ** 2).sum(-1) * weights).sum(-1)
    best = off.argmin(-1)[..., None, None, None]
    return np.take_along_axis(placed, best, -3)[..., 0, :, :] + centre[..., None, :]
