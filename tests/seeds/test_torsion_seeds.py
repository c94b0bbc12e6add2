"""Are seeds of turned bonds right, wide and the same every time?"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdMolAlign

from rdkit_ebd import EBD, EmbedMultipleConfs, EmbedWithReport
from rdkit_ebd.chem.conformers import new_conformer
from rdkit_ebd.chem.stereo import stereo_kept, stereo_labels
from rdkit_ebd.chem.torsions import dihedral_angles
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.seeds.diverse import least_alike, shape_profiles
from rdkit_ebd.seeds.rough_energy import rough_energies
from rdkit_ebd.seeds.seeding import Seeding
from rdkit_ebd.seeds.torsion_seeds import TorsionSeeding, TorsionStore, shares_below

IMATINIB = "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(-c2cccnc2)n1"
MANY_CENTRES = "C[C@H](CS)C(=O)N1CCC[C@H]1C(=O)N[C@@H](C)/C=C/[C@H](O)CCl"


def _made(smiles: str, count: int, **settings: object) -> Chem.Mol:
    mol = with_hydrogens(smiles)
    EmbedMultipleConfs(mol, count, EBD(coarse="torsions", randomSeed=5, numRounds=1, **settings))  # type: ignore[arg-type]
    return mol


def _positions(mol: Chem.Mol) -> np.ndarray:
    return np.array([conformer.GetPositions() for conformer in mol.GetConformers()])


def _spread(mol: Chem.Mol) -> float:
    """Mean RMSD of each conformer from the nearest of the others, heavy atoms."""
    bare = Chem.RemoveHs(mol)
    ids = [c.GetId() for c in bare.GetConformers()]
    apart = np.full((len(ids), len(ids)), np.inf)
    for i, j in combinations(range(len(ids)), 2):
        apart[i, j] = apart[j, i] = rdMolAlign.GetBestRMS(bare, bare, ids[i], ids[j])
    return float(apart.min(0).mean())


@pytest.mark.parametrize("smiles", [IMATINIB, MANY_CENTRES, "naproxen", "morphine"])
def test_all_are_made_with_the_written_stereo(smiles: str) -> None:
    mol = _made(smiles, 12)
    assert mol.GetNumConformers() == 12
    for conformer in mol.GetConformers():
        seen = Chem.Mol(mol, True)
        seen.AddConformer(Chem.Conformer(conformer), assignId=True)
        Chem.AssignStereochemistryFrom3D(seen)
        assert Chem.MolToSmiles(Chem.RemoveHs(seen)) == Chem.MolToSmiles(Chem.RemoveHs(mol))


def test_the_same_every_time_and_others_with_another_seed() -> None:
    first, again = (_positions(_made(IMATINIB, 8)) for _ in range(2))
    assert np.array_equal(first, again)
    other = with_hydrogens(IMATINIB)
    EmbedMultipleConfs(other, 8, coarse="torsions", randomSeed=6, numRounds=1)
    assert np.abs(_positions(other) - first).max() > 0.5


def test_groups_of_one_molecule_are_not_repeated() -> None:
    """Where time is limited conformers come in groups, each with seeds of its own."""
    mol = with_hydrogens(IMATINIB)
    report = EmbedWithReport(mol, 30, coarse="torsions", randomSeed=5, numRounds=1, timeout=20)
    positions = _positions(mol)
    assert len(report.ids) == 30
    apart = np.abs(positions[:, None] - positions[None]).max((2, 3))[np.triu_indices(30, 1)]
    assert apart.min() > 0.05


def test_ensembles_are_wider_than_those_of_an_embedding_for_each() -> None:
    smiles = "CCCCOC(=O)CCC(=O)NCc1ccccc1"
    wide = _spread(_made(smiles, 15, seedEnergyShare=1))
    plain = with_hydrogens(smiles)
    EmbedMultipleConfs(plain, 15, coarse="skeleton", seedPool=1, randomSeed=5, numRounds=1)
    assert wide > 1.1 * _spread(plain)


def test_held_atoms_stay() -> None:
    mol = _made(IMATINIB, 1)
    held = {i: tuple(mol.GetConformer().GetAtomPosition(i)) for i in range(1, 8)}
    work = with_hydrogens(IMATINIB)
    EmbedMultipleConfs(work, 3, EBD(coarse="torsions", randomSeed=2, coordMap=held))
    assert work.GetNumConformers() == 3
    for conformer in work.GetConformers():
        assert np.abs(conformer.GetPositions()[list(held)] - np.array(list(held.values()))).max() < 1e-3


def test_seeds_are_less_strained_where_only_the_lower_are_taken() -> None:
    mol = with_hydrogens("CCCCOC(=O)CCC(=O)NCc1ccccc1")
    tables = check_tables(mol)
    medians = []
    for share in (0.25, 1.0):
        embedding = Seeding(mol, tables, EBD().coarse_parameters)
        seeds = TorsionSeeding(mol, tables, embedding, TorsionStore.empty(mol), share).candidates(range(20), 7, pool=8)
        assert seeds.sound.all()
        energies = rough_energies(mol, seeds.first)
        assert energies is not None
        medians.append(float(np.median(energies)))
    assert medians[0] < medians[1] - 1.0


def test_large_rings_are_as_many_as_an_embedding_for_each_gives() -> None:
    """They do not turn, and those whose hydrogens crowd each other are made again."""
    mol = Chem.RemoveHs(_made("O=C1CCCCCCCCCCCCCCO1", 16))
    kept: list[int] = []
    for i in range(mol.GetNumConformers()):
        if all(rdMolAlign.GetBestRMS(mol, mol, i, j) > 0.5 for j in kept):
            kept.append(i)
    assert len(kept) >= 8


@pytest.mark.parametrize(("smiles", "isomers"), [("CC1CCCC1C(N)=O", 4), ("CC=CCC", 2), ("CC(O)C(N)CC", 4)])
def test_of_stereo_that_is_not_written_all_isomers_are_made(smiles: str, isomers: int) -> None:
    mol = _made(smiles, 32)
    found = set()
    for conformer in mol.GetConformers():
        seen = Chem.Mol(mol, True)
        seen.AddConformer(Chem.Conformer(conformer), assignId=True)
        Chem.AssignStereochemistryFrom3D(seen)
        found.add(Chem.MolToSmiles(Chem.RemoveHs(seen)))
    assert len(found) == isomers


@pytest.mark.parametrize("smiles", ["CC(=O)O", "NCC(=O)O", "CCOC(=O)CCC(=O)O"])
def test_acids_and_esters_are_z(smiles: str) -> None:
    """As in the gas: formic acid is Z by 4 kcal/mol (Hocking 1976), methyl acetate by 8 (Blom and Günthard 1981)."""
    mol = _made(smiles, 16)
    quads = np.array(mol.GetSubstructMatches(Chem.MolFromSmarts("O=C-O-[#1,#6]")))
    turned = np.abs(np.rad2deg(dihedral_angles(_positions(mol), quads)))
    assert (turned < 45).mean() > 0.9


def test_each_kind_has_its_own_lower_half() -> None:
    shares = shares_below(np.array([3.0, 1.0, 2.0, 9.0, 8.0]), np.array([0, 0, 0, 1, 1]))
    assert np.allclose(shares, [2 / 3, 0, 1 / 3, 1 / 2, 0])


def test_profiles_know_equivalent_atoms_and_mirror_images() -> None:
    mol = _made("CC(F)(Cl)CCc1ccccc1", 1)
    x = _positions(mol)
    classes = np.array(Chem.CanonicalRankAtoms(mol, breakTies=False, includeChirality=False))
    classes = np.where([a.GetAtomicNum() > 1 for a in mol.GetAtoms()], classes, -1)
    ring = mol.GetSubstructMatch(Chem.MolFromSmarts("Cc1ccccc1"))
    flipped = x.copy()
    flipped[:, [ring[2], ring[3]]] = x[:, [ring[6], ring[5]]]
    flipped[:, [ring[6], ring[5]]] = x[:, [ring[2], ring[3]]]
    turned = x @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    profiles = shape_profiles(np.concatenate([x, flipped, x + 3.0]), classes)
    assert np.allclose(profiles[0], profiles[1])
    assert np.allclose(profiles[0], profiles[2])
    mirrored = shape_profiles(np.concatenate([x, x * [-1, 1, 1]]), classes)
    assert np.linalg.norm(mirrored[0] - mirrored[1]) > 0.1
    assert np.allclose(np.abs(shape_profiles(turned, classes)), np.abs(profiles[:1]), atol=1e-6)


def test_the_choice_is_of_the_farthest() -> None:
    line = np.array([[0.0], [0.1], [10.0], [5.0], [9.9]])
    assert least_alike(line, 3).tolist() == [0, 2, 3]
    assert sorted(least_alike(line, 9).tolist()) == [0, 1, 2, 3, 4]


def test_stereo_of_double_bonds_between_turned_ends_is_kept() -> None:
    mol = _made("C/C(CCO)=C(/CCN)CCCl", 10)
    assert stereo_kept(_positions(mol), stereo_labels(mol)).all()
    assert new_conformer(_positions(mol)[0]).GetNumAtoms() == mol.GetNumAtoms()
