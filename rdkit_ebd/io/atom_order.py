"""In which order do the atoms of a molecule stand once it is a SMILES? That of `AddHs(MolFromSmiles(smiles))`."""

from __future__ import annotations

import json
from collections import defaultdict

from rdkit import Chem
from rdkit.Chem import rdqueries

_PLACE = "_ebd_place"
_HYDROGEN = rdqueries.AtomNumEqualsQueryAtom(1)


def smiles_and_order(mol: Chem.Mol, bare: Chem.Mol | None = None) -> tuple[str, list[int]]:
    """The SMILES of a molecule, and which of its atoms is which of the molecule that is made from it.

    Args:
        mol: With all of its hydrogens.
        bare: As it was read from a SMILES, where `mol` is this with its hydrogens added; it need not be made anew.

    Returns:
        The canonical SMILES with stereochemistry, without hydrogens that can be left out; and the index in `mol` of
        each atom of `Chem.AddHs(Chem.MolFromSmiles(smiles))`. Hydrogens of one atom keep their order.

    Raises:
        ValueError: Hydrogens are missing.

    Example:
        >>> from rdkit_ebd.io.atom_order import smiles_and_order
        >>> smiles_and_order(Chem.AddHs(Chem.MolFromSmiles("OCC")))
        ('CCO', [2, 1, 0, 6, 7, 8, 4, 5, 3])
    """
    if mol.GetNumAtoms(onlyExplicit=False) != mol.GetNumAtoms():
        raise ValueError("hydrogens are missing")
    if bare is None:
        bare, kept = _without_hydrogens(mol)
    else:
        kept = list(range(bare.GetNumAtoms()))
    smiles = Chem.MolToSmiles(bare)
    heavy = [kept[k] for k in json.loads(bare.GetProp("_smilesAtomOutputOrder"))]
    gone, stay = defaultdict(list), set(kept)
    for atom in mol.GetAtomsMatchingQuery(_HYDROGEN):
        if (index := atom.GetIdx()) not in stay:
            gone[atom.GetNeighbors()[0].GetIdx()].append(index)
    return smiles, [*heavy, *(hydrogen for index in heavy for hydrogen in gone[index])]


def _without_hydrogens(mol: Chem.Mol) -> tuple[Chem.Mol, list[int]]:
    """The molecule without what can be left out, and the indices of the atoms that stay."""
    bare = Chem.RemoveHs(mol)
    if mol.GetNumHeavyAtoms() == bare.GetNumAtoms() == bare.GetNumHeavyAtoms():
        hydrogens = {atom.GetIdx() for atom in mol.GetAtomsMatchingQuery(_HYDROGEN)}
        return bare, [index for index in range(mol.GetNumAtoms()) if index not in hydrogens]
    marked = Chem.Mol(mol)  # some hydrogens stay: isotopes, hydrides, those that a double bond's stereo hangs on
    for atom in marked.GetAtoms():
        atom.SetIntProp(_PLACE, atom.GetIdx())
    bare = Chem.RemoveHs(marked)
    kept = [atom.GetIntProp(_PLACE) for atom in bare.GetAtoms()]
    for atom in bare.GetAtoms():
        atom.ClearProp(_PLACE)
    return bare, kept
