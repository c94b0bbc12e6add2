"""What does a model say of itself? Its network, the process it was trained on, how it is used, and its card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.generators.ebd.layers import NetworkConfig
from rdkit_ebd.generators.ebd.published_network import PaperNetworkConfig

NETWORK_CONFIGS: dict[str, type[NetworkConfig] | type[PaperNetworkConfig]] = {
    "attention": NetworkConfig,
    "paper": PaperNetworkConfig,
}
# What files also say, those of release 0.1.0 and the shipped ones among them, and nobody reads any more: whether the
# network guesses how near a true conformer a seed will end, and what that guess was worth where seeds were chosen. Its
# weights, `checkpoint.RETIRED_WEIGHTS`, are left out, too.
RETIRED = {"network": "confidence", "sampling": "quality_weight"}
COARSE_STAGES = ("torsions", "etkdg", "skeleton", "dg")


@dataclass(frozen=True)
class SamplingDefaults:
    """How a model is used where the caller does not say otherwise.

    Attributes:
        steps: Deblurring steps per round.
        rounds: Rounds of deblurring, each from the conformers of the one before.
        noise_scale: Noise of sampling, times that of training.
        tolerance: Root mean square displacement of a round, angstrom, below which no further one is made.
        coarse: Where seeds come from: "torsions", "etkdg", "skeleton", or "dg" as in the paper.
        seed_pool: Seeds to choose from for each conformer.
    """

    steps: int = 4
    rounds: int = 1
    noise_scale: float = 1.0
    tolerance: float = 0.0
    coarse: str = "etkdg"
    seed_pool: int = 1


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
        sampling: How it is used by default.
        levels: Levels of theory; the first is the one whose conformers are made.
        card: What a model card holds: data, licence, training, validation table.
        surroundings: In how many training molecules each kind of atom was, as `judge.environments` names them; empty:
            it is not known, and `elements` alone say what the model treats.
        architecture: "attention" (ours) or "paper" (Park & Shen's); `network` is of its kind.

    Raises:
        ValueError: A number is outside of what any model needs, or the parts do not fit; every fault is named.
    """

    name: str
    network: NetworkConfig | PaperNetworkConfig
    blur: BlurConfig
    vocabulary: dict[str, Any]
    elements: tuple[int, ...]
    min_atoms: int = 4
    max_atoms: int = 400
    sampling: SamplingDefaults = field(default_factory=SamplingDefaults)
    levels: tuple[str, ...] = ()
    card: dict[str, Any] = field(default_factory=dict)
    surroundings: dict[str, int] = field(default_factory=dict)
    architecture: str = "attention"

    def __post_init__(self) -> None:
        if not isinstance(self.network, _network_config(self.architecture)):
            raise ValueError(f"architecture {self.architecture!r} is not made from a {type(self.network).__name__}")
        faults = [fault for part in (self, self.network, self.blur, self.sampling) for fault in _out_of_bounds(part)]
        if not faults:
            faults = _inconsistencies(self)
        if faults:
            raise ValueError(f"configuration of model {self.name!r}: {'; '.join(faults)}")

    def to_json(self) -> str:
        """Text for the checkpoint's metadata."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Inverse of `to_json`; also reads what files of release 0.1.0 say, except for what is `RETIRED`.

        Raises:
            ValueError: The text is no JSON object, or keys are unknown or missing, or values are not possible; named.
        """
        try:
            data = checked_fields(cls, _of_today(json.loads(text)))
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        try:
            kind = _network_config(data.get("architecture", "attention"))
            data["network"] = kind(**checked_fields(kind, data["network"]))
            data["blur"] = BlurConfig(**checked_fields(BlurConfig, data["blur"]))
            data["sampling"] = SamplingDefaults(**checked_fields(SamplingDefaults, data.get("sampling", {})))
            data["elements"], data["levels"] = tuple(data["elements"]), tuple(data.get("levels", ()))
            return cls(**data)
        except TypeError as error:  # of a comparison or a conversion: JSON may hold anything
            raise ValueError(f"a value is of the wrong kind: {error}") from error


