"""What is a model file? One safetensors with its weights, configuration, fragment vocabulary and model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from rdkit_ebd.generators.ebd.network import DeblurNetwork
from rdkit_ebd.generators.ebd.published_network import PaperNetwork, PaperNetworkConfig
from rdkit_ebd.generators.model_config import ModelConfig
from rdkit_ebd.generators.weights_file import file_format, load_network, read_config_of, write_weights

Network = DeblurNetwork | PaperNetwork
MODEL_FOLDER = Path(str(files("rdkit_ebd") / "models"))
DEFAULT_MODEL = "ebd-f2f"
RETIRED_WEIGHTS = "confidence."  # how their names begin in files of release 0.1.0; nothing else depends on them
_FORMAT = "rdkit_ebd 1"


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to sample.

    Attributes:
        config: What the checkpoint says of itself.
        network: In evaluation mode, on `device`.
        weights_hash: First 12 hex digits of the file's SHA-256.
        device: Where the network is.
    """

    config: ModelConfig
    network: Network
    weights_hash: str
    device: torch.device


def available_models() -> dict[str, Path]:
    """Shipped models that make conformers, by name.

    Example:
        >>> sorted(available_models())
        ['ebd-c2f', 'ebd-f2f']
    """
    return {path.stem: path for path in sorted(MODEL_FOLDER.glob("*.safetensors")) if file_format(path) == _FORMAT}


def model_path(model: str) -> Path:
    """File of a model given by name, by "default" or by path.

    Raises:
        ValueError: No such model; the message lists those there are.
    """
    shipped = available_models()
    name = DEFAULT_MODEL if model == "default" else model
    if name in shipped:
        return shipped[name]
    path = Path(model)
    if path.is_file():
        return path
    raise ValueError(f"no model {model!r}: neither a file nor one of {', '.join(shipped) or 'no shipped models'}")


def make_network(config: ModelConfig) -> Network:
    """An untrained network of the model's architecture and size."""
    if isinstance(config.network, PaperNetworkConfig):
        return PaperNetwork(config.network)
    return DeblurNetwork(config.network)


def save_model(
    path: str | Path, config: ModelConfig, state: Mapping[str, Tensor], dtype: torch.dtype = torch.float16
) -> None:
    """Write a checkpoint, at half precision by default; the file appears whole or not at all."""
    write_weights(path, _FORMAT, config.to_json(), state, dtype)


def read_config(path: str | Path) -> ModelConfig:
    """Configuration of a checkpoint, without its weights.

    Raises:
        ValueError: The file is not a model of this package, or says impossible things of itself.
    """
    return read_config_of(path, _FORMAT, ModelConfig.from_json)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Weights of a checkpoint by name, as they are stored, without those of parts that are retired.

    Raises:
        SafetensorError: It is no such file.
    """
    return {name: value for name, value in load_file(path).items() if not name.startswith(RETIRED_WEIGHTS)}


def load_model(model: str = "default", device: str = "auto") -> LoadedModel:
    """Load a model once per file and device; later calls give the same object.

    Raises:
        ValueError: There is no such model or device, or the file is damaged; what is wrong with it is named.
    """
    path = model_path(model).resolve()
    return _load(str(path), str(resolve_device(device)), path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _load(path: str, device: str, _modified: int) -> LoadedModel:
    config = read_config(path)
    network, weights_hash = load_network(path, partial(make_network, config), device, RETIRED_WEIGHTS)
    return LoadedModel(config, network, weights_hash, torch.device(device))


def resolve_device(device: str) -> torch.device:
    """Turn "auto", "cpu", "cuda", "cuda:N" or "mps" into a device; "auto" is never "mps", which nobody has tried.

    Raises:
        ValueError: CUDA or MPS was asked for and is not there, or the word is unknown.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', not {device!r}") from error
    if found.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device {device!r} was asked for, but torch has no Apple GPU here")
    if found.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', not {device!r}")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {device!r} was asked for, but torch sees {torch.cuda.device_count()} CUDA devices")
    return found
