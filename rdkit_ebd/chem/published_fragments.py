"""How did the published EBD cut molecules? By the frequency of unions and the order of atoms, charges included.

Its vocabularies hold the same kind of principal subgraphs as ours (`fragments`), used in another way: the union that
was most frequent when learning goes first wherever it occurs, a fragment joins only fragments of earlier atoms, and a
union's key is its SMILES as RDKit writes that part of the molecule. So the cut depends on how atoms are numbered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from rdkit import Chem

ELEMENTS = ("H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I")
"""Always in a vocabulary, met or not."""


def published_fragments(mol: Chem.Mol, frequencies: Mapping[str, int]) -> np.ndarray:
    """Cut a molecule as the published tokeniser does.

    Args:
        mol: A sanitised molecule, hydrogens as atoms.
        frequencies: How often each union was seen when it was learned.

    Returns:
        (N,) int64, the fragment of each atom; fragments are numbered by their lowest atom.
    """
    partition = _Partition(mol)
    while known := [key for key in partition.unions if key in frequencies]:
        partition.merge(max(known, key=frequencies.__getitem__))
    numbers: dict[int, int] = {}
    return np.fromiter((numbers.setdefault(owner, len(numbers)) for owner in partition.owner), np.int64)


def learn_published(mols: Iterable[Chem.Mol], size: int, progress: bool = False) -> list[tuple[str, int]]:
    """Keys and frequencies of the elements, then of the most frequent unions in the order in which they are learned.

    Args:
        mols: Sanitised molecules, hydrogens as atoms.
        size: Number of entries, the thirteen elements included.
        progress: Show a progress bar.

    Raises:
        ValueError: The size leaves no room for the elements.
    """
    from tqdm import tqdm

    if size < len(ELEMENTS):
        raise ValueError(f"a published vocabulary holds {len(ELEMENTS)} elements at least, so size must not be {size}")
    mols = list(mols)
    atoms = Counter(atom.GetSymbol() for mol in mols for atom in mol.GetAtoms())
    learned = {symbol: atoms[symbol] for symbol in ELEMENTS}
    partitions = [_Partition(mol) for mol in mols]
    counts = Counter[str]()
    for partition in partitions:
        counts.update(partition.counts())
    for _ in tqdm(range(size - len(learned)), desc="fragments", disable=not progress):
        key, count = max(counts.items(), key=lambda entry: (entry[1], entry[0]), default=("", 0))
        if not count:
            break
        learned[key] = count
        for partition in partitions:
            if key in partition.unions:
                counts.subtract(partition.counts())
                while key in partition.unions:
                    partition.merge(key)
                counts.update(partition.counts())
    return list(learned.items())


class _Partition:
    """A molecule cut into fragments, and the unions of neighbours that could be made next.

    Attributes:
        owner: The fragment of each atom.
        unions: By key, the pairs of fragments whose union it is, in the order in which they are merged.
    """

    def __init__(self, mol: Chem.Mol) -> None:
        self.mol = mol
        self.owner = list(range(mol.GetNumAtoms()))
        self.members = {atom: [atom] for atom in self.owner}
        self.bonds = [[] for _ in self.owner]  # type: list[list[tuple[int, int]]]
        for bond in mol.GetBonds():
            low, high = sorted((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
            self.bonds[high].append((low, bond.GetIdx()))
        self._keys: dict[tuple[int, int], str] = {}
        self._next = len(self.owner)
        self.unions = self._find()

    def counts(self) -> dict[str, int]:
        """How often each union could be made."""
        return {key: len(pairs) for key, pairs in self.unions.items()}

    def merge(self, key: str) -> None:
        """Make this union wherever it can be, first come first served."""
        for one, other in self.unions[key]:
            if one in self.members and other in self.members:
                new, self._next = self._next, self._next + 1
                self.members[new] = self.members.pop(one) + self.members.pop(other)
                for atom in self.members[new]:
                    self.owner[atom] = new
        self.unions = self._find()

    def _find(self) -> dict[str, list[tuple[int, int]]]:
        unions: dict[str, list[tuple[int, int]]] = {}
        for pair in self._pairs():
            if pair not in self._keys:
                self._keys[pair] = self._key(pair)
            unions.setdefault(self._keys[pair], []).append(pair)
        return unions

    def _pairs(self) -> Iterator[tuple[int, int]]:
        """Every fragment with each one that it has a bond to from a later atom to an earlier."""
        for fragment, atoms in self.members.items():
            around = (self.owner[low] for atom in atoms for low, _ in self.bonds[atom])
            # In the order of a set, as published: 8 comes before 1, and who is first takes an atom from the other.
            yield from ((fragment, other) for other in {other for other in around if other != fragment})

    def _key(self, pair: tuple[int, int]) -> str:
        inside = set(self.members[pair[0]]).union(self.members[pair[1]])
        bonds = [bond for atom in inside for low, bond in self.bonds[atom] if low in inside]
        return str(Chem.MolToSmiles(Chem.PathToSubmol(self.mol, sorted(bonds))))
