"""Is this RMSD the one RDKit finds, symmetry included?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import conformers, embedded, rotations, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdMolAlign

from rdkit_ebd.arrays import rmsd
from rdkit_ebd.chem.symmetry import symmetry_mappings

SYMMETRIC = [
    "CC(C)Cc1ccc(cc1)C(C)(C)C",
    "c1ccccc1-c1ccccc1",
    "FC(F)(F)CCC(F)(F)F",
    "OCC(CO)(CO)CO",
    "CCN(CC)CC",
    "CCCCCC",
    "fluconazole",
    "ibuprofen",
]


def best_rms(probes: np.ndarray, references: np.ndarray, mappings: np.ndarray) -> np.ndarray:
    """(K, M) angstrom of every probe from every reference."""
    return np.stack([rmsd.best_rms(reference, probes, mappings) for reference in references], axis=1)


def heavy(mol: Chem.Mol) -> tuple[Chem.Mol, np.ndarray]:
    """The molecule without hydrogens, and its symmetries."""
    bare = Chem.RemoveHs(mol)
    return bare, symmetry_mappings(bare)


def positions(mol: Chem.Mol) -> np.ndarray:
    return np.array([conformer.GetPositions() for conformer in mol.GetConformers()])


@pytest.mark.parametrize("smiles", SYMMETRIC)
def test_rdkit_finds_the_same(smiles: str) -> None:
    mol, mappings = heavy(embedded(smiles, 4))
    x = positions(mol)
    found = best_rms(x, x, mappings)
    for i, j in np.ndindex(found.shape):
        expected = rdMolAlign.GetBestRMS(Chem.Mol(mol), Chem.Mol(mol), i, j)
        assert found[i, j] == pytest.approx(expected, abs=1e-4)
    assert found.max() > 0.05


@pytest.mark.parametrize("smiles", SYMMETRIC)
def test_distance_is_zero_exactly_between_equals(smiles: str) -> None:
    mol, mappings = heavy(embedded(smiles, 3))
    x = positions(mol)
    moved = x @ rotations(3).numpy() + 50
    swapped = moved[:, mappings[-1]]
    for probe in (moved, swapped):
        found = best_rms(probe, x, mappings)
        assert np.allclose(np.diag(found), 0, atol=1e-5)
        assert np.allclose(found, found.T, atol=1e-5)
    if len(mappings) > 1:
        assert best_rms(swapped, x, mappings[:1]).max() > 0.1


def test_a_mirror_image_is_another_shape() -> None:
    x = conformers("penicillin_v")
    order = np.arange(x.shape[1])[None]
    assert best_rms(-x, x, order)[0, 0] > 0.3
    flat = conformers("c1ccccc1", relaxed=True)
    assert best_rms(-flat, flat, np.arange(12)[None])[0, 0] < 0.01


def test_more_symmetries_never_increase_it() -> None:
    mol, mappings = heavy(embedded("OCC(CO)(CO)CO", 4))
    x = positions(mol)
    few, all_ = best_rms(x, x, mappings[:3]), best_rms(x, x, mappings)
    assert (all_ <= few + 1e-9).all()
    assert (all_ < few - 1e-3).any()
    assert np.allclose(best_rms(x, x, mappings[::-1]), all_, atol=1e-6)


def test_comparing_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mol, mappings = heavy(embedded("OCC(CO)(CO)CO", 5))
    x = positions(mol)
    whole = best_rms(x, x, mappings)
    monkeypatch.setattr(rmsd, "CHUNK", 2 * len(mappings))
    assert np.allclose(best_rms(x, x, mappings), whole, rtol=0, atol=1e-12)


def test_noise_shows_as_its_size() -> None:
    x = np.random.default_rng(0).normal(size=(1, 400, 3)) * 5
    y = x + 0.3 * np.random.default_rng(1).normal(size=x.shape)
    assert best_rms(x, y, np.arange(400)[None])[0, 0] == pytest.approx(0.3 * 3**0.5, rel=0.1)


def test_what_is_not_finite_has_no_distance() -> None:
    x = conformers("CCCO", 3)
    broken = x.copy()
    broken[1, 2] = np.nan
    found = best_rms(broken, x, np.arange(x.shape[1])[None])
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[[0, 2]]).all()


def test_shapes_and_single_precision() -> None:
    mol = with_hydrogens("CCCO")
    x = conformers("CCCO", 5).astype(np.float32)
    order = np.arange(mol.GetNumAtoms())[None]
    assert best_rms(x[:2], x, order).shape == (2, 5)
    assert np.allclose(best_rms(x, x, order), best_rms(x.astype(float), x.astype(float), order), atol=5e-3)
    assert best_rms(x[:0], x, order).shape == (0, 5)


@pytest.mark.parametrize("name", ["CC(C)Cc1ccc(cc1)C(C)(C)C", "FC(F)(F)CCC(F)(F)F", "CCCCCC", "ibuprofen"])
def test_the_nearest_of_a_gallery_is_the_nearest_of_all(name: str) -> None:
    mol = Chem.RemoveHs(embedded(name, 24))
    x, mappings = positions(mol), symmetry_mappings(mol)
    conformer_set = rmsd.ConformerSet(mappings, 20)
    assert conformer_set.nearest(x[0]) == np.inf
    for k in range(20):
        conformer_set.add(x[k])
        assert len(conformer_set) == k + 1
        for probe in (*x[20:], x[0] @ rotations(1)[0].numpy() + 3):
            assert conformer_set.nearest(probe) == pytest.approx(
                rmsd.best_rms(probe, x[: k + 1], mappings).min(), abs=1e-6
            )


def test_what_is_not_finite_is_near_to_nothing() -> None:
    mol = Chem.RemoveHs(embedded("ibuprofen", 2))
    x, mappings = positions(mol), symmetry_mappings(mol)
    conformer_set = rmsd.ConformerSet(mappings, 2)
    conformer_set.add(np.full_like(x[0], np.nan))
    assert len(conformer_set) == 0
    conformer_set.add(x[0])
    assert conformer_set.nearest(x[1]) == pytest.approx(rmsd.best_rms(x[1], x[:1], mappings)[0], abs=1e-6)
