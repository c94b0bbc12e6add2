"""Which stereochemistry does a molecule leave open, which stereoisomers are meant, and which does a conformer show?

A centre without a written R/S, a double bond without E/Z and an enhanced stereo group (`|&1:1,3|`, `|o1:1|`) stand for
several molecules. Nitrogens that invert and N-H of imines, which change sides at room temperature, are not counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom
from rdkit.Chem.EnumerateStereoisomers import EnumerateStereoisomers, StereoEnumerationOptions

from rdkit_ebd.chem.conformers import new_conformer
from rdkit_ebd.runtime.deadline import Deadline

MOST_ISOMERS = 32  # of one molecule; five open centres
_TRIED_FOR_EACH = 8  # combinations looked at for each isomer wanted: most of a cage's cannot be embedded
_EMBEDDING_TRIALS, _FEW_TRIALS = 30, 4  # a hopeless one takes a second for thirty
_EMBEDDING_SECONDS = 10  # for the isomers of a molecule, after which others are taken for impossible: a trial takes .1
_GROUP_SIGNS = {Chem.StereoGroupType.STEREO_AND: "&", Chem.StereoGroupType.STEREO_OR: "o"}


@dataclass(frozen=True)
class UndefinedStereo:
    """Stereo elements that a molecule has and does not define.

    Attributes:
        atoms: Stereocentres without a written handedness.
        bonds: Double bonds without a written geometry, as pairs of atoms.
        groups: Enhanced stereo groups, in words: their drawing is one of two.
        symbols: Elements of the molecule's atoms, for words.
    """

    atoms: tuple[int, ...]
    bonds: tuple[tuple[int, int], ...]
    groups: tuple[str, ...]
    symbols: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.atoms or self.bonds or self.groups)

    def __str__(self) -> str:
        """Such as "C1, C3 (R/S); C4=C5 (E/Z)", with the molecule's atom numbers from 0."""
        words = []
        if self.atoms:
            words.append(f"{', '.join(f'{self.symbols[i]}{i}' for i in self.atoms)} (R/S)")
        if self.bonds:
            pairs = ", ".join(f"{self.symbols[i]}{i}={self.symbols[j]}{j}" for i, j in self.bonds)
            words.append(f"{pairs} (E/Z)")
        return "; ".join([*words, *self.groups])


def undefined_stereo(mol: Chem.Mol) -> UndefinedStereo:
    """Stereo elements that `mol` does not define; false where it defines all of them."""
    found = [
        e for e in Chem.FindPotentialStereo(Chem.Mol(mol, True)) if e.specified == Chem.StereoSpecified.Unspecified
    ]
    atoms = [e.centeredOn for e in found if e.type == Chem.StereoType.Atom_Tetrahedral]
    doubles = [mol.GetBondWithIdx(e.centeredOn) for e in found if e.type == Chem.StereoType.Bond_Double]
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in doubles if not _has_no_sides(b)]
    groups = [_group_in_words(group) for group in mol.GetStereoGroups() if group.GetGroupType() in _GROUP_SIGNS]
    return UndefinedStereo(tuple(atoms), tuple(bonds), tuple(groups), tuple(a.GetSymbol() for a in mol.GetAtoms()))


def EnumerateStereo(mol: Chem.Mol, maxIsomers: int = MOST_ISOMERS) -> list[Chem.Mol]:
    """The stereoisomers that a molecule with undefined stereochemistry stands for.

    What is written stays; enhanced stereo groups are honoured. Isomers that distance geometry cannot close (trans
    bridgeheads of small cages) are left out. Each isomer is a molecule of its own, with the atoms in the same order,
    no conformers, the SD properties of `mol`, and the property "ebd_isomer" ("2 of 4").

    Args:
        mol: Not changed; hydrogens may be explicit.
        maxIsomers: Isomers at most.

    Returns:
        The isomers; a copy of the molecule alone where it defines all of its stereochemistry, or where none of its
        isomers can be embedded.

    Raises:
        ValueError: `maxIsomers` is less than 1.

    Example:
        >>> sorted(Chem.MolToSmiles(isomer) for isomer in EnumerateStereo(Chem.MolFromSmiles("CC(O)F")))
        ['C[C@@H](O)F', 'C[C@H](O)F']
    """
    if maxIsomers < 1:
        raise ValueError(f"maxIsomers must be at least 1, not {maxIsomers}")
    bare = Chem.Mol(mol)
    bare.RemoveAllConformers()
    open_elements = undefined_stereo(mol)
    isomers = list(islice(_isomers(bare, open_elements, maxIsomers), maxIsomers)) if open_elements else []
    isomers = isomers or [bare]
    for number, isomer in enumerate(isomers, start=1):
        isomer.SetProp("ebd_isomer", f"{number} of {len(isomers)}")
    return isomers


