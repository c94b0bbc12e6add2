"""Are candidates chosen as the model expects of them, whoever asks, watches or is late?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import with_hydrogens
from rdkit import Chem
from safetensors.torch import load_file

from rdkit_ebd import EBD, EmbedMolecules, EmbedMultipleConfs, EmbedWithReport, get_provenance
from rdkit_ebd.embedding import attempts as pipeline
from rdkit_ebd.generators.checkpoint import model_path, read_config, save_model
from rdkit_ebd.train.fit.confidence import with_confidence

NAME = "CCOC(=O)CCCCC(=O)NCCc1ccccc1"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The default model's network with a confidence that goes by the extent of a molecule alone."""
    config, network = with_confidence(read_config(model_path("default")), load_file(model_path("default")))
    head = network.confidence
    assert head is not None
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        head.inner.weight[0, -2] = 1.0  # the radius of gyration
        head.outer.weight[0, 0] = -1.0  # the wider, the better
    path = tmp_path_factory.mktemp("model") / "wide.safetensors"
    sampling = replace(config.sampling, quality_weight=50.0, seed_pool=4)
    save_model(path, replace(config, sampling=sampling), network.state_dict())
    return str(path)


def made(model: str, count: int = 8, **settings: object) -> np.ndarray:
    mol = with_hydrogens(NAME)
    ids = EmbedMultipleConfs(mol, count, EBD(model=model, randomSeed=11, **settings))  # type: ignore[arg-type]
    return np.array([mol.GetConformer(i).GetPositions() for i in ids])


def gyration(x: np.ndarray) -> float:
    heavy = [a.GetIdx() for a in with_hydrogens(NAME).GetAtoms() if a.GetAtomicNum() > 1]
    x = x[:, heavy] - x[:, heavy].mean(1, keepdims=True)
    return float(np.sqrt((x**2).sum(-1).mean(1)).mean())


def test_what_the_model_expects_decides_as_far_as_it_is_given_weight(model: str) -> None:
    assert gyration(made(model)) > gyration(made(model, qualityWeight=0.0)) + 0.1


def test_without_weight_it_is_the_network_alone(model: str) -> None:
    plain = made("default", qualityWeight=0.0, seedPool=4)
    assert np.abs(made(model, qualityWeight=0.0) - plain).max() < 1e-3


def test_the_first_of_many_are_the_few(model: str) -> None:
    assert np.abs(made(model, 8)[:5] - made(model, 5)).max() < 0.01


def test_the_size_of_batches_changes_nothing(model: str) -> None:
    assert np.abs(made(model) - made(model, batchAtoms=100)).max() < 0.01


def test_whoever_watches_sees_the_same_and_all_of_the_way(model: str) -> None:
    paths: dict[int, Chem.Mol] = {}
    mol = with_hydrogens(NAME)
    ps = EBD(model=model, randomSeed=11)
    ids = EmbedMultipleConfs(mol, 8, ps, callback=lambda k, path: paths.update({k: path}))
    watched = np.array([mol.GetConformer(i).GetPositions() for i in ids])
    assert np.abs(watched - made(model)).max() < 0.01
    assert sorted(paths) == list(range(8))
    rounds = read_config(model_path("default")).sampling.rounds
    at_once = [k for k, i in enumerate(ids) if get_provenance(mol.GetConformer(i))["ebd_attempt"] == 0]
    assert len(at_once) > 4
    assert all(paths[k].GetNumConformers() == rounds + 1 for k in at_once)


def test_one_round_is_enough_to_choose_by(model: str) -> None:
    assert gyration(made(model, numRounds=1)) > gyration(made(model, numRounds=1, qualityWeight=0.0)) + 0.1


def test_a_library_makes_the_same(model: str) -> None:
    mol = with_hydrogens(NAME)
    EmbedMolecules([mol], 8, EBD(model=model, randomSeed=11), workers=1)
    found = np.array([c.GetPositions() for c in mol.GetConformers()])
    assert np.abs(found - made(model)).max() < 0.01


def test_who_is_late_between_the_choice_and_the_rest_is_told(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is up once the first candidates have been looked at."""
    asked = []

    def late(task: pipeline.Task) -> bool:
        asked.append(task)
        return len(asked) > 3

    monkeypatch.setattr(pipeline.Task, "late", property(late))
    report = EmbedWithReport(with_hydrogens(NAME), 8, EBD(model=model, randomSeed=11, batchAtoms=100))
    assert report.ids == []
    assert report.failures["EXCEEDED_TIMEOUT"] == 8
    assert [k for k, _ in report.failed] == list(range(8))
