"""Do fragments come out whole, from the vocabulary, and the same every time?"""

import json
import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest
from rdkit import Chem

from rdkit_ebd.chem.fragments import (
    Vocabulary,
    assign_fragments,
    fragment_smiles,
    learn_vocabulary,
)

DRUGS = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CC(=O)Nc1ccc(O)cc1",
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
    "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "CN1CCC[C@H]1c1cccnc1",
    "COc1ccc2cc([C@H](C)C(=O)O)ccc2c1",
    "O=C(O)Cc1ccccc1Nc1c(Cl)cccc1Cl",
    "CN(C)CCOC(c1ccccc1)c1ccccc1",
    "CC(C)NCC(O)COc1cccc2ccccc12",
    "CC(C)NCC(O)COc1ccc(CC(N)=O)cc1",
    "CCN(CC)CC(=O)Nc1c(C)cccc1C",
    "CCN(CC)CCOC(=O)c1ccc(N)cc1",
    "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21",
    "CN1CCN(C2=Nc3cc(Cl)ccc3Nc3ccccc32)CC1",
    "CNCCC(Oc1ccc(C(F)(F)F)cc1)c1ccccc1",
    "CN[C@H]1CC[C@@H](c2ccc(Cl)c(Cl)c2)c2ccccc21",
    "CN(C)CCCC1(c2ccc(F)cc2)OCc2cc(C#N)ccc21",
    "NC(=N)NC(=N)N",
    "CN(C)C(=N)NC(=N)N",
    "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1",
    "NCC1(CC(=O)O)CCCCC1",
    "NCCc1ccc(O)c(O)c1",
    "CC(N)Cc1ccccc1",
    "O=C1CN=C(c2ccccc2)c2cc([N+](=O)[O-])ccc2N1",
    "COc1cc2c(cc1OC)C(=O)C(CC1CCN(Cc3ccccc3)CC1)C2",
    "CCOC(=O)C1=C(COCCN)NC(C)=C(C(=O)OC)C1c1ccccc1Cl",
    "COC(=O)C1=C(C)NC(C)=C(C(=O)OC)C1c1ccccc1[N+](=O)[O-]",
    "NS(=O)(=O)c1cc(C(=O)O)c(NCc2ccco2)cc1Cl",
    "NS(=O)(=O)c1cc2c(cc1Cl)NCNS2(=O)=O",
    "Nc1ccc(S(N)(=O)=O)cc1",
    "Cc1cc(NS(=O)(=O)c2ccc(N)cc2)no1",
    "COc1cc(Cc2cnc(N)nc2N)cc(OC)c1OC",
    "O=C(O)c1cn(C2CC2)c2cc(N3CCNCC3)c(F)cc2c1=O",
    "CC1COc2c(N3CCN(C)CC3)c(F)cc3c(=O)c(C(=O)O)cn1c23",
    "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
    "CC1(C)S[C@@H]2[C@H](NC(=O)[C@H](N)c3ccc(O)cc3)C(=O)N2[C@H]1C(=O)O",
    "Cc1ncc([N+](=O)[O-])n1CCO",
    "OC(Cn1cncn1)(Cn1cncn1)c1ccc(F)cc1F",
    "Nc1nc2c(ncn2COCCO)c(=O)[nH]1",
    "Cc1cn([C@H]2C[C@H](N=[N+]=[N-])[C@@H](CO)O2)c(=O)[nH]c1=O",
    "NC(=O)c1cnccn1",
    "NNC(=O)c1ccncc1",
    "O=c1[nH]cc(F)c(=O)[nH]1",
    "O=c1[nH]cnc2[nH]ncc12",
    "COc1ccc2[nH]c(S(=O)Cc3ncc(C)c(OC)c3C)nc2c1",
    "CN/C(=C\\[N+](=O)[O-])NCCSCc1ccc(CN(C)C)o1",
    "CN/C(=N/C#N)NCCSCc1nc[nH]c1C",
    "CN(C)Cc1c[nH]c2ccc(CS(=O)(=O)N)cc12",
    "CC(C)OC(=O)C(C)(C)Oc1ccc(C(=O)c2ccc(Cl)cc2)cc1",
    "C[C@]12CC[C@H]3[C@@H](CCC4=CC(=O)CC[C@@]43C)[C@@H]1CC[C@@H]2O",
    "C[C@]12CC[C@@H]3c4ccc(O)cc4CC[C@H]3[C@@H]1CC[C@@H]2O",
    "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
    "COC(=O)[C@H]1[C@@H](OC(=O)c2ccccc2)C[C@@H]2CC[C@H]1N2C",
    "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1",
    "CN1CCN(Cc2ccc(C(=O)Nc3ccc(C)c(Nc4nccc(-c5cccnc5)n4)c3)cc2)CC1",
    "COCCOc1cc2ncnc(Nc3cccc(C#C)c3)c2cc1OCCOC",
    "CNC(=O)c1cc(Oc2ccc(NC(=O)Nc3ccc(Cl)c(C(F)(F)F)c3)cc2)ccn1",
    "CCCc1nn(C)c2c1nc([nH]c2=O)-c1cc(S(=O)(=O)N2CCN(C)CC2)ccc1OCC",
    "CCOC(=O)[C@H](CCc1ccccc1)N[C@@H](C)C(=O)N1CCC[C@H]1C(=O)O",
    "C[C@H](CS)C(=O)N1CCC[C@H]1C(=O)O",
    "CCCCC",
    "C1CCCCC1",
    "[Na+].[O-]C(=O)CCC",
    "CC(=O)OCC[N+](C)(C)C",
]
SIZES = (12, 30, 80, 250)


