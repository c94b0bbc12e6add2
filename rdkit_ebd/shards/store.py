"""Where does a run write? A folder here or in an object store; each file appears whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdkit_ebd.io.places import EXTRA, file_system, is_url
from rdkit_ebd.runtime.extras import needed
from rdkit_ebd.runtime.lock import try_lock
from rdkit_ebd.runtime.whole_file import write_whole

_WHOLE_ANYWAY = {"s3", "gcs", "abfs"}  # where a file is there only once it is closed
_LOCK = ".lock"


@dataclass(frozen=True)
class Store:
    """A folder, by its path or address.

    Attributes:
        place: It.
    """

    place: str

    @staticmethod
    def at(place: str | os.PathLike[str]) -> Store:
        """The folder of a path, or of an address such as s3://bucket/run or file:///data/run."""
        text = os.fspath(place)
        text = text.removeprefix("file://") if text.startswith("file:///") else text
        return Store(text if is_url(text) else str(Path(text).absolute()))

    def begin(self) -> None:
        """Make the folder, where there are folders to make."""
        if not is_url(self.place):
            Path(self.place).mkdir(parents=True, exist_ok=True)

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all.

        Args:
            name: With its folder, such as "chunks/part-000000000000.json".
            content: Its bytes; a .gz is compressed already.

        Raises:
            OSError: It cannot be written.
        """
        if not is_url(self.place):
            path = Path(self.place, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content, packs=False)
            return
        system, folder = file_system(self.place)
        target = f"{folder.rstrip('/')}/{name}"
        whole = system.type_name in _WHOLE_ANYWAY
        beside = f"{folder.rstrip('/')}/.{secrets.token_hex(8)}.partial"
        if not whole:
            system.create_dir(os.path.dirname(target), recursive=True)
        with system.open_output_stream(target if whole else beside) as stream:
            stream.write(content)
        if not whole:
            system.move(beside, target)

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None where there is none."""
        if not is_url(self.place):
            try:
                return Path(self.place, name).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None
        system, folder = file_system(self.place)
        path = f"{folder.rstrip('/')}/{name}"
        if system.get_file_info(path).type.name != "File":
            return None
        with system.open_input_stream(path) as stream:
            return bytes(stream.read())

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each file of a folder in it, by name; none where there is no such folder."""
        if not is_url(self.place):
            path = Path(self.place, folder)
            if not path.is_dir():
                return {}
            with os.scandir(path) as entries:
                return {entry.name: entry.stat().st_size for entry in entries if not entry.name.startswith(".")}
        system, base = file_system(self.place)
        selector = needed("pyarrow.fs", EXTRA, self.place).FileSelector(
            f"{base.rstrip('/')}/{folder}", allow_not_found=True
        )
        return {file.base_name: int(file.size or 0) for file in system.get_file_info(selector)}

    def read_json(self, name: str) -> dict[str, Any] | None:
        """The content of a JSON file; None where there is none, or none that can be read."""
        content = self.read(name)
        try:
            return None if content is None else dict(json.loads(content))
        except ValueError:
            return None

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file, whole or not at all."""
        self.write(name, json.dumps(content, indent=1).encode() + b"\n")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A `with` block that one process at a time is in, where the place has locks; an object store has none.

        Raises:
            OSError: Another run is at work there.
        """
        if is_url(self.place):
            yield
            return
        descriptor = os.open(Path(self.place, _LOCK), os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            if try_lock(descriptor) is False:
                raise OSError(errno.EBUSY, "another run is at work on this output", self.place)
            yield
        finally:
            os.close(descriptor)


def digest_of(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()
