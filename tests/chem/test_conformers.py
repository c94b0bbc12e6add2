"""Are conformers found by their ids, and is what cannot have an energy refused by name?"""

from __future__ import annotations

import pytest
from helpers import embedded
from rdkit import Chem
from rdkit.Chem import rdDepictor

from rdkit_ebd.chem.conformers import chosen_conformers, refuse_unfinished


def test_ids_are_ids_not_places() -> None:
    mol = embedded("aspirin", 3)
    for conformer, number in zip(mol.GetConformers(), (7, 0, 5), strict=True):
        conformer.SetId(number)
    assert [c.GetId() for c in chosen_conformers(mol, None)] == [7, 0, 5]
    assert [c.GetId() for c in chosen_conformers(mol, [5, 7])] == [5, 7]
    assert chosen_conformers(mol, []) == []
    with pytest.raises(ValueError, match=r"\[1, 2\].*\[0, 5, 7\]"):
        chosen_conformers(mol, [2, 7, 1])
    with pytest.raises(ValueError, match=r"\[5\].*more than once"):
        chosen_conformers(mol, [5, 7, 5])


def test_what_is_no_molecule_with_conformers() -> None:
    with pytest.raises(TypeError, match="parsed"):
        chosen_conformers(None, None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="embed"):
        chosen_conformers(Chem.MolFromSmiles("CO"), None)


def test_hydrogens_and_depth_are_needed() -> None:
    mol = embedded("aspirin")
    refuse_unfinished(mol, mol.GetConformers())
    heavy = Chem.RemoveHs(mol)
    with pytest.raises(ValueError, match=r"0 \(C\), .*12 \(O\).*AddHs\(mol, addCoords=True\)"):
        refuse_unfinished(heavy, heavy.GetConformers())
    rdDepictor.Compute2DCoords(mol)
    with pytest.raises(ValueError, match=r"\[0\].*2D"):
        refuse_unfinished(mol, mol.GetConformers())
    with pytest.raises(ValueError, match="SanitizeMol"):
        refuse_unfinished(Chem.MolFromSmiles("C", sanitize=False), [])
