"""Are saturated rings chairs where they should be, and boats where their bridges make them so?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDistGeom
from rdkit.Chem.rdForceFieldHelpers import MMFFOptimizeMoleculeConfs

from rdkit_ebd import EmbedMultipleConfs
from rdkit_ebd.chem.torsions import dihedral_angles
from rdkit_ebd.seeds.ring_shapes import ring_shapes
from rdkit_ebd.seeds.ring_systems import saturated_systems, surroundings

CHAIRS = {
    "menthol": "C[C@@H]1CC[C@H](C(C)C)[C@@H](O)C1",
    "trans-4-tert-butylcyclohexanol": "CC(C)(C)[C@H]1CC[C@H](O)CC1",
    "venlafaxine": "COc1ccc(cc1)[C@@H](CN(C)C)C1(O)CCCCC1",
    "paroxetine": "Fc1ccc([C@@H]2CCNC[C@H]2COc2ccc3OCOc3c2)cc1",
    "trans-decalin acid": "OC(=O)[C@@H]1CCC[C@@H]2CCCC[C@H]12",
    "cis-decalin acid": "OC(=O)[C@@H]1CCC[C@H]2CCCC[C@H]12",
    "N-phenylpiperidine": "C1CCN(CC1)c1ccccc1",
    "haloperidol": "OC1(CCN(CCCC(=O)c2ccc(F)cc2)CC1)c1ccc(Cl)cc1",
    "N-benzylpiperazine": "CN1CCN(CC1)Cc1ccccc1",
    "morpholine amide": "O=C(c1ccccc1)N1CCOCC1",
    "glucoside": "CO[C@@H]1O[C@H](CO)[C@@H](O)[C@H](O)[C@H]1O",
    "mannoside": "CO[C@H]1O[C@H](CO)[C@@H](O)[C@H](O)[C@@H]1O",
    "androstanol": "C[C@]12CC[C@H]3[C@@H](CC[C@H]4C[C@@H](O)CC[C@]34C)[C@@H]1CCC2",
}
EITHER_WAY = {  # what stands on a ring, the ring atom, and two more: both minima are within 2 kcal/mol of each other
    "methylcyclohexane": ("CC1CCCCC1", "[CH3][CH]CC"),
    "fluorocyclohexane": ("FC1CCCCC1", "F[CH]CC"),
    "3-methylpiperidine amide": ("CC(=O)N1CCCC(C)C1", "[CH3][CH]CC"),
    "tropane": ("CN1[C@H]2CC[C@@H]1CCC2", "[CH3]N[CH][CH2][CH2][CH2]"),
    "N-methyltetrahydroisoquinoline": ("CN1CCc2ccccc2C1", "[CH3]N[CH2][CH2]"),
    "cyclohexanol ester": ("CC(=O)OC1CCCCC1", "O[CH]CC"),
}
BOATS = {
    "bicyclo[2.2.2]octane acid": "CC12CCC(CC1)(CC2)C(=O)O",
    "quinuclidinol ester": "O=C(O[C@H]1CN2CCC1CC2)c1ccccc1",
    "twistane alcohol": "OC1CC2CCC3CC1CCC23",
}
RELATIVE = {  # of the same molecule, all centres may be written the other way round
    "cis-4-tert-butylcyclohexanol": "CC(C)(C)[C@@H]1CC[C@H](O)CC1",
    "trans-1,4-dicarboxylic acid": "OC(=O)[C@H]1CC[C@@H](CC1)C(=O)O",
    "cis-decalin": "C1CC[C@@H]2CCCC[C@@H]2C1",
    "trans-decalin": "C1CC[C@H]2CCCC[C@@H]2C1",
    "cis-1,4-aminocyclohexanol amide": "CC(=O)N[C@H]1CC[C@@H](O)CC1",
    "cis-dimethylpiperazine": "C[C@H]1CN(CC(=O)O)C[C@@H](C)N1",
}
NO_SHAPES = ["CC(=O)Nc1ccc(O)cc1", "O=C(O)[C@@H]1CCCN1", "c1ccc2ccccc2c1CCO", "C1CCCCCCCCCCC1"]


def ring_torsions(mol: Chem.Mol, ring: tuple[int, ...]) -> np.ndarray:
    """(K, n) degrees."""
    quads = np.array([[ring[(start + k) % len(ring)] for k in range(4)] for start in range(len(ring))])
    x = np.array([conformer.GetPositions() for conformer in mol.GetConformers()])
    return np.asarray(np.rad2deg(dihedral_angles(x, quads)))


def are_chairs(mol: Chem.Mol, ring: tuple[int, ...]) -> np.ndarray:
    """(K,) bool: torsions alternate in sign, and none is small."""
    torsions = ring_torsions(mol, ring)
    signs = np.sign(torsions)
    return np.asarray((np.abs(torsions) > 25).all(1) & (signs[:, 1:] != signs[:, :-1]).all(1))


def six_rings(mol: Chem.Mol) -> list[tuple[int, ...]]:
    rings = (ring for ring in mol.GetRingInfo().AtomRings() if len(ring) == 6)
    return [ring for ring in rings if not mol.GetAtomWithIdx(ring[0]).GetIsAromatic()]


def kinds_of(mol: Chem.Mol) -> list[tuple[int, ...]]:
    """Signs of the torsions about the ring of each conformer, from its substituent on, either way and hand round."""
    (ring,) = mol.GetRingInfo().AtomRings()
    first = next(i for i, index in enumerate(ring) if mol.GetAtomWithIdx(index).GetTotalNumHs(True) == 1)
    torsions = ring_torsions(mol, (*ring[first:], *ring[:first]))
    signs = (np.sign(torsions) * (np.abs(torsions) > 15)).astype(int)
    back = np.roll(signs[:, ::-1], 4 - len(ring), axis=1)  # torsion k from the first atom, the other way round
    ways = [way.tolist() for way in (signs, -signs, back, -back)]
    return [min(tuple(way[row]) for way in ways) for row in range(len(signs))]


@pytest.mark.parametrize("name", CHAIRS)
def test_chairs(name: str) -> None:
    mol = with_hydrogens(CHAIRS[name])
    assert len(EmbedMultipleConfs(mol, 20, randomSeed=7)) == 20
    rings = [ring for ring in six_rings(mol) if not any(mol.GetAtomWithIdx(i).GetIsAromatic() for i in ring)]
    assert rings
    for ring in rings:
        assert are_chairs(mol, ring).sum() >= 16


@pytest.mark.parametrize("name", RELATIVE)
def test_chairs_however_relative_stereo_is_written(name: str) -> None:
    for smiles in {RELATIVE[name], *Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(RELATIVE[name]), 4, randomSeed=1)}:
        mol = with_hydrogens(smiles)
        assert len(EmbedMultipleConfs(mol, 20, randomSeed=7, numRounds=1)) == 20
        for ring in six_rings(mol):
            assert are_chairs(mol, ring).sum() >= 17, smiles


@pytest.mark.parametrize("name", EITHER_WAY)
def test_what_stands_on_a_ring_stands_either_way(name: str) -> None:
    smiles, pattern = EITHER_WAY[name]
    mol = with_hydrogens(smiles)
    EmbedMultipleConfs(mol, 30, randomSeed=7)
    quad = mol.GetSubstructMatch(Chem.MolFromSmarts(pattern))[:4]
    x = np.array([conformer.GetPositions() for conformer in mol.GetConformers()])
    away = np.abs(np.rad2deg(dihedral_angles(x, np.array([quad]))))[:, 0] > 125
    assert 2 < away.sum() < len(x) - 2


@pytest.mark.parametrize("smiles", ["OC1CCCCCC1", "CC1CCCCCCC1"])
def test_floppy_rings_have_many_shapes(smiles: str) -> None:
    """At least half of the kinds of ring torsions as RDKit's embedding and MMFF94s find within 3 kcal/mol."""
    mol, theirs = with_hydrogens(smiles), with_hydrogens(smiles)
    EmbedMultipleConfs(mol, 50, randomSeed=7)
    rdDistGeom.EmbedMultipleConfs(theirs, 100, randomSeed=7)
    energies = np.array([e for _, e in MMFFOptimizeMoleculeConfs(theirs, maxIters=1000, mmffVariant="MMFF94s")])
    MMFFOptimizeMoleculeConfs(mol, maxIters=1000, mmffVariant="MMFF94s")
    low, own = kinds_of(theirs), kinds_of(mol)
    wanted = {kind for kind, energy in zip(low, energies, strict=True) if energy < energies.min() + 3.0}
    assert len(wanted) > 2
    assert len(wanted - set(own)) <= len(wanted) // 2


