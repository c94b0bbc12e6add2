"""Do environments say what sets the geometry of bonds, angles, flat groups and contacts, however atoms are numbered?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import DRUGS, with_hydrogens
from rdkit import Chem

from rdkit_ebd.judge.environments import Environments, is_stiff, within_ring

KINDS = ("bonds", "angles", "twists", "heights")


def bond_names(smiles: str, first: str, last: str) -> set[str]:
    mol = with_hydrogens(smiles)
    terms = Environments(mol).bonds()
    symbols = [{mol.GetAtomWithIdx(i).GetSymbol() for i in pair} for pair in terms.atoms.tolist()]
    return {names[0] for names, pair in zip(terms.names, symbols, strict=True) if pair == {first, last}}


def test_a_bond_goes_by_its_neighbours_and_its_ring() -> None:
    assert bond_names("CN(C)N=O", "N", "O").isdisjoint(bond_names("CC(C)(C)N=O", "N", "O"))
    assert bond_names("C1CC1", "C", "C").isdisjoint(bond_names("C1CCCCC1", "C", "C"))
    assert bond_names("CCN(CC)N=O", "N", "O") == bond_names("CN(C)N=O", "N", "O")


@pytest.mark.parametrize(
    ("charged", "plain"),
    [("C[S+](C)[O-]", "CS(C)=O"), ("C[S+2](C)([O-])[O-]", "CS(C)(=O)=O"), ("C[P+](C)(C)[O-]", "CP(C)(C)=O")],
)
def test_charges_that_stand_for_a_double_bond_make_no_difference(charged: str, plain: str) -> None:
    assert Environments(with_hydrogens(charged)).atoms == Environments(with_hydrogens(plain)).atoms
    assert bond_names(charged, charged[2], "O") == bond_names(plain, charged[2], "O")


def test_nitrogen_oxides_are_what_they_are() -> None:
    assert Environments(with_hydrogens("C[N+](C)(C)[O-]")).atoms[1] != Environments(with_hydrogens("CN(C)C")).atoms[1]


@pytest.mark.parametrize("name", ["penicillin_v", "zidovudine", "testosterone", "fosfomycin"])
def test_names_do_not_depend_on_the_numbers_of_atoms(name: str) -> None:
    mol = with_hydrogens(name)
    order = np.random.default_rng(0).permutation(mol.GetNumAtoms())
    other = Chem.RenumberAtoms(mol, order.tolist())
    for kind in KINDS:
        ours, theirs = getattr(Environments(mol), kind)(), getattr(Environments(other), kind)()
        back = [frozenset(order[group].tolist()) for group in theirs.atoms]
        mine = [frozenset(group) for group in ours.atoms.tolist()]
        assert {(key, names) for key, names in zip(mine, ours.names, strict=True)} == {
            (key, names) for key, names in zip(back, theirs.names, strict=True)
        }


@pytest.mark.parametrize("name", ["ibuprofen", "caffeine", "metformin"])
def test_implicit_hydrogens_count_as_explicit_ones_do(name: str) -> None:
    whole, bare = with_hydrogens(name), Chem.MolFromSmiles(DRUGS[name])
    assert Environments(whole).atoms[: bare.GetNumAtoms()] == Environments(bare).atoms
    assert set(Environments(bare).bonds().names) <= set(Environments(whole).bonds().names)


def test_angles_within_rings_are_apart_from_those_outside() -> None:
    terms = Environments(with_hydrogens("C1CC1")).angles()
    assert len({names[2] for names in terms.names}) == 2
    assert len(terms.atoms) == 3 * 6


def test_twists_are_those_of_flat_bonds_and_heights_those_of_flat_atoms() -> None:
    assert len(Environments(with_hydrogens("CCCC")).twists().atoms) == 0
    assert len(Environments(with_hydrogens("CCCC")).heights().atoms) == 0
    butene = Environments(with_hydrogens("CC=CC"))
    assert {tuple(sorted(quad[1:3])) for quad in butene.twists().atoms.tolist()} == {(1, 2)}
    assert butene.heights().atoms[:, 0].tolist() == [1, 2]
    lactam = Environments(with_hydrogens("O=C1CCCCN1")).twists()
    inside = [within_ring(names[0]) for names in lactam.names]
    assert any(inside)
    assert not all(inside)


def test_contacts_know_donors_and_the_way_between_atoms() -> None:
    mol = with_hydrogens("OCCC(=O)O")
    codes, names = Environments(mol).contacts()
    hops = Chem.GetDistanceMatrix(mol)
    assert (codes[hops < 3] == -1).all()
    assert (codes[hops >= 3] >= 0).all()
    assert np.array_equal(codes, codes.T)
    acid = next(i for i in range(mol.GetNumAtoms()) if hops[i, 5] == 1 and i > 5)
    assert names[codes[acid, 0]] == "H(donor).O.5"
    water_pair = Environments(with_hydrogens("O.O")).contacts()[0]
    assert (water_pair == -1).all()


def test_stiff_bonds_are_the_multiple_ones() -> None:
    terms = Environments(with_hydrogens("CC#CC=Cc1ccccc1")).bonds()
    assert sum(is_stiff(names[-1]) for names in terms.names) == 2
