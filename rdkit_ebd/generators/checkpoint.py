"""What is a model file? One safetensors with its weights, configuration, fragment vocabulary and model card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, load_file, save
from torch import Tensor

from rdkit_ebd.generators.ebd.network import DeblurNetwork
from rdkit_ebd.generators.ebd.published_network import PaperNetwork, PaperNetworkConfig
from rdkit_ebd.generators.model_config import ModelConfig
from rdkit_ebd.runtime.whole_file import whole_file

Network = DeblurNetwork | PaperNetwork
MODEL_FOLDER = Path(str(files("rdkit_ebd") / "models"))
DEFAULT_MODEL = "ebd-f2f"
RETIRED_WEIGHTS = "confidence."  # how their names begin in files of release 0.1.0; nothing else depends on them
_FORMAT = "rdkit_ebd 1"
_NAMED = 8  # faults in one message; a file of another network has hundreds


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


def file_format(path: str | Path) -> str:
    """What kind of model a file says it is; empty where it says nothing."""
    try:
        with safe_open(path, "pt") as f:
            return str((f.metadata() or {}).get("format", ""))
    except (OSError, SafetensorError):
        return ""


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
    # Copies, since layers that share a weight name it twice and safetensors holds no tensor under two names.
    tensors = {
        name: t.detach().to("cpu", dtype if t.is_floating_point() else t.dtype, copy=True).contiguous()
        for name, t in state.items()
    }
    with whole_file(path) as stream:
        stream.write(save(tensors, {"format": _FORMAT, "config": config.to_json()}))


def read_config(path: str | Path) -> ModelConfig:
    """Configuration of a checkpoint, without its weights.

    Raises:
        ValueError: The file is not a model of this package, or says impossible things of itself.
    """
    try:
        with safe_open(path, "pt") as f:
            metadata = f.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    if metadata.get("format") != _FORMAT or "config" not in metadata:
        raise ValueError(f"{path} is not an {_FORMAT!r} model but {metadata.get('format')!r}")
    try:
        return ModelConfig.from_json(metadata["config"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Weights of a checkpoint by name, as they are stored, without those of parts that are retired.

    Raises:
        SafetensorError: It is no such file.
    """
    return _of_today(load_file(path))


def _of_today(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.startswith(RETIRED_WEIGHTS)}


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
    content = Path(path).read_bytes()
    state = {k: v.float() if v.is_floating_point() else v for k, v in _of_today(load(content)).items()}
    with torch.device("meta"):  # sizes alone: what does not fit is found before a network is allocated
        expected = make_network(config).state_dict()
    if faults := misfits(state, expected):
        more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        raise ValueError(f"{path} does not hold the weights of its network: {'; '.join(faults[:_NAMED])}{more}")
    network = make_network(config)
    network.load_state_dict(state)
    network.requires_grad_(False).eval().to(device)
    return LoadedModel(config, network, hashlib.sha256(content).hexdigest()[:12], torch.device(device))


def misfits(state: Mapping[str, object], expected: Mapping[str, Tensor]) -> list[str]:
    """What keeps tensors from being the weights of a network; empty if they fit.

    Args:
        state: What was found, by name.
        expected: The network's own `state_dict`; only kinds and shapes are read.
    """
    faults = [f"{name} is missing" for name in expected if name not in state]
    faults += [f"{name} is unknown" for name in sorted(set(state) - set(expected))]
    shared = sorted(set(state) & set(expected))
    return faults + [fault for name in shared if (fault := _fault(name, state[name], expected[name]))]


def _fault(name: str, found: object, expected: Tensor) -> str:
    if not isinstance(found, Tensor) or found.is_floating_point() != expected.is_floating_point():
        kind = "floating-point numbers" if expected.is_floating_point() else "integers"
        return f"{name} is no tensor of {kind}"
    if found.shape != expected.shape:
        return f"{name} is {tuple(found.shape)}, not {tuple(expected.shape)}"
    return "" if bool(torch.isfinite(found).all()) else f"{name} is not finite"


def resolve_device(device: str) -> torch.device:
    """Turn "auto", "cpu", "cuda", "cuda:N" or "mps" into a device; "auto" is never "mps", which nobody has tried.

    Raises:
        ValueError: CUDA or MPS was asked for and is not there, or the word is unknown.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', not {device!r}") from error
    if found.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device {device!r} was asked for, but torch has no Apple GPU here")
    if found.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', not {device!r}")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {device!r} was asked for, but torch sees {torch.cuda.device_count()} CUDA devices")
    return found