def with_hydrogens(smiles: str) -> Chem.Mol:
    return Chem.AddHs(Chem.MolFromSmiles(smiles))


@pytest.fixture(scope="module")
def mols() -> list[Chem.Mol]:
    return [with_hydrogens(s) for s in DRUGS]


@pytest.fixture(scope="module")
def vocabulary(mols: list[Chem.Mol]) -> Vocabulary:
    return learn_vocabulary(mols, SIZES[-1])


def partition(assignment: np.ndarray, names: list[int]) -> set[frozenset[int]]:
    return {frozenset(names[i] for i in np.flatnonzero(assignment == f)) for f in np.unique(assignment)}


def ranks(mol: Chem.Mol) -> list[int]:
    return list(Chem.CanonicalRankAtoms(mol, breakTies=True, includeChirality=False))


def flat(mol: Chem.Mol) -> Chem.Mol:
    copy = Chem.Mol(mol)
    Chem.RemoveStereochemistry(copy)
    return copy


def test_every_atom_has_one_fragment_numbered_by_lowest_atom(mols, vocabulary):
    for mol in mols:
        fragments = assign_fragments(mol, vocabulary)
        assert fragments.dtype == np.int64
        assert fragments.shape == (mol.GetNumAtoms(),)
        first_seen = list(dict.fromkeys(fragments.tolist()))
        assert first_seen == list(range(len(first_seen)))


def test_fragments_are_connected(mols, vocabulary):
    for mol in mols:
        fragments = assign_fragments(mol, vocabulary)
        within = Chem.RWMol(mol)
        for bond in mol.GetBonds():
            ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            if fragments[ends[0]] != fragments[ends[1]]:
                within.RemoveBond(*ends)
        assert len(Chem.GetMolFrags(within)) == fragments.max() + 1


# fragment_smiles writes a fragment from the molecule's own atoms, not from the merges, so this checks the merges.
@pytest.mark.parametrize("size", SIZES)
def test_every_fragment_is_in_the_vocabulary(mols, vocabulary, size):
    small = vocabulary.truncate(size)
    for mol in mols:
        assert set(fragment_smiles(mol, assign_fragments(mol, small))) <= set(small.fragments)


def test_no_further_merge_is_left(mols, vocabulary):
    for mol in mols:
        fragments = assign_fragments(mol, vocabulary)
        for bond in mol.GetBonds():
            a, b = sorted((fragments[bond.GetBeginAtomIdx()], fragments[bond.GetEndAtomIdx()]))
            if a != b:
                union = np.where(np.isin(fragments, (a, b)), 0, 1)
                assert fragment_smiles(mol, union)[0] not in vocabulary.fragments


