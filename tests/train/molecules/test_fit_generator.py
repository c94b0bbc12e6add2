"""Do the networks learn, does a run continue as if it had not stopped, and are molecules read as they are?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import embedded
from rdkit import Chem
from tiny_generator import SMALL

from rdkit_ebd.data.molecule_arrays import MoleculeArrays
from rdkit_ebd.generators.edm.model import GeneratorConfig, load_generator
from rdkit_ebd.generators.edm.process import NoiseConfig
from rdkit_ebd.train.molecules.fit import PARTS, FitSettings, PartTrainer, export, make_trainer
from rdkit_ebd.train.molecules.muon import orthogonal
from rdkit_ebd.train.molecules.skeleton_data import TrainingSet, training_set

NAMES = ("aspirin", "paracetamol")


def arrays() -> MoleculeArrays:
    """Two drugs with all their atoms, four conformers each, and a made-up property."""
    mols = [(Chem.AddHs(embedded(name, 4)), k) for name in NAMES for k in range(4)]
    numbers = [np.array([a.GetAtomicNum() for a in mol.GetAtoms()], np.int8) for mol, _ in mols]
    coords = [mol.GetConformer(k).GetPositions().astype(np.float32) for mol, k in mols]
    return MoleculeArrays(
        np.concatenate(numbers),
        np.concatenate(coords),
        np.cumsum([0, *map(len, numbers)]).astype(np.int64),
        [Chem.MolToSmiles(Chem.RemoveHs(mol), canonical=False) for mol, _ in mols],
        np.arange(len(mols)),
        properties={"weight": np.array([180.2] * 4 + [151.2] * 4, np.float32)},
    )


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    return training_set(arrays(), {"weight": "g/mol"})


def config(data: TrainingSet) -> GeneratorConfig:
    return GeneratorConfig("drugs", SMALL, SMALL, NoiseConfig(), data.kinds, data.sizes, data.properties)


def test_molecules_are_split_as_they_are(data: TrainingSet) -> None:
    assert sorted(data.groups) == [11, 13]
    assert [(size.heavy, size.hydrogens, size.count) for size in data.sizes] == [(11, 9, 4), (13, 8, 4)]
    assert data.sizes[0].means == pytest.approx((151.2,))
    group, kinds = data.groups[13], np.array(data.kinds)
    mol = embedded("aspirin", 4)
    assert kinds[group.kinds[0]].tolist() == [
        [a.GetAtomicNum(), a.GetTotalNumHs(includeNeighbors=True)] for a in mol.GetAtoms() if a.GetAtomicNum() > 1
    ]
    heavy = Chem.RemoveHs(mol)
    for bond in heavy.GetBonds():
        order = int(group.bonds[0, bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()])
        assert order in ((1, 2) if bond.GetIsAromatic() else (int(bond.GetBondTypeAsDouble()),))
    lengths = group.hydrogens.norm(dim=-1)
    assert float(lengths[lengths > 0].min()) > 0.9
    assert float(lengths.max()) < 1.2


@pytest.mark.parametrize("part", PARTS)
def test_networks_learn(part: str, data: TrainingSet) -> None:
    trainer = make_trainer(part, config(data), FitSettings(warmup=5))
    losses = [steps(trainer, data, 1) for _ in range(30)]
    assert np.mean(losses[-10:]) < 0.95 * np.mean(losses[:10])


def steps(trainer: PartTrainer, data: TrainingSet, count: int) -> float:
    loss = 0.0
    for _ in range(count):
        torch.manual_seed(trainer.step)
        group = data.groups[(11, 13)[trainer.step % 2]]
        loss = trainer.update(group, torch.randint(len(group), (8,)), 1.0)["loss"]
    return loss


@pytest.mark.parametrize("part", PARTS)
def test_a_run_continues_as_if_it_had_not_stopped(part: str, data: TrainingSet, tmp_path: Path) -> None:
    settings = FitSettings(batch=16, warmup=5)
    whole, first, second = (make_trainer(part, config(data), settings) for _ in range(3))
    steps(whole, data, 6)
    steps(first, data, 3)
    first.save(tmp_path / "state.pt")
    second.load(tmp_path / "state.pt")
    steps(second, data, 3)
    assert second.step == 6
    for name, value in whole.network.state_dict().items():
        assert torch.allclose(value, second.network.state_dict()[name], atol=1e-7), name
        assert torch.allclose(whole.average[name], second.average[name], atol=1e-7), name


def test_a_run_becomes_a_model(data: TrainingSet, tmp_path: Path) -> None:
    for part in PARTS:
        trainer = make_trainer(part, config(data), FitSettings(batch=4))
        steps(trainer, data, 1)
        trainer.save(tmp_path / f"{part}.pt")
    export(config(data), tmp_path, tmp_path / "drugs.safetensors")
    loaded = load_generator(str(tmp_path / "drugs.safetensors"), "cpu")
    assert loaded.config.kinds == data.kinds
    assert loaded.config.card["training"]["skeletons"]["samples"] == 8


def test_muons_moves_are_orthogonal() -> None:
    for shape in ((6, 20), (20, 6)):
        move = orthogonal(torch.randn(shape, generator=torch.Generator().manual_seed(0)))
        values = torch.linalg.svdvals(move)
        assert move.shape == shape
        assert 0.6 < float(values.min()) <= float(values.max()) < 1.3
