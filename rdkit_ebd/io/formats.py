"""How does text of another program become a molecule? By RDKit's readers; bonds that are not written are perceived."""

from __future__ import annotations

import re

from rdkit import Chem
from rdkit.Chem import rdDetermineBonds

_CHARGE = re.compile(r"\bcharge\s*[=:]\s*([+-]?\d+)", re.IGNORECASE)
_SETTINGS = re.compile(r"(^|\s)(charge|ebd_energy)\s*[=:]\s*\S+", re.IGNORECASE)  # in the comment of an XYZ text
_CHARGES = (0, 1, -1, 2, -2)  # that are tried where none is written
_NAME_LINES = {"mol2": 1, "xyz": 1}  # which line has the name, from 0


def read_block(text: str, kind: str) -> Chem.Mol | None:
    """The molecule of a text of one of the kinds of `blocks.SUFFIXES`, with explicit hydrogens as it has them.

    Raises:
        ValueError: It does not say which molecule it is.
    """
    mol = _READERS[kind](text)
    if mol is not None and not (mol.HasProp("_Name") and mol.GetProp("_Name").strip()):
        mol.SetProp("_Name", name_in(text, kind))
    return mol


def name_in(text: str, kind: str) -> str:
    """The name that a text has, whether or not the molecule can be read; empty where there is none."""
    lines = text.splitlines()
    if kind == "pdb":
        return next((line[10:].strip() for line in lines if line.startswith("COMPND")), "")
    place = _NAME_LINES.get(kind)
    line = lines[place].strip() if place is not None and len(lines) > place else ""
    return _SETTINGS.sub("", line).strip() if kind == "xyz" else line


def _mol2(text: str) -> Chem.Mol | None:
    return Chem.MolFromMol2Block(text, removeHs=False)


def _mae(text: str) -> Chem.Mol | None:
    supplier = Chem.MaeMolSupplier()
    supplier.SetData(text, True, False)
    return next(iter(supplier), None)


def _pdb(text: str) -> Chem.Mol | None:
    mol = Chem.MolFromPDBBlock(text, removeHs=False)
    if mol is None or not _lacks_bond_orders(mol):
        return mol
    return _perceived(mol, None)


def _xyz(text: str) -> Chem.Mol | None:
    mol = Chem.MolFromXYZBlock(text)
    if mol is None:
        return None
    written = _CHARGE.search(text.splitlines()[1])
    rdDetermineBonds.DetermineConnectivity(mol)
    return _perceived(mol, int(written[1]) if written else None)


def _lacks_bond_orders(mol: Chem.Mol) -> bool:
    """Whether there are single bonds alone, and atoms with valences left over in spite of written hydrogens or none."""
    single = all(bond.GetBondType() == Chem.BondType.SINGLE for bond in mol.GetBonds())
    return single and any(atom.GetTotalNumHs() or atom.GetNumRadicalElectrons() for atom in mol.GetAtoms())


def _perceived(mol: Chem.Mol, charge: int | None) -> Chem.Mol:
    """A molecule with the bond orders and stereochemistry that its atoms and coordinates stand for.

    Raises:
        ValueError: They stand for no molecule, as hydrogens are missing.
    """
    if mol.GetNumAtoms() > 1 and not any(atom.GetAtomicNum() == 1 for atom in mol.GetAtoms()):
        raise ValueError(
            "it has neither bond orders nor hydrogens, so that it may be of many molecules: give it as SD or MOL2"
        )
    for tried in _CHARGES if charge is None else (charge,):
        copy = Chem.Mol(mol)
        try:
            rdDetermineBonds.DetermineBondOrders(copy, charge=tried, embedChiral=True)
            Chem.SanitizeMol(copy)
        except ValueError:
            continue
        if not any(atom.GetNumRadicalElectrons() for atom in copy.GetAtoms()):
            return copy
    stated = f"the charge {charge:+d}" if charge is not None else "a charge from -2 to +2"
    raise ValueError(f"its atoms are no molecule with {stated}: are all hydrogens there?")


_READERS = {"mol2": _mol2, "mae": _mae, "pdb": _pdb, "xyz": _xyz}
