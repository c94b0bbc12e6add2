"""How does a long job outlive being killed? Its output grows in parts that are whole or absent, and are joined last."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from rdkit_ebd.runtime.whole_file import whole_file

FOLDER_SUFFIX = ".parts"

_MANIFEST, _JOINED = "manifest.json", "joined.partial"
_DONE_WITH = "finished.json"  # what the manifest becomes once nothing else in the folder is needed any more
_OURS = re.compile(r"\d{6,}\.(sdf|json)|\..*\.partial|joined\.partial")


class Parts:
    """The finished parts of an output, in the folder OUTPUT.parts beside it, and the place for the next one.

    A part is a file of records and a tally, JSON. It is finished once its tally is there, which is written last and in
    one act; whatever else is in the folder after a kill is written again. Use it as

        with Parts(output, manifest, resume=True) as parts:
            while there is more:
                ...  # write the file parts.next_path
                parts.add(tally)
            parts.join()

    A block that ends in an exception leaves the folder; it goes where there is nothing in it to keep.

    Args:
        output: The file to write in the end; parts are beside the file that a link leads to.
        manifest: Everything that determines the output, as JSON takes it.
        resume: Go on after the parts there are; otherwise there must be none.

    Attributes:
        folder: Where the parts are.
        tallies: Those of the finished parts, first to last.

    Raises:
        ValueError: There are finished parts and `resume` is False; or they were made with another manifest, and what
            differs is named; or the folder is somebody else's.
        OSError: The folder cannot be used, or another process uses it.
    """

    def __init__(self, output: str | os.PathLike[str], manifest: Mapping[str, Any], resume: bool = False) -> None:
        self._target = Path(output).resolve()
        self.folder = parts_folder(output)
        self.folder.mkdir(exist_ok=True)
        self._lock = _locked(self.folder)
        try:
            self.tallies = self._begin(json.loads(json.dumps(manifest)), resume)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *exception: object) -> None:
        if not self.tallies and self.folder.is_dir():
            self._clear()
            with suppress(OSError):  # somebody put something else into it
                self.folder.rmdir()
        self._close()

    @property
    def next_path(self) -> Path:
        """Where the records of the next part belong."""
        return _records(self.folder, len(self.tallies))

    def add(self, tally: Mapping[str, Any]) -> None:
        """Declare the part at `next_path`, which is complete, finished.

        Args:
            tally: What to know of the part when the job goes on, as JSON takes it.
        """
        path = self.next_path
        _write(path.with_suffix(".json"), {"bytes": path.stat().st_size, "tally": tally})
        self.tallies.append(dict(tally))

    def join(self) -> None:
        """Write the output from the parts, at once and whole; then the folder goes."""
        with whole_file(self._target, self.folder / _JOINED) as stream:
            for number in range(len(self.tallies)):
                with open(_records(self.folder, number), "rb") as part:
                    shutil.copyfileobj(part, stream, 1 << 20)
        self.tallies = []
        self._clear()

    def _begin(self, manifest: dict[str, Any], resume: bool) -> list[dict[str, Any]]:
        """Look at what is in the folder, and make it ready for the next part."""
        stored, tallies = self._stored(), list(_tallies(self.folder))
        if not tallies:
            self._clear()
            _write(self.folder / _MANIFEST, manifest)
            return []
        if not resume:
            raise ValueError(
                f"{self.folder} holds {len(tallies)} finished parts of an earlier run: "
                "add --resume to go on from there, or delete it"
            )
        if differs := differences(stored, manifest):
            raise ValueError(f"the parts in {self.folder} were made otherwise: {'; '.join(differs)}")
        for path in self.folder.glob("*.partial"):
            path.unlink()
        return tallies

    def _stored(self) -> dict[str, Any]:
        """The manifest there is; a folder with other things and neither that nor our mark is not ours."""
        names = {path.name for path in self.folder.iterdir()}
        if not names & {_MANIFEST, _DONE_WITH} and any(not name.startswith(f".{_MANIFEST}.") for name in names):
            raise ValueError(f"{self.folder} is needed for the parts of the output, and holds other things")
        return _read(self.folder / _MANIFEST) or {}

    def _clear(self) -> None:
        """Remove what is ours; a kill in the middle leaves what is known to be worthless, never half a job."""
        mark = self.folder / _DONE_WITH
        if (self.folder / _MANIFEST).exists():
            (self.folder / _MANIFEST).replace(mark)
        for path in self.folder.iterdir():
            if _OURS.fullmatch(path.name):
                path.unlink()
        mark.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)


def parts_folder(output: str | os.PathLike[str]) -> Path:
    """The folder of an output's parts, there or not."""
    target = Path(output).resolve()
    return target.with_name(target.name + FOLDER_SUFFIX)


def count_parts(output: str | os.PathLike[str]) -> int:
    """How many parts of an output are finished and wait to be gone on from."""
    return sum(1 for _ in _tallies(parts_folder(output)))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Such as "refine was 'UFF' and is None", for every value of two manifests that is not the same."""
    names = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
    return [f"{name} was {before.get(name)!r} and is {now.get(name)!r}" for name in names]


def _records(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.sdf"


def _tallies(folder: Path) -> Iterator[dict[str, Any]]:
    """Tallies of the finished parts up to the first that is missing or not whole."""
    if _read(folder / _MANIFEST) is None:
        return
    for number in count():
        records = _records(folder, number)
        written = _read(records.with_suffix(".json"))
        if written is None or not records.is_file() or records.stat().st_size != written.get("bytes"):
            return
        yield written["tally"]


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON file of ours; None where it is not there or damaged."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None


def _write(path: Path, values: Mapping[str, Any]) -> None:
    with whole_file(path) as stream:
        stream.write(json.dumps(values).encode())


def _locked(folder: Path) -> int | None:
    """Keep other processes out until the descriptor is closed, which a kill does too.

    Raises:
        OSError: Another process holds the folder.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise OSError(error.errno, "another run is at work on this output", str(folder)) from None
    except OSError:  # a file system without locks
        pass
    return descriptor
