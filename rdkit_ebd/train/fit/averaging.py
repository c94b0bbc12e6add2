"""How do several runs become one model? As the mean of their weights, which costs no more to use than any of them.

It works for runs that began with a common model, and does better than each where they have learnt different
things (model card, reading 21).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from rdkit_ebd.generators.checkpoint import read_config, read_weights, save_model

_SHARED = ("architecture", "network", "blur", "vocabulary", "elements", "levels")


def average_models(paths: Sequence[Path], out: Path, shares: Sequence[float] | None = None) -> None:
    """Write the mean of model files.

    The first says how the mean is used and what it was made of; the histories of the others are kept beside its own.

    Args:
        paths: Two models or more.
        out: The file to write.
        shares: Of each, of any sum; None for equal ones.

    Raises:
        ValueError: Fewer than two models, ones that differ in more than their weights, or shares that do not fit.
    """
    shares = [1.0] * len(paths) if shares is None else list(shares)
    if len(paths) < 2 or len(shares) != len(paths) or min(shares) < 0 or not sum(shares) > 0:
        raise ValueError(f"a mean takes two models or more and as many shares, not {len(paths)} and {shares}")
    configs = [read_config(path) for path in paths]
    for path, config in zip(paths, configs, strict=True):
        differing = [name for name in _SHARED if getattr(config, name) != getattr(configs[0], name)]
        if differing:
            raise ValueError(f"{path} differs from {paths[0]} in its {', '.join(differing)}: they have no mean")
    mean: dict[str, torch.Tensor] = {}
    for path, share in zip(paths, shares, strict=True):
        for name, value in read_weights(path).items():
            if value.is_floating_point():
                mean[name] = mean.get(name, torch.zeros(value.shape)) + share / sum(shares) * value.float()
            else:
                mean[name] = value
    beside = [row for config in configs[1:] for row in config.card.get("history", [])]
    card = {**configs[0].card, "beside": [*configs[0].card.get("beside", []), *beside]}
    save_model(out, replace(configs[0], card=card), mean)
