"""Which orders do the bonds of connected atoms have? RDKit's, which is asked of stand-ins where it errs.

Of bivalent sulfur in rings RDKit makes S+ beside an oxide, and of one aromatic nitro group in ten a nitrogen with two
oxides beside a carbocation (of 1,110 molecules of the OpenFF benchmark 9 and 12). An oxygen in place of that sulfur,
and a fluorine in place of the group, have the same bonds.
"""

from __future__ import annotations

from rdkit import Chem
from rdkit.Chem import rdDetermineBonds

_OXYGEN, _FLUORINE = 8, 9
_CHALCOGENS = (16, 34)
_NITRO = Chem.MolFromSmarts("[#7X3](~[#8X1])~[#8X1]")
_SULFOXIDE = Chem.MolFromSmarts("[#16X3+,#34X3+]-[#8X1-]")


def set_bond_orders(mol: Chem.RWMol) -> None:
    """Set bond orders and charges of a molecule whose bonds are all single and whose net charge is zero, in place.

    Raises:
        ValueError: RDKit finds none that fill every atom's valence.
    """
    nitro = _groups(mol)
    gone = {oxygen for _, *oxygens in nitro for oxygen in oxygens}
    kept = [index for index in range(mol.GetNumAtoms()) if index not in gone]
    asked = Chem.RWMol(mol)
    for atom in asked.GetAtoms():
        if atom.GetAtomicNum() in _CHALCOGENS and atom.GetDegree() <= 2:
            atom.SetAtomicNum(_OXYGEN)
    for nitrogen, *_ in nitro:
        asked.GetAtomWithIdx(nitrogen).SetAtomicNum(_FLUORINE)
    for index in sorted(gone, reverse=True):
        asked.RemoveAtom(index)
    rdDetermineBonds.DetermineBondOrders(asked, charge=0, embedChiral=False)
    Chem.Kekulize(asked, clearAromaticFlags=True)
    for bond in asked.GetBonds():
        ends = kept[bond.GetBeginAtomIdx()], kept[bond.GetEndAtomIdx()]
        mol.GetBondBetweenAtoms(*ends).SetBondType(bond.GetBondType())
    for atom in asked.GetAtoms():
        mol.GetAtomWithIdx(kept[atom.GetIdx()]).SetFormalCharge(atom.GetFormalCharge())
    for nitrogen, double, single in nitro:
        _set(mol, nitrogen, double, Chem.BondType.DOUBLE, (1, 0))
        _set(mol, nitrogen, single, Chem.BondType.SINGLE, (1, -1))
    for sulfur, oxygen in mol.GetSubstructMatches(_SULFOXIDE):
        _set(mol, sulfur, oxygen, Chem.BondType.DOUBLE, (0, 0))


def _groups(mol: Chem.Mol) -> list[tuple[int, int, int]]:
    """Nitrogen and both oxygens of each nitro group; an atom is in one group alone."""
    found: dict[int, tuple[int, int, int]] = {}
    for match in mol.GetSubstructMatches(_NITRO):
        found.setdefault(match[0], match)
    return list(found.values())


def _set(mol: Chem.RWMol, one: int, other: int, order: Chem.BondType, charges: tuple[int, int]) -> None:
    mol.GetBondBetweenAtoms(one, other).SetBondType(order)
    for index, charge in zip((one, other), charges, strict=True):
        mol.GetAtomWithIdx(index).SetFormalCharge(charge)
