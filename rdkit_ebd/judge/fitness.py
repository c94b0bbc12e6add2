"""Is a molecule of a kind that the references know? Its atoms and bonds, in the surroundings that they have here.

An element alone says little: sulfur with two neighbours is in every training set, sulfur with six in none, and what is
made of it cannot be judged either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rdkit import Chem

from rdkit_ebd.chem.letters import ORDERS
from rdkit_ebd.judge.environments import Environments
from rdkit_ebd.judge.reference import Reference, reference

ENOUGH = 2  # molecules that a model has to have learnt a kind of atom from: one alone may be an error


def unknown_environments(
    mol: Chem.Mol, numbers: Sequence[int] | None = None, known: Reference | None = None
) -> list[str]:
    """Say which atoms have surroundings that no reference molecule has; lone atoms and dummies are not looked at.

    Args:
        mol: A component, its hydrogens explicit or not.
        numbers: What to call the atoms, where `mol` is part of a larger molecule.
        known: The table; None: the one that the package ships.
    """
    seen = (known or reference()).atoms
    return _lacking(mol, numbers, seen, 1, lambda name: "which no reference molecule has")


def unlearnt_environments(mol: Chem.Mol, seen: Mapping[str, int], numbers: Sequence[int] | None = None) -> list[str]:
    """Say which atoms have surroundings that a model has learnt from too few molecules, if from any.

    Args:
        mol: As in `unknown_environments`.
        seen: In how many training molecules each kind of atom was (`ModelConfig.surroundings`).
        numbers: As there.
    """

    def verdict(name: str) -> str:
        return "which the model has learnt from 1 molecule" if seen.get(name) else "which the model has not learnt"

    return _lacking(mol, numbers, seen, ENOUGH, verdict)


def _lacking(
    mol: Chem.Mol,
    numbers: Sequence[int] | None,
    seen: Mapping[str, int],
    enough: int,
    verdict: Callable[[str], str],
) -> list[str]:
    """The atoms whose kind was seen in too few molecules; lone atoms and dummies are not looked at."""
    return [
        f"atom {atom.GetIdx() if numbers is None else numbers[atom.GetIdx()]} is {_in_words(atom)}, {verdict(name)}"
        for atom, name in zip(mol.GetAtoms(), Environments(mol).atoms, strict=True)
        if atom.GetAtomicNum() and atom.GetTotalDegree() and seen.get(name, 0) < enough
    ]


def _in_words(atom: Chem.Atom) -> str:
    """Such as "S with 6 neighbours (C F F F F F)"."""
    charge = atom.GetFormalCharge()
    symbol = f"{atom.GetSymbol()}{charge:+d}" if charge else atom.GetSymbol()
    bonds = [(ORDERS.get(b.GetBondType(), "~"), b.GetOtherAtom(atom).GetSymbol()) for b in atom.GetBonds()]
    around = sorted([*bonds, *[("-", "H")] * atom.GetTotalNumHs()], key=lambda bond: bond[::-1])
    words = " ".join(order.replace("-", "").replace(":", "") + symbol for order, symbol in around)
    count = atom.GetTotalDegree()
    return f"{symbol} with {count} neighbour{'' if count == 1 else 's'} ({words})"
