"""What may a pickle hold? RDKit molecules, tensors, graph data and plain values; whatever else it asks for is rejected.

A pickle is a program: it can call anything that can be imported. Here it can import what is listed, and nothing of what
is listed can do more than make an object. PyTorch Geometric is never imported; its objects become plain ones.

Settings come as mappings and namespaces of classes that nobody knows beforehand. Where they are wanted, such classes
are not imported either: what is made from entries and attributes alone becomes a plain dict, all else is rejected.
"""

from __future__ import annotations

import codecs
import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from rdkit import Chem


class Plain:
    """Stands in for an object of PyTorch Geometric: its attributes, and no behaviour."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the attributes; since version 2 they lie in a store, which has them in a mapping."""
        self.__dict__.update(state)
        for name in ("_store", "_mapping"):
            inner = self.__dict__.get(name, {})
            self.__dict__.update(vars(inner) if isinstance(inner, Plain) else inner)


class _Mapping(dict[Any, Any]):
    """Stands in for a mapping or a namespace of an unknown class: its entries, and no behaviour."""

    origin = ""

    def __init__(self, *entries: Any) -> None:
        """Take entries as `dict` does; a call with anything else is no mapping's."""
        if len(entries) > 1 or not all(isinstance(given, dict) for given in entries):
            raise ValueError(
                f"it asks for {self.origin} in a way that no mapping is made; that could run code, so nothing was run"
            )
        super().__init__(*entries)

    def __setstate__(self, state: Any) -> None:
        """Take attributes as entries."""
        self.update(_Mapping(*[part for part in (state if isinstance(state, tuple) else (state,)) if part is not None]))


_BROKEN = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
    OverflowError,
    zipfile.BadZipFile,
)


def load_pickle(path: Path) -> Any:
    """Read a pickle of molecules, tensors and plain values.

    Raises:
        ValueError: It asks for something that is not data, which is named, or it is damaged.
    """
    with path.open("rb") as stream:
        try:
            return _Unpickler(stream, path).load()
        except _BROKEN as error:
            raise ValueError(f"{path} cannot be read: {error or 'it ends too early'}") from error


def load_settings(path: Path) -> dict[Any, Any]:
    """Read a pickled mapping or namespace, such as an `argparse.Namespace` or an `EasyDict`, as plain dicts.

    Raises:
        ValueError: It holds something else, which is named, or it is damaged.
    """
    with path.open("rb") as stream:
        try:
            found = plain(_SettingsUnpickler(stream).load())
        except (*_BROKEN, ValueError) as error:
            raise ValueError(f"{path} cannot be read: {error or 'it ends too early'}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no settings but a {type(found).__name__}")
    return found


def load_torch(path: Path) -> Any:
    """Read what `torch.save` wrote: tensors, plain values, and mappings of whatever class as plain dicts.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It asks for something that is not data, which is named, or it is damaged.
    """
    path.open("rb").close()  # from here on an OSError is of what is inside
    try:
        if _is_archive(path):
            pickles: Any = SimpleNamespace(Unpickler=_SettingsUnpickler, __name__="safe_pickle")
            return plain(torch.load(path, map_location="cpu", weights_only=False, pickle_module=pickles))
        return torch.load(path, map_location="cpu", weights_only=True)
    except (*_BROKEN, ValueError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it is empty"
        if isinstance(error, pickle.UnpicklingError) and "weights_only" in reason:  # advice that nobody should follow
            reason = "it is no archive as torch.save writes it, nor an older file of tensors alone"
        raise ValueError(f"{path} cannot be read as tensors, numbers and mappings: {reason}") from error


def _is_archive(path: Path) -> bool:
    """Whether it is of the kind that `torch.save` writes since 1.6, and no program (TorchScript)."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            raise ValueError("it is a TorchScript program")
    return True


def plain(value: Any) -> Any:
    """A value whose mappings are dicts, at whatever depth."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain(entry) for entry in value)
    return value


def _mapping(name: str) -> type[_Mapping]:
    return type("Mapping", (_Mapping,), {"origin": name})


class _Unpickler(pickle.Unpickler):
    """Finds what is allowed, and nothing else."""

    def __init__(self, stream: io.BufferedReader, path: Path) -> None:
        super().__init__(stream)
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        """What the pickle calls `module.name`, if that is data.

        Raises:
            ValueError: It is not.
        """
        if module == "torch_geometric" or module.startswith("torch_geometric."):
            return Plain
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        raise ValueError(
            f"{self._path} asks for {module}.{name}; a pickle of molecules has no need of it, and it could run code"
        )


class _SettingsUnpickler(pickle.Unpickler):
    """Finds mappings and namespaces of every class, and plain values."""

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in for what the pickle calls `module.name`, unless that is known."""
        if module in ("copyreg", "copy_reg") and name == "_reconstructor":
            return _reconstructed
        if module in ("builtins", "__builtin__") and name in ("dict", "object"):
            return {"dict": dict, "object": object}[name]
        return _ALLOWED.get((module, name)) or _mapping(f"{module}.{name}")


def _reconstructed(kind: Any, base: Any, state: Any) -> _Mapping:
    """How protocols below 2 make objects."""
    if not (isinstance(kind, type) and issubclass(kind, _Mapping) and base in (dict, object)):
        raise ValueError(f"it asks for {getattr(kind, 'origin', kind)}, which is no mapping")
    return kind(*([] if base is object else [state]))


def _storage(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), weights_only=True)


def _tensor(*words: Any) -> torch.Tensor:
    rebuild: Any = torch._utils._rebuild_tensor_v2
    made: torch.Tensor = rebuild(*words)
    return made


def _parameter(data: torch.Tensor, *_: Any) -> torch.Tensor:
    return data


def _encoded(text: str, encoding: str) -> bytes:
    """How protocols below 3 write bytes."""
    if encoding != "latin1":
        raise ValueError(f"a pickle writes bytes as latin1, not as {encoding}")
    return codecs.latin_1_encode(text)[0]


def _scalar(dtype: np.dtype, content: bytes) -> Any:
    return np.frombuffer(content, dtype)[0]


def _dtype(*words: Any) -> np.dtype:
    made: np.dtype = np.dtype(words[0])
    if made.hasobject:
        raise ValueError("a pickle of molecules has no need of arrays of objects")
    return made


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("rdkit.Chem.rdchem", "Mol"): Chem.Mol,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _encoded,
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    **{("builtins", kind.__name__): kind for kind in (set, frozenset, bytearray, complex)},
    **{("__builtin__", kind.__name__): kind for kind in (set, frozenset, bytearray, complex)},
}