def test_entries_are_distinct_and_start_with_the_elements(mols, vocabulary):
    elements = {atom.GetSymbol() for mol in mols for atom in mol.GetAtoms()}
    singles = {key.strip("[]") for key in vocabulary.fragments[: len(elements)]}
    assert singles == elements
    assert len(set(vocabulary.fragments)) == len(vocabulary) == vocabulary.size
    assert sum(vocabulary.counts[: len(elements)]) == sum(mol.GetNumAtoms() for mol in mols)


@pytest.mark.parametrize("size", SIZES[:-1])
def test_a_smaller_vocabulary_is_the_beginning_of_a_larger_one(mols, vocabulary, size):
    assert learn_vocabulary(mols, size) == vocabulary.truncate(size)


def test_a_larger_vocabulary_only_joins_fragments(mols, vocabulary):
    for mol in mols:
        fine = np.arange(mol.GetNumAtoms())
        for size in SIZES:
            coarse = assign_fragments(mol, vocabulary.truncate(size))
            assert len(set(zip(fine.tolist(), coarse.tolist(), strict=True))) == fine.max() + 1
            fine = coarse


def test_the_order_of_the_molecules_does_not_matter(mols, vocabulary):
    assert learn_vocabulary(random.Random(1).sample(mols, len(mols)), SIZES[-1]) == vocabulary


# Literal equality is impossible where symmetric atoms fall into different fragments (one H of a CH2): so atoms are
# named by canonical rank, which the two numberings share.
@pytest.mark.parametrize("size", SIZES)
def test_renumbering_the_atoms_gives_the_same_partition(mols, vocabulary, size):
    rng, small = random.Random(size), vocabulary.truncate(size)
    for mol in map(flat, mols):
        renumbered = Chem.RenumberAtoms(mol, rng.sample(range(mol.GetNumAtoms()), mol.GetNumAtoms()))
        before, after = assign_fragments(mol, small), assign_fragments(renumbered, small)
        assert partition(before, ranks(mol)) == partition(after, ranks(renumbered))
        assert sorted(fragment_smiles(mol, before)) == sorted(fragment_smiles(renumbered, after))


def test_renumbering_gives_literally_the_same_partition_without_symmetric_ties(mols, vocabulary):
    rng, compared = random.Random(0), 0
    for mol in map(flat, mols):
        order = rng.sample(range(mol.GetNumAtoms()), mol.GetNumAtoms())
        before = assign_fragments(mol, vocabulary)
        classes = Chem.CanonicalRankAtoms(mol, breakTies=False, includeChirality=False)
        if len(set(classes)) != len(set(zip(classes, before.tolist(), strict=True))):
            continue
        after = assign_fragments(Chem.RenumberAtoms(mol, order), vocabulary)
        assert partition(before, list(range(len(order)))) == partition(after, order)
        compared += 1
    assert compared >= 10


def test_stereo_isotopes_and_charges_do_not_matter(mols, vocabulary):
    for mol in mols:
        np.testing.assert_array_equal(assign_fragments(mol, vocabulary), assign_fragments(flat(mol), vocabulary))
    plain, labelled = with_hydrogens("CCO"), with_hydrogens("C[13CH2:7]O")
    np.testing.assert_array_equal(assign_fragments(plain, vocabulary), assign_fragments(labelled, vocabulary))
    assert learn_vocabulary([with_hydrogens("[NH4+]")], 2).fragments == ("[H]", "N")
    assert learn_vocabulary(mols, SIZES[-1]) == learn_vocabulary(map(flat, mols), SIZES[-1])


def test_bond_order_and_aromaticity_do_matter():
    single, double, aromatic = (Chem.MolFromSmiles(s) for s in ("CC", "C=C", "c1ccccc1"))
    only_single = learn_vocabulary([single], 2)
    assert assign_fragments(single, only_single).tolist() == [0, 0]
    assert assign_fragments(double, only_single).tolist() == [0, 1]
    assert assign_fragments(aromatic, only_single).tolist() == [0, 1, 2, 3, 4, 5]
    biphenyl = Chem.MolFromSmiles("c1ccccc1-c1ccccc1")
    whole = learn_vocabulary([biphenyl], 50)
    assert fragment_smiles(biphenyl, assign_fragments(biphenyl, whole)) == ["c1ccc(-c2ccccc2)cc1"]


