"""Is a molecule of a kind that the references know? Its atoms and bonds, in the surroundings that they have here.

An element alone says little: sulfur with two neighbours is in every training set, sulfur with six in none, and what is
made of it cannot be judged either. So it is with bonds between atoms that are known: RDKit's bounds let all but pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from rdkit import Chem

from rdkit_ebd.chem.letters import ORDERS
from rdkit_ebd.judge.environments import Environments
from rdkit_ebd.judge.octahedra import octahedra
from rdkit_ebd.judge.reference import MIDDLE, Reference, reference

_UNKNOWN = "which no reference molecule has"
_UNPLACED = "whose shape is not known"
MOST_NEIGHBOURS = 4  # that any arrangement of is one of seeds and stereo labels
ENOUGH = 2  # molecules that a model has to have learnt a kind of atom from: one alone may be an error


def unknown_environments(
    mol: Chem.Mol, numbers: Sequence[int] | None = None, known: Reference | None = None
) -> list[str]:
    """Say which atoms and bonds no reference molecule has; lone atoms, pairs of atoms and dummies are not looked at.

    Args:
        mol: A component, its hydrogens explicit or not.
        numbers: What to call the atoms, where `mol` is part of a larger molecule.
        known: The table; None: the one that the package ships.
    """
    known, kinds = known or reference(), Environments(mol)
    atoms = _lacking(mol, kinds, numbers, known.atoms, 1, lambda name: _UNKNOWN) or _crowded(mol, numbers)
    return atoms or _unknown_bonds(mol, kinds, numbers, known)


def unlearnt_environments(mol: Chem.Mol, seen: Mapping[str, int], numbers: Sequence[int] | None = None) -> list[str]:
    """Say which atoms have surroundings that a model has learnt from too few molecules, if from any.

    Args:
        mol: As in `unknown_environments`.
        seen: In how many training molecules each kind of atom was (`ModelConfig.surroundings`).
        numbers: As there.
    """

    def verdict(name: str) -> str:
        return "which the model has learnt from 1 molecule" if seen.get(name) else "which the model has not learnt"

    return _lacking(mol, Environments(mol), numbers, seen, ENOUGH, verdict)


def _unknown_bonds(mol: Chem.Mol, kinds: Environments, numbers: Sequence[int] | None, known: Reference) -> list[str]:
    """The bonds between heavy atoms of more than two whose kind no reference molecule has."""
    if mol.GetNumAtoms() <= 2:
        return []
    terms, found = kinds.bonds(), []
    unknown = np.isnan(known.rows("bonds", terms.names)[:, MIDDLE])
    for i, j in terms.atoms[unknown].tolist():
        first, last = mol.GetAtomWithIdx(i), mol.GetAtomWithIdx(j)
        if min(first.GetAtomicNum(), last.GetAtomicNum()) > 1:
            a, b = (i, j) if numbers is None else (numbers[i], numbers[j])
            found.append(f"bond {a}-{b} joins {_in_words(first)} to {_in_words(last)}, {_UNKNOWN}")
    return found


def _crowded(mol: Chem.Mol, numbers: Sequence[int] | None) -> list[str]:
    """The atoms with more than four neighbours whose places are not known by symmetry."""
    known = octahedra(mol)[:, 1]
    return [
        f"{_named(atom, numbers)}, {_UNPLACED}"
        for atom in mol.GetAtoms()
        if atom.GetTotalDegree() > MOST_NEIGHBOURS and atom.GetIdx() not in known
    ]


def _lacking(
    mol: Chem.Mol,
    kinds: Environments,
    numbers: Sequence[int] | None,
    seen: Mapping[str, int],
    enough: int,
    verdict: Callable[[str], str],
) -> list[str]:
    """The atoms whose kind was seen in too few molecules; lone atoms and dummies are not looked at."""
    return [
        f"{_named(atom, numbers)}, {verdict(name)}"
        for atom, name in zip(mol.GetAtoms(), kinds.atoms, strict=True)
        if atom.GetAtomicNum() and atom.GetTotalDegree() and seen.get(name, 0) < enough
    ]


def _named(atom: Chem.Atom, numbers: Sequence[int] | None) -> str:
    index = atom.GetIdx()
    return f"atom {index if numbers is None else numbers[index]} is {_in_words(atom)}"


def _in_words(atom: Chem.Atom) -> str:
    """Such as "S with 6 neighbours (C F F F F F)"."""
    charge = atom.GetFormalCharge()
    symbol = f"{atom.GetSymbol()}{charge:+d}" if charge else atom.GetSymbol()
    bonds = [(ORDERS.get(b.GetBondType(), "~"), b.GetOtherAtom(atom).GetSymbol()) for b in atom.GetBonds()]
    around = sorted([*bonds, *[("-", "H")] * atom.GetTotalNumHs()], key=lambda bond: bond[::-1])
    words = " ".join(order.replace("-", "").replace(":", "") + symbol for order, symbol in around)
    count = atom.GetTotalDegree()
    return f"{symbol} with {count} neighbour{'' if count == 1 else 's'} ({words})"