@pytest.mark.parametrize("name", BOATS)
def test_bridges_make_boats(name: str) -> None:
    mol = with_hydrogens(BOATS[name])
    assert len(EmbedMultipleConfs(mol, 10, randomSeed=7)) == 10
    assert not any(are_chairs(mol, ring).any() for ring in six_rings(mol)[:3])


def test_lactams_keep_their_flat_amide() -> None:
    mol = with_hydrogens("O=C1CCCCN1Cc1ccccc1")
    assert len(EmbedMultipleConfs(mol, 10, randomSeed=7)) == 10
    (ring,) = six_rings(mol)
    amide = Chem.MolFromSmarts("[CX4;R]C(=O)N[CX4;R]")
    c1, c, _, n, c2 = mol.GetSubstructMatch(amide)
    x = np.array([conformer.GetPositions() for conformer in mol.GetConformers()])
    assert np.abs(np.rad2deg(dihedral_angles(x, np.array([[c1, c, n, c2]])))).max() < 35
    assert (np.abs(ring_torsions(mol, ring)).max(1) > 35).all()


def test_other_shapes_are_there_too() -> None:
    """Both chairs of a monosubstituted ring, and now and then what is no chair."""
    mol = with_hydrogens(CHAIRS["haloperidol"])
    EmbedMultipleConfs(mol, 30, randomSeed=7)
    (ring,) = six_rings(mol)
    chairs = are_chairs(mol, ring)
    assert chairs.sum() > 22
    assert {-1, 1} == set(np.sign(ring_torsions(mol, ring)[chairs, 0]).astype(int).tolist())


