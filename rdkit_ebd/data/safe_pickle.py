"""What may a pickle hold? RDKit molecules, tensors, graph data and plain values; whatever else it asks for is rejected.

A pickle is a program: it can call anything that can be imported. Here it can import what is listed, and nothing of what
is listed can do more than make an object, of no more bytes than were given for it. PyTorch Geometric is never imported;
its objects become plain ones.

Settings come as mappings and namespaces of classes that nobody knows beforehand. Where they are wanted, such classes
are not imported either: what is made from entries and attributes alone becomes a plain dict, all else is rejected.

What remains are the readers written in C, Python's of pickles and RDKit's of molecules, which damaged bytes can bring
to read beyond their memory or to ask for all there is: what is here is called in a process of its own (`untrusted`).
"""

from __future__ import annotations

import codecs
import io
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from rdkit import Chem

if TYPE_CHECKING:  # imported once a pickle holds tensors
    from torch import Tensor

MOST_VALUES = 1_000_000  # in mappings and lists of settings; a value that stands at two places counts twice
_WIDEST = 64  # bits of an integer
_NUMBER = re.compile(r"b1|[iu][1248]|f[248]|c8|c16")  # kinds of numbers, as NumPy writes them
_BYTE_ORDERS = ("<", "=", "|")
_NO_FIELDS = (None, None, None, -1, -1, 0)  # what numbers have in place of fields, shapes, sizes and flags


class Plain:
    """Stands in for an object of PyTorch Geometric: its attributes, and no behaviour."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the attributes; since version 2 they lie in a store, which has them in a mapping."""
        self.__dict__.update(state)
        for name in ("_store", "_mapping"):
            inner = self.__dict__.get(name, {})
            self.__dict__.update(vars(inner) if isinstance(inner, Plain) else inner)


class Numbers:
    """Stands in for a tensor: its numbers, which nothing in the pickle can change any more."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """As NumPy has it."""
        return np.asarray(self.tensor.numpy(), dtype)

    def __float__(self) -> float:
        """Of a tensor of one number."""
        return float(self.tensor)

    def __setstate__(self, state: Any) -> None:
        """Nothing: torch's own would take another size than that of its storage.

        Raises:
            ValueError: Always.
        """
        raise ValueError("it asks for a tensor to be changed, which could read what is not its own")


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


class _Kind:
    """Stands in for a NumPy dtype: a kind of numbers by its name, and none that a state describes."""

    def __init__(self, name: Any, *_: Any) -> None:
        if not (isinstance(name, str) and _NUMBER.fullmatch(name)):
            raise ValueError(f"it asks for numbers of the kind {name!r}, and data has no need of these")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        """Take the order of bytes, which is all that the state of a kind of numbers says.

        Raises:
            ValueError: The state says more, or the order is not that of this machine's numbers.
        """
        if not (isinstance(state, tuple) and state[1:2] and state[1] in _BYTE_ORDERS and state[2:8] == _NO_FIELDS):
            raise ValueError("it asks for a kind of numbers with a state of its own, which could lie of its size")


def unpickled(path: Path) -> Any:
    """What a pickle of molecules, tensors and plain values holds, read in this process, which it may end.

    Raises:
        ValueError: It asks for something that is not data, which is named, or it is damaged.
    """
    with path.open("rb") as stream:
        return named(DataUnpickler(stream, path).load, path)


def named(read: Callable[[], Any], path: Path, what: str = "") -> Any:
    """What a reader makes of a file; whatever it raises is what is wrong with the file, which is named."""
    try:
        return read()
    except MemoryError:
        raise
    except Exception as error:
        reason = (str(error) or "it ends too early").splitlines()[0]
        if isinstance(error, RecursionError):
            reason = "it is nested too deeply"
        if str(path) in reason:
            raise ValueError(reason) from error
        raise ValueError(f"{path} cannot be read{f' {what}' if what else ''}: {reason}") from error


def plain(value: Any) -> Any:
    """A value whose mappings are dicts, at whatever depth, and whose tensors are torch's, each with its own memory.

    Raises:
        ValueError: There are more values than settings have, or a number is too long to be one.
    """
    return _plain(value, [MOST_VALUES])


def _plain(value: Any, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0:  # lists in lists that are one and the same have as many values as anybody likes
        raise ValueError(f"it holds more than {MOST_VALUES} values")
    if isinstance(value, dict):
        return {_plain(key, left): _plain(entry, left) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plain(entry, left) for entry in value)
    if isinstance(value, int) and value.bit_length() > _WIDEST:
        raise ValueError(f"it holds a number of {value.bit_length()} bits")
    return value.tensor if isinstance(value, Numbers) else value


@lru_cache(maxsize=1000)
def _mapping(name: str) -> type[_Mapping]:
    return type("Mapping", (_Mapping,), {"origin": name})


class DataUnpickler(pickle.Unpickler):
    """Finds what is allowed, and nothing else."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
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


class SettingsUnpickler(pickle.Unpickler):
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


def _storage(content: bytes) -> Tensor:
    """Numbers in a pickle of their own, as tensors are pickled outside of checkpoints."""
    import torch

    found: Any = torch.load(io.BytesIO(content), weights_only=True)
    return torch.tensor([], dtype=found.dtype).set_(found)


def _tensor(storage: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Numbers:
    """A tensor of numbers that are there; torch's own would make room for as many as are asked for."""
    import torch

    if not isinstance(storage, torch.Tensor):
        raise ValueError("it asks for a tensor without numbers")
    if torch.Size(size).numel() > storage.numel():
        raise ValueError(f"it asks for a tensor of {tuple(size)} from {storage.numel()} numbers")
    return Numbers(storage.as_strided(size, stride, offset).clone())


def _parameter(data: Numbers, *_: Any) -> Numbers:
    return data


def _encoded(text: str, encoding: str) -> bytes:
    """How protocols below 3 write bytes."""
    if encoding != "latin1":
        raise ValueError(f"a pickle writes bytes as latin1, not as {encoding}")
    return codecs.latin_1_encode(text)[0]


def _bytes(content: Any = b"", encoding: str = "latin1") -> bytearray:
    """Bytes that are there, and not as many as a number says."""
    if isinstance(content, str):
        content = _encoded(content, encoding.replace("-", ""))
    if not isinstance(content, (bytes, bytearray)):
        raise ValueError("it asks for bytes by their number")
    return bytearray(content)


def _scalar(kind: Any, content: Any) -> Any:
    if not (isinstance(kind, _Kind) and isinstance(content, bytes) and len(content) == kind.dtype.itemsize):
        raise ValueError("it asks for a number of another size than its kind has")
    return np.frombuffer(content, kind.dtype)[0]


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("rdkit.Chem.rdchem", "Mol"): Chem.Mol,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _encoded,
    ("numpy", "dtype"): _Kind,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    **{(module, kind.__name__): kind for module in ("builtins", "__builtin__") for kind in (set, frozenset, complex)},
    **{(module, "bytearray"): _bytes for module in ("builtins", "__builtin__")},
}
