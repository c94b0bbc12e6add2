"""A training configuration small enough for tests."""

from __future__ import annotations

from functools import partial

import torch
from helpers import TINY, tiny_vocabulary

from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.generators.model_config import ModelConfig
from rdkit_ebd.train.fit.objective import Pairs
from rdkit_ebd.train.fit.train_config import TrainConfig
from rdkit_ebd.train.fit.trainer import Trainer

CPU = torch.device("cpu")
MODEL = ModelConfig(
    name="tiny", network=TINY, blur=BlurConfig(sigma=0.1), vocabulary=tiny_vocabulary().to_dict(), elements=(1, 6, 7, 8)
)
CONFIG = TrainConfig(MODEL, batch_atoms=128, lr=5e-3, warmup=10)


def take_step(trainer: Trainer, pairs: Pairs, rate: float) -> dict[str, float]:
    """One step of the optimiser, as `fit` takes it."""
    return {name: float(value) for name, value in trainer.update(partial(trainer.gradients, pairs), rate).items()}
