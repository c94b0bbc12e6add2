"""What is a model that draws molecules? Two networks, sizes and properties that it knows, and one file with it all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rdkit_ebd.generators.checkpoint import MODEL_FOLDER, resolve_device
from rdkit_ebd.generators.edm.hydrogens import HydrogenNetwork
from rdkit_ebd.generators.edm.pair_block import PairBlockConfig
from rdkit_ebd.generators.edm.process import NoiseConfig
from rdkit_ebd.generators.edm.sampler import SamplingConfig
from rdkit_ebd.generators.edm.skeletons import SkeletonNetwork
from rdkit_ebd.generators.model_config import checked_fields
from rdkit_ebd.generators.weights_file import file_format, load_network, read_config_of, write_weights

FORMAT = "rdkit_ebd molecules 1"
_MOST = {
    "width": 1024,
    "heads": 64,
    "blocks": 48,
    "pair": 256,
    "hidden": 1024,
    "vectors": 64,
    "radial": 256,
    "feed": 16,
}
_MOST_STEPS, _MOST_KINDS, _MOST_SIZES = 10_000, 256, 100_000
MOST_RESTARTS = 100


@dataclass(frozen=True)
class PropertyScale:
    """A property that molecules may be asked to have.

    Attributes:
        name: Such as "gap".
        unit: Such as "hartree".
        mean: Of the training molecules.
        deviation: Their mean absolute deviation.
        low: Lowest value it can be asked for: the first of 1,000 training molecules.
        high: Highest.
    """

    name: str
    unit: str
    mean: float
    deviation: float
    low: float
    high: float


@dataclass(frozen=True)
class Size:
    """Training molecules of one size.

    Attributes:
        heavy: Heavy atoms.
        hydrogens: Hydrogens.
        count: How many molecules.
        means: Of each property over them, in its unit.
        deviations: Standard deviations of each.
    """

    heavy: int
    hydrogens: int
    count: int
    means: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()


@dataclass(frozen=True)
class GeneratorConfig:
    """Everything a model says of itself.

    Attributes:
        name: The model's name.
        skeletons: Size of the network of skeletons.
        hydrogens: Size of the network that places hydrogens.
        noise: The process.
        kinds: Atomic number and hydrogens of each kind of atom.
        sizes: What sizes molecules have.
        properties: What can be asked for.
        sampling: How it is used by default.
        card: What a model card holds.

    Raises:
        ValueError: A number is outside of what any model needs; every fault is named.
    """

    name: str
    skeletons: PairBlockConfig
    hydrogens: PairBlockConfig
    noise: NoiseConfig
    kinds: tuple[tuple[int, int], ...]
    sizes: tuple[Size, ...]
    properties: tuple[PropertyScale, ...] = ()
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    card: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = [
            f"{part}.{name} must be an integer from 1 to {most}, not {value!r}"
            for part in ("skeletons", "hydrogens")
            for name, most in _MOST.items()
            if not (type(value := getattr(getattr(self, part), name)) is int and 1 <= value <= most)
        ]
        if not faults:
            faults = [f for part in ("skeletons", "hydrogens") for f in _indivisible(part, getattr(self, part))]
        steps = (self.sampling.steps, self.sampling.hydrogen_steps)
        if any(type(count) is not int or not 1 <= count <= _MOST_STEPS for count in steps):
            faults.append(f"steps must be integers from 1 to {_MOST_STEPS}, not {steps}")
        restarts = self.sampling.restarts
        if type(restarts) is not int or not 0 <= restarts <= MOST_RESTARTS:
            faults.append(f"restarts must be an integer from 0 to {MOST_RESTARTS}, not {restarts!r}")
        if not 1 <= len(self.kinds) <= _MOST_KINDS or not 1 <= len(self.sizes) <= _MOST_SIZES:
            faults.append(f"it must have kinds and sizes, not {len(self.kinds)} and {len(self.sizes)}")
        if faults:
            raise ValueError(f"configuration of model {self.name!r}: {'; '.join(faults)}")

    def to_json(self) -> str:
        """Text for the file's metadata."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> GeneratorConfig:
        """Inverse of `to_json`.

        Raises:
            ValueError: The text is no JSON object, keys are unknown or missing, or values are not possible; named.
        """
        try:
            data = checked_fields(cls, json.loads(text))
            for name, kind in _PARTS.items():
                if name in data:
                    data[name] = kind(**checked_fields(kind, data[name]))
            data["kinds"] = tuple((int(z), int(h)) for z, h in data["kinds"])
            data["sizes"] = tuple(_size(row) for row in data["sizes"])
            rows = data.get("properties", ())
            data["properties"] = tuple(PropertyScale(**checked_fields(PropertyScale, row)) for row in rows)
            return cls(**data)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        except TypeError as error:
            raise ValueError(f"a value is of the wrong kind: {error}") from error


