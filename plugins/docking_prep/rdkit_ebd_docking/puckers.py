"""Which conformers differ in their rings? Docking programs turn bonds, but leave rings as they come."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rdkit import Chem

from rdkit_ebd import symmetry_mappings

SAME_PUCKER = 30.0  # degrees: largest difference of any ring torsion within one pucker
_MOST_MAPPINGS = 200


def ring_puckers(mol: Chem.Mol, confIds: Sequence[int] | None = None) -> list[list[int]]:
    """Group conformers by the shape of their flexible rings, equivalent atoms allowed to swap.

    Args:
        mol: A molecule with conformers.
        confIds: Ids in order of preference; None for all, in their order.

    Returns:
        Groups of ids. The first of a group is the one that came first; groups are in the order of their first.

    Raises:
        ValueError: An id is not there.
    """
    ids = [c.GetId() for c in mol.GetConformers()] if confIds is None else list(confIds)
    missing = sorted(set(ids) - {c.GetId() for c in mol.GetConformers()})
    if missing:
        raise ValueError(f"mol has no conformers with the ids {missing}")
    quads = ring_torsions(mol)
    if not len(quads):
        return [ids] if ids else []
    readings = _equivalent_quads(mol, quads)
    groups: list[list[int]] = []
    shapes: list[np.ndarray] = []
    for conf_id in ids:
        coords = mol.GetConformer(conf_id).GetPositions()
        seen = np.stack([torsion_angles(coords, reading) for reading in readings])
        for group, shape in zip(groups, shapes, strict=True):
            if _largest_gap(seen, shape).min() <= SAME_PUCKER:
                group.append(conf_id)
                break
        else:
            groups.append([conf_id])
            shapes.append(seen[0])
    return groups


def ring_torsions(mol: Chem.Mol) -> np.ndarray:
    """Torsions (T, 4) inside rings about bonds that can pucker: single bonds that are not aromatic nor conjugated."""
    quads = []
    for ring in mol.GetRingInfo().AtomRings():
        n = len(ring)
        for i in range(n if n > 3 else 0):
            quad = [ring[(i + k) % n] for k in range(4)]
            bond = mol.GetBondBetweenAtoms(quad[1], quad[2])
            if bond.GetBondType() == Chem.BondType.SINGLE and not bond.GetIsConjugated():
                quads.append(quad)
    return np.array(quads, np.int64).reshape(-1, 4)


def torsion_angles(coords: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Dihedral angles (T,) in degrees of quads (T, 4) at coordinates (N, 3)."""
    a, b, c, d = (coords[quads[:, k]] for k in range(4))
    axis = c - b
    first, second = np.cross(b - a, axis), np.cross(axis, d - c)
    sine = (np.cross(first, second) * axis).sum(-1) / np.linalg.norm(axis, axis=-1).clip(1e-12)
    return np.degrees(np.arctan2(sine, (first * second).sum(-1)))


def _equivalent_quads(mol: Chem.Mol, quads: np.ndarray) -> list[np.ndarray]:
    """The same torsions as every symmetry of the molecule names them; the identity first."""
    orders = symmetry_mappings(mol, maxMatches=_MOST_MAPPINGS)
    place = {atom: k for k, atom in enumerate(orders[0].tolist())}
    positions = np.vectorize(place.__getitem__)(quads)
    return [order[positions] for order in orders]


def _largest_gap(seen: np.ndarray, shape: np.ndarray) -> np.ndarray:
    gap = np.abs(seen - shape)
    return np.minimum(gap, 360 - gap).max(1)
