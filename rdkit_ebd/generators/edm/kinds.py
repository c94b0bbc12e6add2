"""Which kind is each atom, where the molecule is to have so many hydrogens? Kinds that add up, and whether bonds agree.

Atoms are thought of as independent but for the sum of their hydrogens, which is known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_LEAST = 1e-30  # of a probability whose logarithm is taken
_SULFUR, _PHOSPHORUS, _HALOGEN = frozenset({2, 4, 6}), frozenset({3, 5}), frozenset({1})
_VALENCES = {
    5: frozenset({3}),
    6: frozenset({4}),
    7: frozenset({3}),
    8: frozenset({2}),
    14: frozenset({4}),
    **dict.fromkeys((9, 17, 35, 53), _HALOGEN),
    **dict.fromkeys((15, 33), _PHOSPHORUS),
    **dict.fromkeys((16, 34), _SULFUR),
}


def choose_kinds(logits: np.ndarray, hydrogens: np.ndarray, total: int) -> np.ndarray:
    """The likeliest kinds of the atoms of one molecule.

    Args:
        logits: (N, K) log-probabilities, up to a constant for each atom.
        hydrogens: (K,) hydrogens of each kind.
        total: Hydrogens that all atoms have together; where no kinds add up, each atom's likeliest is taken.

    Returns:
        (N,) int64.
    """
    best = logits.argmax(1)
    if hydrogens[best].sum() == total:
        return best
    scores = np.full((len(logits) + 1, total + 1), -np.inf)  # of the first i atoms with j hydrogens
    scores[0, 0] = 0.0
    chosen = np.zeros(scores.shape, np.int64)
    for i, row in enumerate(logits):
        for kind, count in enumerate(hydrogens.tolist()):
            if count > total:
                continue
            ways = scores[i, : total + 1 - count] + row[kind]
            better = ways > scores[i + 1, count:]
            scores[i + 1, count:][better] = ways[better]
            chosen[i + 1, count:][better] = kind
    if not np.isfinite(scores[-1, total]):
        return best
    kinds, left = np.zeros(len(logits), np.int64), total
    for i in range(len(logits), 0, -1):
        kinds[i - 1] = chosen[i, left]
        left -= int(hydrogens[kinds[i - 1]])
    return kinds


def logits_given_hydrogens(logits: Tensor, hydrogens: Tensor, totals: Tensor) -> Tensor:
    """Logits of each atom's kind, once the sum of all atoms' hydrogens is known.

    By sums over all ways of sharing the hydrogens out (forwards and backwards over the atoms). Told the total alone, a
    network still miscounts: what it guesses of one atom does not know what it guesses of another.

    Args:
        logits: (B, N, K) of independent atoms.
        hydrogens: (K,) int64 hydrogens of each kind.
        totals: (B,) int64 hydrogens of each molecule.

    Returns:
        (B, N, K), normalised; those of a molecule where nothing adds up are normalised alone.
    """
    shares = logits.double().softmax(-1)
    batch, atoms, _ = shares.shape
    most, width = int(hydrogens.max()) + 1, int(totals.max()) + 1
    counts = shares.new_zeros(batch, atoms, most).index_add_(2, hydrogens, shares)
    none = functional.one_hot(totals * 0, width).to(shares.dtype)  # before the first atom there are no hydrogens
    before, after = [none], [none]
    for atom in range(atoms - 1):
        before.append(_sums(before[-1], counts[:, atom]))
        after.append(_sums(after[-1], counts[:, atoms - 1 - atom]))
    left = totals[:, None, None] - torch.arange(most, device=totals.device)[:, None]
    left = left - torch.arange(width, device=totals.device)  # for the atoms after, given this one's and those before
    there, place = (left >= 0).to(shares.dtype), left.clamp(min=0)
    ways = [
        torch.einsum("bs,bhs->bh", first, last[:, None].expand_as(place).gather(2, place) * there)
        for first, last in zip(before, reversed(after), strict=True)
    ]
    joint = shares * torch.stack(ways, 1).index_select(2, hydrogens)
    given = joint / joint.sum(-1, keepdim=True).clamp(min=_LEAST)
    possible = (joint.sum(-1) > _LEAST).all(1)[:, None, None]
    return torch.where(possible, given, shares).clamp(min=_LEAST).log().to(logits.dtype)


def most_bonds(known: Sequence[tuple[int, int]]) -> int:
    """Bonds that an atom of kinds such as (6, 3), carbon with three hydrogens, may have at most."""
    return max((max(_VALENCES[z]) for z, _ in known if z in _VALENCES), default=0)


def valences_filled(
    kinds: np.ndarray, bonds: np.ndarray, known: tuple[tuple[int, int], ...], held: Sequence[int] = ()
) -> bool:
    """Whether bonds and hydrogens of all atoms add up to a valence of their elements.

    Without charges, but for N-oxides and nitro groups: an oxygen with one bond may stand on a nitrogen with four.

    Args:
        kinds: (N,) of `known`.
        bonds: (N, N) orders.
        known: Atomic number and hydrogens of each kind.
        held: Bonds that the first atoms have, whatever is usual for their elements.
    """
    elements, hydrogens = np.array(known)[kinds].T
    filled = hydrogens + bonds.sum(1) - np.diagonal(bonds)
    if filled[: len(held)].tolist() != list(held):
        return False
    free = np.arange(len(kinds)) >= len(held)
    for nitrogen in np.flatnonzero(free & (elements == 7) & (filled == 4)):
        oxygens = np.flatnonzero(free & (bonds[nitrogen] == 1) & (elements == 8) & (filled == 1) & (hydrogens == 0))
        if len(oxygens):
            filled[nitrogen], filled[oxygens[0]] = 3, 2
    rest = zip(elements[free].tolist(), filled[free].tolist(), strict=True)
    return all(total in _VALENCES.get(z, ()) for z, total in rest)


def _sums(one: Tensor, other: Tensor) -> Tensor:
    """Probabilities of sums: (B, S) and (B, H) -> (B, S); sums that are too large are left out."""
    result = one * other[:, :1]
    for count in range(1, min(other.shape[1], one.shape[1])):
        result[:, count:] += one[:, :-count] * other[:, count : count + 1]
    return result
