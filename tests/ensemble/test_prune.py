"""Does rdkit_ebd.ensemble.prune keep the new conformers, and measure as RDKit does?"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdMolAlign
from rdkit.Chem.rdDistGeom import EmbedMultipleConfs

from rdkit_ebd.ensemble import prune

MOLECULES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)[O-]",
    "O=[N+]([O-])c1ccc(CC[N+](=O)[O-])cc1",
    "CC(C)(C)c1ccc(CCC(C)(C)C)cc1",
    "NC(=[NH2+])NCCC[C@H](N)C(=O)O",
    "CS(=O)(=O)NCCc1ccccc1",
    "FC(F)(F)c1cc(cc(c1)C(F)(F)F)CCO",
    "C#C",
    "OP(=O)(O)OCCc1ccccc1",
    "CN1CCN(CC1)c1ccc(cc1)C(=O)NCCc1ccccc1",
    "c1ccc(cc1)C(c1ccccc1)CCc1ccccc1",
    "CCCCCCCC",
    "C1CCCCC1CCC",
    "O=C(O)CCC(=O)O",
    "C1CC1",
    "[O-]C(=O)c1ccc(CCS(=O)(=O)[O-])cc1",
    "c1ccccc1",
]
IMATINIB = "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(-c2cccnc2)n1"
C60 = (
    "c12c3c4c5c1c1c6c7c2c2c8c3c3c9c4c4c%10c5c5c1c1c6c6c%11c7c2c2c7c8c3c3c8c9c4c4c9c%10c5c5c1c1c6c6c%11c2c2c7c3c3c8c4c4c9"
    "c5c1c1c6c2c3c41"
)


@lru_cache
def _embedded(smiles: str, count: int) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert len(EmbedMultipleConfs(mol, count, randomSeed=5)) == count
    return mol


def embedded(smiles: str, count: int = 8) -> Chem.Mol:
    return Chem.Mol(_embedded(smiles, count))


def positions(mol: Chem.Mol) -> np.ndarray:
    return np.array([conf.GetPositions() for conf in mol.GetConformers()])


def ids(mol: Chem.Mol) -> list[int]:
    return [conf.GetId() for conf in mol.GetConformers()]


@pytest.mark.parametrize("smiles", MOLECULES)
def test_best_rms_is_rdkits(smiles: str) -> None:
    mol = embedded(smiles)
    coords, mappings, heavy = positions(mol), prune.symmetry_mappings(mol), Chem.RemoveHs(mol)
    for i in range(3):
        expected = [rdMolAlign.GetBestRMS(Chem.Mol(heavy), Chem.Mol(heavy), j, i) for j in range(len(coords))]
        np.testing.assert_allclose(prune.best_rms(coords[i], coords, mappings), expected, atol=1e-4)


@pytest.mark.parametrize("smiles", ["CC(C)C", "OCC(O)C", "NCC(=O)[O-]"])
def test_best_rms_with_hydrogens_is_rdkits(smiles: str) -> None:
    mol = embedded(smiles)
    coords, mappings = positions(mol), prune.symmetry_mappings(mol, onlyHeavyAtoms=False, maxMatches=100_000)
    expected = [rdMolAlign.GetBestRMS(Chem.Mol(mol), Chem.Mol(mol), j, 0) for j in range(len(coords))]
    np.testing.assert_allclose(prune.best_rms(coords[0], coords, mappings), expected, atol=1e-4)


def kabsch(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(0), b - b.mean(0)
    u, _, vt = np.linalg.svd(a.T @ b)
    rotation = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    return float(np.sqrt(((a @ rotation - b) ** 2).sum() / len(a)))


@pytest.mark.parametrize(
    "flatten", [[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 1e-5, 0]], ids=["solid", "flat", "line", "near"]
)
def test_best_rms_is_the_textbooks_for_degenerate_shapes(flatten: list[float]) -> None:
    coords = np.random.default_rng(3).normal(size=(6, 7, 3)) * flatten
    mappings = np.array([np.arange(7), np.arange(7)[::-1], [1, 0, 2, 3, 4, 6, 5]])
    expected = [min(kabsch(coords[0], x[order]) for order in mappings) for x in coords]
    np.testing.assert_allclose(prune.best_rms(coords[0], coords, mappings), expected, atol=1e-6)


def test_mirror_images_are_not_superposed() -> None:
    mol = embedded("C[C@](F)(Cl)Br", 1)
    coords, mappings = positions(mol), prune.symmetry_mappings(mol)
    assert prune.best_rms(coords[0], coords * [-1, 1, 1], mappings)[0] > 0.5
    assert prune.best_rms(coords[0], coords @ np.diag([-1.0, -1.0, 1.0]) + 5, mappings)[0] < 1e-6


@pytest.mark.parametrize("smiles", ["CCCCCCCC", "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O", "FC(F)(F)c1cc(cc(c1)C(F)(F)F)CCO"])
@pytest.mark.parametrize("threshold", [0.3, 0.8])
def test_kept_conformers_differ_and_dropped_ones_do_not(smiles: str, threshold: float) -> None:
    mol = embedded(smiles, 25)
    coords, mappings = positions(mol), prune.symmetry_mappings(mol)
    pruned = Chem.Mol(mol)
    kept = prune.PruneConformers(pruned, threshold)
    assert kept == sorted(kept) == ids(pruned)
    assert kept == prune.keep_diverse(coords, mappings, threshold)
    distances = np.array([prune.best_rms(x, coords, mappings) for x in coords])
    assert (distances[np.ix_(kept, kept)] + np.eye(len(kept)) * 99 >= threshold).all()
    for dropped in set(range(25)) - set(kept):
        assert min(distances[earlier, dropped] for earlier in kept if earlier < dropped) < threshold


def test_conformer_ids_are_ids_not_positions() -> None:
    mol = embedded("CCCCCCCC", 6)
    for conf, name in zip(mol.GetConformers(), [40, 7, 13, 99, 2, 70], strict=True):
        conf.SetId(name)
    twin = Chem.Conformer(mol.GetConformer(13))
    twin.SetId(5)
    mol.AddConformer(twin)
    assert prune.PruneConformers(Chem.Mol(mol), 1e-3) == [40, 7, 13, 99, 2, 70]
    some = Chem.Mol(mol)
    assert prune.PruneConformers(some, 1e-3, confIds=[5, 99, 13]) == [5, 99]
    assert ids(some) == [40, 7, 99, 2, 70, 5]


def test_low_energy_goes_first() -> None:
    mol = embedded("CCCC", 2)
    for source in (0, 1):
        mol.AddConformer(Chem.Conformer(mol.GetConformer(source)), assignId=True)
    copy = Chem.Mol(mol)
    assert prune.PruneConformers(copy, 1e-3, energies=[4.0, float("nan"), 1.0, 2.0]) == [2, 3]
    assert ids(copy) == [2, 3]
    with pytest.raises(ValueError, match="1 energies for 4"):
        prune.PruneConformers(mol, 0.5, energies=[1.0])


def test_zero_threshold_keeps_all() -> None:
    mol = embedded("CC", 4)
    assert prune.PruneConformers(mol, 0) == prune.PruneConformers(mol, -1.0) == [0, 1, 2, 3]
    assert mol.GetNumConformers() == 4


@pytest.mark.parametrize("smiles", ["[H][H]", "[He]", "C", "O", "CC"])
def test_tiny_molecules(smiles: str) -> None:
    mol = embedded(smiles, 3)
    assert prune.PruneConformers(mol, 0.1) == [0]
    assert mol.GetNumConformers() == 1


def test_no_conformers() -> None:
    mol = Chem.MolFromSmiles("CCO")
    assert prune.PruneConformers(mol, 0.5) == []
    assert prune.AlignConformers(mol) == []


def test_symmetry_makes_flipped_rings_equal() -> None:
    mol = embedded("c1ccccc1", 1)
    ring, turned = positions(mol)[0], Chem.Conformer(mol.GetConformer(0))
    turned.SetPositions(np.ascontiguousarray(ring[[1, 2, 3, 4, 5, 0, 7, 8, 9, 10, 11, 6]]))
    noisy = turned.GetPositions()
    noisy[0] += 0.5
    turned.SetPositions(noisy)
    mol.AddConformer(turned, assignId=True)
    mappings = prune.symmetry_mappings(mol)
    assert mappings.shape == (12, 6)
    assert len(prune.symmetry_mappings(mol, useSymmetry=False)) == 1
    assert prune.best_rms(ring, noisy[None], mappings) <= prune.best_rms(ring, noisy[None], mappings[:1])


@pytest.mark.parametrize(
    "smiles",
    [C60, "CC(C)(C)c1cc(C(C)(C)C)cc(C(C)(C)C)c1", "F" + "C(F)(F)" * 8 + "F", "c1ccc(cc1)-c1c(-c2ccccc2)cccc1-c1ccccc1"],
)
@pytest.mark.parametrize("heavy", [True, False])
def test_symmetry_does_not_explode(smiles: str, heavy: bool) -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    mappings = prune.symmetry_mappings(mol, onlyHeavyAtoms=heavy)
    assert 1 < len(mappings) <= 1000
    assert (np.sort(mappings, axis=1) == np.sort(mappings[0])).all()
    assert (np.diff(mappings[0]) > 0).all()


def test_nan_is_unlike_everything_and_stays() -> None:
    coords = positions(embedded("CCCC", 3))
    coords[1] = np.nan
    mappings = np.arange(4)[None]
    assert np.isnan(prune.best_rms(coords[0], coords, mappings)).tolist() == [False, True, False]
    assert prune.keep_diverse(coords, mappings, 99.0) == [0, 1]
    assert prune.keep_diverse(coords[1:], mappings, 99.0) == [0, 1]


def test_a_hundred_different_conformers_stay() -> None:
    mol, rng = embedded(IMATINIB, 5), np.random.default_rng(0)
    for row in range(95):
        conf = Chem.Conformer(mol.GetConformer(row % 5))
        conf.SetPositions(conf.GetPositions() + rng.normal(size=(mol.GetNumAtoms(), 3)) * 0.3)
        mol.AddConformer(conf, assignId=True)
    assert len(prune.PruneConformers(Chem.Mol(mol), 0.01)) == 100
    assert len(prune.PruneConformers(mol, 1.0)) <= 10  # five shapes, shaken


def test_align_moves_onto_the_first_by_heavy_atoms() -> None:
    mol = embedded("CCCCCCO", 4)
    untouched = positions(mol)
    rms = prune.AlignConformers(mol, [2, 0, 3])
    after = positions(mol)
    assert np.allclose(after[[1, 2]], untouched[[1, 2]])
    heavy = np.arange(7)
    expected = [np.sqrt(((after[i] - after[2])[heavy] ** 2).sum(-1).mean()) for i in (0, 3)]
    np.testing.assert_allclose(rms, expected, atol=1e-6)
    np.testing.assert_allclose(rms, prune.best_rms(untouched[2], untouched[[0, 3]], heavy[None]), atol=1e-4)
    assert prune.AlignConformers(mol, [2]) == []


def test_the_most_diverse_are_chosen_from_far_to_near() -> None:
    line = np.zeros((5, 2, 3))
    line[:, 1, 0] = [1.0, 1.1, 9.0, 5.0, 1.2]  # bond lengths
    mappings = np.array([[0, 1]])
    assert prune.most_diverse(line, mappings, 1) == [0]
    assert prune.most_diverse(line, mappings, 3) == [0, 2, 3]
    assert sorted(prune.most_diverse(line, mappings, 9)) == [0, 1, 2, 3, 4]
