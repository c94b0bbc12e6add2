"""Which atoms belong to which fragment?

Principal subgraphs: byte-pair encoding on molecular graphs. Learning starts from single atoms and keeps merging the
neighbouring pair of fragments whose union is the most frequent one; assigning replays those merges on a molecule,
always the earliest learned first. So a longer vocabulary continues where a shorter one stopped, and its fragments are
unions of the shorter one's.

A fragment is its elements, its aromatic atoms and its bond orders. Charges, isotopes and stereo do not count, and
hydrogens are fragments' atoms only where the molecule holds them as atoms.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, get_args

import numpy as np
from rdkit import Chem

from rdkit_ebd.chem.published_fragments import learn_published, published_fragments

_ORGANIC = re.compile(r"\[(Br|Cl|[BCNOPSFI*]|[bcnops])\]")
_TYPES = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.QUADRUPLE)
_ORDERS = {int(kind): kind for kind in (*_TYPES, Chem.BondType.AROMATIC)}

Join = tuple[int, int, int]  # place in the first fragment, place in the second, bond order
Pair = tuple[int, int]
Replay = Literal["canonical", "published"]


@dataclass(frozen=True)
class Vocabulary:
    """The fragments that may be formed, in the order in which they were learned.

    Attributes:
        size: number of entries asked for; fewer are held where the molecules offered no further pair.
        fragments: one key per entry, a SMILES-like string: the elements, then the merged fragments.
        counts: how often each was seen when it was learned.
        replay: how molecules are cut: "canonical" as said above, or "published" as `published_fragments` does, with
            keys of its kind.
    """

    size: int
    fragments: tuple[str, ...]
    counts: tuple[int, ...]
    replay: Replay = "canonical"

    def __post_init__(self) -> None:
        """Rejects lengths that contradict each other, and unknown ways of cutting."""
        if self.replay not in get_args(Replay):
            raise ValueError(f"replay must be one of {get_args(Replay)}, not {self.replay!r}")
        if self.size < 1 or not len(self.counts) == len(self.fragments) <= self.size:
            raise ValueError("a vocabulary needs size >= 1, at most size fragments, and one count per fragment")

    def __len__(self) -> int:
        """Number of entries held."""
        return len(self.fragments)

    def truncate(self, size: int) -> Vocabulary:
        """The vocabulary that learning would have given with this smaller size."""
        if size > self.size:
            raise ValueError(f"cannot truncate a vocabulary of size {self.size} to {size}")
        return Vocabulary(size, self.fragments[:size], self.counts[:size], self.replay)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; `replay` where it is not canonical."""
        plain = {"size": self.size, "fragments": list(self.fragments), "counts": list(self.counts)}
        return plain if self.replay == "canonical" else {**plain, "replay": self.replay}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Vocabulary:
        """Reads what `to_dict` wrote.

        Raises:
            ValueError: a key is unknown or missing.
        """
        if wrong := set(d) - {"replay"} ^ {"size", "fragments", "counts"}:
            raise ValueError(f"unknown or missing vocabulary keys: {sorted(wrong)}")
        replay = d.get("replay", "canonical")
        return cls(int(d["size"]), tuple(map(str, d["fragments"])), tuple(map(int, d["counts"])), replay)

    @cached_property
    def _priorities(self) -> dict[str, int]:
        return {key: i for i, key in enumerate(self.fragments)}

    @cached_property
    def _frequencies(self) -> dict[str, int]:
        return dict(zip(self.fragments, self.counts, strict=True))


def learn_vocabulary(
    mols: Iterable[Chem.Mol], size: int, progress: bool = False, replay: Replay = "canonical"
) -> Vocabulary:
    """Learns the `size` most useful fragments of some molecules.

    Args:
        mols: sanitised molecules, hydrogens as atoms where they shall belong to fragments.
        size: number of entries, the elements seen included.
        progress: show a progress bar.
        replay: how molecules shall be cut; of the published vocabularies, thirteen elements are always a part.
    """
    if replay == "published":
        found = learn_published(mols, size, progress)
        return Vocabulary(size, tuple(k for k, _ in found), tuple(n for _, n in found), replay)
    partitions, elements = [], Counter[str]()
    for mol in mols:
        partitions.append(_Partition(mol))
        elements.update(_lone(atom.GetSymbol()) for atom in mol.GetAtoms())
    learned = sorted(elements.items(), key=lambda entry: (-entry[1], entry[0]))
    learned += _learn_merges(partitions, size - len(learned), progress)
    return Vocabulary(size, tuple(k for k, _ in learned[:size]), tuple(n for _, n in learned[:size]))


