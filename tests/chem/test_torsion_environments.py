"""Do the names of a turning bond depend on its surroundings alone, and not on how the molecule is written?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem

from rdkit_ebd.chem.torsion_environments import turning_bonds


def _names(smiles: str) -> list[tuple[str, ...]]:
    return sorted(bond.names for bond in turning_bonds(with_hydrogens(smiles)))


@pytest.mark.parametrize("smiles", ["CCCC", "COc1ccccc1C(=O)NCC1CCOCC1", "CC(C)(O)c1ncccn1", "O=S(=O)(NCC)c1ccccc1"])
def test_names_do_not_depend_on_the_order_of_atoms(smiles: str) -> None:
    mol = Chem.MolFromSmiles(smiles)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(mol.GetNumAtoms()).tolist()
        shuffled = Chem.AddHs(Chem.RenumberAtoms(mol, order))
        assert sorted(bond.names for bond in turning_bonds(shuffled)) == _names(smiles)


def test_ends_of_three_alike_do_not_turn_a_shape() -> None:
    assert not turning_bonds(with_hydrogens("CC"))
    assert len(turning_bonds(with_hydrogens("CCCC"))) == 1
    assert len(turning_bonds(with_hydrogens("FC(F)(F)CCO"))) == 2  # C-C and C-O
    assert not turning_bonds(with_hydrogens("CC#CC"))  # no angle is defined there


def test_angles_are_told_by_neighbours_of_highest_rank() -> None:
    mol = with_hydrogens("ClCC(F)C")
    (bond,) = [b for b in turning_bonds(mol) if {mol.GetAtomWithIdx(i).GetSymbol() for i in b.quad} == {"Cl", "C", "F"}]
    assert bond.alike == (bond.quad,)
    phenyl = with_hydrogens("OCc1ccccc1")
    (turned,) = [bond for bond in turning_bonds(phenyl) if {*bond.quad[1:3]} == {1, 2}]
    assert len(turned.alike) == 2  # both carbons beside the one that is bound


def test_ortho_substituents_make_other_surroundings_and_wider_names_are_shared() -> None:
    def biaryl(smiles: str) -> tuple[str, ...]:
        mol = with_hydrogens(smiles)
        return next(b.names for b in turning_bonds(mol) if all(mol.GetAtomWithIdx(i).GetIsAromatic() for i in b.quad))

    free, crowded = biaryl("c1ccccc1-c1ccccc1"), biaryl("Cc1ccccc1-c1ccccc1C")
    assert free[0] != crowded[0]
    assert free[1:] == crowded[1:]
