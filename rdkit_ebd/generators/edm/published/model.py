"""What is a file of a published EDM? One safetensors with its weights, process, elements, sizes and card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rdkit_ebd.generators.checkpoint import resolve_device
from rdkit_ebd.generators.edm.published.egnn import Egnn, EgnnConfig
from rdkit_ebd.generators.edm.published.process import EdmProcess, ProcessConfig
from rdkit_ebd.generators.weights_file import file_format, load_network, read_config_of, write_weights

FORMAT = "rdkit_ebd edm published 1"

# Least and most of what a file may ask for, so that a hostile one is rejected before anything is allocated.
_BOUNDS: dict[type, dict[str, tuple[float, float]]] = {
    EgnnConfig: {
        "features": (1, 128), "context": (0, 64), "width": (1, 1024), "blocks": (0, 48), "norm_constant": (0, 1e3),
        "divisor": (1e-3, 1e4),
    },
    ProcessConfig: {"classes": (1, 127), "timesteps": (1, 10_000), "power": (0.1, 10), "precision": (1e-12, 0.49)},
}  # fmt: skip
MOST_ATOMS = 1000


@dataclass(frozen=True)
class Condition:
    """A property that molecules are conditioned on: the network is told (value - mean) / deviation.

    Attributes:
        name: Such as "alpha".
        mean: Of the data, in the property's unit.
        deviation: Mean absolute deviation from it.
        least: Lowest value in the data.
        most: Highest value in the data.
    """

    name: str
    mean: float
    deviation: float
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class PublishedConfig:
    """Everything a model file says of itself.

    Attributes:
        name: The model's name.
        network: Size of the network.
        process: The process it was trained on.
        elements: Atomic numbers of the classes, in order.
        sizes: Molecules of each number of atoms in the training data, whose shares are p(M).
        conditions: What it is conditioned on.
        card: What a model card holds.

    Raises:
        ValueError: A value is impossible or the parts do not fit; every fault is named.
    """

    name: str
    network: EgnnConfig = field(default_factory=EgnnConfig)
    process: ProcessConfig = field(default_factory=ProcessConfig)
    elements: tuple[int, ...] = (1, 6, 7, 8, 9)
    sizes: dict[int, int] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    card: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = [fault for part in (self.network, self.process) for fault in _out_of_bounds(part)]
        if self.network.features != self.process.features:
            faults.append(f"the network has {self.network.features} features and the process {self.process.features}")
        if len(self.elements) != self.process.classes or not all(1 <= z <= 118 for z in self.elements):
            faults.append(f"elements are {self.elements}, of {self.process.classes} classes")
        if len(self.conditions) != self.network.context:
            faults.append(f"{len(self.conditions)} properties for a network that is told {self.network.context}")
        if wrong := [n for n, count in self.sizes.items() if not 1 <= n <= MOST_ATOMS or count < 0]:
            faults.append(f"sizes {wrong} are impossible")
        if faults:
            raise ValueError(f"configuration of model {self.name!r}: {'; '.join(faults)}")

    def to_json(self) -> str:
        """Text for the file's metadata."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> PublishedConfig:
        """Inverse of `to_json`.

        Raises:
            ValueError: The text is none, or keys are unknown or missing, or values are not possible; named.
        """
        data = _checked(cls, json.loads(text))
        try:
            data["network"] = EgnnConfig(**_checked(EgnnConfig, data["network"]))
            process = _checked(ProcessConfig, data["process"])
            data["process"] = ProcessConfig(**{**process, "scales": tuple(process["scales"])})
            data["elements"] = tuple(data["elements"])
            data["sizes"] = {int(atoms): int(count) for atoms, count in data.get("sizes", {}).items()}
            data["conditions"] = tuple(Condition(**_checked(Condition, one)) for one in data.get("conditions", ()))
            return cls(**data)
        except (TypeError, KeyError, AttributeError) as error:  # JSON may hold anything
            raise ValueError(f"a value is of the wrong kind: {error}") from error


@dataclass(frozen=True)
class PublishedModel:
    """A published EDM ready to use.

    Attributes:
        config: What the file says of itself.
        network: In evaluation mode, on `device`.
        process: Its process.
        device: Where the network is.
        weights_hash: First 12 hex digits of the file's SHA-256.
    """

    config: PublishedConfig
    network: Egnn
    process: EdmProcess
    device: torch.device
    weights_hash: str = ""


def save_published(path: str | Path, config: PublishedConfig, state: Mapping[str, Tensor]) -> None:
    """Write a model file, at single precision; it appears whole or not at all."""
    write_weights(path, FORMAT, config.to_json(), state)


def is_published(path: str | Path) -> bool:
    """Whether a file is one of a published EDM."""
    return file_format(path) == FORMAT


def read_published_config(path: str | Path) -> PublishedConfig:
    """Configuration of a model, without its weights.

    Raises:
        ValueError: The file is not such a model, or says impossible things of itself.
    """
    return read_config_of(path, FORMAT, PublishedConfig.from_json)


def load_published(path: str | Path, device: str = "auto") -> PublishedModel:
    """Load a model file.

    Raises:
        ValueError: It is no such file, or damaged, or there is no such device; what is wrong is named.
    """
    place, config = resolve_device(device), read_published_config(path)
    network, weights_hash = load_network(path, partial(Egnn, config.network), place)
    return PublishedModel(config, network, EdmProcess(config.process), place, weights_hash)


def _out_of_bounds(part: object) -> list[str]:
    faults = []
    for name, (least, most) in _BOUNDS[type(part)].items():
        value = getattr(part, name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            faults.append(f"{name} must be from {least} to {most}, not {value!r}")
    if isinstance(part, ProcessConfig) and not (
        len(part.scales) == 3 and all(isinstance(s, (int, float)) and 0 < s <= 1e4 for s in part.scales)
    ):
        faults.append(f"scales must be three numbers above 0, not {part.scales!r}")
    return faults


def _checked(cls: type, data: Any) -> dict[str, Any]:
    """The fields of a dataclass from JSON; a ValueError names those that are unknown or missing."""
    if not isinstance(data, Mapping):
        raise ValueError(f"{cls.__name__} must be an object, not {data!r}")
    if unknown := sorted(set(data) - {f.name for f in fields(cls)}):
        raise ValueError(f"{cls.__name__} has no {', '.join(map(repr, unknown))}")
    required = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}
    if missing := sorted(required - set(data)):
        raise ValueError(f"{cls.__name__} lacks {', '.join(map(repr, missing))}")
    return dict(data)
