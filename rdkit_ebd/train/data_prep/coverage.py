"""Which molecules teach the most? Those with surroundings of atoms that the data have seldom shown, group by group."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rdkit import Chem

ENOUGH = 50  # molecules with an environment, from which on one more of them teaches nothing new
COMMON = 20  # candidates with an environment, below which it is rather a curiosity than chemistry
_WORTHLESS = 1e-6  # of candidates all of whose environments are known: small ones first, they cost least
_SMALLEST = 12  # atoms: a molecule half as large is not worth twice as much

Environment = tuple[str, int, str, str, tuple[str, ...]]
"""(element, formal charge, hybridisation, ring, neighbours) of a heavy atom."""


@dataclass(frozen=True)
class Candidate:
    """A molecule that could be treated.

    Attributes:
        smiles: As given.
        group: Why it is one.
        environments: Of its heavy atoms.
        atoms: With hydrogens.
    """

    smiles: str
    group: str
    environments: frozenset[Environment]
    atoms: int


def environments(mol: Chem.Mol) -> frozenset[Environment]:
    """The kinds of heavy atoms in a molecule: element, charge, hybridisation, smallest ring, neighbouring elements."""
    rings = mol.GetRingInfo()
    found = set()
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum() > 1:
            heavy = [other.GetSymbol() for other in atom.GetNeighbors() if other.GetAtomicNum() > 1]
            neighbours = tuple(sorted(heavy + ["H"] * atom.GetTotalNumHs(includeNeighbors=True)))
            size = min(rings.MinAtomRingSize(atom.GetIdx()), 8)
            ring = f"aromatic {size}" if atom.GetIsAromatic() else str(size)
            found.add((atom.GetSymbol(), atom.GetFormalCharge(), str(atom.GetHybridization()), ring, neighbours))
    return frozenset(found)


def count_environments(mols: Iterable[Chem.Mol]) -> Counter[Environment]:
    """In how many of the molecules each environment is found."""
    return Counter(environment for mol in mols for environment in environments(mol))


def by_coverage(
    pools: Mapping[str, Sequence[Candidate]],
    known: Mapping[Environment, int],
    accept: Callable[[Candidate], bool],
    seed: int = 0,
    shares: Mapping[str, float] | None = None,
) -> Iterator[Candidate]:
    """Choose molecules without end in sight: the groups take turns, each with the one that is worth most by then.

    A molecule is worth the sum, over its environments, of how far each is from `ENOUGH` examples, for its size. What
    is chosen counts as an example at once, so that a hundred alike do not come first.

    Args:
        pools: Candidates by group.
        known: Molecules with each environment in the data that are there already.
        accept: Looks closer at a molecule that is to be chosen next, such as for repetitions.
        seed: Settles the order of those worth the same.
        shares: How many a group has per turn, 1 unless given.

    Yields:
        The candidates chosen, until there are none.
    """
    seen, common = Counter(known), Counter(e for pool in pools.values() for one in pool for e in one.environments)
    rng = np.random.default_rng(seed)

    def worth(one: Candidate) -> float:
        lack = sum(max(0.0, 1 - seen[e] / ENOUGH) * min(1.0, common[e] / COMMON) for e in one.environments)
        return (lack + _WORTHLESS) / (one.atoms + _SMALLEST)

    ranked = {name: [(-worth(pool[i]), int(i)) for i in rng.permutation(len(pool))] for name, pool in pools.items()}
    turns = {name: float(rng.random()) for name in pools}
    for heap in ranked.values():
        heapq.heapify(heap)
    while any(ranked.values()):
        for name, heap in ranked.items():
            turns[name] += (shares or {}).get(name, 1.0)
            while turns[name] >= 1 and heap:
                one = _best(heap, pools[name], worth)
                if accept(one):
                    seen.update(one.environments)
                    turns[name] -= 1
                    yield one


def _best(heap: list[tuple[float, int]], pool: Sequence[Candidate], worth: Callable[[Candidate], float]) -> Candidate:
    """Take out the candidate worth most now; what others were worth when they were ranked is more than that."""
    while True:
        _, place = heapq.heappop(heap)
        now = -worth(pool[place])
        if not heap or now <= heap[0][0]:
            return pool[place]
        heapq.heappush(heap, (now, place))
