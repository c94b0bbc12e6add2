"""How else may a molecule be written? With separated charges recombined, and in its other resonance structures.

`C[S+]=P([S-])(OC)OC` and `CSP(=S)(OC)OC` are one molecule, and so are `C[N-][N+]#N` and `CN=[N+]=[N-]`. Files hold
either; references are written in one way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from itertools import chain, islice

import numpy as np
from rdkit import Chem, rdBase

from rdkit_ebd.chem.stereo import StereoLabels, stereo_labels

_MOST_FORMS = 20
_LONGEST = 4  # shifts of a pair of electrons from the anion to the cation
_MORE = {Chem.BondType.SINGLE: Chem.BondType.DOUBLE, Chem.BondType.DOUBLE: Chem.BondType.TRIPLE}
_FEWER = {more: fewer for fewer, more in _MORE.items()}


def other_forms(mol: Chem.Mol) -> Iterator[Chem.Mol]:
    """The same atoms, numbers, hydrogens, stereo and conformers, with bonds and charges written otherwise.

    Only molecules with anionic atoms have any here. First come those with fewer charges, then those with the charges
    elsewhere: near each other first, on carbon last.

    Args:
        mol: A molecule, its hydrogens explicit.
    """
    anions, written, seen = _anions(mol), stereo_labels(mol), {_bonds_and_charges(mol)}
    for form in islice(_forms(mol), _MOST_FORMS) if anions else ():
        key = _bonds_and_charges(form)
        if key not in seen and _same(stereo_labels(form), written):
            seen.add(key)
            yield form


def _forms(mol: Chem.Mol) -> Iterator[Chem.Mol]:
    starts, form = [mol], _recombined(mol)
    while form is not None:
        yield form
        starts.append(form)
        form = _recombined(form)
    for start in starts:  # what was recombined may be usual only with the charge that is left elsewhere
        for moved, _ in sorted(chain(*_rounds_of_shifts(start)), key=_strain):
            if _is_molecule(moved, mol):
                yield moved


def _strain(shifted: tuple[Chem.Mol, int]) -> tuple[bool, float]:
    """How unusual it is where the negative charge is now: on carbon, or far from a positive one."""
    mol, end = shifted
    cations = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetFormalCharge() > 0]
    distances = Chem.GetDistanceMatrix(mol)[end, cations]
    return mol.GetAtomWithIdx(end).GetAtomicNum() == 6, float(distances.min(initial=np.inf))


def _recombined(mol: Chem.Mol) -> Chem.Mol | None:
    """With one pair of opposite charges fewer, the nearest that electrons can reach each other; None: there is none.

    Neighbours get one more bond with each other only where nothing else can be done: that takes phosphorus or sulfur.
    """
    for shifted in _rounds_of_shifts(mol):
        for moved, end in shifted:
            # Where the charge has ended on a cation, it has none any more.
            if not moved.GetAtomWithIdx(end).GetFormalCharge() and _is_molecule(moved, mol):
                return moved
    work = _kekulised(mol)
    pairs = [(bond, anion, cation) for anion in _anions(work) for bond, cation in _cations(work, anion)]
    joined = (_moved(work, bond, None, anion, cation) for bond, anion, cation in pairs)
    return next((moved for moved in joined if _is_molecule(moved, mol)), None)


def _rounds_of_shifts(mol: Chem.Mol) -> Iterator[list[tuple[Chem.Mol, int]]]:
    """What one, two and more `_shifts` make of it, until the charge is on a cation."""
    work = _kekulised(mol)
    found = [(work, anion) for anion in _anions(work)]
    for _ in range(_LONGEST):
        found = [shifted for start, anion in found for shifted in _shifts(start, anion)]
        yield found
        found = [(moved, end) for moved, end in found if moved.GetAtomWithIdx(end).GetFormalCharge() < 0]


def _shifts(mol: Chem.Mol, anion: int) -> Iterator[tuple[Chem.Mol, int]]:
    """A lone pair of the anion becomes a bond, and pushes the next bond's electrons to its far end.

    Yields:
        The molecule, not sanitised, and the atom that has the charge now.
    """
    atom = mol.GetAtomWithIdx(anion)
    for first in atom.GetBonds():
        middle = first.GetOtherAtom(atom)
        for second in middle.GetBonds():
            far = second.GetOtherAtom(middle).GetIdx()
            if far != anion and first.GetBondType() in _MORE and second.GetBondType() in _FEWER:
                yield _moved(mol, first, second, anion, far), far


def _cations(mol: Chem.Mol, anion: int) -> Iterator[tuple[Chem.Bond, int]]:
    """Neighbours of opposite charge, with the bonds to them."""
    atom = mol.GetAtomWithIdx(anion)
    for bond in atom.GetBonds():
        other = bond.GetOtherAtom(atom)
        if other.GetFormalCharge() > 0 and bond.GetBondType() in _MORE:
            yield bond, other.GetIdx()


def _moved(mol: Chem.Mol, first: Chem.Bond, second: Chem.Bond | None, source: int, target: int) -> Chem.Mol:
    """One more bond in `first`, one fewer in `second`, and a charge from `source` to `target`."""
    work = Chem.RWMol(mol)
    for bond, orders in ((first, _MORE), (second, _FEWER)):
        if bond is not None:
            work.GetBondWithIdx(bond.GetIdx()).SetBondType(orders[bond.GetBondType()])
    for index, change in ((source, 1), (target, -1)):
        atom = work.GetAtomWithIdx(index)
        atom.SetFormalCharge(atom.GetFormalCharge() + change)
        atom.SetNoImplicit(True)  # it keeps the hydrogens that it has
    return work.GetMol()


def _anions(mol: Chem.Mol) -> list[int]:
    return [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetFormalCharge() < 0]


def _kekulised(mol: Chem.Mol) -> Chem.Mol:
    work = Chem.Mol(mol)
    Chem.KekulizeIfPossible(work, clearAromaticFlags=True)
    return work


def _is_molecule(mol: Chem.Mol, written: Chem.Mol) -> bool:
    """Sanitise it as it is, and say whether that worked and no electron is alone that was not so before."""
    with rdBase.BlockLogs():
        try:  # without the clean-up, which separates charges
            Chem.SanitizeMol(mol, Chem.SANITIZE_ALL ^ Chem.SANITIZE_CLEANUP)
        except ValueError:
            return False
    return _radicals(mol) == _radicals(written)


def _radicals(mol: Chem.Mol) -> int:
    return sum(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms())


def _bonds_and_charges(mol: Chem.Mol) -> tuple[tuple[float, ...], tuple[int, ...]]:
    orders = tuple(bond.GetBondTypeAsDouble() for bond in mol.GetBonds())
    return orders, tuple(atom.GetFormalCharge() for atom in mol.GetAtoms())


def _same(first: StereoLabels, second: StereoLabels) -> bool:
    return all(np.array_equal(getattr(first, field.name), getattr(second, field.name)) for field in fields(first))
