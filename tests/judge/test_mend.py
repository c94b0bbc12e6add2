"""Is what is a little off brought to the references, the rest left in peace, and what is far off left as it is?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import angle_pairs, bond_pairs, conformers, embedded, lengths, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from rdkit_ebd import EmbedMultipleConfs
from rdkit_ebd.chem.stereo import stereo_kept
from rdkit_ebd.judge.mend import mend_failed, mended, with_usual_ends
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.judge.verdict import judge
from rdkit_ebd.report import FailureCause

NITROSAMINE = "O=NN1CCC(c2ccccc2)CC1"


def stretched(smiles: str, i: int, j: int, length: float) -> tuple[Chem.Mol, np.ndarray]:
    """A molecule at its MMFF94 minimum, but for one bond."""
    mol = embedded(smiles, relaxed=True)
    rdMolTransforms.SetBondLength(mol.GetConformer(), i, j, length)
    return mol, mol.GetConformer().GetPositions()


@pytest.mark.parametrize("length", [1.04, 1.10, 1.45])
def test_a_bond_is_brought_to_the_references_and_nothing_else_changes(length: float) -> None:
    mol, x = stretched(NITROSAMINE, 1, 0, length)
    tables = check_tables(mol)
    assert judge(x[None], tables).causes[FailureCause.BOND_LENGTH].all()
    found = mended(x, tables)
    assert found is not None
    assert judge(found[None], tables).ok.all()
    assert np.linalg.norm(found[0] - found[1]) == pytest.approx(1.22, abs=0.03)  # B3LYP-D3BJ/DZVP and GFN2-xTB
    others = [pair for pair in bond_pairs(mol).tolist() if pair != [0, 1]]
    assert np.abs(lengths(found, np.array(others)) - lengths(x, np.array(others))).max() < 0.02


def test_written_stereo_survives() -> None:
    smiles = "C[C@H](F)/C=C/[C@@H](Cl)CC(=O)N(C)N=O"
    mol = with_hydrogens(smiles)
    tables, x = check_tables(mol), conformers(smiles, relaxed=True)[0]
    nitroso = mol.GetSubstructMatch(Chem.MolFromSmarts("N=O"))
    x[nitroso[1]] += 0.25 * (x[nitroso[1]] - x[nitroso[0]])
    found = mended(x, tables)
    assert found is not None
    assert judge(found[None], tables).ok.all()
    assert stereo_kept(found, tables.labels)


def test_hydrogens_that_overlap_are_pushed_apart_by_turning_bonds() -> None:
    smiles = "CCCCCCCC"
    mol = embedded(smiles, relaxed=True)
    tables, conformer = check_tables(mol), mol.GetConformer()
    for quad, degrees in (((0, 1, 2, 3), 62.0), ((1, 2, 3, 4), -75.0), ((2, 3, 4, 5), 180.0)):
        rdMolTransforms.SetDihedralDeg(conformer, *quad, degrees)
    crowded = conformer.GetPositions()
    assert judge(crowded[None], tables).causes[FailureCause.CLASH].all()
    found = mended(crowded, tables)
    assert found is not None
    assert judge(found[None], tables).ok.all()
    for pairs in (bond_pairs(mol), angle_pairs(mol)):
        assert np.abs(lengths(found, pairs) - lengths(crowded, pairs)).max() < 0.1


def test_a_twisted_lactam_is_flattened() -> None:
    smiles = "O=C1CCCN1c1ccccc1"
    mol, x = with_hydrogens(smiles), conformers(smiles, relaxed=True)[0]
    tables = check_tables(mol)
    normal = np.cross(x[1] - x[5], x[2] - x[5])
    bent = x.copy()
    bent[0] += 0.75 * normal / np.linalg.norm(normal)
    assert judge(bent[None], tables).causes[FailureCause.GROUP_NOT_FLAT].all()
    found, better = mend_failed(bent[None], judge(bent[None], tables), tables)
    assert better.all()
    assert judge(found, tables).ok.all()


def test_held_atoms_stay() -> None:
    mol, x = stretched(NITROSAMINE, 1, 0, 1.06)
    found = mended(x, check_tables(mol), held=[1, 2, 3])
    assert found is not None
    assert np.array_equal(found[[1, 2, 3]], x[[1, 2, 3]])
    assert np.linalg.norm(found[0] - found[1]) > 1.15


def test_what_is_far_off_is_left_to_another_attempt() -> None:
    mol, x = stretched(NITROSAMINE, 1, 0, 2.2)
    assert mended(x, check_tables(mol)) is None


def test_of_many_those_that_fail_are_mended_and_the_others_untouched() -> None:
    mol, off = stretched(NITROSAMINE, 1, 0, 1.06)
    mirrored = stretched("C[C@H](F)C(=O)O", 1, 2, 1.2)
    tables = check_tables(mol)
    good = mended(off, tables)
    assert good is not None
    coords = np.stack([good, off, np.full_like(good, np.nan)])
    before = coords.copy()
    found, better = mend_failed(coords, judge(coords, tables), tables)
    assert better.tolist() == [False, True, False]
    assert np.array_equal(coords, before, equal_nan=True)
    assert np.array_equal(found[0], good)
    assert judge(found[1][None], tables).ok.all()
    other = check_tables(mirrored[0])
    inverted = mirrored[1][None] * [-1.0, 1.0, 1.0]
    assert not mend_failed(inverted, judge(inverted, other), other)[1].any()


def test_nothing_to_mend_moves_nothing() -> None:
    x = conformers("ibuprofen", relaxed=True)[0]
    found = mended(x, check_tables(with_hydrogens("ibuprofen")))
    assert found is not None
    assert np.abs(found - x).max() < 0.06  # contacts are given a little room


def test_ends_alone_are_set_to_their_usual_distance() -> None:
    """Minima have O-H of .96 to .97 A (B3LYP), C=O of a ketone of 1.21 to 1.22."""
    mol = with_hydrogens("CC(=O)CCO")
    assert EmbedMultipleConfs(mol, 3, randomSeed=1) == [0, 1, 2]
    x = np.array([conformer.GetPositions() for conformer in mol.GetConformers()])
    oxygen, hydrogen = mol.GetSubstructMatch(Chem.MolFromSmarts("[OX2][H]"))
    carbon, keto = mol.GetSubstructMatch(Chem.MolFromSmarts("C=O"))
    spoiled = x.copy()
    spoiled[1, hydrogen] = x[1, oxygen] + 0.8 * (x[1, hydrogen] - x[1, oxygen])
    spoiled[2, keto] = x[2, carbon] + 1.15 * (x[2, keto] - x[2, carbon])
    tables = check_tables(mol)
    found = with_usual_ends(spoiled, tables)
    assert 0.955 < np.linalg.norm(found[1, hydrogen] - found[1, oxygen]) < 0.975
    assert 1.20 < np.linalg.norm(found[2, keto] - found[2, carbon]) < 1.23
    changed = np.argwhere((found != spoiled).any(-1)).tolist()
    assert changed == [[1, hydrogen], [2, keto]]
    assert np.array_equal(with_usual_ends(spoiled, tables, [hydrogen, keto]), spoiled)
    assert np.array_equal(with_usual_ends(np.full_like(x, np.nan), tables), np.full_like(x, np.nan), equal_nan=True)
