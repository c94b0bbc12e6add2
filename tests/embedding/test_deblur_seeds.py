"""Is of several seeds the one chosen that is least like those before, whoever asks, watches or is late?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem

from rdkit_ebd import EBD, EmbedMolecules, EmbedMultipleConfs, EmbedWithReport, get_provenance
from rdkit_ebd.arrays.rmsd import best_rms
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.embedding import deblur_seeds
from rdkit_ebd.embedding.component_task import Task
from rdkit_ebd.generators.checkpoint import model_path, read_config
from rdkit_ebd.seeds.rdkit_seeds import Seeds

NAME = "CCOC(=O)CCCCC(=O)NCCc1ccccc1"
POOLED = {"coarse": "skeleton", "seedPool": 4, "randomSeed": 11}


def made(count: int = 8, **settings: object) -> np.ndarray:
    mol = with_hydrogens(NAME)
    ids = EmbedMultipleConfs(mol, count, EBD(**{**POOLED, **settings}))
    return np.array([mol.GetConformer(i).GetPositions() for i in ids])


def test_of_several_seeds_the_least_alike_are_deblurred(monkeypatch: pytest.MonkeyPatch) -> None:
    pools: list[Seeds] = []
    choice_of = deblur_seeds.choice_of

    def seen(task: Task, start: Seeds) -> np.ndarray:
        pools.append(start)
        return choice_of(task, start)

    monkeypatch.setattr(deblur_seeds, "choice_of", seen)
    paths: dict[int, Chem.Mol] = {}
    EmbedMultipleConfs(with_hydrogens(NAME), 8, EBD(**POOLED), callback=paths.setdefault)  # those of the first attempt
    first, mappings = pools[0], symmetry_mappings(with_hydrogens(NAME))
    assert first.sound.shape == (8, 4)
    begun = np.array([paths[k].GetConformer(0).GetPositions() for k in range(8)])
    picks = [int(np.abs(first.coords[k] - begun[k]).max((1, 2)).argmin()) for k in range(8)]
    assert np.abs(first.coords[np.arange(8), picks] - begun).max() < 1e-4
    for k in range(1, 8):
        gaps = [best_rms(x, begun[:k], mappings).min() for x in first.coords[k, first.sound[k]]]
        assert picks[k] == np.flatnonzero(first.sound[k])[np.argmax(gaps)]
    assert len(set(picks)) > 1


def test_the_first_of_many_are_the_few() -> None:
    assert np.abs(made(8)[:5] - made(5)).max() < 0.01


def test_the_size_of_batches_changes_nothing() -> None:
    assert np.abs(made() - made(batchAtoms=100)).max() < 0.01


def test_whoever_watches_sees_the_same_and_all_of_the_way() -> None:
    paths: dict[int, Chem.Mol] = {}
    mol = with_hydrogens(NAME)
    ids = EmbedMultipleConfs(mol, 8, EBD(**POOLED), callback=lambda k, path: paths.update({k: path}))
    watched = np.array([mol.GetConformer(i).GetPositions() for i in ids])
    assert np.abs(watched - made()).max() < 0.01
    assert sorted(paths) == list(range(8))
    rounds = read_config(model_path("default")).sampling.rounds
    at_once = [k for k, i in enumerate(ids) if get_provenance(mol.GetConformer(i))["ebd_attempt"] == 0]
    assert len(at_once) > 4
    assert all(paths[k].GetNumConformers() == rounds + 1 for k in at_once)


def test_a_library_makes_the_same() -> None:
    mol = with_hydrogens(NAME)
    EmbedMolecules([mol], 8, EBD(**POOLED), workers=1)
    found = np.array([c.GetPositions() for c in mol.GetConformers()])
    assert np.abs(found - made()).max() < 0.01


def test_who_is_late_keeps_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is up once the first two have been deblurred."""
    asked = []

    def late(task: Task) -> bool:
        asked.append(task)
        return len(asked) > 2  # before the first attempt, before the first batch, before the second

    monkeypatch.setattr(Task, "late", property(late))
    mol = with_hydrogens(NAME)
    report = EmbedWithReport(mol, 8, EBD(**POOLED, batchAtoms=100))
    monkeypatch.undo()
    found = np.array([mol.GetConformer(i).GetPositions() for i in report.ids])
    assert np.abs(found - made(2)).max() < 0.01
    assert report.failures["EXCEEDED_TIMEOUT"] == 6
    assert [k for k, _ in report.failed] == list(range(2, 8))
