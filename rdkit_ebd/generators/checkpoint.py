"""What is a model file? One safetensors with its weights, configuration, fragment vocabulary and model card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.generators.ebd.layers import NetworkConfig
from rdkit_ebd.generators.ebd.network import DeblurNetwork
from rdkit_ebd.generators.ebd.published_network import PaperNetwork, PaperNetworkConfig

Network = DeblurNetwork | PaperNetwork
NETWORK_CONFIGS: dict[str, type[NetworkConfig] | type[PaperNetworkConfig]] = {
    "attention": NetworkConfig,
    "paper": PaperNetworkConfig,
}
MODEL_FOLDER = Path(str(files("rdkit_ebd") / "models"))
DEFAULT_MODEL = "ebd-f2f"
_FORMAT = "rdkit_ebd 1"


@dataclass(frozen=True)
class ModelConfig:
    """Everything a checkpoint says of itself.

    Attributes:
        name: The model's name.
        network: Size of the network.
        blur: Blurring process it was trained on.
        vocabulary: Fragment vocabulary, as `Vocabulary.to_dict` gives it.
        elements: Atomic numbers it was trained on.
        min_atoms: Smallest component it was trained for; smaller ones keep their coarse seed.
        max_atoms: Largest molecule, hydrogens included.
        steps: Deblurring steps per round it is used with by default.
        rounds: Rounds of deblurring, each from the conformers of the one before.
        noise_scale: Times the training noise it is sampled with by default.
        levels: Levels of theory; the first is the one it is asked for.
        card: What a model card holds: data, licence, training, validation table.
        architecture: "attention" (ours) or "paper" (Park & Shen's); `network` is of its kind.
        coarse: Where its seeds come from by default: "etkdg", "skeleton", or "dg" as in the paper.
        seed_pool: Seeds to choose from for each conformer, by default.
        tolerance: Root mean square displacement of a round, angstrom, below which no further one is made, by default.
        quality_weight: Unlikeness, in angstrom, that an angstrom of expected distance from a true conformer is worth
            where a seed is chosen, by default; read only where the network has confidence.
    """

    name: str
    network: NetworkConfig | PaperNetworkConfig
    blur: BlurConfig
    vocabulary: dict[str, Any]
    elements: tuple[int, ...]
    min_atoms: int = 4
    max_atoms: int = 400
    steps: int = 4
    rounds: int = 1
    noise_scale: float = 1.0
    levels: tuple[str, ...] = ()
    card: dict[str, Any] = field(default_factory=dict)
    architecture: str = "attention"
    coarse: str = "etkdg"
    seed_pool: int = 1
    tolerance: float = 0.0
    quality_weight: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.network, _network_config(self.architecture)):
            raise ValueError(f"architecture {self.architecture!r} is not made from a {type(self.network).__name__}")

    def to_json(self) -> str:
        """Text for the checkpoint's metadata."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Inverse of `to_json`.

        Raises:
            ValueError: Unknown keys or an unknown architecture, named.
        """
        data = _known(cls, json.loads(text))
        kind = _network_config(data.get("architecture", "attention"))
        data["network"] = kind(**_known(kind, data["network"]))
        data["blur"] = BlurConfig(**_known(BlurConfig, data["blur"]))
        data["elements"], data["levels"] = tuple(data["elements"]), tuple(data.get("levels", ()))
        return cls(**data)


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

    @property
    def has_confidence(self) -> bool:
        """Whether the network can tell how near a true conformer a seed will end."""
        return isinstance(self.network, DeblurNetwork) and self.network.confidence is not None


def available_models() -> dict[str, Path]:
    """Shipped models by name."""
    return {path.stem: path for path in sorted(MODEL_FOLDER.glob("*.safetensors"))}


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
    path: str | Path, config: ModelConfig, state: dict[str, torch.Tensor], dtype: torch.dtype = torch.float16
) -> None:
    """Write a checkpoint, at half precision unless told otherwise; the file appears whole or not at all."""
    # Copies, since layers that share a weight name it twice and safetensors holds no tensor under two names.
    tensors = {
        name: t.detach().to("cpu", dtype if t.is_floating_point() else t.dtype, copy=True) for name, t in state.items()
    }
    target = Path(path)
    partial = target.with_suffix(".partial")
    save_file({k: t.contiguous() for k, t in tensors.items()}, partial, {"format": _FORMAT, "config": config.to_json()})
    partial.replace(target)


def read_config(path: str | Path) -> ModelConfig:
    """Configuration of a checkpoint, without its weights.

    Raises:
        ValueError: The file is not a model of this package.
    """
    try:
        with safe_open(path, "pt") as f:
            metadata = f.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    if metadata.get("format") != _FORMAT:
        raise ValueError(f"{path} is not an {_FORMAT!r} model but {metadata.get('format')!r}")
    return ModelConfig.from_json(metadata["config"])


def load_model(model: str = "default", device: str = "auto") -> LoadedModel:
    """Load a model once per file and device; later calls give the same object."""
    path = model_path(model).resolve()
    return _load(str(path), str(resolve_device(device)), path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _load(path: str, device: str, _modified: int) -> LoadedModel:
    config = read_config(path)
    network = make_network(config)
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()})
    network.requires_grad_(False).eval().to(device)
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
    return LoadedModel(config, network, digest, torch.device(device))


def resolve_device(device: str) -> torch.device:
    """Turn "auto", "cpu", "cuda" or "cuda:N" into a device.

    Raises:
        ValueError: CUDA was asked for and is not there, or the word is unknown.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda' or 'cuda:N', not {device!r}") from error
    if found.type not in ("cpu", "cuda"):
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda' or 'cuda:N', not {device!r}")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {device!r} was asked for, but torch sees {torch.cuda.device_count()} CUDA devices")
    return found


def _network_config(architecture: str) -> type[NetworkConfig] | type[PaperNetworkConfig]:
    if architecture not in NETWORK_CONFIGS:
        raise ValueError(f"architecture must be one of {', '.join(NETWORK_CONFIGS)}, not {architecture!r}")
    return NETWORK_CONFIGS[architecture]


def _known(cls: type, data: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(data) - {f.name for f in fields(cls)})
    if unknown:
        raise ValueError(f"{cls.__name__} knows no {', '.join(map(repr, unknown))}")
    return dict(data)