def is_one_isomer(mol: Chem.Mol) -> bool:
    """Whether but one of the isomers that a molecule with undefined stereochemistry stands for is likely to exist.

    Asked of a cage whose conformers are all alike, for a word to the reader: isomers are given few trials.
    """
    return len(list(islice(_isomers(mol, undefined_stereo(mol), 2, _FEW_TRIALS), 2))) < 2


def isomers_shown(mol: Chem.Mol, coords: Sequence[np.ndarray]) -> list[str]:
    """The stereoisomer that each conformer (N, 3) angstrom shows, as SMILES without hydrogens."""
    shown = []
    for x in coords:
        seen = Chem.Mol(mol, True)
        seen.AddConformer(new_conformer(x))
        Chem.AssignStereochemistryFrom3D(seen)
        shown.append(Chem.MolToSmiles(Chem.RemoveHs(seen)))
    return shown


def _isomers(
    mol: Chem.Mol, open_elements: UndefinedStereo, wanted: int, trials: int = _EMBEDDING_TRIALS
) -> Iterator[Chem.Mol]:
    """Isomers that differ in more than what interconverts, as far as they can be embedded."""
    options = StereoEnumerationOptions(onlyUnassigned=True, unique=True, maxIsomers=_TRIED_FOR_EACH * wanted, rand=42)
    strained, deadline = _may_be_impossible(mol, open_elements), Deadline.after(_EMBEDDING_SECONDS)
    seen: set[str] = set()
    for isomer in EnumerateStereoisomers(mol, options=options):
        smiles = Chem.MolToSmiles(Chem.RemoveHs(isomer))
        if smiles not in seen and (not strained or _can_be_embedded(isomer, deadline, trials)):
            seen.add(smiles)
            yield isomer


def _may_be_impossible(mol: Chem.Mol, open_elements: UndefinedStereo) -> bool:
    """Whether rings may forbid one side: an open centre that rings share, or an open double bond in a ring."""
    rings = mol.GetRingInfo()
    shared = any(rings.NumAtomRings(i) > 1 for i in open_elements.atoms)
    return shared or any(mol.GetBondBetweenAtoms(i, j).IsInRing() for i, j in open_elements.bonds)


def _can_be_embedded(mol: Chem.Mol, deadline: Deadline, trials: int) -> bool:
    if deadline.passed:
        return False
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed, parameters.maxIterations, parameters.useRandomCoords = 42, trials, True
    parameters.timeout = math.ceil(deadline.left)
    with rdBase.BlockLogs():
        return bool(rdDistGeom.EmbedMolecule(Chem.AddHs(mol), parameters) >= 0)


def _has_no_sides(bond: Chem.Bond) -> bool:
    """An imine whose nitrogen bears hydrogen, of which both sides are one substance, or a bond of a linear chain."""
    for end in (bond.GetBeginAtom(), bond.GetEndAtom()):
        imine = end.GetAtomicNum() == 7 and end.GetFormalCharge() == 0
        if imine and end.GetTotalNumHs(includeNeighbors=True) > 0:
            return True
        if sum(b.GetBondType() == Chem.BondType.DOUBLE for b in end.GetBonds()) > 1:
            return True
    return False


def _group_in_words(group: Chem.StereoGroup) -> str:
    atoms = ", ".join(f"{a.GetSymbol()}{a.GetIdx()}" for a in group.GetAtoms())
    kind = "a mixture of both" if group.GetGroupType() == Chem.StereoGroupType.STEREO_AND else "one of the two"
    return f"group {_GROUP_SIGNS[group.GetGroupType()]}{group.GetReadId()} ({atoms}: {kind})"
