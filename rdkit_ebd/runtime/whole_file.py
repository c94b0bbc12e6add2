"""How is a file written whole or not at all?"""

from __future__ import annotations

import errno
import gzip
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from rdkit_ebd.runtime.lock import try_lock

STANDARD_STREAM = "-"  # in place of a path

# Windows has none of them, and rewrites line ends unless asked not to.
_FLAGS = os.O_WRONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_PARTIAL = re.compile(r"\..+\.\d+\.[0-9a-f]{16}\.partial")
_tidied: set[Path] = set()  # folders in which this process has looked for what dead writers left


def is_replaceable(path: str | os.PathLike[str]) -> bool:
    """Whether a path is one of a file, there or not yet, rather than standard output, a device or a folder."""
    return str(path) != STANDARD_STREAM and (Path(path).is_file() or not Path(path).exists())


@contextmanager
def whole_file(path: str | os.PathLike[str], packs: bool = True) -> Iterator[IO[bytes]]:
    """Open a file that appears whole and safe on the disk when the `with` block ends well, and otherwise not at all.

    An exception in the block, Ctrl-C included, leaves what was at `path` as it was. Until then the bytes are in a file
    without a name, of which a kill leaves nothing; where the system has no such files they are in one beside it,
    `.NAME.PID.RANDOM.partial`, and one that a killed process left there goes when another writes into the folder. The
    bytes of a .gz depend on its content alone, not on its name or the time.

    Args:
        path: File to write, compressed if it ends in .gz. A link stays a link; a device is written as it comes.
        packs: Whether it is; not where the bytes are compressed already.

    Raises:
        OSError: The file cannot be written.

    Example:
        >>> with whole_file("notes.txt") as file:
        ...     file.write(b"all of it")
        9
        >>> open("notes.txt").read()
        'all of it'
    """
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(target.parent))
    if not is_replaceable(target):
        with open(target, "wb") as device:
            yield device
        return
    remove_stale(target.parent)
    descriptor, partial = _begun(target)
    try:
        with os.fdopen(descriptor, "wb") as file:
            packed: Any = _Packed(file) if packs and target.suffix.lower() == ".gz" else nullcontext(file)
            with packed as stream:
                yield stream
            file.flush()
            os.fsync(file.fileno())  # a rename may reach the disk before the bytes do
            if partial is None:
                partial = _named(file.fileno(), target)
            if os.name == "nt":  # where an open file cannot be renamed
                file.close()
            partial.replace(target)
            partial = None
        sync_folder(target.parent)
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


@contextmanager
def text_output(path: str | os.PathLike[str], newline: str | None = None) -> Iterator[IO[str]]:
    """Open a `whole_file` for text as UTF-8, or standard output for "-", which is written as it comes.

    Args:
        path: As `whole_file` takes it, or "-".
        newline: As `open` takes it; not for standard output.

    Raises:
        OSError: The file cannot be written.
    """
    if str(path) == STANDARD_STREAM:
        try:
            yield sys.stdout
        finally:
            sys.stdout.flush()
        return
    with whole_file(path) as raw:
        stream = TextIOWrapper(raw, encoding="utf-8", newline=newline)
        try:
            yield stream
        finally:
            stream.detach()  # its last bytes are written here, and may not fit on the disk


def write_whole(path: str | os.PathLike[str], content: str | bytes, packs: bool = True) -> None:
    """Write a file of this content, whole or not at all, text as UTF-8; see `whole_file`."""
    with whole_file(path, packs) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder outlive a power failure, where the system can."""
    if os.name == "nt":
        return
    with suppress(OSError):  # a folder that may not be read, a file system that does not sync folders
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_stale(folder: Path) -> None:
    """Remove what killed writers have left in a folder, on this process's first visit to it."""
    if folder in _tidied:
        return
    _tidied.add(folder)
    names: list[str] = []
    with suppress(OSError):  # a folder that may be written and not read
        names = os.listdir(folder)
    for name in filter(_PARTIAL.fullmatch, names):
        with suppress(OSError):  # gone, or not ours to remove
            _remove_if_free(folder / name)


def _remove_if_free(path: Path) -> None:
    """Remove a file whose writer is dead: it has no lock on it any more."""
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and try_lock(descriptor):
            path.unlink()
    finally:
        os.close(descriptor)


def _begun(target: Path) -> tuple[int, Path | None]:
    """An empty file on the target's disk, and its name if it has one."""
    with suppress(OSError, AttributeError):
        return os.open(target.parent, _FLAGS | os.O_TMPFILE, 0o666), None
    while True:
        partial = _partial_name(target)
        try:
            descriptor = os.open(partial, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(target)) from None
        try_lock(descriptor)
        if partial.exists():  # and was not taken for stale before the lock was there
            return descriptor, partial
        os.close(descriptor)


def _named(descriptor: int, target: Path) -> Path:
    """Give a file without a name one beside the target."""
    partial = _partial_name(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # With a folder's descriptor Python follows the link in /proc, which is the file.
        os.link(f"/proc/self/fd/{descriptor}", partial.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)
    return partial


def _partial_name(target: Path) -> Path:
    name = target.name.encode(errors="surrogateescape")[:100].decode(errors="ignore")  # 255 bytes is all there are
    return target.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(8)}.partial")


class _Packed(gzip.GzipFile):
    def __init__(self, file: IO[bytes]) -> None:
        super().__init__("", "wb", fileobj=file, mtime=0)

    def flush(self, *mode: int) -> None:
        """Nothing: a flush would show in the bytes, and closing writes all there is."""
