"""How does a published checkpoint become one of our models? By its weights' names, flags beside it, and the paper.

A published checkpoint holds `model` and `model_ema`, state dicts of the whole method; the network is what lies under
`encoder.enc.`. It also holds its configuration, an object of a class of its own, and has an `args.pickle` beside it:
both are read without running anything, and looked through for settings of another network than the published. What
neither says is what the paper says: fragment points, sigma .01, T = 50, seeds of plain distance geometry.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rdkit_ebd.chem.fragments import Vocabulary
from rdkit_ebd.data.untrusted import load_settings, load_torch
from rdkit_ebd.generators.checkpoint import model_path, read_config, save_model
from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.generators.ebd.published_network import PaperNetwork, PaperNetworkConfig
from rdkit_ebd.generators.model_config import ModelConfig, SamplingDefaults
from rdkit_ebd.train.published_flags import foreign_flags
from rdkit_ebd.train.published_vocabulary import published_vocabulary

PREFIX = "encoder.enc."
GEOM_DRUGS = (1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 34, 35, 53)  # H B C N O F Si P S Cl Se Br I
_BLOCK = re.compile(r"e_block_\d+\.")
_WIDEST, _MOST_BLOCKS = 1024, 48  # as model files have it
_SHARED = ("coord_mlp_atom.4.weight", "coord_mlp_frag.4.weight")


def paper_model(name: str, vocabulary: Vocabulary, **settings: Any) -> ModelConfig:
    """The published EBD as a model configuration.

    Args:
        name: The model's name.
        vocabulary: Fragments.
        settings: Fields of `ModelConfig` that shall differ from the published.
    """
    published: dict[str, Any] = {
        "network": PaperNetworkConfig(),
        "blur": BlurConfig("fragments", sigma=0.01, noise="constant", timesteps=50),
        "elements": GEOM_DRUGS,
        "max_atoms": 200,  # GEOM-Drugs has up to 181
        "sampling": SamplingDefaults(
            steps=50, noise_scale=1.25, coarse="dg"
        ),  # sampled with 0.0125 A, trained with 0.01
        "levels": ("GEOM-Drugs (GFN2-xTB)",),
        "architecture": "paper",
    }
    return ModelConfig(name=name, vocabulary=vocabulary.to_dict(), **{**published, **settings})


def import_checkpoint(
    checkpoint: str | Path,
    out: str | Path,
    vocabulary: Vocabulary | None = None,
    ema: bool = True,
    flags: str | Path | None = None,
    neighbours: int = PaperNetworkConfig.neighbours,
) -> ModelConfig:
    """Turn a published checkpoint into a model file, at single precision.

    Args:
        checkpoint: File with `model` and `model_ema`, as `torch.save` wrote it; what else it holds may be of any class.
        out: The .safetensors file to write; the model has its name.
        vocabulary: The fragments it was trained on; those of the default model, near but not the same, if not given.
        ema: Take the moving average of the weights rather than the weights themselves.
        flags: The `args.pickle` of its training; the one in the checkpoint's folder, if there is one, if not given.
        neighbours: Most neighbours of an atom in the radius graph; 0: no limit, which the published network has.

    Returns:
        The model's configuration.

    Raises:
        ValueError: The file is no such checkpoint; or weights are missing, left over, misshapen or not finite; or flags
            ask for another network. Every one of them is named.
    """
    checkpoint, out = Path(checkpoint), Path(out)
    if out.suffix != ".safetensors":
        raise ValueError(f"a model file must be called NAME.safetensors, not {out.name}")
    entry = "model_ema" if ema else "model"
    saved = load_torch(checkpoint)
    state = published_state(saved, entry, checkpoint)
    beside = Path(flags) if flags else checkpoint.with_name("args.pickle")
    settings = load_settings(beside) if flags or beside.is_file() else {}
    own = saved.get("config") or {}
    network = replace(published_shape(state), neighbours=neighbours)
    if problems := foreign_flags({**({"config": own} if isinstance(own, dict) else {}), "args": settings}, network):
        raise ValueError(f"{checkpoint} is of another network than the published: {'; '.join(problems)}")
    if problems := misfits(state, PaperNetwork(network)):
        raise ValueError(f"{entry!r} of {checkpoint} does not fit the published network: {'; '.join(problems)}")
    origin = {
        "checkpoint": checkpoint.name,
        "weights": entry,
        "vocabulary": "as given" if vocabulary else "the default model's",
        "flags": beside.name if settings else "none given, taken to be those published",
    }
    fragments = vocabulary or shipped_vocabulary()
    config = paper_model(out.stem, fragments, network=network, card={"imported": origin})
    save_model(out, config, state, torch.float32)
    return config


def published_state(saved: Any, entry: str, checkpoint: Path) -> dict[str, Any]:
    """The network's part of a checkpoint's `entry`, under the names of `PaperNetwork`.

    Raises:
        ValueError: The checkpoint has no such entry, or nothing under the prefix.
    """
    entries = sorted(map(str, saved)) if isinstance(saved, dict) else []
    if entry not in entries or not isinstance(saved[entry], dict):
        raise ValueError(
            f"{checkpoint} has no weights {entry!r}; it holds {', '.join(entries) or type(saved).__name__}"
        )
    state = {str(name): value for name, value in saved[entry].items()}
    strange = sorted(name for name in state if not name.startswith(PREFIX))
    if strange or not state:
        raise ValueError(f"{entry!r} of {checkpoint} has no weights, or others than {PREFIX}*: {', '.join(strange)}")
    return {name.removeprefix(PREFIX): value for name, value in state.items()}


def published_shape(state: dict[str, Any]) -> PaperNetworkConfig:
    """Width and blocks as the weights have them; as published where they do not say."""
    shape = tuple(getattr(state.get("atom_embedding.0.weight"), "shape", ()))
    numbers = [int(name.split(".")[0].removeprefix("e_block_")) for name in state if _BLOCK.match(name)]
    width, blocks = (*shape, PaperNetworkConfig.width)[1], max(numbers, default=-1) + 1
    if not (width <= _WIDEST and blocks <= _MOST_BLOCKS):
        raise ValueError(f"a network of width {width} and {blocks} blocks is beyond what is imported")
    return PaperNetworkConfig(width=width, blocks=blocks or PaperNetworkConfig.blocks)


def misfits(state: dict[str, Any], network: PaperNetwork) -> list[str]:
    """What keeps a state dict from being this network's; empty if it fits."""
    wanted = network.state_dict()
    problems = [f"{name} is missing" for name in wanted if name not in state]
    problems += [f"{name} is not known" for name in sorted(set(state) - set(wanted))]
    for name in sorted(set(state) & set(wanted)):
        problems += _defects(name, state[name], wanted[name])
    return problems or _split(state)


