"""Do conformers take the torsions of others, and nothing else of them? And do bonds turn where atoms are too near?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import angle_pairs, bond_pairs, conformers, lengths, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from rdkit_ebd.chem.stereo import stereo_kept, stereo_labels
from rdkit_ebd.chem.torsions import dihedral_angles, rotatable_bonds
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.seeds.declash import MOST_TURNS, clearance, declashed
from rdkit_ebd.seeds.recombine import recombined

FLEXIBLE = ["salbutamol", "captopril", "tamoxifen", "cinnarizine"]


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """Greatest difference of two sets of angles, radians."""
    return float(np.abs(np.angle(np.exp(1j * (a - b)))).max())


@pytest.mark.parametrize("name", FLEXIBLE)
def test_dihedrals_are_rdkits(name: str) -> None:
    mol, x = with_hydrogens(name), conformers(name, 2)
    quads, _ = rotatable_bonds(mol)
    for row, angles in zip(x, dihedral_angles(x, quads), strict=True):
        conformer = Chem.Conformer(len(row))
        conformer.SetPositions(row.astype(float))
        theirs = [rdMolTransforms.GetDihedralRad(conformer, *quad) for quad in quads.tolist()]
        assert apart(angles, np.array(theirs)) < 1e-5


@pytest.mark.parametrize("name", FLEXIBLE)
def test_torsions_are_the_donors_and_all_else_the_bases(name: str) -> None:
    mol, x = with_hydrogens(name), conformers(name, 5).astype(float)
    quads, far_side = rotatable_bonds(mol)
    random = np.random.default_rng(3)
    bases, donors = random.integers(5, size=7), random.integers(5, size=(7, len(quads)))
    found = recombined(x, quads, far_side, bases, donors)
    wanted = np.take_along_axis(dihedral_angles(x, quads), donors, 0)
    assert apart(dihedral_angles(found, quads), wanted) < 1e-6
    for pairs in (bond_pairs(mol), angle_pairs(mol)):
        assert np.allclose(lengths(found, pairs), lengths(x[bases], pairs), atol=1e-6)
    assert (stereo_kept(found, stereo_labels(mol)) == stereo_kept(x[bases], stereo_labels(mol))).all()


def test_a_conformer_of_its_own_torsions_is_itself() -> None:
    mol, x = with_hydrogens("salbutamol"), conformers("salbutamol", 3).astype(float)
    quads, far_side = rotatable_bonds(mol)
    own = np.repeat(np.arange(3)[:, None], len(quads), 1)
    assert np.allclose(recombined(x, quads, far_side, np.arange(3), own), x, atol=1e-9)


def crowded_biphenyl() -> tuple[Chem.Mol, np.ndarray]:
    """2,2'-dimethylbiphenyl, flat, the methyls in one another."""
    name = "Cc1ccccc1-c1ccccc1C"
    mol, x = with_hydrogens(name), conformers(name, 1)[0].astype(float)
    quads = rotatable_bonds(mol)[0].tolist()
    [bridge] = (q for q in quads if all(mol.GetAtomWithIdx(i).GetIsAromatic() for i in q[1:3]))
    flat = []
    for angle in (0.0, 180.0):
        copy, conformer = Chem.Mol(mol, True), Chem.Conformer(len(x))
        conformer.SetPositions(x)
        copy.AddConformer(conformer)
        rdMolTransforms.SetDihedralDeg(copy.GetConformer(), *bridge, angle)
        flat.append(copy.GetConformer().GetPositions())
    return mol, flat[int(clearance(np.array(flat), check_tables(mol).room).argmin())]


def test_who_is_crowded_gets_room() -> None:
    mol, x = crowded_biphenyl()
    clashes = check_tables(mol).room
    quads, far_side = rotatable_bonds(mol)
    found = declashed(x, clashes, quads[:, 1:3], far_side, 1.1)
    assert clearance(x[None], clashes)[0] < 0.7
    assert clearance(found[None], clashes)[0] > 1.0
    assert np.allclose(lengths(found[None], bond_pairs(mol)), lengths(x[None], bond_pairs(mol)))
    assert np.allclose(lengths(found[None], angle_pairs(mol)), lengths(x[None], angle_pairs(mol)))
    turned = dihedral_angles(np.stack([x, found]), quads)
    assert np.rad2deg(np.abs(np.angle(np.exp(1j * (turned[0] - turned[1]))))).max() <= 45 * MOST_TURNS


def test_who_has_room_stays_as_it_is() -> None:
    mol, x = with_hydrogens("salbutamol"), conformers("salbutamol", 1)[0].astype(float)
    quads, far_side = rotatable_bonds(mol)
    clashes = check_tables(mol).room
    assert np.array_equal(declashed(x, clashes, quads[:, 1:3], far_side, clearance(x[None], clashes)[0]), x)


def test_what_turning_cannot_help_stays_as_it_is() -> None:
    mol, x = with_hydrogens("C1CCCCC1"), conformers("C1CCCCC1", 1)[0].astype(float)
    quads, far_side = rotatable_bonds(mol)
    assert np.array_equal(declashed(x / 2, check_tables(mol).room, quads[:, 1:3], far_side, 1.0), x / 2)


def test_openness_is_the_least_ratio() -> None:
    mol, x = with_hydrogens("aspirin"), conformers("aspirin", 3)
    clashes = check_tables(mol).room
    slow = [
        min(np.linalg.norm(y[i] - y[j]) / low for (i, j), low in zip(clashes.pairs, clashes.lower, strict=True))
        for y in x
    ]
    assert clearance(x, clashes) == pytest.approx(slow, rel=1e-5)
