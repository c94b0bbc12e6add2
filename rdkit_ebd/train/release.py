"""How does a checkpoint become a model to ship? With the sampling defaults and the card it is to have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rdkit_ebd.generators.checkpoint import read_config, read_weights, save_model
from rdkit_ebd.generators.model_config import ModelConfig


def release_model(
    checkpoint: Path, out: Path, sampling: Mapping[str, Any], card: Mapping[str, Any], min_atoms: int | None = None
) -> ModelConfig:
    """Write a checkpoint's weights as a model of its own.

    Args:
        checkpoint: The model whose weights and card are taken over.
        out: The file to write.
        sampling: Fields of `SamplingDefaults` that differ from the checkpoint's.
        card: Entries added to its card.
        min_atoms: Smallest component it is used for, if that differs.

    Returns:
        The model's configuration.

    Raises:
        ValueError: The checkpoint is no model, or a setting is not possible.
    """
    config = read_config(checkpoint)
    config = replace(
        config,
        sampling=replace(config.sampling, **sampling),
        card={**config.card, **card},
        min_atoms=config.min_atoms if min_atoms is None else min_atoms,
    )
    save_model(out, config, read_weights(checkpoint))
    return config