def assign_fragments(mol: Chem.Mol, vocabulary: Vocabulary) -> np.ndarray:
    """Cuts a molecule into fragments of a vocabulary.

    Renumbering the atoms gives the same cut, up to exchange of atoms that are symmetric to one another, unless the
    vocabulary is replayed as published.

    Returns:
        (N,) int64, the fragment of each atom; fragments are numbered by their lowest atom.
    """
    if vocabulary.replay == "published":
        return published_fragments(mol, vocabulary._frequencies)
    partition = _Partition(mol)
    partition.replay(vocabulary._priorities)
    numbers: dict[int, int] = {}
    owners = (partition.owner[rank] for rank in partition.ranks)
    return np.fromiter((numbers.setdefault(owner, len(numbers)) for owner in owners), np.int64, mol.GetNumAtoms())


def fragment_smiles(mol: Chem.Mol, assignment: np.ndarray) -> list[str]:
    """The key of every fragment, as the vocabulary writes it; a lone atom is its element."""
    members: list[list[int]] = [[] for _ in range(int(assignment.max(initial=-1)) + 1)]
    for atom, fragment in enumerate(assignment):
        members[fragment].append(atom)
    return [_subgraph_key(mol, atoms) for atoms in members]


@dataclass(slots=True)
class _Fragment:
    key: str
    atoms: tuple[int, ...]  # in the order in which the key writes them
    lowest: int
    joins: dict[int, tuple[int, ...]]  # neighbouring fragment: the bonds to it


class _Partition:
    """A molecule cut into fragments, and the pairs that could be merged next.

    Atoms go by canonical rank here, so that nothing depends on how the molecule was numbered.
    """

    def __init__(self, mol: Chem.Mol) -> None:
        self.ranks = _canonical_ranks(mol)
        self.owner = list(range(len(self.ranks)))
        self.place = [0] * len(self.ranks)
        self.bonds = [
            (self.ranks[b.GetBeginAtomIdx()], self.ranks[b.GetEndAtomIdx()], _order(b)) for b in mol.GetBonds()
        ]
        self.fragments: dict[int, _Fragment] = {}
        self.unions: dict[Pair, tuple[str, tuple[int, ...]]] = {}
        self._next = len(self.ranks)
        for rank, atom in zip(self.ranks, mol.GetAtoms(), strict=True):
            self.fragments[rank] = _Fragment(_label(atom), (rank,), rank, {})
        for i, (a, b, _) in enumerate(self.bonds):
            self.fragments[a].joins[b] = self.fragments[b].joins[a] = (i,)
            self._add_pair(self._pair(a, b))

    def replay(self, priorities: Mapping[str, int]) -> None:
        """Merges until no pair's union is among the priorities, the lowest priority number first."""
        heap = [self._turn(pair, priorities[key]) for pair, (key, _) in self.unions.items() if key in priorities]
        heapq.heapify(heap)
        while heap:
            pair = heapq.heappop(heap)[-1]
            if pair not in self.unions:
                continue
            merged = self._merge(pair)
            for other in self.fragments[merged].joins:
                new = self._pair(merged, other)
                if new in self.unions and (key := self.unions[new][0]) in priorities:
                    heapq.heappush(heap, self._turn(new, priorities[key]))

    def _turn(self, pair: Pair, priority: int) -> tuple[int, int, int, Pair]:
        low, high = sorted((self.fragments[pair[0]].lowest, self.fragments[pair[1]].lowest))
        return priority, low, high, pair

    def _pair(self, a: int, b: int) -> Pair:
        if (self.fragments[a].key, a) <= (self.fragments[b].key, b):
            return a, b
        return b, a

    def _add_pair(self, pair: Pair) -> None:
        a, b = self.fragments[pair[0]], self.fragments[pair[1]]
        joins = []
        for i in a.joins[pair[1]]:
            begin, end, order = self.bonds[i]
            if self.owner[begin] != pair[0]:
                begin, end = end, begin
            joins.append((self.place[begin], self.place[end], order))
        self.unions[pair] = _union(a.key, b.key, tuple(sorted(joins)))

    def _merge(self, pair: Pair) -> int:
        key, order = self.unions[pair]
        new, self._next = self._next, self._next + 1
        joins = self._detach(pair)
        a, b = (self.fragments.pop(i) for i in pair)
        both = a.atoms + b.atoms
        atoms = tuple(both[i] for i in order)
        for place, atom in enumerate(atoms):
            self.owner[atom], self.place[atom] = new, place
        self.fragments[new] = _Fragment(key, atoms, min(a.lowest, b.lowest), joins)
        for other, bonds in joins.items():
            self.fragments[other].joins[new] = bonds
            self._add_pair(self._pair(new, other))
        return new

    def _detach(self, pair: Pair) -> dict[int, tuple[int, ...]]:
        joins: dict[int, tuple[int, ...]] = {}
        for old in pair:
            for other, bonds in self.fragments[old].joins.items():
                self.unions.pop(self._pair(old, other), None)
                if other not in pair:
                    del self.fragments[other].joins[old]
                    joins[other] = joins.get(other, ()) + bonds
        return joins


