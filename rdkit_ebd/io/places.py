"""Where does a file lie, and how is it opened? On a disk or in an object store, as it is, gzipped or by zstd."""

from __future__ import annotations

import gzip
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from glob import glob, has_magic
from pathlib import Path
from typing import IO, Any

from rdkit_ebd.runtime.extras import needed

PACKED = (".gz", ".zst")
EXTRA = "parquet"
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


def is_url(place: str | os.PathLike[str]) -> bool:
    """Whether a place is an address such as s3://bucket/library.parquet."""
    return _URL.match(str(place)) is not None


def unpacked_name(place: str | os.PathLike[str]) -> str:
    """The name in small letters, without what says how it is compressed."""
    name = os.fspath(place).lower()
    return next((name.removesuffix(ending) for ending in PACKED if name.endswith(ending)), name)


def file_system(url: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it: pyarrow's own, or any of fsspec's.

    Raises:
        ImportError: pyarrow, fsspec or what fsspec needs for such addresses is not installed.
        ValueError: Nobody knows such addresses.
    """
    fs = needed("pyarrow.fs", EXTRA, url)
    try:
        system, path = fs.FileSystem.from_uri(url)
        return system, path
    except (ValueError, NotImplementedError):  # a scheme that pyarrow does not know
        core = needed("fsspec.core", EXTRA, url)
        other, path = core.url_to_fs(url)
        return fs.PyFileSystem(fs.FSSpecHandler(other)), path


@contextmanager
def open_binary(place: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """The bytes of a file, as they are stored.

    Raises:
        OSError: It cannot be read.
    """
    if not is_url(place):
        with open(place, "rb") as file:
            yield file
        return
    system, path = file_system(str(place))
    with system.open_input_stream(path, compression=None, buffer_size=1 << 20) as stream:
        yield stream


@contextmanager
def open_text(place: str | os.PathLike[str]) -> Iterator[IO[str]]:
    """The text of a file as UTF-8, whatever it is packed in; a wrong byte in a name is not worth a molecule.

    Raises:
        OSError: It cannot be read.
        ImportError: What unpacks it is not installed.
    """
    name = os.fspath(place).lower()
    with open_binary(place) as raw:
        stream: Any = raw
        if name.endswith((".gz", ".maegz")):
            stream = gzip.GzipFile(fileobj=raw)
        elif name.endswith(".zst"):
            stream = needed("zstandard", EXTRA, str(place)).ZstdDecompressor().stream_reader(raw)
        with io.TextIOWrapper(stream, encoding="utf-8", errors="replace") as text:
            yield text


def check_there(place: str | os.PathLike[str]) -> None:
    """See that a file is there.

    Raises:
        OSError: It is not.
        ValueError: It is a folder.
    """
    if not is_url(place):
        path = Path(place)
        path.stat()  # raises FileNotFoundError
        if path.is_dir():
            raise ValueError(f"{str(path)!r} is a folder")
        return
    system, inside = file_system(str(place))
    kind = system.get_file_info(inside).type.name
    if kind == "NotFound":
        raise FileNotFoundError(2, "no such file", str(place))
    if kind == "Directory":
        raise ValueError(f"{str(place)!r} is a folder")


def files_at(source: str, is_wanted: Any = None) -> list[str]:
    """The files that a path, a folder, a pattern such as library/*.smi.gz, or an address of one of these stands for.

    Args:
        source: It.
        is_wanted: Says of a name in a folder whether it is one of those meant; None: all are.

    Returns:
        Their places, sorted by name; of a folder those of its folders, too, but none that are hidden.

    Raises:
        OSError: There is nothing of this name.
        ValueError: There is nothing of the kind in it.
    """
    found = _at_url(source) if is_url(source) else _on_disk(source)
    if found == [source]:
        return found
    wanted = [place for place in sorted(found) if is_wanted is None or is_wanted(place)]
    if not wanted:
        raise ValueError(f"{source!r} holds no files of a known kind")
    return wanted


def _on_disk(source: str) -> list[str]:
    path = Path(source)
    if path.is_dir():
        return [str(file) for file in path.rglob("*") if file.is_file() and not _hidden(file.relative_to(path).parts)]
    if has_magic(source) and not path.exists():
        found = [place for place in glob(source, recursive=True) if Path(place).is_file()]
        if not found:
            raise FileNotFoundError(2, "no file matches the pattern", source)
        return found
    path.stat()
    return [source]


def _at_url(source: str) -> list[str]:
    fs = needed("pyarrow.fs", EXTRA, source)
    magic = re.search(r"[*?\[]", source)
    base = source[: source.rindex("/", 0, magic.start())] if magic else source
    system, path = file_system(base)
    info = system.get_file_info(path)
    if info.type.name == "File":
        return [source]
    if info.type.name != "Directory":
        raise FileNotFoundError(2, "no such file or folder", source)
    selector = fs.FileSelector(path, recursive=True)
    files = [file.path for file in system.get_file_info(selector) if file.type.name == "File"]
    inside = [file[len(path) :].lstrip("/") for file in files]
    pattern = source[len(base) :].lstrip("/") if magic else "*"
    return [f"{base.rstrip('/')}/{name}" for name in inside if fnmatch(name, pattern) and not _hidden(name.split("/"))]


def _hidden(parts: Any) -> bool:
    return any(part.startswith((".", "_")) for part in parts)
