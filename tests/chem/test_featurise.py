"""Do the arrays say of a molecule what RDKit says of it, in whatever order its atoms come?"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from helpers import DRUGS, graph_of, one_side, permuted, same_partition, tiny_vocabulary, with_hydrogens
from rdkit import Chem

from rdkit_ebd.arrays import molgraph as codes
from rdkit_ebd.arrays.molgraph import ATOM_FEATURES, PAIR_TYPES, SAME_FRAGMENT, MolGraph
from rdkit_ebd.chem.featurise import mol_graph, unsupported
from rdkit_ebd.chem.fragments import Vocabulary, assign_fragments
from rdkit_ebd.chem.torsions import rotatable_bonds

ROTATABLE = Chem.MolFromSmarts("[!D1;!^1]-;!@[!D1;!^1]")
BOND_CODES = {
    (Chem.BondType.SINGLE, False): codes.SINGLE,
    (Chem.BondType.SINGLE, True): codes.SINGLE_RING,
    (Chem.BondType.DOUBLE, False): codes.DOUBLE,
    (Chem.BondType.DOUBLE, True): codes.DOUBLE_RING,
    (Chem.BondType.TRIPLE, False): codes.TRIPLE,
    (Chem.BondType.AROMATIC, True): codes.AROMATIC,
}


def pair_codes(smiles: str | Chem.Mol) -> np.ndarray:
    return graph_of(smiles).pair_types % SAME_FRAGMENT


def test_bonds_keep_their_order_and_ring(drug: Chem.Mol) -> None:
    found = pair_codes(drug)
    for bond in drug.GetBonds():
        code = BOND_CODES[bond.GetBondType(), bond.IsInRing()]
        assert found[bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()] == code
    assert (found[Chem.GetDistanceMatrix(drug) > 1] > codes.OTHER_BOND).all()


def test_dative_bonds_are_other_bonds() -> None:
    assert pair_codes(with_hydrogens("N->[Fe+2]"))[0, 1] == codes.OTHER_BOND


def test_codes_follow_distances_in_the_graph(drug: Chem.Mol) -> None:
    found, hops = pair_codes(drug), Chem.GetDistanceMatrix(drug)
    assert (found == found.T).all()
    assert (found[hops == 0] == 0).all()
    assert np.isin(found[hops == 2], (codes.ONE_THREE, codes.ONE_THREE_RING)).all()
    assert np.isin(found[hops == 3], range(codes.ONE_FOUR_ROTATABLE, codes.ONE_FOUR_TRANS + 1)).all()
    assert (found[hops == 4] == codes.FOUR_HOPS).all()
    assert (found[hops == 5] == codes.FIVE_HOPS).all()
    assert (found[hops >= 6] == codes.SIX_OR_MORE_HOPS).all()
    assert ((found <= codes.LOCAL_TYPES) == (hops <= 3)).all()


def test_pairs_of_one_fragment_are_set_apart(drug: Chem.Mol, vocabulary: Vocabulary) -> None:
    graph = mol_graph(drug, vocabulary)
    fragments = assign_fragments(drug, vocabulary)
    assert (graph.fragments == fragments).all()
    assert ((graph.pair_types >= SAME_FRAGMENT) == (fragments[:, None] == fragments[None])).all()
    assert graph.pair_types.max() < PAIR_TYPES
    assert 1 < graph.num_fragments < graph.num_atoms


def test_pairs_of_small_rings_are_set_apart() -> None:
    small, large = pair_codes("C1CCCCC1"), pair_codes("C1CCCCCCCCCCC1")
    assert {small[0, 2], small[0, 3]} == {codes.ONE_THREE_RING, codes.ONE_FOUR_RING}
    assert {large[0, 2], large[0, 3]} == {codes.ONE_THREE, codes.ONE_FOUR_STIFF}


def test_rotatable_and_stiff_one_four_pairs() -> None:
    butane, methylamide = with_hydrogens("CCCC"), pair_codes("CC(=O)NC")
    assert pair_codes(butane)[0, 3] == methylamide[0, 4] == codes.ONE_FOUR_ROTATABLE
    assert pair_codes("C=C=C=C")[0, 3] == pair_codes("CC#CC")[0, 3] == codes.ONE_FOUR_STIFF


@pytest.mark.parametrize("smiles", ["C/C=C/C", "F/C(Cl)=C(\\Br)I", "C/C(=N\\O)c1ccccc1", "C1CCC/C=C/CC1"])
def test_double_bond_isomers_differ_in_their_typed_pairs_alone(smiles: str) -> None:
    mol = with_hydrogens(smiles)
    other = Chem.Mol(mol)
    flipped = {Chem.BondStereo.STEREOE: Chem.BondStereo.STEREOZ, Chem.BondStereo.STEREOZ: Chem.BondStereo.STEREOE}
    (bond,) = (b for b in other.GetBonds() if b.GetStereo() in flipped)
    bond.SetStereo(flipped[bond.GetStereo()])
    here, there = pair_codes(mol), pair_codes(other)
    cis, trans = codes.ONE_FOUR_CIS, codes.ONE_FOUR_TRANS
    assert ((here == cis) == (there == trans)).all()
    assert ((here == trans) == (there == cis)).all()
    assert (here == there)[~np.isin(here, (cis, trans))].all()
    assert (here == cis).sum() > 0


def test_trans_is_written_as_trans() -> None:
    assert pair_codes("C/C=C/C")[0, 3] == codes.ONE_FOUR_TRANS
    assert pair_codes("C/C=C\\C")[0, 3] == codes.ONE_FOUR_CIS
    assert pair_codes("CC=CC")[0, 3] == codes.ONE_FOUR_STIFF  # nothing written, nothing typed


def test_components_do_not_touch() -> None:
    salt = with_hydrogens("CCN.[Cl-]")
    apart = Chem.GetDistanceMatrix(salt) > 1e6
    assert apart.any()
    assert ((pair_codes(salt) == codes.OTHER_COMPONENT) == apart).all()
    assert not graph_of(salt).far_side[:, 3].any()


def test_atom_features_say_what_rdkit_says(drug: Chem.Mol) -> None:
    columns = dict(zip(ATOM_FEATURES, graph_of(drug).atom_features.T, strict=True))
    atoms = list(drug.GetAtoms())
    assert columns["atomic_number"].tolist() == [a.GetAtomicNum() for a in atoms]
    assert (columns["formal_charge"] - 3).tolist() == [a.GetFormalCharge() for a in atoms]
    assert columns["degree"].tolist() == [a.GetDegree() for a in atoms]
    assert columns["aromatic"].tolist() == [a.GetIsAromatic() for a in atoms]
    assert ((columns["smallest_ring"] > 0) == [a.IsInRing() for a in atoms]).all()
    assert columns["hydrogens"].tolist() == [a.GetTotalNumHs(includeNeighbors=True) for a in atoms]
    assert set(np.flatnonzero(columns["stereocentre"])) == {i for i, _ in Chem.FindMolChiralCenters(drug)}


def test_no_feature_leaves_its_range() -> None:
    odd = ["[Ti+4]", "O=[U]=O", "[C-4]", "FS(F)(F)(F)(F)F", "[Og]", "F[U](F)(F)(F)(F)(F)(F)F", "C1CCCCCCCCC1"]
    for smiles in [*DRUGS, *odd]:
        features = graph_of(smiles).atom_features
        assert (features >= 0).all(), smiles
        assert (features < list(ATOM_FEATURES.values())).all(), smiles


@pytest.mark.parametrize(
    ("smiles", "bonds"),
    [
        ("CCCC", {(0, 1), (1, 2), (2, 3)}),
        ("c1ccccc1-c1ccccc1", {(5, 6)}),
        ("CC(=O)NC", {(0, 1), (1, 3), (3, 4)}),
        ("CCC#CCC", {(0, 1), (4, 5)}),
        ("C1CCCCC1", set()),
        ("CO", {(0, 1)}),
        ("C=C", set()),
        ("O", set()),
    ],
)
def test_rotatable_bonds_are_the_ones_a_chemist_turns(smiles: str, bonds: set[tuple[int, int]]) -> None:
    torsions, far_side = rotatable_bonds(with_hydrogens(smiles))
    assert {tuple(sorted(bond)) for bond in torsions[:, 1:3].tolist()} == bonds
    assert len(far_side) == len(torsions) == len(bonds)


def test_rotatable_bonds_agree_with_smarts(drug: Chem.Mol) -> None:
    torsions, _ = rotatable_bonds(drug)
    expected = {tuple(sorted(match)) for match in drug.GetSubstructMatches(ROTATABLE)}
    assert {tuple(sorted(bond)) for bond in torsions[:, 1:3].tolist()} == expected


def test_a_bond_has_a_far_side_and_a_torsion_has_bonds(drug: Chem.Mol) -> None:
    torsions, far_side = rotatable_bonds(drug)
    for (i, a, b, j), far in zip(torsions.tolist(), far_side, strict=True):
        assert set(np.flatnonzero(far)) == one_side(drug, a, b)
        assert all(drug.GetBondBetweenAtoms(*bond) for bond in ((i, a), (a, b), (b, j)))
        assert len({i, a, b, j}) == 4


def test_dihedrals_are_all_those_about_rotatable_bonds(drug: Chem.Mol) -> None:
    graph = graph_of(drug)
    expected = {
        (i.GetIdx(), a, b, j.GetIdx(), r)
        for r, (_, a, b, _) in enumerate(graph.torsions.tolist())
        for i in drug.GetAtomWithIdx(a).GetNeighbors()
        for j in drug.GetAtomWithIdx(b).GetNeighbors()
        if i.GetIdx() != b and j.GetIdx() != a
    }
    assert set(map(tuple, graph.dihedrals.tolist())) == expected
    assert len(graph.dihedrals) == len(expected)


def test_every_unsupported_atom_is_named() -> None:
    mol = with_hydrogens("C[Si](C)(C)CB(O)O.*C")
    reasons = unsupported(mol, {1, 6, 8}, 400)
    assert [reason.split(" (")[0] for reason in reasons] == ["atom 1 is Si", "atom 5 is B", "atom 8 is a dummy atom"]
    assert unsupported(mol, {0, 1, 5, 6, 8, 14}, mol.GetNumAtoms()) == []


def test_a_part_is_named_by_the_whole_and_size_counts() -> None:
    mol = with_hydrogens("[Na+]")
    assert "atom 17 " in unsupported(mol, {1, 6}, 400, numbers=[17])[0]
    ethane = with_hydrogens("CC")
    (reason,) = unsupported(ethane, {1, 6}, 7)
    assert "8 atoms" in reason
    assert "7" in reason


def test_renumbering_renumbers_the_arrays(drug: Chem.Mol) -> None:
    order = np.random.default_rng(0).permutation(drug.GetNumAtoms())
    renumbered = graph_of(Chem.RenumberAtoms(drug, order.tolist()))
    expected = permuted(graph_of(drug), order)
    assert (renumbered.atom_features == expected.atom_features).all()
    assert (renumbered.pair_types % SAME_FRAGMENT == expected.pair_types % SAME_FRAGMENT).all()
    assert _stereo(renumbered) == _stereo(expected)
    assert _turns(renumbered) == _turns(expected)
    assert sorted(np.bincount(renumbered.fragments)) == sorted(np.bincount(expected.fragments))


def test_renumbering_keeps_the_fragments_where_no_atoms_are_alike() -> None:
    mol = Chem.MolFromSmiles("COc1ccc2cc([C@H](C)C(=O)O)ccc2c1")  # without hydrogens all atoms differ
    order = np.random.default_rng(1).permutation(mol.GetNumAtoms())
    renumbered = graph_of(Chem.RenumberAtoms(mol, order.tolist()))
    expected = permuted(graph_of(mol), order)
    assert same_partition(renumbered.fragments.tolist(), graph_of(mol).fragments[order].tolist())
    assert (renumbered.fragments == expected.fragments).all()
    assert (renumbered.pair_types == expected.pair_types).all()


def test_the_molecule_is_left_alone(drug: Chem.Mol, vocabulary: Vocabulary) -> None:
    before = drug.ToBinary()
    mol_graph(drug, vocabulary, level=1)
    assert drug.ToBinary() == before


def test_lone_atoms_and_empty_arrays_have_their_shapes(vocabulary: Vocabulary) -> None:
    graph = mol_graph(Chem.MolFromSmiles("[Na+]"), vocabulary, level=1)
    assert (graph.num_atoms, graph.num_fragments, graph.level) == (1, 1, 1)
    assert graph.stereo_quads.shape == graph.torsions.shape == (0, 4)
    assert graph.far_side.shape == (0, 1)


def _stereo(graph: MolGraph) -> set[tuple[int, ...]]:
    return {
        (*quad, sign, atom)
        for quad, sign, atom in zip(
            graph.stereo_quads.tolist(), graph.stereo_signs.tolist(), graph.stereo_atoms.tolist(), strict=True
        )
    }


def _turns(graph: MolGraph) -> set[tuple[tuple[int, int], bytes]]:
    """Bonds, each with the side of its higher end."""
    return {
        ((min(a, b), max(a, b)), (far if b > a else ~far).tobytes())
        for (_, a, b, _), far in zip(graph.torsions.tolist(), graph.far_side, strict=True)
    }


@pytest.mark.parametrize("name", ["ibuprofen", "penicillin_v", "tamoxifen", "esomeprazole", "[H][H]", "[NH4+]"])
def test_where_the_hydrogens_came_from_does_not_matter(name: str) -> None:
    added = with_hydrogens(name)
    sanitised = Chem.Mol(added)
    Chem.SanitizeMol(sanitised)
    parameters = Chem.SmilesParserParams()
    parameters.removeHs = False
    parsed = Chem.MolFromSmiles(Chem.MolToSmiles(added), parameters)
    order = np.array(parsed.GetSubstructMatch(added, useChirality=True))
    expected, seen = graph_of(added), mol_graph(parsed, tiny_vocabulary())
    for found in (graph_of(sanitised), graph_of(Chem.AddHs(Chem.RemoveHs(added)))):
        for field in fields(MolGraph):
            assert np.array_equal(getattr(found, field.name), getattr(expected, field.name)), field.name
    assert np.array_equal(seen.atom_features[order], expected.atom_features)
    assert np.array_equal(seen.pair_types[np.ix_(order, order)], expected.pair_types)
