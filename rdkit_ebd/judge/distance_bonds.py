"""Which atoms are bonded, by distances alone? The tables of the EDM paper, and what is stable by them.

A pair of atoms is looked up as a triple, a double and a single bond in turn: the shortest that fits counts. An atom is
stable if the orders of its bonds add up to a valency of its element, a molecule if all its atoms are. Hoogeboom et al.,
ICML 2022 (arXiv 2203.17003), section 5.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Lengths in picometres, and what a bond of the kind may be longer by.
SINGLE = {
    "H": {"H": 74, "C": 109, "N": 101, "O": 96, "F": 92, "Si": 148, "P": 144, "S": 134, "Cl": 127, "Br": 141, "I": 161},
    "C": {"C": 154, "N": 147, "O": 143, "F": 135, "Si": 185, "P": 184, "S": 182, "Cl": 177, "Br": 194, "I": 214},
    "N": {"N": 145, "O": 140, "F": 136, "P": 177, "S": 168, "Cl": 175, "Br": 214, "I": 222},
    "O": {"O": 148, "F": 142, "Si": 163, "P": 163, "S": 151, "Cl": 164, "Br": 172, "I": 194},
    "F": {"F": 142, "Si": 160, "P": 156, "S": 158, "Cl": 166, "Br": 178, "I": 187},
    "P": {"P": 221, "S": 210, "Cl": 203, "Br": 222},
    "S": {"S": 204, "Cl": 207, "Br": 225, "I": 234},
    "Cl": {"Cl": 199, "Si": 202, "Br": 214},
    "Br": {"Br": 228, "Si": 215},
    "I": {"I": 266, "Si": 243},
    "Si": {"Si": 233, "S": 200},
}
DOUBLE = {
    "C": {"C": 134, "N": 129, "O": 120, "S": 160},
    "N": {"N": 125, "O": 121},
    "O": {"O": 121, "P": 150},
    "P": {"S": 186},
}
TRIPLE = {"C": {"C": 120, "N": 116, "O": 113}, "N": {"N": 110}}
MARGINS = (10, 5, 3)
VALENCIES = {
    "H": (1,), "C": (4,), "N": (3,), "O": (2,), "F": (1,), "Si": (4,), "P": (3, 5), "S": (4,), "Cl": (1,), "Br": (1,),
    "I": (1,),
}  # fmt: skip

_NUMBERS = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9, "Si": 14, "P": 15, "S": 16, "Cl": 17, "Br": 35, "I": 53}
_PAIRS = 4_000_000  # of atoms looked at in one go
_HIGHEST = 12  # sum of orders beyond any valency


def _reach(lengths: dict[str, dict[str, int]], margin: int) -> np.ndarray:
    """(Z, Z) float32, angstrom, below which a pair is bonded so."""
    table = np.zeros((max(_NUMBERS.values()) + 1,) * 2, np.float32)
    for one, others in lengths.items():
        for other, length in others.items():
            a, b = _NUMBERS[one], _NUMBERS[other]
            table[a, b] = table[b, a] = (length + margin) / 100
    return table


_REACHES = np.stack([_reach(table, m) for table, m in zip((SINGLE, DOUBLE, TRIPLE), MARGINS, strict=True)])
_VALENCE = np.zeros((max(_NUMBERS.values()) + 1, _HIGHEST + 1), bool)
for _symbol, _orders in VALENCIES.items():
    _VALENCE[_NUMBERS[_symbol], list(_orders)] = True


def bond_orders(numbers: np.ndarray, coords: np.ndarray) -> np.ndarray:
    """Bond orders of molecules of one size.

    Args:
        numbers: (B, N) or (N,) atomic numbers.
        coords: (B, N, 3) or (N, 3) angstrom; what is not finite is bonded to nothing.

    Returns:
        (B, N, N) or (N, N) int8, 0 to 3.

    Raises:
        ValueError: The tables have nothing on an element.
    """
    check_elements(numbers)
    distances = np.linalg.norm(coords[..., :, None, :] - coords[..., None, :, :], axis=-1)
    single, double, triple = (distances < reach[numbers[..., :, None], numbers[..., None, :]] for reach in _REACHES)
    orders = np.where(single, 1 + double.astype(np.int8) * (1 + triple), 0).astype(np.int8)
    atoms = np.arange(numbers.shape[-1])
    orders[..., atoms, atoms] = 0
    return orders


def check_elements(numbers: np.ndarray) -> None:
    """Raise a ValueError that names the elements on which the tables have nothing."""
    if strange := sorted({int(z) for z in np.unique(numbers)} - set(_NUMBERS.values())):
        raise ValueError(f"the distance tables have nothing on atomic numbers {', '.join(map(str, strange))}")


def stable_atoms(numbers: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """(B, N) bool: whether the orders of each atom's bonds add up to a valency of its element."""
    return np.asarray(_VALENCE[numbers, np.minimum(orders.sum(-1), _HIGHEST)])


def stability(numbers: np.ndarray, coords: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stable atoms and molecules of a set, 10,000 of QM9's size in about a second.

    Args:
        numbers: (A,) atomic numbers of all molecules.
        coords: (A, 3) angstrom.
        offsets: (n + 1,) where each molecule begins.

    Returns:
        (A,) bool of the atoms; (n,) bool of the molecules.

    Raises:
        ValueError: The tables have nothing on an element.
    """
    atoms, molecules = np.zeros(len(numbers), bool), np.zeros(len(offsets) - 1, bool)
    for rows, places in by_size(offsets):
        found = stable_atoms(numbers[places], bond_orders(numbers[places], coords[places]))
        atoms[places], molecules[rows] = found, found.all(1)
    return atoms, molecules


def by_size(offsets: np.ndarray, pairs: int = _PAIRS) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Molecules of one size at a time: their numbers (B,), and the places of their atoms (B, N)."""
    sizes = np.diff(offsets)
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        for part in np.array_split(rows, -(-len(rows) * int(size) ** 2 // pairs)):
            yield part, offsets[part][:, None] + np.arange(size)
