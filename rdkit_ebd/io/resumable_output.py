"""How does a long job outlive being killed? Its output grows in parts that are whole or absent, and are joined last."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rdkit_ebd.runtime.journal import Journal, read_entries
from rdkit_ebd.runtime.whole_file import whole_file

FOLDER_SUFFIX = ".parts"

_JOURNAL = "journal.jsonl"
_DONE_WITH = "finished.jsonl"  # what the journal becomes once nothing else in the folder is needed any more
_OURS = re.compile(r"\d{6,}\.sdf|\..*\.partial|journal\.jsonl")


class Parts:
    """The finished parts of an output, in the folder OUTPUT.parts beside it, and the place for the next one.

    A part is a file of records and a line of the folder's journal, which is written last: it has the part's SHA-256 and
    a tally. Whatever else is in the folder after a kill, or is not what it was, is written again. Use it as

        with Parts(output, manifest, resume=True) as parts:
            while there is more:
                ...  # write the file parts.next_path
                parts.add(tally)
            parts.join()

    A block that ends in an exception leaves the folder; it goes where there is nothing in it to keep.

    Args:
        output: The file to write in the end; parts are beside the file that a link leads to.
        manifest: Everything that determines the output, as JSON takes it.
        resume: Continue after the parts there are; otherwise there must be none.

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
        if not resume and (found := count_parts(output)):
            raise ValueError(
                f"{self.folder} holds {found} finished parts of an earlier run: "
                "add --resume to continue from there, or delete it"
            )
        self.folder.mkdir(exist_ok=True)
        self._check_owner()
        self._journal = Journal(self.folder / _JOURNAL, manifest, f"delete {self.folder}")
        self.tallies = _in_order(self._journal.entries)
        try:
            self._remove_unfinished()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    @property
    def next_path(self) -> Path:
        """Where the records of the next part belong."""
        return _records(self.folder, len(self.tallies))

    def add(self, tally: Mapping[str, Any]) -> None:
        """Declare the part at `next_path`, which is complete, finished.

        Args:
            tally: What to know of the part when the job is resumed, as JSON takes it.
        """
        self._journal.add({"part": len(self.tallies), "tally": tally}, [self.next_path])
        self.tallies.append(dict(tally))

    def join(self) -> None:
        """Write the output from the parts, at once and whole; then the folder goes.

        Raises:
            OSError: The output cannot be written, or a part is no longer what it was.
        """
        with whole_file(self._target) as stream:
            for number in range(len(self.tallies)):
                self._copy(number, stream)
        self.tallies = []

    def _copy(self, number: int, stream: Any) -> None:
        path, digest = _records(self.folder, number), hashlib.sha256()
        with open(path, "rb") as part:
            while block := part.read(1 << 20):
                digest.update(block)
                stream.write(block)
        if digest.hexdigest() != self._journal.digests(number)[path.name]:
            raise OSError(f"{path} is not what was written: the same command with --resume makes it again")

    def _check_owner(self) -> None:
        """A folder with other things and neither a journal nor our mark is not ours.

        Raises:
            ValueError: This is so.
        """
        names = {path.name for path in self.folder.iterdir()}
        if names and not names & {_JOURNAL, _DONE_WITH}:
            raise ValueError(f"{self.folder} is needed for the parts of the output, and holds other things")

    def _remove_unfinished(self) -> None:
        """Make the folder ready for the next part."""
        self._journal.keep(len(self.tallies))
        wanted = {_JOURNAL, *(_records(self.folder, number).name for number in range(len(self.tallies)))}
        for path in self.folder.iterdir():
            if _OURS.fullmatch(path.name) and path.name not in wanted:
                path.unlink()
        (self.folder / _DONE_WITH).unlink(missing_ok=True)

    def _close(self) -> None:
        """Let the folder go; where there is nothing in it to keep, remove it."""
        if os.name == "nt":  # where an open file cannot be removed
            self._journal.close()
        with suppress(OSError):
            if not self.tallies and self.folder.is_dir():
                self._clear()
                self.folder.rmdir()  # unless somebody put something else into it
        self._journal.close()

    def _clear(self) -> None:
        """Remove what is ours; a kill in the middle leaves what is known to be worthless, never half a job."""
        mark = self.folder / _DONE_WITH
        if (self.folder / _JOURNAL).exists():
            (self.folder / _JOURNAL).replace(mark)
        for path in self.folder.iterdir():
            if _OURS.fullmatch(path.name):
                path.unlink()
        mark.unlink(missing_ok=True)


def parts_folder(output: str | os.PathLike[str]) -> Path:
    """The folder of an output's parts, there or not."""
    target = Path(output).resolve()
    return target.with_name(target.name + FOLDER_SUFFIX)


def count_parts(output: str | os.PathLike[str]) -> int:
    """How many parts of an output are finished and can be continued from."""
    return len(_in_order(read_entries(parts_folder(output) / _JOURNAL)))


def _records(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.sdf"


def _in_order(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tallies of the parts up to the first that is missing."""
    return [entry["tally"] for number, entry in enumerate(entries) if entry["part"] == number]
