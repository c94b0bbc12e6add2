"""Is what is stripped, neutralised or left out said, and is all else as it was?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import embedded
from rdkit import Chem

from rdkit_ebd.io import Entry
from rdkit_ebd.io.changes import Changer, Changes


def entry(smiles: str, number: int = 1) -> Entry:
    mol = Chem.MolFromSmiles(smiles)
    mol.SetProp("price", "2")
    return Entry(number, "some", mol)


def smiles(found: Entry) -> str:
    assert found.mol is not None
    return str(Chem.MolToSmiles(Chem.RemoveHs(found.mol)))


@pytest.mark.parametrize(
    ("written", "kept", "note"),
    [
        ("[Na+].CC(=O)[O-]", "CC(=O)[O-]", "without [Na+]"),
        ("C[C@H](N)C(=O)O.OC(=O)C(F)(F)F.O", "C[C@H](N)C(=O)O", "O=C(O)C(F)(F)F"),
        ("F[P-](F)(F)(F)(F)F.CC", "CC", "without F[P-](F)(F)(F)(F)F"),
        ("CCO", "CCO", ""),
    ],
)
def test_salts(written: str, kept: str, note: str) -> None:
    found = Changer(Changes(strip_salts=True), "line").changed(entry(written))
    if "C(F)(F)F" in written:  # of two organic components the one with more atoms
        assert smiles(found) in (kept, "O=C(O)C(F)(F)F")
    else:
        assert smiles(found) == kept
        assert note in "".join(found.notes)
    assert bool(found.notes) == ("." in written)
    assert found.mol is not None
    assert found.mol.GetProp("price") == "2"
    assert not any(atom.HasProp("_ebd_place") for atom in found.mol.GetAtoms())


def test_coordinates_of_what_is_kept_stay() -> None:
    acetate = embedded("CC(=O)[O-]")
    salt = Chem.CombineMols(acetate, Chem.MolFromSmiles("[Na+]"))
    found = Changer(Changes(strip_salts=True), "record").changed(Entry(1, "salt", Chem.Mol(salt)))
    assert found.mol is not None
    assert found.mol.GetNumAtoms() == acetate.GetNumAtoms()


@pytest.mark.parametrize(
    ("written", "neutral"),
    [
        ("C[NH2+]C", "CNC"),
        ("C[C@H]([NH3+])C(=O)[O-]", "C[C@H](N)C(=O)O"),
        ("C[N+](C)(C)C", "C[N+](C)(C)C"),
        ("O=[N+]([O-])c1ccccc1", "O=[N+]([O-])c1ccccc1"),
    ],
)
def test_charges(written: str, neutral: str) -> None:
    found = Changer(Changes(neutralise=True), "line").changed(entry(written))
    assert smiles(found) == neutral
    assert bool(found.notes) == (written != neutral)
    explicit = Changer(Changes(neutralise=True), "line").changed(Entry(1, "x", embedded(written)))
    assert smiles(explicit) == neutral
    assert explicit.mol is not None
    whole = Chem.AddHs(explicit.mol, addCoords=True)
    moved = whole.GetConformer().GetPositions()[0] - embedded(written).GetConformer().GetPositions()[0]
    assert np.abs(moved).max() < 1e-6


def test_duplicates_name_the_first() -> None:
    changer = Changer(Changes(dedupe=True), "line")
    texts = ["OCC", "C(O)C", "C[C@H](O)F", "C[C@@H](O)F", "CCO"]
    found = [changer.changed(entry(text, k)) for k, text in enumerate(texts, start=1)]
    assert [bool(one.left_out) for one in found] == [False, True, False, False, True]
    assert found[4].left_out.startswith("the molecule of line 1, by its InChIKey LFQSCWFLJHTTHZ-")


def test_changes_come_before_what_is_a_duplicate() -> None:
    changer = Changer(Changes(dedupe=True, strip_salts=True, neutralise=True), "line")
    first, second = changer.changed(entry("CC(=O)O", 1)), changer.changed(entry("[K+].CC(=O)[O-]", 2))
    assert not first.left_out
    assert second.left_out


def test_what_could_not_be_read_stays_so() -> None:
    unread = Entry(3, "x", None, "why")
    assert Changer(Changes(dedupe=True, strip_salts=True), "line").changed(unread) is unread
