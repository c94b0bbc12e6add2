"""Is what is held exactly in place, in a conformer that is whole, n of n times?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import embedded, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdFMCS, rdMolTransforms

from rdkit_ebd import EmbedMultipleConfs, EmbedWithReport, MatchCore
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.judge.verdict import judge

DRUGS = {
    "imatinib": "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(-c2cccnc2)n1",
    "gefitinib": "COc1cc2ncnc(Nc3ccc(F)c(Cl)c3)c2cc1OCCCN1CCOCC1",
    "rivaroxaban": "O=C(NC[C@H]1CN(c2ccc(N3CCOCC3=O)cc2)C(=O)O1)c1ccc(Cl)s1",
    "celecoxib": "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1",
    "atorvastatin": "CC(C)c1c(C(=O)Nc2ccccc2)c(-c2ccccc2)c(-c2ccc(F)cc2)n1CC[C@@H](O)C[C@@H](O)CC(=O)O",
    "sildenafil": "CCCc1nn(C)c2c1nc([nH]c2=O)-c1cc(ccc1OCC)S(=O)(=O)N1CCN(C)CC1",
    "losartan": "CCCCc1nc(Cl)c(CO)n1Cc1ccc(-c2ccccc2-c2nnn[nH]2)cc1",
    "haloperidol": "OC1(CCN(CCCC(=O)c2ccc(F)cc2)CC1)c1ccc(Cl)cc1",
    "donepezil": "COc1cc2CC(CC3CCN(Cc4ccccc4)CC3)C(=O)c2cc1OC",
    "paroxetine": "Fc1ccc([C@@H]2CCNC[C@H]2COc2ccc3OCOc3c2)cc1",
}
PLACE = np.array([12.0, -7.0, 3.0])


def scaffold(mol: Chem.Mol) -> list[int]:
    """Rings, what links them, and what is doubly bonded to either."""
    core = {atom.GetIdx() for atom in mol.GetAtoms()}
    while True:
        ends = {i for i in core if sum(n.GetIdx() in core for n in mol.GetAtomWithIdx(i).GetNeighbors()) < 2}
        if not ends:
            break
        core -= ends
    bonds = [bond for i in core for bond in mol.GetAtomWithIdx(i).GetBonds()]
    return sorted(
        core | {a for b in bonds if b.GetBondTypeAsDouble() == 2 for a in (b.GetBeginAtomIdx(), b.GetEndAtomIdx())}
    )


def hold(mol: Chem.Mol, pose: np.ndarray, atoms: list[int], count: int = 3) -> np.ndarray:
    """Embed with atoms held as in a pose, moved elsewhere: (K, N, 3), all of what was asked for, all in place."""
    work, pose = Chem.Mol(mol, True), pose + PLACE
    report = EmbedWithReport(work, count, randomSeed=1, coordMap={i: tuple(pose[i]) for i in atoms})
    assert report.failed == []
    assert len(report.ids) == count
    found = np.array([conformer.GetPositions() for conformer in work.GetConformers()])
    assert np.abs(found[:, atoms] - pose[atoms]).max() < 1e-3
    return found


def pose_of(mol: Chem.Mol) -> np.ndarray:
    return np.asarray(mol.GetConformer().GetPositions())


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("name", DRUGS)
def test_scaffolds_of_minima(name: str, seed: int) -> None:
    """A held scaffold of a minimum violates nothing, so that the whole conformer must pass with nothing excused."""
    mol = embedded(DRUGS[name], seed=seed, relaxed=True)
    found = hold(mol, pose_of(mol), scaffold(mol))
    assert judge(found, check_tables(mol)).ok.all()
    lengths = _bond_lengths(mol, found)
    assert np.abs(lengths - _bond_lengths(mol, pose_of(mol)[None])).max() < 0.15


def test_free_parts_differ() -> None:
    mol = embedded(DRUGS["losartan"], seed=11, relaxed=True)
    free = [i for i in range(mol.GetNumAtoms()) if i not in scaffold(mol)]
    found = hold(mol, pose_of(mol), scaffold(mol), 4)[:, free]
    gaps = [np.sqrt(((a - b) ** 2).sum(-1).mean()) for k, a in enumerate(found) for b in found[:k]]
    assert min(gaps) > 0.3


@pytest.mark.parametrize("degrees", [20.0, 45.0, 120.0])
@pytest.mark.parametrize("atoms", [range(4), range(9)])
def test_a_methoxy_group_that_the_model_would_turn_back(degrees: float, atoms: range) -> None:
    mol = embedded("COc1ccc(N)cc1", relaxed=True)
    rdMolTransforms.SetDihedralDeg(mol.GetConformer(), 0, 1, 2, 3, degrees)
    found = hold(mol, pose_of(mol), list(atoms), 5)
    lengths = _bond_lengths(mol, found)
    assert np.abs(lengths - _bond_lengths(mol, pose_of(mol)[None])).max() < 0.1


@pytest.mark.parametrize("name", ["imatinib", "haloperidol", "paroxetine"])
def test_rough_poses_and_all_heavy_atoms(name: str) -> None:
    """Bonds of poses that were refined against a density are off by several hundredths of an angstrom."""
    mol = embedded(DRUGS[name], seed=11, relaxed=True)
    rough = pose_of(mol) + np.random.default_rng(3).normal(0, 0.04, (mol.GetNumAtoms(), 3))
    hold(mol, rough, scaffold(mol))
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    found = hold(mol, rough, heavy, 2)
    hydrogens = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds() if b.GetEndAtom().GetAtomicNum() == 1]
    i, j = np.array(hydrogens).T
    lengths = np.linalg.norm(found[:, i] - found[:, j], axis=-1)
    assert lengths.min() > 0.93
    assert lengths.max() < 1.15


@pytest.mark.parametrize("held", [range(4), range(20)], ids=["four atoms", "whole conformer"])
def test_a_pose_as_its_own_seed(held: range) -> None:
    mol = embedded("CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O", relaxed=True)
    atoms = list(held) if len(held) < 20 else list(range(mol.GetNumAtoms()))
    own = {i: tuple(pose_of(mol)[i]) for i in atoms}
    before = pose_of(mol).copy()
    assert len(EmbedMultipleConfs(mol, 1, coarse="conformers", randomSeed=1, coordMap=own)) == 1
    assert np.abs(pose_of(mol) - before)[atoms].max() < 1e-3


@pytest.mark.parametrize(("known", "analogue"), [("gefitinib", "COc1cc2ncnc(Nc3cccc(Br)c3)c2cc1OC"), *[
    ("imatinib", "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nc(-c2cccnc2)cs1"),
    ("sildenafil", "CCCc1nc(C)c2c(=O)[nH]c(-c3cc(S(=O)(=O)N4CCN(CC)CC4)ccc3OCC)nn12"),
    ("celecoxib", "NS(=O)(=O)c1ccc(-n2nc(C(F)(F)F)cc2-c2ccc(OC)cc2)cc1"),
]])  # fmt: skip
def test_common_cores_of_analogues(known: str, analogue: str) -> None:
    mol, other = embedded(DRUGS[known], seed=11, relaxed=True), with_hydrogens(analogue)
    common = rdFMCS.FindMCS(
        [Chem.RemoveHs(mol), Chem.RemoveHs(other)], ringMatchesRingOnly=True, completeRingsOnly=True
    )
    core = Chem.MolFromSmarts(common.smartsString)
    pose = np.zeros((other.GetNumAtoms(), 3))
    atoms = list(other.GetSubstructMatch(core))
    pose[atoms] = pose_of(mol)[list(mol.GetSubstructMatch(core))]
    hold(other, pose, atoms)


def test_a_free_chain_between_two_held_rings_closes() -> None:
    mol = embedded("c1ccccc1CCOCCc1ccc(F)cc1", seed=3, relaxed=True)
    rings = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetIsAromatic()]
    lengths = _bond_lengths(mol, hold(mol, pose_of(mol), rings))
    assert np.abs(lengths - _bond_lengths(mol, pose_of(mol)[None])).max() < 0.1


def test_part_of_a_ring() -> None:
    mol = embedded("C[C@H]1CCCC[C@@H]1CCc1ccccc1", seed=3, relaxed=True)
    hold(mol, pose_of(mol), [1, 2, 3])


@pytest.mark.parametrize("smiles", ["OC1CCNC1", "CO"])
def test_what_is_too_small_for_the_model_is_held_too(smiles: str) -> None:
    mol = embedded(smiles)
    hold(mol, pose_of(mol), [0, 1])


def test_equivalent_atoms_numbered_the_other_way_round() -> None:
    """Seen from the other side, both hands of trans-4-tert-butylcyclohexanol's ring atoms are inverted."""
    mol = embedded("CC(C)(C)[C@H]1CC[C@H](O)CC1", seed=3, relaxed=True)
    mirrored = pose_of(mol) * [-1, 1, 1]
    ring = [4, 5, 6, 7, 8, 9, 10, 0]
    found = hold(mol, mirrored, ring)
    for x in found:
        copy = Chem.Mol(mol, True)
        copy.AddConformer(_conformer(x))
        Chem.AssignStereochemistryFrom3D(copy)
        assert Chem.MolToSmiles(copy) == Chem.MolToSmiles(mol)


