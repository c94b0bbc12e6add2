"""What is finished of a long job, and is it still what it was? One file of JSON lines, by which the job is resumed.

The first line is what determines the job, then one line follows for each finished piece. A line carries its own
digest and those of the files it vouches for: a line that was cut off or changed, or whose files are missing or changed,
does not count, and its piece is made again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from rdkit_ebd.runtime.lock import try_lock
from rdkit_ebd.runtime.whole_file import sync_folder, write_whole

Entry = dict[str, Any]

_CHECK, _FILES = "_check", "_sha256"  # keys of a line that are the journal's own


class Journal:
    """The finished pieces of a job; one process at a time may have it open.

    Nothing of it is changed before `add` or `keep`, except that a journal without a finished piece begins anew.

    Args:
        path: The file, in the folder of the files that it vouches for.
        header: Everything that determines the results, as JSON takes it.
        advice: What to do where the journal is of another job.

    Attributes:
        entries: Those of the finished pieces, in the order in which they were added.

    Raises:
        ValueError: The file is no journal, or of another job, and what differs is named; it is left as it is.
        OSError: It cannot be read or written, or another process has it open.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "journal.jsonl"
        >>> with Journal(path, {"seed": 42}) as journal:
        ...     journal.add({"number": 1}, [])
        >>> with Journal(path, {"seed": 42}) as journal:
        ...     [entry["number"] for entry in journal.entries]
        [1]
    """

    def __init__(self, path: Path, header: Mapping[str, Any], advice: str = "remove it, or write elsewhere") -> None:
        self.path, self._header = path, _as_read(header)
        self._file = _opened(path)
        try:
            stored, lines, self._sound = _read(path, self._file.read(), self._header)
            if stored != self._header and lines:
                changes = "; ".join(differences(stored, self._header))
                raise ValueError(f"{path} is of a job with other settings: {changes}. To begin anew, {advice}")
            self._lines = lines
            if not lines:
                self._rewrite()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def entries(self) -> list[Entry]:
        """What was added, piece by piece."""
        return [_without_own_keys(line) for line in self._lines]

    def add(self, entry: Mapping[str, Any], files: Iterable[Path] = ()) -> None:
        """Declare a piece finished, safe on the disk.

        Args:
            entry: What to know of it when the job is resumed, as JSON takes it.
            files: The files it consists of, complete, in the journal's folder.
        """
        line = {**_as_read(entry), _FILES: {file.name: file_digest(file) for file in files}}
        if not self._sound:
            self._rewrite()
        size = self._file.seek(0, os.SEEK_END)
        try:
            self._file.write(_line(line))
            self._sync()
        except BaseException:
            with suppress(OSError):
                self._file.truncate(size)
            raise
        self._lines.append(line)

    def keep(self, count: int) -> None:
        """Forget all but the first so many pieces."""
        if count < len(self._lines):
            self._lines = self._lines[:count]
            self._rewrite()

    def digests(self, number: int) -> dict[str, str]:
        """SHA-256 of the files of a piece, by their names."""
        return dict(self._lines[number][_FILES])

    def close(self) -> None:
        """Let other processes have it."""
        self._file.close()

    def _rewrite(self) -> None:
        """Write the lines that count, at once and whole."""
        content = b"".join(map(_line, [self._header, *self._lines]))
        if os.fstat(self._file.fileno()).st_size == 0:
            self._file.write(content)
            self._sync()
            sync_folder(self.path.parent)
        else:
            write_whole(self.path, content)
            self._file.close()
            self._file = _opened(self.path)
        self._sound = True

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


def read_entries(path: Path) -> list[Entry]:
    """The finished pieces of a journal, whatever it determines; none where it is missing or no journal."""
    try:
        return [_without_own_keys(line) for line in _read(path, path.read_bytes(), {})[1]]
    except (OSError, ValueError):
        return []


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Such as "refine was 'UFF' and is None", for every value of two headers that is not the same."""
    names = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
    return [f"{name} was {before.get(name)!r} and is {now.get(name)!r}" for name in names]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _opened(path: Path) -> BinaryIO:
    """The file, made where there is none, for this process alone."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    file = os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0), 0o666), "r+b")
    if try_lock(file.fileno()) is False:
        file.close()
        raise OSError(errno.EBUSY, "another run is at work on this output", str(path))
    return file


def _read(path: Path, content: bytes, header: Entry) -> tuple[Entry, list[Entry], bool]:
    """The header of a journal, its lines that count, and whether these are all there is.

    Raises:
        ValueError: It is no journal.
    """
    if _line(header).startswith(content):  # new, or killed before the first piece
        return header, [], False
    first, *rest = [_parsed(line) for line in content.split(b"\n")]
    if first is None:
        raise ValueError(f"{path} is needed for what is finished of a job, and holds something else, or is damaged")
    lines = [line for line in rest if line is not None and _vouched(path.parent, line)]
    return _without_own_keys(first), lines, len(lines) == len(rest) - 1 and content.endswith(b"\n")


def _vouched(folder: Path, line: Entry) -> bool:
    """Whether the files of a piece are there and what they were."""
    try:
        return all(file_digest(folder / name) == digest for name, digest in line[_FILES].items())
    except OSError:
        return False


def _line(content: Entry) -> bytes:
    return json.dumps({**content, _CHECK: _check(content)}).encode() + b"\n"


def _check(content: Entry) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _parsed(line: bytes) -> Entry | None:
    """The content of a line; None where it is not whole."""
    try:
        content = dict(json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    return content if content.pop(_CHECK, None) == _check(content) else None


def _without_own_keys(line: Entry) -> Entry:
    return {name: value for name, value in line.items() if name != _FILES}


def _as_read(content: Mapping[str, Any]) -> Entry:
    """As it will be read: tuples are lists."""
    return dict(json.loads(json.dumps(content)))