_PARTS: dict[str, type] = {
    "skeletons": PairBlockConfig,
    "hydrogens": PairBlockConfig,
    "noise": NoiseConfig,
    "sampling": SamplingConfig,
}


class GeneratorNetworks(nn.Module):
    """The two networks of a model."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        kinds = len(config.kinds)
        self.skeletons = SkeletonNetwork(config.skeletons, config.noise, kinds, len(config.properties))
        self.hydrogens = HydrogenNetwork(config.hydrogens, kinds)


@dataclass(frozen=True)
class LoadedGenerator:
    """A model ready to draw.

    Attributes:
        config: What the file says of itself.
        networks: In evaluation mode, on `device`.
        weights_hash: First 12 hex digits of the file's SHA-256.
        device: Where the networks are.
    """

    config: GeneratorConfig
    networks: GeneratorNetworks
    weights_hash: str
    device: torch.device


def available_generators() -> dict[str, Path]:
    """Shipped models that draw molecules, by name."""
    return {path.stem: path for path in sorted(MODEL_FOLDER.glob("*.safetensors")) if file_format(path) == FORMAT}


def generator_path(model: str) -> Path:
    """File of a model given by name or by path.

    Raises:
        ValueError: No such model; the message lists those there are.
    """
    shipped = available_generators()
    path = shipped.get(model, Path(model))
    if path.is_file():
        return path
    raise ValueError(f"no model {model!r}: neither a file nor one of {', '.join(shipped) or 'no shipped models'}")


def save_generator(
    path: str | Path, config: GeneratorConfig, state: Mapping[str, Tensor], dtype: torch.dtype = torch.float16
) -> None:
    """Write a model, at half precision by default; the file appears whole or not at all."""
    write_weights(path, FORMAT, config.to_json(), state, dtype)


def read_generator_config(path: str | Path) -> GeneratorConfig:
    """Configuration of a model, without its weights.

    Raises:
        ValueError: The file is not such a model, or says impossible things of itself.
    """
    return read_config_of(path, FORMAT, GeneratorConfig.from_json)


def load_generator(model: str, device: str = "auto") -> LoadedGenerator:
    """Load a model once per file and device; later calls give the same object.

    Raises:
        ValueError: There is no such model or device, or the file is damaged; what is wrong with it is named.
    """
    path = generator_path(model).resolve()
    return _load(str(path), str(resolve_device(device)), path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _load(path: str, device: str, _modified: int) -> LoadedGenerator:
    config = read_generator_config(path)
    networks, weights_hash = load_network(path, partial(GeneratorNetworks, config), device)
    return LoadedGenerator(config, networks, weights_hash, torch.device(device))


def _indivisible(part: str, config: PairBlockConfig) -> list[str]:
    sizes = {"width": config.width, "pair": config.pair}
    return [f"{part}.{k} {v} is no multiple of its {config.heads} heads" for k, v in sizes.items() if v % config.heads]


def _size(row: Any) -> Size:
    fields = checked_fields(Size, row)
    for name in ("means", "deviations"):
        fields[name] = tuple(float(value) for value in fields.get(name, ()))
    return Size(**fields)