def test_the_other_hand_is_named_before_any_work() -> None:
    mol = embedded("CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O")
    held = {i: tuple(xyz) for i, xyz in enumerate((pose_of(mol) * [-1, 1, 1])[:13])}
    with pytest.raises(ValueError, match="other hand than the written one at atoms C 10"):
        EmbedMultipleConfs(Chem.Mol(mol), 2, randomSeed=1, coordMap=held)
    assert EmbedMultipleConfs(Chem.Mol(mol), 2, randomSeed=1, coordMap=held, enforceChirality=False)


def test_a_reference_as_the_core() -> None:
    known = embedded("COc1cc2ncnc(N)c2cc1OC", relaxed=True)
    mol = with_hydrogens(DRUGS["gefitinib"])
    with pytest.raises(ValueError, match=r"not in both molecules: use what they have in common \(mcs=True\)"):
        EmbedWithReport(mol, 3, core=with_pose("COc1cc2ncnc(N)c2cc1Br"), randomSeed=1)
    report = EmbedWithReport(mol, 3, core=known, randomSeed=1)
    assert len(report.ids) == 3
    bare = Chem.RemoveHs(known)
    for conformer in mol.GetConformers():
        ways = mol.GetSubstructMatches(bare, uniquify=False)
        off = min(
            np.abs(conformer.GetPositions()[list(way)] - bare.GetConformer().GetPositions()).max() for way in ways
        )
        assert off < 1e-3
    assert report.messages[-1].startswith(f"core of {bare.GetNumAtoms()} atoms: RMSD 0.000")