def test_overlapping_merges_take_one_side_only():
    propane = Chem.MolFromSmiles("CCC")
    assert np.bincount(assign_fragments(propane, learn_vocabulary([Chem.MolFromSmiles("CC")], 2))).tolist() in (
        [2, 1],
        [1, 2],
    )


@pytest.mark.parametrize("smiles", ["C[Si](C)(C)C", "[Xe]", "C[Se]C", "c1cc[se]c1", "C*", "[NH3]->[Pt](Cl)Cl"])
def test_an_unseen_element_is_its_own_fragment(vocabulary, smiles):
    mol = with_hydrogens(smiles)
    fragments = assign_fragments(mol, vocabulary)
    seen = {key.strip("[]") for key in vocabulary.fragments}
    for atom in mol.GetAtoms():
        if atom.GetSymbol() not in seen:
            assert np.sum(fragments == fragments[atom.GetIdx()]) == 1


def test_an_unusual_element_can_be_learned():
    selenophene = with_hydrogens("c1cc[se]c1")
    vocabulary = learn_vocabulary([selenophene], 100)
    assert assign_fragments(selenophene, vocabulary).max() == 0
    assert len(vocabulary) < vocabulary.size == 100


def test_components_never_share_a_fragment(vocabulary):
    salt = with_hydrogens("[Na+].[O-]C(=O)CCC.CCO")
    fragments = assign_fragments(salt, vocabulary)
    groups = [set(fragments[list(atoms)].tolist()) for atoms in Chem.GetMolFrags(salt)]
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_no_atoms_no_fragments(vocabulary):
    assert assign_fragments(Chem.Mol(), vocabulary).shape == (0,)
    assert fragment_smiles(Chem.Mol(), np.zeros(0, np.int64)) == []


def test_a_vocabulary_survives_json(mols, vocabulary):
    read = Vocabulary.from_dict(json.loads(json.dumps(vocabulary.to_dict())))
    assert read == vocabulary
    np.testing.assert_array_equal(assign_fragments(mols[0], read), assign_fragments(mols[0], vocabulary))


@pytest.mark.parametrize(
    "change",
    [{"extra": 1}, {"size": 0}, {"size": 3}, {"counts": [1]}],
    ids=["unknown key", "no size", "more fragments than size", "counts missing"],
)
def test_a_wrong_dictionary_is_refused(vocabulary, change):
    with pytest.raises(ValueError, match="vocabulary"):
        Vocabulary.from_dict(vocabulary.to_dict() | change)


def test_a_missing_key_is_refused(vocabulary):
    with pytest.raises(ValueError, match="counts"):
        Vocabulary.from_dict({k: v for k, v in vocabulary.to_dict().items() if k != "counts"})


def test_impossible_sizes_are_refused(mols, vocabulary):
    with pytest.raises(ValueError, match="truncate"):
        vocabulary.truncate(SIZES[-1] + 1)
    with pytest.raises(ValueError, match="size"):
        learn_vocabulary(mols[:1], 0)


def test_nothing_depends_on_the_hash_seed():
    script = (
        "import json, sys; from rdkit import Chem; from rdkit_ebd.chem.fragments import *\n"
        "mols = [Chem.AddHs(Chem.MolFromSmiles(s)) for s in json.load(sys.stdin)]\n"
        "v = learn_vocabulary(mols, 120)\n"
        "print(json.dumps([v.to_dict(), [assign_fragments(m, v).tolist() for m in mols]]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps(DRUGS[:30]),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1


def test_assigning_a_hundred_atoms_is_fast(vocabulary):
    mol = with_hydrogens("CN1CCN(Cc2ccc(C(=O)Nc3ccc(C)c(Nc4nccc(-c5cccnc5)n4)c3)cc2)CC1.CCCCCCCCCC")
    assign_fragments(mol, vocabulary)
    start = time.process_time()
    for _ in range(10):
        assign_fragments(mol, vocabulary)
    assert (time.process_time() - start) / 10 < 0.03  # ten times what it takes, for slow machines
