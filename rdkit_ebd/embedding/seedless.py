"""Why could not even a seed be made? The stereo elements, or held positions, without which there would be one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom

from rdkit_ebd.chem.components import Component
from rdkit_ebd.runtime.deadline import Deadline

LONGEST = 4.0  # seconds spent on the question
SPARE = 0.5  # seconds before the time is up: RDKit counts in whole ones
TRIALS = 10  # of distance geometry, for each answer that is tried


def why_no_seed(component: Component, deadline: Deadline) -> str:
    """Try the molecule with less demanded of it, and say which demand it was.

    Args:
        component: One of which no seed could be made.
        deadline: Of the embedding; no more than `LONGEST` seconds are spent anyhow.

    Returns:
        A sentence, which names atoms by their numbers in the whole molecule; empty where nothing was found.
    """
    until = Deadline(min(deadline.at, Deadline.after(LONGEST).at))
    mol, elements = component.mol, _ring_stereo(component.mol)
    if component.held and _embeds(mol, until):
        held = sorted(component.atoms[list(component.held)].tolist())
        return f"no conformer has atoms {held} at their held positions"
    if not elements or not _embeds(_without(mol, elements), until):
        return ""
    to_blame = [atoms for atoms in elements if _embeds(_without(mol, [atoms]), until)]
    named = ", ".join(_named(component, atoms) for atoms in to_blame or elements)
    reason = f"the rings cannot be closed with the written stereochemistry of {named}"
    return f"{reason}: with any one of them inverted they can" if len(to_blame) > 1 else reason


def _ring_stereo(mol: Chem.Mol) -> list[tuple[int, ...]]:
    """Stereocentres and double bonds with written stereochemistry in or at rings, as the atoms that carry it."""
    unspecified = Chem.ChiralType.CHI_UNSPECIFIED
    centres = [(a.GetIdx(),) for a in mol.GetAtoms() if a.GetChiralTag() != unspecified and a.IsInRing()]
    bonds = [b for b in mol.GetBonds() if b.GetStereo() > Chem.BondStereo.STEREOANY and b.IsInRing()]
    return [*centres, *((b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in bonds)]


def _without(mol: Chem.Mol, elements: Sequence[tuple[int, ...]]) -> Chem.Mol:
    """A copy in which these stereo elements are not specified."""
    copy = Chem.Mol(mol, True)
    for atoms in elements:
        if len(atoms) == 1:
            copy.GetAtomWithIdx(atoms[0]).SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
        else:
            copy.GetBondBetweenAtoms(*atoms).SetStereo(Chem.BondStereo.STEREONONE)
    return copy


def _embeds(mol: Chem.Mol, until: Deadline) -> bool:
    if until.left < SPARE:
        return False
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed, parameters.useRandomCoords, parameters.maxIterations = 1, True, TRIALS
    parameters.timeout = max(1, round(until.left))
    with rdBase.BlockLogs():
        return rdDistGeom.EmbedMolecule(Chem.Mol(mol, True), parameters) >= 0


def _named(component: Component, atoms: Sequence[int]) -> str:
    words = [f"{component.mol.GetAtomWithIdx(i).GetSymbol()}{component.atoms[i]}" for i in atoms]
    return words[0] if len(words) == 1 else f"{words[0]}={words[1]}"