def test_common_and_named_cores_of_a_reference() -> None:
    known, mol = with_pose(DRUGS["imatinib"]), with_hydrogens("Cc1ccc(NC(=O)c2ccccc2)cc1Nc1nccc(-c2cccnc2)n1")
    common, ring = MatchCore(mol, known, mcs=True), MatchCore(mol, known, smarts="c1cnc(N)nc1")
    assert len(common.atoms) > 25
    assert len(ring.atoms) == 7
    for match in (common, ring):
        assert len(EmbedMultipleConfs(mol, 2, core=match, randomSeed=1)) == 2
        assert max(match.rmsd(conformer.GetPositions()) for conformer in mol.GetConformers()) < 1e-3
    with pytest.raises(ValueError, match="core or coordMap, not both"):
        EmbedMultipleConfs(mol, 2, core=ring, coordMap={0: (0, 0, 0)})
    with pytest.raises(ValueError, match="three dimensions"):
        MatchCore(mol, with_hydrogens("c1ccccc1"))
    with pytest.raises(ValueError, match="cannot be read"):
        MatchCore(mol, known, smarts="c1ccc")


def with_pose(smiles: str) -> Chem.Mol:
    return embedded(smiles, seed=11, relaxed=True)


def test_more_of_the_same_begins_with_the_same() -> None:
    mol = embedded(DRUGS["haloperidol"], seed=11, relaxed=True)
    few, more = (hold(mol, pose_of(mol), scaffold(mol), count) for count in (3, 5))
    assert np.abs(few - more[:3]).max() < 0.01


def _conformer(x: np.ndarray) -> Chem.Conformer:
    conformer = Chem.Conformer(len(x))
    conformer.SetPositions(np.ascontiguousarray(x))
    return conformer


def _bond_lengths(mol: Chem.Mol, x: np.ndarray) -> np.ndarray:
    i, j = np.array([(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()]).T
    return np.asarray(np.linalg.norm(x[:, i] - x[:, j], axis=-1))
