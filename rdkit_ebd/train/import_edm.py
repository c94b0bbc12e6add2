"""How does a checkpoint of the published EDM become a model of ours? By its weights' names and the flags beside it.

`generative_model_ema.npy` is, whatever its name, what `torch.save` wrote of a state dict; `args.pickle` is the
namespace of its training. Both are read without running anything, and flags that ask for another network or process are
refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rdkit_ebd.data.untrusted import load_settings, load_torch
from rdkit_ebd.generators.edm.published.egnn import Egnn, EgnnConfig
from rdkit_ebd.generators.edm.published.model import PublishedConfig, save_published
from rdkit_ebd.generators.edm.published.process import ProcessConfig, log_snr
from rdkit_ebd.generators.weights_file import misfits
from rdkit_ebd.train.edm_facts import CONDITIONS, DATA_SETS

PREFIX = "dynamics.egnn."
_FIXED = ("gamma.gamma", "buffer")  # the schedule, which the process has, and nothing
_BLOCK = re.compile(r"e_block_(\d+)\.")
_HYDROGEN = 1
_SAME_SCHEDULE = 1e-3  # of gamma, which is written at single precision

# Flags that leave no trace in the weights -> what the published models have, which is what this network is.
_FLAGS: dict[str, Any] = {
    "model": "egnn_dynamics",
    "probabilistic_model": "diffusion",
    "condition_time": True,
    "inv_sublayers": 1,
    "sin_embedding": False,
    "aggregation_method": "sum",
}
_PUBLISHED: dict[str, Any] = {  # unconditional QM9, taken where there are no flags
    "dataset": "qm9",
    "include_charges": True,
    "normalize_factors": [1, 4, 10],
}


def is_edm(saved: Any) -> bool:
    """Whether what a checkpoint holds is a published EDM."""
    return isinstance(saved, Mapping) and any(str(name).startswith(PREFIX) for name in saved)


def import_edm(checkpoint: str | Path, out: str | Path, flags: str | Path | None = None) -> PublishedConfig:
    """Turn a published checkpoint, unconditional or conditional, into a model file.

    Args:
        checkpoint: Such as `generative_model_ema.npy`.
        out: The .safetensors file to write; the model has its name.
        flags: The `args.pickle` of its training; the one in the checkpoint's folder if there is one.

    Returns:
        The model's configuration.

    Raises:
        ValueError: The file is no such checkpoint; or weights are missing, left over, misshapen or not finite; or flags
            ask for another network. What is wrong is named.
    """
    checkpoint = Path(checkpoint)
    saved = load_torch(checkpoint)
    beside = Path(flags) if flags else checkpoint.with_name("args.pickle")
    settings = load_settings(beside) if flags or beside.is_file() else {}
    return convert_edm(saved, settings, checkpoint, out)


def convert_edm(saved: Any, settings: Mapping[Any, Any], checkpoint: Path, out: str | Path) -> PublishedConfig:
    """`import_edm` of a state dict and flags that are read already; without flags it is the model for QM9."""
    out = Path(out)
    if out.suffix != ".safetensors":
        raise ValueError(f"a model file must be called NAME.safetensors, not {out.name}")
    if not is_edm(saved):
        raise ValueError(f"{checkpoint} holds no weights {PREFIX}*: it is no checkpoint of the published EDM")
    state = {str(name).removeprefix(PREFIX): value for name, value in saved.items() if str(name) not in _FIXED}
    config = _config(out.stem, state, settings or _PUBLISHED, checkpoint)
    with torch.device("meta"):
        expected = Egnn(config.network).state_dict()
    if problems := [*misfits(state, expected), *_other_schedule(saved, config.process)]:
        raise ValueError(f"{checkpoint} does not fit the published network: {'; '.join(problems[:8])}")
    save_published(out, config, state)
    return config


def _config(name: str, state: Mapping[str, Any], flags: Mapping[Any, Any], checkpoint: Path) -> PublishedConfig:
    problems = [
        f"{key} is {flags[key]!r}, not {value!r}" for key, value in _FLAGS.items() if flags.get(key, value) != value
    ]
    data, schedule = flags.get("dataset"), str(flags.get("diffusion_noise_schedule", "polynomial_2"))
    if data not in DATA_SETS:
        problems.append(f"dataset is {data!r}, not one of {', '.join(DATA_SETS)}")
    if not re.fullmatch(r"polynomial_\d+(\.\d+)?", schedule):
        problems.append(f"diffusion_noise_schedule is {schedule!r}, not polynomial_2")
    properties = [str(one).lower() for one in flags.get("conditioning", ())]
    problems += [
        f"it is conditioned on {one!r}, not on {', '.join(CONDITIONS)}" for one in properties if one not in CONDITIONS
    ]
    if problems:
        raise ValueError(f"{checkpoint} is of another model than the published: {'; '.join(problems)}")
    elements, sizes = DATA_SETS[str(data)]
    if flags.get("remove_h"):
        elements, sizes = tuple(z for z in elements if z != _HYDROGEN), {}
    charge = bool(flags.get("include_charges", True))
    width, blocks = _shape(state, checkpoint)
    try:
        scales = tuple(float(factor) for factor in flags.get("normalize_factors", ()))
        process = ProcessConfig(
            len(elements),
            charge,
            scales or (1.0, 4.0, 1.0),  # type: ignore[arg-type]
            int(flags.get("diffusion_steps", 1000)),
            float(schedule.rpartition("_")[2]),
            float(flags.get("diffusion_noise_precision", 1e-5)),
        )
        network = EgnnConfig(
            process.features,
            len(properties),
            width,
            blocks,
            bool(flags.get("attention", True)),
            bool(flags.get("tanh", True)),
            float(flags.get("norm_constant", 1)),
            float(flags.get("normalization_factor", 1)),
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{checkpoint}: a flag is no number: {error}") from error
    origin = {
        "checkpoint": checkpoint.name,
        "flags": "those published" if flags is _PUBLISHED else "as given",
        "conditions": [asdict(CONDITIONS[one]) for one in properties],
    }
    conditions = tuple(CONDITIONS[one] for one in properties)
    return PublishedConfig(name, network, process, elements, sizes, conditions, {"imported": origin})


def _shape(state: Mapping[str, Any], checkpoint: Path) -> tuple[int, int]:
    """Width and blocks, as the weights have them."""
    weight = state.get("embedding.weight")
    if not isinstance(weight, Tensor) or weight.dim() != 2:
        raise ValueError(f"{checkpoint} has no matrix {PREFIX}embedding.weight")
    numbers = [int(match[1]) for name in state if (match := _BLOCK.match(name))]
    return weight.shape[0], max(numbers, default=-1) + 1


def _other_schedule(saved: Mapping[Any, Any], process: ProcessConfig) -> list[str]:
    gamma = saved.get("gamma.gamma")
    if gamma is None:
        return []
    if not isinstance(gamma, Tensor) or gamma.shape != (process.timesteps + 1,):
        return ["gamma.gamma is not the schedule of as many steps as flags say"]
    same = torch.allclose(-gamma.double(), log_snr(process), atol=_SAME_SCHEDULE)
    return [] if same else ["gamma.gamma is another schedule than flags say"]
