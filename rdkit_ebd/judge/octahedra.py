"""Where are the five ends of an octahedral centre? Fluorines of SF5 have no choice, and RDKit's seeds none right.

Distance geometry knows four neighbours and fewer: its bounds put the fluorines of SF5 groups anywhere around sulfur.
But the bond that the group hangs on says where they are, except for a turn about it.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from rdkit import Chem

from rdkit_ebd.arrays.vectors import cross

_PATTERNS = [Chem.MolFromSmarts(f"*[S,Se,Te,Si,P,As,Sb;X6]{f'([{end};X1])' * 4}[{end};X1]") for end in ("F", "Cl")]
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
        held: Atoms that stay where they are; groups with such are left alone.
    """
    free = [row for row, group in enumerate(groups.tolist()) if not set(group[1:]) & set(held)]
    out = coords.copy() if free else coords
    for row in free:
        anchor, centre, *ends = groups[row].tolist()
        out[..., ends, :] = _ends(coords[..., anchor, :], coords[..., centre, :], coords[..., ends, :], lengths[row])
    return out


def _ends(anchor: np.ndarray, centre: np.ndarray, ends: np.ndarray, length: float) -> np.ndarray:
    """Five ends (..., 5, 3) at a distance from their centre (..., 3), turned to be near to where they were."""
    axis = _unit(centre - anchor)
    arms = ends - centre[..., None, :]
    along = (arms * axis[..., None, :]).sum(-1)
    fifth = along.argmax(-1)
    aside = np.eye(3)[np.abs(axis).argmin(-1)]  # some direction that is not the axis
    first = _unit(cross(axis, aside))
    second = cross(axis, first)
    turns = np.arctan2((arms * second[..., None, :]).sum(-1), (arms * first[..., None, :]).sum(-1))
    turns = np.where(np.arange(5) == fifth[..., None], np.inf, turns)  # sorted last
    order = np.argsort(turns, axis=-1)
    quarters = np.arange(4) * np.pi / 2
    four = np.take_along_axis(turns, order[..., :4], -1) - quarters
    begin = np.arctan2(np.sin(four).sum(-1), np.cos(four).sum(-1))
    angles = begin[..., None] + quarters
    around = np.cos(angles)[..., None] * first[..., None, :] + np.sin(angles)[..., None] * second[..., None, :]
    four_arms = np.cos(_LEAN) * axis[..., None, :] + np.sin(_LEAN) * around
    placed = np.concatenate([four_arms, axis[..., None, :]], axis=-2) * length
    out = np.empty_like(ends)
    np.put_along_axis(out, np.broadcast_to(order[..., None], ends.shape), placed + centre[..., None, :], axis=-2)
    return out


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
