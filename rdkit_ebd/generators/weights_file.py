"""What is any file of weights? One safetensors with tensors, the configuration of their network, and its own kind."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor, nn

from rdkit_ebd.runtime.whole_file import whole_file

_NAMED = 8  # faults in one message; a file of another network has hundreds
_Config = TypeVar("_Config")
_Network = TypeVar("_Network", bound=nn.Module)


def file_format(path: str | Path) -> str:
    """What kind of file it says it is; empty where it says nothing."""
    try:
        with safe_open(path, "pt") as file:
            return str((file.metadata() or {}).get("format", ""))
    except (OSError, SafetensorError):
        return ""


def write_weights(
    path: str | Path, kind: str, config: str, state: Mapping[str, Tensor], dtype: torch.dtype = torch.float32
) -> None:
    """Write a file, whole or not at all.

    Args:
        path: Where.
        kind: What `file_format` will say.
        config: Of the network, as text.
        state: Its weights.
        dtype: Of those that are no integers.
    """
    # Copies, since layers that share a weight name it twice and safetensors holds no tensor under two names.
    tensors = {
        name: t.detach().to("cpu", dtype if t.is_floating_point() else t.dtype, copy=True).contiguous()
        for name, t in state.items()
    }
    with whole_file(path) as stream:
        stream.write(save(tensors, {"format": kind, "config": config}))


def read_config_of(path: str | Path, kind: str, parse: Callable[[str], _Config]) -> _Config:
    """The configuration that a file holds, without its weights.

    Args:
        path: Of the file.
        kind: What it must be.
        parse: Makes a configuration of its text; its ValueErrors are given the file's name.

    Raises:
        ValueError: The file is of another kind, or says impossible things of itself.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    if metadata.get("format") != kind or "config" not in metadata:
        raise ValueError(f"{path} is not an {kind!r} model but {metadata.get('format')!r}")
    try:
        return parse(metadata["config"])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from error


def load_network(
    path: str | Path, make: Callable[[], _Network], device: str | torch.device = "cpu", retired: str | None = None
) -> tuple[_Network, str]:
    """A network with the weights of a file, in evaluation mode, and the first 12 hex digits of the file's SHA-256.

    Args:
        path: Of the file.
        make: Makes the network.
        device: Where it is wanted.
        retired: How names of weights begin that no network has any more.

    Raises:
        ValueError: The weights are those of another network, or not finite; what is wrong with them is named.
    """
    content = Path(path).read_bytes()
    state = {
        name: value.float() if value.is_floating_point() else value
        for name, value in load(content).items()
        if retired is None or not name.startswith(retired)
    }
    with torch.device("meta"):  # sizes alone: what does not fit is found before a network is allocated
        expected = make().state_dict()
    if faults := misfits(state, expected):
        more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        raise ValueError(f"{path} does not hold the weights of its network: {'; '.join(faults[:_NAMED])}{more}")
    network = make()
    network.load_state_dict(state)
    network.requires_grad_(False).eval().to(device)
    return network, hashlib.sha256(content).hexdigest()[:12]


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
