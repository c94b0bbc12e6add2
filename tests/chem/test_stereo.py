"""Does rdkit_ebd.chem.stereo demand what RDKit perceives again from coordinates, and nothing else?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem.rdDistGeom import EmbedMultipleConfs, ETKDGv3

from rdkit_ebd.chem import stereo

CENTRES = [
    "C[C@H](N)C(=O)O",
    "C[C@@](F)(Cl)Br",
    "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",  # morphine
    "C[C@]12CC[C@H]3[C@@H](CCc4cc(O)ccc34)[C@@H]1CC[C@@H]2O",  # estradiol
    "C[C@]12CC[C@H]3[C@@H](CCC4=CC(=O)CC[C@]34C)[C@@H]1CC[C@@H]2O",  # testosterone
    "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",  # penicillin G
    "OC[C@H]1O[C@@](CO)(O[C@H]2O[C@H](CO)[C@@H](O)[C@H](O)[C@H]2O)[C@@H](O)[C@@H]1O",  # sucrose
    "CC1(C)[C@@H]2CC[C@@]1(C)C(=O)C2",  # camphor
    "COC(=O)[C@H]1[C@@H](OC(=O)c2ccccc2)C[C@@H]2CC[C@H]1N2C",  # cocaine
    "C[C@@H]1CC[C@H]2[C@@H](C)C(=O)O[C@@H]3O[C@@]4(C)CC[C@@H]1[C@@]23OO4",  # artemisinin
    "C[S@](=O)c1ccccc1",
    "C[S@@+]([O-])CC",
    "C[S@](=N)(=O)CC",
    "COc1ccc2[nH]c([S@](=O)Cc3ncc(C)c(OC)c3C)nc2c1",  # esomeprazole
    "C[Se@](=O)CC",
    "C[P@](=O)(OC)F",
    "C[P@](=S)(c1ccccc1)CC",
    "C[P@+](CC)(CCC)Cc1ccccc1",
    "C[N@+](CC)(CCC)Cc1ccccc1",
    "C[N@@+]([O-])(CC)CCC",
    "C[Si@](F)(Cl)Br",
    "[2H][C@H](C)O",
    "*[C@H](C)O",
    "F[C@H]1C[C@@H]1Cl",
    "O=C1C[C@@H]2C[C@H]1C2",
    "C[C@H](O)C#C",
    "CC1(C)[C@@H]2CC[C@@]1(C)[C@H](O)C2",  # a borneol
]
DOUBLE_BONDS = [
    "C/C=C/C",
    "C/C=C\\C(=O)O",
    "F/C(Cl)=C(\\Br)I",
    "C/C(=N\\O)c1ccccc1",
    "C/N=N/C",
    "CC/N=C/c1ccccc1",
    "C1CCC/C=C/CC1",
    "C1CCC/C=C\\CC1",
    "C(/C=C/c1ccccc1)=C\\C",
    "OC(=O)/C=C/C(=O)O",
    "C/C=C/C=C\\C=C\\C",
    "CC(C)/C(F)=C(/C)Cl",
    "*/C=C/C",
]
BOTH = [
    "C[C@@H]1C[C@H]1/C=C/C",
    "CC[C@H]1OC(=O)[C@H](C)[C@@H](O)[C@@H](C)C/C(C)=C/C[C@@H]1O",
    "CCCCC[C@H](O)/C=C/[C@H]1[C@H](O)CC(=O)[C@@H]1C/C=C\\CCCC(=O)O",  # dinoprostone
    "C/C=C/[C@H](C)[S@](=O)c1ccccc1",
    "CC[C@H]1OC(=O)[C@H](C)[C@@H](O)[C@H](C)[C@@H](O)[C@](C)(O)C[C@@H](C)C(=O)[C@H](C)[C@@H](O)[C@]1(C)O",  # macrolide
]
# RDKit keeps these tags and embeds them, but perceives nothing from 3D: three-coordinate P, As and N.
SILENT = ["C[P@](CC)c1ccccc1", "C[As@](CC)c1ccccc1", "C[N@@]1C[C@@H]1C", "C1C[N@@]2C[C@@H]1CC2"]
ATROPISOMERS = [
    "Cc1cccc(I)c1-c1c(F)cccc1Br |wU:7.7|",
    "Cc1cccc(I)c1-c1c(F)cccc1Br |wD:7.7|",
    "Cc1cccc(I)c1N1C(=O)C=CC1C |wU:7.7|",
]
MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(params=[True, False], ids=["legacy", "new"])
def perception(request: pytest.FixtureRequest) -> Iterator[bool]:
    before = Chem.GetUseLegacyStereoPerception()
    Chem.SetUseLegacyStereoPerception(request.param)
    yield request.param
    Chem.SetUseLegacyStereoPerception(before)


@lru_cache(maxsize=256)
def embedded(smiles: str, hydrogens: bool = True, legacy: bool = True, count: int = 3) -> Chem.Mol:
    mol = Chem.MolFromSmiles(smiles)
    return embed(Chem.AddHs(mol) if hydrogens else mol, count)


def embed(mol: Chem.Mol, count: int = 3) -> Chem.Mol:
    params = ETKDGv3()
    params.randomSeed = 7  # type: ignore[assignment]  # a slip in RDKit's stub
    assert len(EmbedMultipleConfs(mol, count, params)) == count
    return mol


def positions(mol: Chem.Mol) -> np.ndarray:
    return np.array([conf.GetPositions() for conf in mol.GetConformers()])


def with_coords(mol: Chem.Mol, coords: np.ndarray) -> Chem.Mol:
    copy = Chem.Mol(mol)
    copy.RemoveAllConformers()
    conf = Chem.Conformer(mol.GetNumAtoms())
    conf.Set3D(True)
    conf.SetPositions(np.ascontiguousarray(coords))
    copy.AddConformer(conf, assignId=True)
    return copy


def written(mol: Chem.Mol) -> str:
    return Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(mol)))


def perceived(mol: Chem.Mol, coords: np.ndarray) -> str:
    copy = with_coords(mol, coords)
    Chem.AssignStereochemistryFrom3D(copy)
    return written(copy)


def tags(mol: Chem.Mol, atoms: np.ndarray) -> list[int]:
    return [stereo.TETRAHEDRAL.get(mol.GetAtomWithIdx(int(i)).GetChiralTag(), 0) for i in atoms]


@pytest.mark.parametrize("hydrogens", [True, False], ids=["explicit", "implicit"])
@pytest.mark.parametrize("smiles", CENTRES + DOUBLE_BONDS + BOTH)
def test_what_rdkit_embeds_and_perceives_again_is_kept(smiles: str, hydrogens: bool, perception: bool) -> None:
    mol = embedded(smiles, hydrogens, perception)
    labels, coords = stereo.stereo_labels(mol), positions(mol)
    kept = stereo.stereo_kept(coords, labels)
    assert kept.all()
    assert not stereo.unjudged_stereo(mol)
    sulfoximine = "=N)" in smiles and hydrogens  # its N-H is a double bond RDKit leaves open, and RemoveHs keeps it
    assert sulfoximine or {perceived(mol, x) for x in coords} == {written(mol)}


@pytest.mark.parametrize("hydrogens", [True, False], ids=["explicit", "implicit"])
@pytest.mark.parametrize("smiles", CENTRES + BOTH)
def test_mirror_images_fail_at_every_centre_and_at_no_double_bond(
    smiles: str, hydrogens: bool, perception: bool
) -> None:
    mol = embedded(smiles, hydrogens, perception)
    labels, coords = stereo.stereo_labels(mol), positions(mol) * MIRROR
    assert len(labels.centre_atoms) == sum(atom.GetChiralTag() in stereo.TETRAHEDRAL for atom in mol.GetAtoms()) > 0
    assert not stereo.centres_kept(coords, labels).any()
    assert stereo.double_bonds_kept(coords, labels).all()
    for x in coords:
        copy = with_coords(mol, x)
        Chem.AssignAtomChiralTagsFromStructure(copy)
        assert tags(copy, labels.centre_atoms) == [-tag for tag in tags(mol, labels.centre_atoms)]


def turned(mol: Chem.Mol, coords: np.ndarray, b: int, c: int) -> np.ndarray:
    """One half of the molecule turned by 180 degrees around the acyclic bond b=c."""
    cut = Chem.FragmentOnBonds(mol, [mol.GetBondBetweenAtoms(b, c).GetIdx()], addDummies=False)
    half = next(list(atoms) for atoms in Chem.GetMolFrags(cut) if c in atoms)
    axis = (coords[c] - coords[b]) / np.linalg.norm(coords[c] - coords[b])
    out, arms = coords.copy(), coords[half] - coords[c]
    out[half] = coords[c] + 2 * (arms @ axis)[:, None] * axis - arms
    return out


@pytest.mark.parametrize("smiles", DOUBLE_BONDS + BOTH)
def test_swapping_one_double_bond_fails_that_one_alone(smiles: str, perception: bool) -> None:
    mol = embedded(smiles, True, perception)
    labels, coords = stereo.stereo_labels(mol), positions(mol)
    for row, (_, b, c, _) in enumerate(labels.double_bonds.tolist()):
        if mol.GetBondBetweenAtoms(b, c).IsInRing():
            continue
        swapped = np.array([turned(mol, x, b, c) for x in coords])
        kept = stereo.double_bonds_kept(swapped, labels)
        assert not kept[:, row].any()
        assert np.delete(kept, row, axis=1).all()
        assert stereo.centres_kept(swapped, labels).all()
        assert written(mol) not in {perceived(mol, x) for x in swapped}


def test_the_other_cyclooctene_is_not_kept(perception: bool) -> None:
    trans, cis = embedded("C1CCC/C=C/CC1", True, perception), embedded("C1CCC/C=C\\CC1", True, perception)
    assert not stereo.stereo_kept(positions(cis), stereo.stereo_labels(trans)).any()
    assert not stereo.stereo_kept(positions(trans), stereo.stereo_labels(cis)).any()


def test_whatever_is_kept_of_a_distorted_conformer_is_perceived_the_same(perception: bool) -> None:
    rng, seen = np.random.default_rng(0), 0
    for smiles in CENTRES[:12] + DOUBLE_BONDS + BOTH:
        mol = embedded(smiles, True, perception)
        labels, base = stereo.stereo_labels(mol), positions(mol)[0]
        noisy = base + rng.normal(size=(10, *base.shape)) * rng.uniform(0.1, 0.5, size=(10, 1, 1))
        for x in noisy[stereo.stereo_kept(noisy, labels)]:
            seen += 1
            without = Chem.MolFromMolBlock(Chem.MolToMolBlock(Chem.RemoveHs(with_coords(mol, x))))
            assert perceived(mol, x) == written(without) == written(mol)
    assert seen > 100


@pytest.mark.parametrize("smiles", SILENT)
def test_centres_that_rdkit_cannot_perceive_again_are_demanded_all_the_same(smiles: str) -> None:
    mol = embedded(smiles, False, count=1)
    labels, coords = stereo.stereo_labels(mol), positions(mol)
    assert stereo.stereo_kept(coords, labels).all()
    assert not stereo.centres_kept(coords * MIRROR, labels).any()
    copy = with_coords(mol, coords[0])
    Chem.AssignAtomChiralTagsFromStructure(copy)
    assert 0 in tags(copy, labels.centre_atoms)


@pytest.mark.parametrize("smiles", ATROPISOMERS)
def test_atropisomers_are_judged_as_rdkit_perceives_them(smiles: str) -> None:
    mol = embedded(smiles)
    labels, coords = stereo.stereo_labels(mol), positions(mol)
    assert len(labels.atropisomers) == 1
    assert stereo.stereo_kept(coords, labels).all()
    assert not stereo.stereo_kept(coords * MIRROR, labels).any()
    for x, same in ((coords[0], True), (coords[0] * MIRROR, False)):
        again = Chem.MolFromMolBlock(Chem.MolToMolBlock(with_coords(mol, x)), removeHs=False)
        found = [b.GetStereo() for b in again.GetBonds() if b.GetStereo() in stereo.ATROPISOMERS]
        expected = [b.GetStereo() for b in mol.GetBonds() if b.GetStereo() in stereo.ATROPISOMERS]
        assert (found == expected) is same


@pytest.mark.parametrize("smiles", CENTRES + DOUBLE_BONDS + BOTH)
def test_renumbering_atoms_changes_no_answer(smiles: str, perception: bool) -> None:
    mol = embedded(smiles, True, perception)
    order = np.random.default_rng(1).permutation(mol.GetNumAtoms())
    shuffled = Chem.RenumberAtoms(mol, order.tolist())
    before, after = stereo.stereo_labels(mol), stereo.stereo_labels(shuffled)
    coords = positions(shuffled)
    assert np.allclose(coords, positions(mol)[:, order])
    assert sorted(order[after.centre_atoms]) == sorted(before.centre_atoms)
    assert len(after.double_bonds) == len(before.double_bonds)
    assert stereo.stereo_kept(coords, after).all()
    assert not stereo.centres_kept(coords * MIRROR, after).any()


@pytest.mark.parametrize("smiles", CENTRES[:6] + DOUBLE_BONDS + BOTH)
def test_mol_blocks_are_read_like_smiles(smiles: str, perception: bool) -> None:
    mol = embedded(smiles, True, perception)
    again = Chem.MolFromMolBlock(Chem.MolToMolBlock(mol), removeHs=False)
    labels = stereo.stereo_labels(again)
    # from a block with explicit hydrogens RDKit's new perception tags isopropyl groups too, as they are in the block
    assert set(stereo.stereo_labels(mol).centre_atoms) <= set(labels.centre_atoms)
    assert len(labels.double_bonds) == len(stereo.stereo_labels(mol).double_bonds)
    assert stereo.stereo_kept(positions(mol)[0], labels)


def test_a_label_without_reference_atoms_means_the_cip_ranked_ones() -> None:
    mol = Chem.MolFromSmiles("CC(F)=C(C)Cl")
    mol.GetBondWithIdx(2).SetStereo(Chem.BondStereo.STEREOZ)
    labels = stereo.stereo_labels(mol)
    assert labels.double_bonds.tolist() == [[2, 1, 3, 5]]
    assert labels.double_bond_cis.tolist() == [True]
    assert labels.double_bond_others.tolist() == [[0, 4]]
    assert list(mol.GetBondWithIdx(2).GetStereoAtoms()) == []


def test_unspecified_stereo_is_not_demanded() -> None:
    mol = embedded("CC(N)C(=O)OC=CC")
    labels = stereo.stereo_labels(mol)
    assert len(labels.centre_atoms) == len(labels.double_bonds) == len(labels.atropisomers) == 0
    assert stereo.stereo_kept(positions(mol), labels).tolist() == [True] * 3
    assert labels.centre_quads.shape == labels.double_bonds.shape == labels.atropisomers.shape == (0, 4)


def test_shapes_nan_flat_and_the_callers_molecule() -> None:
    mol = embedded("C/C=C/[C@H](C)O")
    before = mol.ToBinary()
    labels, coords = stereo.stereo_labels(mol), positions(mol)
    assert mol.ToBinary() == before
    assert stereo.centres_kept(coords[0], labels).shape == (1,)
    assert stereo.double_bonds_kept(coords[None], labels).shape == (1, 3, 1)
    assert bool(stereo.stereo_kept(coords[0], labels))
    assert not stereo.stereo_kept(np.full_like(coords, np.nan), labels).any()
    assert not stereo.stereo_kept(np.zeros_like(coords), labels).any()
    assert not stereo.centres_kept(coords * [1, 1, 0], labels).any()
    assert stereo.stereo_kept(coords[:0], labels).shape == (0,)


@pytest.mark.parametrize(
    ("smiles", "word"),
    [
        ("C[Pt@SP1](F)(Cl)Br", "squareplanar"),
        ("F[Co@OH1](Cl)(Br)(I)(C)N", "octahedral"),
        ("C[As@TB1](F)(Cl)(Br)N", "pyr"),
    ],
)
def test_stereo_that_is_not_judged_is_named(smiles: str, word: str) -> None:
    mol = Chem.MolFromSmiles(smiles)
    assert len(stereo.stereo_labels(mol).centre_atoms) == 0
    assert [word in line for line in stereo.unjudged_stereo(mol)] == [True]
