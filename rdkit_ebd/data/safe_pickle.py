"""What may a pickle hold? RDKit molecules, tensors, graph data and plain values; whatever else it asks for is refused.

A pickle is a program: it can call anything that can be imported. Here it can import what is listed, and nothing of what
is listed can do more than make an object. PyTorch Geometric is never imported; its objects become plain ones.
"""

from __future__ import annotations

import codecs
import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
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


def load_pickle(path: Path) -> Any:
    """Read a pickle.

    Raises:
        ValueError: It asks for something that is not data, which is named, or it is damaged.
    """
    with path.open("rb") as stream:
        try:
            return _Unpickler(stream, path).load()
        except (
            pickle.UnpicklingError,
            EOFError,
            AttributeError,
            IndexError,
            KeyError,
            TypeError,
            RuntimeError,
        ) as error:
            raise ValueError(f"{path} cannot be read: {error or 'it ends too early'}") from error


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


def _storage(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), weights_only=True)


def _tensor(*words: Any) -> torch.Tensor:
    rebuild: Any = torch._utils._rebuild_tensor_v2
    made: torch.Tensor = rebuild(*words)
    return made


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
    ("torch.storage", "_load_from_bytes"): _storage,
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _encoded,
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    **{("builtins", kind.__name__): kind for kind in (set, frozenset, bytearray, complex)},
    **{("__builtin__", kind.__name__): kind for kind in (set, frozenset, bytearray, complex)},
}