@pytest.mark.parametrize("smiles", NO_SHAPES)
def test_molecules_without_such_rings_are_as_they_were(smiles: str) -> None:
    first, second = with_hydrogens(smiles), with_hydrogens(smiles)
    assert ring_shapes(first) == []
    EmbedMultipleConfs(first, 3, randomSeed=5)
    EmbedMultipleConfs(second, 3, randomSeed=5, ringShapes=False)
    for a, b in zip(first.GetConformers(), second.GetConformers(), strict=True):
        assert np.array_equal(a.GetPositions(), b.GetPositions())


@pytest.mark.parametrize("name", ["menthol", "haloperidol"])
def test_more_of_the_same_begins_with_the_same(name: str) -> None:
    few, more = with_hydrogens(CHAIRS[name]), with_hydrogens(CHAIRS[name])
    EmbedMultipleConfs(few, 6, randomSeed=5)
    EmbedMultipleConfs(more, 12, randomSeed=5, batchAtoms=200)
    gaps = [np.abs(few.GetConformer(k).GetPositions() - more.GetConformer(k).GetPositions()).max() for k in range(6)]
    assert max(gaps) < 0.01


def test_what_is_cut_out_is_a_molecule_of_its_own() -> None:
    mol = with_hydrogens(CHAIRS["paroxetine"])
    (system,) = saturated_systems(mol)
    part, numbers = surroundings(mol, system)
    assert Chem.MolToSmiles(Chem.RemoveHs(part)) == Chem.CanonSmiles("C[C@@H]1CNCC[C@H]1c1ccccc1")
    assert system < set(numbers)
    shapes = ring_shapes(mol, [next(iter(system))])
    assert shapes == []
