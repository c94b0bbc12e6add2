"""Which property does a molecule have? The published judge of conditional generation: an EGNN that moves no atom.

Hoogeboom et al., ICML 2022, section 5.2, after Satorras et al., ICML 2021: 7 layers of messages 128 wide that see
squared distances, summed over the atoms. It learns on one half of QM9's training molecules by the mean absolute error;
the generator learns on the other. It has 743,944 parameters, and names of modules are the published ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rdkit_ebd.generators.edm.published.egnn import first_layer
from rdkit_ebd.generators.weights_file import load_network, read_config_of, write_weights

FORMAT = "rdkit_ebd property classifier 1"
_MOST_WIDTH, _MOST_BLOCKS = 1024, 48


@dataclass(frozen=True)
class ClassifierConfig:
    """Everything that a classifier's file says of itself.

    Attributes:
        property: What it predicts.
        mean: Of the property in the data, in its unit.
        deviation: Mean absolute deviation from it.
        elements: Atomic numbers, in the order of the classes.
        width: Channels per atom.
        blocks: Layers.
        card: How it was trained.
    """

    property: str
    mean: float
    deviation: float
    elements: tuple[int, ...] = (1, 6, 7, 8, 9)
    width: int = 128
    blocks: int = 7
    card: dict[str, Any] = field(default_factory=dict)


class PropertyNetwork(nn.Module):
    """Predicts one property, normalised; the published one has 7 x 128, attention, and no features but elements."""

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config, d = config, config.width
        self.embedding = nn.Linear(len(config.elements), d)
        for i in range(config.blocks):
            self.add_module(f"gcl_{i}", _Layer(d))
        self.node_dec = nn.Sequential(nn.Linear(d, d), nn.SiLU(), nn.Linear(d, d))
        self.graph_dec = nn.Sequential(nn.Linear(d, d), nn.SiLU(), nn.Linear(d, 1))

    def forward(self, coords: Tensor, classes: Tensor, mask: Tensor) -> Tensor:
        """Predict.

        Args:
            coords: (B, N, 3) angstrom.
            classes: (B, N) places of the elements.
            mask: (B, N) bool.

        Returns:
            (B,) the property, less its mean and divided by its deviation.
        """
        apart = ~torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
        heard = (mask[:, :, None] & mask[:, None] & apart)[..., None].to(coords.dtype)
        squares = (coords[:, :, None] - coords[:, None]).square().sum(-1, keepdim=True)
        one_hot = functional.one_hot(classes, len(self.config.elements)).to(coords.dtype)
        h = self.embedding(one_hot * mask[..., None])
        for i in range(self.config.blocks):
            h = self.get_submodule(f"gcl_{i}")(h, squares, heard)
        return torch.as_tensor(self.graph_dec((self.node_dec(h) * mask[..., None]).sum(1))[:, 0])

    def predict(self, coords: Tensor, classes: Tensor, mask: Tensor) -> Tensor:
        """(B,) the property in its unit."""
        return self(coords, classes, mask) * self.config.deviation + self.config.mean


class _Layer(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.edge_mlp = nn.Sequential(nn.Linear(2 * d + 1, d), nn.SiLU(), nn.Linear(d, d), nn.SiLU())
        self.node_mlp = nn.Sequential(nn.Linear(2 * d, d), nn.SiLU(), nn.Linear(d, d))
        self.att_mlp = nn.Sequential(nn.Linear(d, 1), nn.Sigmoid())

    def forward(self, h: Tensor, squares: Tensor, heard: Tensor) -> Tensor:
        messages = self.edge_mlp[1:](first_layer(self.edge_mlp[0], h, squares))
        total = (messages * self.att_mlp(messages) * heard).sum(2)
        return torch.as_tensor(h + self.node_mlp(torch.cat([h, total], -1)))


def save_classifier(path: str | Path, config: ClassifierConfig, state: Mapping[str, Tensor]) -> None:
    """Write a classifier; the file appears whole or not at all."""
    write_weights(path, FORMAT, json.dumps(asdict(config), sort_keys=True), state)


def load_classifier(path: str | Path) -> PropertyNetwork:
    """Read a classifier, in evaluation mode.

    Raises:
        ValueError: The file is none, or damaged.
    """
    config = read_config_of(path, FORMAT, _parsed)
    return load_network(path, partial(PropertyNetwork, config))[0]


def _parsed(text: str) -> ClassifierConfig:
    try:
        data = json.loads(text)
        config = ClassifierConfig(**{**data, "elements": tuple(data["elements"])})
        if not (0 < config.width <= _MOST_WIDTH and 0 <= config.blocks <= _MOST_BLOCKS):
            raise ValueError(f"{config.blocks} blocks {config.width} wide are beyond what is read")
    except (KeyError, TypeError) as error:  # JSON may hold anything
        raise ValueError(f"a value is of the wrong kind: {error}") from error
    return config
