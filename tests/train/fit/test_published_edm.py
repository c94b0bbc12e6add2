"""Does the published EDM learn, by itself and with a property?"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rdkit_ebd.data.molecule_arrays import MoleculeArrays
from rdkit_ebd.data.qm9 import data_folder, read_qm9
from rdkit_ebd.generators.edm.published.egnn import Egnn, EgnnConfig
from rdkit_ebd.generators.edm.published.model import Condition, PublishedConfig, PublishedModel
from rdkit_ebd.generators.edm.published.process import EdmProcess, ProcessConfig
from rdkit_ebd.generators.edm.published.sampler import likelihood_bound
from rdkit_ebd.train.edm_facts import CONDITIONS
from rdkit_ebd.train.fit.published_edm import EdmTraining, as_process, fit_published


@pytest.fixture(scope="module")
def data() -> MoleculeArrays:
    try:
        data_folder()
    except ImportError:
        pytest.skip("needs qm9pack")
    molecules = read_qm9(limit=400)
    return molecules.take(np.random.default_rng(0).permutation(400))


def nats(config: PublishedConfig, state: dict[str, torch.Tensor], molecules: MoleculeArrays) -> tuple[float, float]:
    """Mean of -log p, and its standard error of sampling."""
    network = Egnn(config.network)
    network.load_state_dict(state)
    model = PublishedModel(config, network.eval(), EdmProcess(config.process), torch.device("cpu"))
    part = as_process(config, model.process, molecules, np.arange(len(molecules)))
    bound = likelihood_bound(model, part.values, part.mask, 24, conditions=part.context)
    return float(bound.mean.mean()), float(np.sqrt((bound.error**2).sum()) / len(molecules))


@pytest.mark.parametrize("told", [(), (CONDITIONS["alpha"],)])
def test_a_short_training_makes_unseen_molecules_likelier(data: MoleculeArrays, told: tuple[Condition, ...]) -> None:
    process = ProcessConfig(charge=not told)
    config = PublishedConfig("tiny", EgnnConfig(process.features, len(told), 16, 1), process, conditions=told)
    torch.manual_seed(0)
    before = nats(config, Egnn(config.network).state_dict(), data.take(np.arange(350, 400)))
    training = EdmTraining(steps=80, batch=16, rate=1e-2, average=0.9)
    after = nats(config, fit_published(config, training, data.take(np.arange(350))), data.take(np.arange(350, 400)))
    assert after[0] < before[0] - 3 * np.hypot(before[1], after[1])


def test_molecules_without_the_property_are_refused(data: MoleculeArrays) -> None:
    bare = MoleculeArrays(data.numbers, data.coords, data.offsets, data.smiles, data.index)
    config = PublishedConfig("tiny", EgnnConfig(6, 1, 8, 1), conditions=(CONDITIONS["gap"],))
    with pytest.raises(ValueError, match="the molecules lack gap"):
        fit_published(config, EdmTraining(steps=1), bare)
