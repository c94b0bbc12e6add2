"""A training configuration small enough for tests."""

from __future__ import annotations

import torch
from helpers import TINY, tiny_vocabulary

from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.generators.model_config import ModelConfig
from rdkit_ebd.train.loop import TrainConfig

CPU = torch.device("cpu")
MODEL = ModelConfig(
    name="tiny", network=TINY, blur=BlurConfig(sigma=0.1), vocabulary=tiny_vocabulary().to_dict(), elements=(1, 6, 7, 8)
)
CONFIG = TrainConfig(MODEL, batch_atoms=128, lr=5e-3, warmup=10)
