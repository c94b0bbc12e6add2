"""How is a file written whole or not at all?"""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any


def is_replaceable(path: str | os.PathLike[str]) -> bool:
    """Whether a path is one of a file, there or not yet, rather than standard output, a device or a folder."""
    return str(path) != STANDARD_STREAM and (Path(path).is_file() or not Path(path).exists())


STANDARD_STREAM = "-"  # in place of a path


@contextmanager
def whole_file(path: str | os.PathLike[str], partial: Path | None = None) -> Iterator[IO[bytes]]:
    """Open a file that appears whole and safe on the disk when the `with` block ends well, and otherwise not at all.

    An exception in the block, Ctrl-C included, leaves what was at `path` as it was. The bytes of a .gz depend on its
    content alone, not on its name or the time.

    Args:
        path: File to write, compressed if it ends in .gz. A link stays a link; a device is written as it comes.
        partial: Where the bytes are until then, on the same disk; None for a file beside it named after the process.

    Raises:
        OSError: The file cannot be written.
    """
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(target.parent))
    if not is_replaceable(target):
        with open(target, "wb") as device:
            yield device
        return
    partial = partial or target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            packed: Any = _Packed(file) if target.suffix.lower() == ".gz" else nullcontext(file)
            with packed as stream:
                yield stream
            file.flush()
            os.fsync(file.fileno())  # a rename may reach the disk before the bytes do
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


class _Packed(gzip.GzipFile):
    def __init__(self, file: IO[bytes]) -> None:
        super().__init__("", "wb", fileobj=file, mtime=0)

    def flush(self, *mode: int) -> None:
        """Nothing: a flush would show in the bytes, and closing writes all there is."""
