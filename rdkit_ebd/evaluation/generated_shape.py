"""How far is what was generated from the data? Jensen-Shannon distances of bonds, angles, sizes and elements."""

from __future__ import annotations

import numpy as np

from rdkit_ebd.data.molecule_arrays import MoleculeArrays
from rdkit_ebd.judge.distance_bonds import bond_orders, by_size

BOND_BIN, ANGLE_BIN = 0.01, 2.0  # angstrom, degrees
_Z, _ORDERS, _BOND_BINS, _ANGLE_BINS = 64, 4, 400, 90


def shape_distances(molecules: MoleculeArrays, reference: MoleculeArrays) -> dict[str, float]:
    """Jensen-Shannon distances of the histograms of two sets, from 0 (the same) to 1 (nothing in common).

    "bonds" counts lengths in bins of .01 A for each pair of elements and order, "angles" in bins of 2 degrees for each
    three elements, bonds being those of the distance tables; "sizes" the atoms of a molecule, "elements" all atoms.

    Raises:
        ValueError: There are no molecules, or elements that the tables have nothing on.
    """
    if not (len(molecules) and len(reference)):
        raise ValueError("a set without molecules has no distance from another")
    one, other = _histograms(molecules), _histograms(reference)
    return {name: jensen_shannon(one[name], other[name]) for name in one}


def jensen_shannon(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> float:
    """Square root of the Jensen-Shannon divergence in bits of two histograms, each of codes and their counts."""
    codes = np.union1d(one[0], other[0])
    shares = np.zeros((2, len(codes)))
    for row, (found, counts) in zip(shares, (one, other), strict=True):
        row[np.searchsorted(codes, found)] = counts / max(counts.sum(), 1)
    middle = shares.mean(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares * np.log2(shares / middle), 0.0)
    return float(np.sqrt(max(terms.sum() / 2, 0.0)))


def _histograms(molecules: MoleculeArrays) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    bonds, angles = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for _, places in by_size(molecules.offsets):
        numbers, coords = molecules.numbers[places].astype(np.int64), molecules.coords[places]
        found = bond_orders(numbers, coords)
        bonds.append(_bond_codes(numbers, coords, found))
        angles.append(_angle_codes(numbers, coords, found))
    return {
        "bonds": np.unique(np.concatenate(bonds), return_counts=True),
        "angles": np.unique(np.concatenate(angles), return_counts=True),
        "sizes": np.unique(molecules.sizes, return_counts=True),
        "elements": np.unique(molecules.numbers.astype(np.int64), return_counts=True),
    }


def _bond_codes(numbers: np.ndarray, coords: np.ndarray, orders: np.ndarray) -> np.ndarray:
    row, i, j = np.nonzero(np.triu(orders))
    lengths = np.linalg.norm(coords[row, i] - coords[row, j], axis=-1)
    a, b = np.sort([numbers[row, i], numbers[row, j]], axis=0)
    bins = np.minimum((lengths / BOND_BIN).astype(np.int64), _BOND_BINS - 1)
    return np.asarray(((a * _Z + b) * _ORDERS + orders[row, i, j]) * _BOND_BINS + bins)


def _angle_codes(numbers: np.ndarray, coords: np.ndarray, orders: np.ndarray) -> np.ndarray:
    row, centre, end = np.nonzero(orders)  # in order of row and centre, so that neighbours of an atom stand together
    key, codes = row * orders.shape[1] + centre, []
    for step in range(1, orders.shape[1]):
        first = np.flatnonzero(key[step:] == key[:-step])
        if not len(first):
            break
        at, r, c = first + step, row[first], centre[first]
        arms = [coords[r, end[k]] - coords[r, c] for k in (first, at)]
        lengths = np.linalg.norm(arms[0], axis=-1) * np.linalg.norm(arms[1], axis=-1)
        degrees = np.degrees(np.arccos(np.clip((arms[0] * arms[1]).sum(-1) / np.maximum(lengths, 1e-12), -1, 1)))
        a, b = np.sort([numbers[r, end[first]], numbers[r, end[at]]], axis=0)
        bins = np.minimum((degrees / ANGLE_BIN).astype(np.int64), _ANGLE_BINS - 1)
        codes.append(((a * _Z + numbers[r, c]) * _Z + b) * _ANGLE_BINS + bins)
    return np.concatenate([np.zeros(0, np.int64), *codes])
