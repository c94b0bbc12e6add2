"""Is a fragment told to the model as it is, and refused where nothing can grow from it?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import embedded
from rdkit import Chem
from tiny_generator import CONFIG

from rdkit_ebd.molecules.core import held_atoms
from rdkit_ebd.molecules.generate import GenerateMolecules


def fragment(smiles: str) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    from rdkit.Chem import rdDistGeom

    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    return mol


def test_hydrogens_that_are_atoms_stay_and_the_others_are_room() -> None:
    full = fragment("CO")
    bare = held_atoms(Chem.RemoveHs(full), CONFIG)
    assert bare.numbers.tolist() == [6, 8]
    assert bare.open.tolist() == [3, 1]
    editable = Chem.RWMol(full)
    editable.RemoveAtom(5)  # the hydrogen of the oxygen
    editable.GetAtomWithIdx(1).SetNumExplicitHs(1)
    partly = held_atoms(editable.GetMol(), CONFIG)
    assert [len(own) for own in partly.hydrogens] == [3, 0]
    assert partly.open.tolist() == [0, 1]
    assert np.allclose(partly.x, full.GetConformer().GetPositions()[:2])


def test_what_cannot_grow_is_refused() -> None:
    with pytest.raises(ValueError, match="no room to grow"):
        held_atoms(fragment("CO"), CONFIG)
    with pytest.raises(ValueError, match="no conformer"):
        held_atoms(Chem.MolFromSmiles("CO"), CONFIG)
    with pytest.raises(ValueError, match="Cl, of which tiny knows nothing"):
        held_atoms(Chem.RemoveHs(fragment("CCl")), CONFIG)


def test_a_core_larger_than_the_model_knows_is_refused(tmp_path: object) -> None:
    with pytest.raises(ValueError, match="with the atoms that are held"):
        GenerateMolecules(1, core=Chem.RemoveHs(embedded("paracetamol", 1)))
