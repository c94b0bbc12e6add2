"""What does a file of `torch.save` hold? Tensors of numbers that are in the file, each read at the size it has there.

`torch.load` takes the sizes of tensors from the pickle in the archive, and gives each as much memory as that says. Here
the archive's own sizes count: nothing in it is compressed, and no tensor has more numbers than were written for it.
"""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from typing import IO, Any

import torch

from rdkit_ebd.data.safe_pickle import SettingsUnpickler, plain

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
}
_OTHER = "it is no archive as torch.save writes it, nor an older file of tensors alone"


def read_torch(stream: IO[bytes]) -> Any:
    """Tensors, plain values, and mappings of whatever class as plain dicts.

    Raises:
        ValueError: It is no such file, or asks for more than data or for more than there is.
        Exception: Whatever else its readers raise.
    """
    if not zipfile.is_zipfile(stream):
        return _read_older(stream)
    with zipfile.ZipFile(stream) as archive:
        entries = {info.filename.partition("/")[2]: info for info in archive.infolist()}
        if "constants.pkl" in entries:
            raise ValueError("it is a TorchScript program")
        if "data.pkl" not in entries:
            raise ValueError(_OTHER)
        _check_sizes(entries.values(), stream.seek(0, os.SEEK_END))
        if "byteorder" in entries and archive.read(entries["byteorder"]) != b"little":
            raise ValueError("its numbers are written in another order of bytes")
        return plain(_Unpickler(archive, entries).load())


def _check_sizes(entries: Any, size: int) -> None:
    """Reject an archive that holds more than it is long: torch.save compresses nothing."""
    if any(info.compress_type != zipfile.ZIP_STORED for info in entries):
        raise ValueError("it is compressed, which torch.save does not do")
    if sum(info.file_size for info in entries) > size:
        raise ValueError("what it holds is said to be longer than the file")


def _read_older(stream: IO[bytes]) -> Any:
    stream.seek(0)
    try:
        return plain(torch.load(stream, map_location="cpu", weights_only=True))
    except MemoryError:
        raise
    except Exception as error:
        reason = str(error)
        told = isinstance(
            error, (ValueError, RuntimeError, pickle.UnpicklingError)
        )  # others speak of the reader's own state
        if not reason or not told or "weights_only" in reason:  # advice that nobody should follow
            reason = _OTHER if reason else "it is empty"
        raise ValueError(reason) from error


class _Unpickler(SettingsUnpickler):
    """Reads the pickle of an archive, with the tensors that lie beside it."""

    def __init__(self, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> None:
        super().__init__(io.BytesIO(archive.read(entries["data.pkl"])))
        self._archive, self._entries = archive, entries
        self._read: dict[str, torch.Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Kinds of numbers by the names of torch's storages; all else as in settings."""
        if module in ("torch", "torch.storage") and name in _DTYPES:
            return _DTYPES[name]
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> torch.Tensor:
        """The numbers of a storage, in one row.

        Raises:
            ValueError: They are not in the archive, or not as many as the pickle says.
        """
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or f"data/{key}" not in self._entries:
            raise ValueError(f"it asks for numbers {key!r} that are not in it")
        if key not in self._read:
            content = bytearray(self._archive.read(self._entries[f"data/{key}"]))
            if len(content) != count * dtype.itemsize:
                raise ValueError(f"numbers {key!r} are {len(content)} bytes, and not {count} numbers")
            self._read[key] = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
        return self._read[key]
