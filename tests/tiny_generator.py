"""A generator small enough to draw in milliseconds: untrained, with the kinds and sizes of small molecules."""

from __future__ import annotations

from pathlib import Path

import torch

from rdkit_ebd.generators.edm.model import GeneratorConfig, GeneratorNetworks, PropertyScale, Size, save_generator
from rdkit_ebd.generators.edm.pair_block import PairBlockConfig
from rdkit_ebd.generators.edm.process import NoiseConfig
from rdkit_ebd.generators.edm.sampler import SamplingConfig

KINDS = ((6, 0), (6, 1), (6, 2), (6, 3), (7, 0), (7, 1), (7, 2), (8, 0), (8, 1))
SMALL = PairBlockConfig(width=16, heads=2, blocks=2, pair=8, hidden=8, vectors=4, radial=8, feed=2)
CONFIG = GeneratorConfig(
    "tiny",
    SMALL,
    SMALL,
    NoiseConfig(),
    KINDS,
    tuple(Size(n, h, 10 * n, (float(5 * n + h),), (1.0,)) for n in (2, 3, 4, 5) for h in (2, 4, 6)),
    (PropertyScale("alpha", "bohr^3", 20.0, 5.0, 10.0, 40.0),),
    SamplingConfig(steps=6, hydrogen_steps=2, restarts=2),
)


def tiny_networks() -> GeneratorNetworks:
    """Untrained networks with every parameter shaken, so that nothing is without effect."""
    torch.manual_seed(0)
    networks = GeneratorNetworks(CONFIG)
    with torch.no_grad():
        for parameter in networks.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return networks.eval().requires_grad_(False)


def tiny_generator(folder: Path) -> str:
    """Such a model as a file."""
    path = folder / "tiny.safetensors"
    save_generator(path, CONFIG, tiny_networks().state_dict(), torch.float32)
    return str(path)
