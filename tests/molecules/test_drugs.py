"""Does the model of drug-like molecules draw what it is said to: larger ones, of more elements, whole and neutral?"""

from __future__ import annotations

import pytest
from rdkit import Chem

from rdkit_ebd import GenerateMolecules
from rdkit_ebd.generators.edm.model import generator_path, read_generator_config

ELEMENTS = {1, 6, 7, 8, 9, 16, 17, 35}


def test_it_draws_molecules_of_the_size_asked_for() -> None:
    report = GenerateMolecules(16, model="edm-drugs", numAtoms=range(24, 33), randomSeed=3, keepInvalid=True)
    assert len(report.mols) >= 3
    for mol in report.mols:
        assert 24 <= mol.GetNumAtoms() <= 32
        assert {atom.GetAtomicNum() for atom in mol.GetAtoms()} <= ELEMENTS
        assert len(Chem.GetMolFrags(mol)) == 1
        assert Chem.GetFormalCharge(mol) == 0
    drawn = [*report.mols, *report.invalid]
    assert any(atom.GetAtomicNum() in (16, 17, 35) for mol in drawn for atom in mol.GetAtoms())


def test_it_cannot_be_asked_for_properties() -> None:
    with pytest.raises(ValueError, match="gap"):
        GenerateMolecules(1, model="edm-drugs", conditions={"gap": 0.2})


def test_its_card_says_what_it_has_seen() -> None:
    config = read_generator_config(generator_path("edm-drugs"))
    assert {z for z, _ in config.kinds} | {1} == ELEMENTS
    assert sum(size.count for size in config.sizes) == 20_437
    for part in ("skeletons", "hydrogens"):
        rows = config.card["training"][part]["history"]
        assert rows[-1]["samples"] == config.card["training"][part]["samples"] > 200_000
        assert rows[-1]["loss"] < rows[1]["loss"]