def _defects(name: str, found: Any, wanted: Tensor) -> list[str]:
    if not isinstance(found, Tensor) or not found.is_floating_point():
        return [f"{name} is no tensor of floating-point numbers"]
    if found.shape != wanted.shape:
        return [f"{name} is {tuple(found.shape)}, not {tuple(wanted.shape)}"]
    return [] if bool(torch.isfinite(found).all()) else [f"{name} is not finite"]


def _split(state: dict[str, Tensor]) -> list[str]:
    """Layers that ought to be one and differ."""
    atom, fragment = _SHARED
    pairs = [(name, name.replace(atom, fragment)) for name in state if name.endswith(atom)]
    return [f"{a} and {b} are one layer, but differ" for a, b in pairs if not torch.equal(state[a], state[b])]


def shipped_vocabulary() -> Vocabulary:
    """The fragments of the default model."""
    return Vocabulary.from_dict(read_config(model_path("default")).vocabulary)


def read_vocabulary(path: str | Path) -> Vocabulary:
    """Read a vocabulary: JSON, as `rdkit-ebd train prepare` writes it, or the file of the published tokeniser.

    Raises:
        ValueError: The file holds something else.
    """
    try:
        text = Path(path).read_text()
        if "\t" in text:
            return published_vocabulary(text)
        return Vocabulary.from_dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is no vocabulary: {error}") from error
