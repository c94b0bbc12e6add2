"""Are the molecules put together what they are called, and different ones?"""

from __future__ import annotations

import random
from itertools import islice

import pytest
from rdkit import Chem

from rdkit_ebd.train.data_prep.making import MADE, ion_of


def some(name: str, count: int = 40, seed: int = 0) -> list[Chem.Mol]:
    return [Chem.MolFromSmiles(word) for word in islice(MADE[name](random.Random(seed)), count)]


@pytest.mark.parametrize("name", MADE)
def test_all_that_is_made_parses_and_much_of_it_differs(name: str) -> None:
    mols = some(name)
    assert None not in mols
    assert all(len(Chem.GetMolFrags(mol)) == 1 for mol in mols)
    assert len({Chem.MolToSmiles(mol) for mol in mols}) > 20
    assert [Chem.MolToSmiles(mol) for mol in some(name)] == [Chem.MolToSmiles(mol) for mol in mols]


@pytest.mark.parametrize(
    ("name", "smarts"),
    [
        ("peptide", "NCC(=O)"),
        ("cyclic peptide", "[N;R][C;R](=O)[#6]"),
        ("sugar or nucleoside", "[C;R]1O[C;R][C;R][C;R]*1"),
        ("crowded biaryl", "c~*~c"),
        ("fjord", "c1ccccc1"),
        ("saturated ring", "[R]"),
    ],
)
def test_it_is_what_it_is_called(name: str, smarts: str) -> None:
    pattern = Chem.MolFromSmarts(smarts)
    fitting = sum(mol.HasSubstructMatch(pattern) for mol in some(name))
    assert fitting >= (36 if name != "sugar or nucleoside" else 10)


def test_medium_rings_are_medium() -> None:
    sizes = [max(map(len, mol.GetRingInfo().AtomRings())) for mol in some("medium ring")]
    assert min(sizes) >= 6
    assert max(sizes) <= 25


@pytest.mark.parametrize(
    ("smiles", "ion"),
    [("CC(=O)O", "CC(=O)[O-]"), ("CN", "C[NH3+]"), ("CN(C)C", "C[NH+](C)C"), ("NCC(=O)O", "NCC(=O)[O-]")],
)
def test_acids_and_amines_have_ions(smiles: str, ion: str) -> None:
    assert Chem.MolToSmiles(ion_of(Chem.MolFromSmiles(smiles))) == Chem.CanonSmiles(ion)


@pytest.mark.parametrize("smiles", ["CCO", "CC(N)=O", "Nc1ccccc1", "CN=C", "CC#N"])
def test_others_have_none(smiles: str) -> None:
    assert ion_of(Chem.MolFromSmiles(smiles)) is None
