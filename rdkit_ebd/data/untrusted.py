"""How are pickled settings and checkpoints of strangers read? As data, in a process of bounded memory and time.

`settings_in` and `tensors_in` do it in the process that calls them, which damaged bytes may end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rdkit_ebd.data.safe_pickle import SettingsUnpickler, named, plain
from rdkit_ebd.data.torch_files import read_torch
from rdkit_ebd.runtime.apart import read_apart


def load_settings(path: Path) -> dict[Any, Any]:
    """Read a pickled mapping or namespace, such as an `argparse.Namespace` or an `EasyDict`, as plain dicts.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It holds something else, which is named, or it is damaged.
    """
    return read_apart(settings_in, path)


def load_torch(path: Path) -> Any:
    """Read what `torch.save` wrote: tensors, plain values, and mappings of whatever class as plain dicts.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It asks for something that is not data, which is named, or it is damaged.
    """
    return read_apart(tensors_in, path)


def settings_in(path: Path) -> dict[Any, Any]:
    """`load_settings` in this process."""
    with path.open("rb") as stream:
        found = named(lambda: plain(SettingsUnpickler(stream).load()), path)
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no settings but a {type(found).__name__}")
    return found


def tensors_in(path: Path) -> Any:
    """`load_torch` in this process."""
    with path.open("rb") as stream:
        return named(lambda: read_torch(stream), path, "as tensors, numbers and mappings")
