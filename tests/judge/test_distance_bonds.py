"""Do distance tables give back the bonds that molecules have, and call broken ones broken?"""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from rdkit_ebd.data.molecule_arrays import MoleculeArrays
from rdkit_ebd.data.qm9 import data_folder, read_qm9
from rdkit_ebd.judge.distance_bonds import DOUBLE, SINGLE, TRIPLE, bond_orders, by_size, stability
from rdkit_ebd.judge.generated_mol import bonded, canonical, sanitised


@pytest.fixture(scope="module")
def some() -> MoleculeArrays:
    try:
        data_folder()
    except ImportError:
        pytest.skip("needs qm9pack")
    return read_qm9(limit=1500)


def one(molecules: MoleculeArrays, smiles: str) -> tuple[np.ndarray, np.ndarray]:
    at = molecules.smiles.index(smiles)
    atoms = slice(molecules.offsets[at], molecules.offsets[at + 1])
    return molecules.numbers[atoms], molecules.coords[atoms]


@pytest.mark.parametrize("smiles", ["C", "C#C", "C#N", "C=O", "CC#N", "CC(C)=O", "C1CC1", "NC=O", "CO"])
def test_bonds_are_those_that_were_written(some: MoleculeArrays, smiles: str) -> None:
    mol = bonded(*one(some, smiles))
    assert sanitised(mol) == ""
    assert canonical(mol) == Chem.CanonSmiles(smiles)


def test_most_of_the_data_is_stable_and_itself(some: MoleculeArrays) -> None:
    atoms, molecules = stability(some.numbers, some.coords, some.offsets)
    assert atoms.mean() > 0.97
    assert 0.8 < molecules.mean() < 1.0
    for at in np.flatnonzero(molecules)[::40]:
        span = slice(some.offsets[at], some.offsets[at + 1])
        assert canonical_of(some, span) == Chem.MolToSmiles(Chem.MolFromSmiles(some.smiles[at]), isomericSmiles=False)


def canonical_of(molecules: MoleculeArrays, span: slice) -> str:
    mol = bonded(molecules.numbers[span], molecules.coords[span])
    assert sanitised(mol) == ""
    return canonical(mol)


def test_one_stretched_bond_breaks_two_atoms_and_the_molecule(some: MoleculeArrays) -> None:
    numbers, coords = one(some, "C")
    moved = coords.copy()
    moved[1] = moved[0] + 1.3 * (moved[1] - moved[0])  # 1.42 A, beyond 1.19
    atoms, whole = stability(numbers, moved, np.array([0, 5]))
    assert atoms.tolist() == [False, False, True, True, True]
    assert not whole[0]


def test_a_fifth_hydrogen_is_no_carbon_s(some: MoleculeArrays) -> None:
    numbers, coords = one(some, "C")
    extra = coords[0] - (coords[1] - coords[0])
    mol = bonded(np.append(numbers, 1).astype(np.int8), np.vstack([coords, extra]))
    assert "Valence" in sanitised(mol)


def test_batches_say_what_single_molecules_say(some: MoleculeArrays) -> None:
    for rows, places in by_size(some.offsets, pairs=5000):
        together = bond_orders(some.numbers[places], some.coords[places])
        assert np.array_equal(together[0], bond_orders(some.numbers[places[0]], some.coords[places[0]]))
        assert (together == together.swapaxes(1, 2)).all()
        assert len(rows) == len(places)


def test_thresholds_are_the_tables_and_their_margins() -> None:
    ethane, ethene, ethyne = SINGLE["C"]["C"] + 10, DOUBLE["C"]["C"] + 5, TRIPLE["C"]["C"] + 3
    numbers = np.array([6, 6])
    for length, order in ((ethane, 1), (ethene, 2), (ethyne, 3)):
        for shift, expected in ((-0.1, order), (0.1, order - 1)):
            coords = np.array([[0.0, 0, 0], [(length + shift) / 100, 0, 0]])
            assert bond_orders(numbers, coords)[0, 1] == expected


def test_what_the_tables_do_not_know_is_named() -> None:
    with pytest.raises(ValueError, match="nothing on atomic numbers 2, 92"):
        bond_orders(np.array([2, 6, 92]), np.zeros((3, 3)))


def test_coordinates_that_are_no_numbers_are_bonded_to_nothing() -> None:
    coords = np.array([[0.0, 0, 0], [np.nan, 0, 0]])
    assert not bond_orders(np.array([6, 1]), coords).any()