class _PairCounts:
    """How often each union occurs, and in which molecules it may."""

    def __init__(self, partitions: list[_Partition]) -> None:
        self.partitions = partitions
        self.counts: Counter[str] = Counter()
        self.holders: defaultdict[str, set[int]] = defaultdict(set)
        for index in range(len(partitions)):
            self._count(index, 1)

    def best(self) -> tuple[str, int] | None:
        """The most frequent union, the first by name among equals."""
        most = max(self.counts.values(), default=0)
        return (min(key for key, n in self.counts.items() if n == most), most) if most else None

    def merge(self, key: str, priorities: Mapping[str, int]) -> None:
        """Merges wherever the key occurs, and recounts those molecules only."""
        for index in self.holders.pop(key):
            self._count(index, -1)
            self.partitions[index].replay(priorities)
            self._count(index, 1)

    def _count(self, index: int, sign: int) -> None:
        for key, _ in self.partitions[index].unions.values():
            self.counts[key] += sign
            self.holders[key].add(index)


def _learn_merges(partitions: list[_Partition], number: int, progress: bool) -> list[tuple[str, int]]:
    from tqdm import tqdm

    pairs, learned, priorities = _PairCounts(partitions), [], {}
    for priority in tqdm(range(number), desc="fragments", disable=not progress):
        best = pairs.best()
        if best is None:
            break
        learned.append(best)
        priorities[best[0]] = priority
        pairs.merge(best[0], priorities)
    return learned


# A union is described by its two keys and the places of the joining bonds in them: exact, cheap to look up, and
# independent of molecule and vocabulary, so that the slow canonical SMILES is written once per kind of union.
@lru_cache(maxsize=1 << 17)
def _union(first: str, second: str, joins: tuple[Join, ...]) -> tuple[str, tuple[int, ...]]:
    a, b = _graph(first), _graph(second)
    both = Chem.RWMol(Chem.CombineMols(a, b))
    for i, j, order in joins:
        both.AddBond(i, a.GetNumAtoms() + j, _ORDERS[order])
    return _write(both)


@lru_cache(maxsize=1 << 13)
def _graph(key: str) -> Chem.Mol:
    mol = Chem.MolFromSmiles(key, sanitize=False)
    for atom in mol.GetAtoms():
        atom.SetNoImplicit(True)
    return mol


def _write(mol: Chem.Mol) -> tuple[str, tuple[int, ...]]:
    key = _tidy(Chem.MolToSmiles(mol, isomericSmiles=False))
    return key, tuple(mol.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])


def _tidy(smiles: str) -> str:
    return _ORGANIC.sub(r"\1", smiles)


@lru_cache(maxsize=1 << 10)
def _lone(symbol: str) -> str:
    return _tidy(f"[{symbol}]")


def _label(atom: Chem.Atom) -> str:
    symbol = atom.GetSymbol()
    return _lone(symbol.lower() if atom.GetIsAromatic() else symbol)


def _order(bond: Chem.Bond) -> int:
    order = int(bond.GetBondType())
    return order if order in _ORDERS else 1  # dative and the like have a direction that a key should not


def _subgraph_key(mol: Chem.Mol, atoms: list[int]) -> str:
    if len(atoms) == 1:
        return _lone(mol.GetAtomWithIdx(atoms[0]).GetSymbol())
    part = Chem.RWMol()
    index = {i: part.AddAtom(_graph(_label(mol.GetAtomWithIdx(i))).GetAtomWithIdx(0)) for i in atoms}
    for bond in mol.GetBonds():
        ends = [index[i] for i in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) if i in index]
        if len(ends) == 2:
            part.AddBond(ends[0], ends[1], _ORDERS[_order(bond)])
    return _write(part)[0]


def _canonical_ranks(mol: Chem.Mol) -> list[int]:
    flat = Chem.Mol(mol)
    Chem.RemoveStereochemistry(flat)
    flags = {"includeChirality": False, "includeIsotopes": False, "includeAtomMaps": False}
    return list(Chem.CanonicalRankAtoms(flat, breakTies=True, **flags))