# Least and most of what a file may ask for, ends included, so that a damaged or hostile one is rejected before anything
# is allocated. Each end is several times beyond the largest model ever trained with this package.
BOUNDS: dict[type, dict[str, tuple[int, int] | tuple[float, float]]] = {
    ModelConfig: {"min_atoms": (1, 10_000), "max_atoms": (1, 10_000)},
    NetworkConfig: {
        "width": (1, 1024),
        "heads": (1, 64),
        "blocks": (1, 48),
        "radial": (1, 256),
        "twist_every": (0, 48),
        "harmonics": (1, 64),
        "levels": (1, 64),
        "head_width": (0, 1024),
        "hidden": (0, 8192),
    },
    PaperNetworkConfig: {"width": (1, 1024), "blocks": (1, 48), "neighbours": (0, 10_000)},
    BlurConfig: {"sigma": (0.0, 100.0)},  # angstrom
    SamplingDefaults: {
        "steps": (1, 1000),
        "rounds": (1, 100),
        "noise_scale": (0.0, 100.0),
        "tolerance": (0.0, 100.0),  # angstrom
        "seed_pool": (1, 1000),
    },
}
MOST_TIMES = 10_000  # steps of all rounds together: noise is made for all of them at once
MOST_TIMESTEPS = 10_000  # of a process of discrete times; the paper has 50


def _out_of_bounds(part: object) -> list[str]:
    """The numbers and switches of a part that are of another type or size than they may be."""
    faults = []
    for name, (least, most) in BOUNDS[type(part)].items():
        value, whole = getattr(part, name), isinstance(least, int)
        is_number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not (is_number and least <= value <= most):  # NaN is within nothing
            faults.append(
                f"{name} must be {'an integer' if whole else 'a number'} from {least} to {most}, not {value!r}"
            )
    switches = [f.name for f in fields(part) if isinstance(f.default, bool)]  # type: ignore[arg-type]
    return faults + [
        f"{name} must be true or false, not {getattr(part, name)!r}"
        for name in switches
        if not isinstance(getattr(part, name), bool)
    ]


def _inconsistencies(config: ModelConfig) -> list[str]:
    """What does not fit together of numbers that are possible on their own."""
    network, timesteps, faults = config.network, config.blur.timesteps, []
    if isinstance(network, NetworkConfig) and not network.head_width and network.width % network.heads:
        faults.append(f"width {network.width} is no multiple of the {network.heads} heads")
    if timesteps is not None and not (isinstance(timesteps, int) and timesteps <= MOST_TIMESTEPS):
        faults.append(f"timesteps must be an integer up to {MOST_TIMESTEPS}, not {timesteps!r}")
    if (times := config.sampling.steps * config.sampling.rounds) > MOST_TIMES:
        faults.append(f"steps of all rounds together must be at most {MOST_TIMES}, not {times}")
    if config.sampling.coarse not in COARSE_STAGES:
        faults.append(f"coarse must be one of {', '.join(COARSE_STAGES)}, not {config.sampling.coarse!r}")
    if strange := [z for z in config.elements if not (isinstance(z, int) and 1 <= z <= 118)]:
        faults.append(f"elements are atomic numbers, not {', '.join(map(repr, strange))}")
    seen = config.surroundings
    if not isinstance(seen, dict) or any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in seen.values()):
        faults.append("surroundings are kinds of atoms and in how many molecules each was")
    return faults


def _network_config(architecture: str) -> type[NetworkConfig] | type[PaperNetworkConfig]:
    if architecture not in NETWORK_CONFIGS:
        raise ValueError(f"architecture must be one of {', '.join(NETWORK_CONFIGS)}, not {architecture!r}")
    return NETWORK_CONFIGS[architecture]


def _of_today(data: Any) -> Any:
    """A configuration without what is retired, and with sampling defaults of their own, whatever its age."""
    if not isinstance(data, dict):
        return data
    if "sampling" not in data:  # they stand among the other fields
        names = {f.name for f in fields(SamplingDefaults)} | {RETIRED["sampling"]}
        rest = {name: value for name, value in data.items() if name not in names}
        data = rest | {"sampling": {name: value for name, value in data.items() if name in names}}
    parts = {part: data[part] for part in RETIRED if isinstance(data.get(part), dict)}
    return data | {part: {n: v for n, v in own.items() if n != RETIRED[part]} for part, own in parts.items()}


def checked_fields(cls: type, data: Any) -> dict[str, Any]:
    """The fields of a dataclass from JSON; a ValueError names those that are unknown or missing."""
    if not isinstance(data, Mapping):
        raise ValueError(f"{cls.__name__} must be an object, not {data!r}")
    unknown = sorted(set(data) - {f.name for f in fields(cls)})
    if unknown:
        raise ValueError(f"{cls.__name__} has no {', '.join(map(repr, unknown))}")
    required = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}
    if missing := sorted(required - set(data)):
        raise ValueError(f"{cls.__name__} lacks {', '.join(map(repr, missing))}")
    return dict(data)
