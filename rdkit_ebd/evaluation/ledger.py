"""What has been measured already? Finished rows in a file, so that a long run goes on where it was killed.

JSON lines: the settings of the run, then one object per (method, molecule). A method stands there with its versions
and weights, so that a row of other weights under the same name is not taken for it. A last line that was cut off is
dropped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from rdkit_ebd.evaluation.method import Method

Row = dict[str, Any]


class Ledger:
    """Rows by method and molecule; kept in a file if there is one.

    Args:
        path: The file; None keeps nothing. It is not removed: that is for whoever has stored the result.
        settings: What rows depend on; a file made with others is refused.

    Raises:
        ValueError: The file is of another run, or no such file at all; it is left as it is.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, Any]) -> None:
        self._rows: dict[tuple[str, int], Row] = {}
        self._file: BinaryIO | None = None
        if path is not None:
            header: Row = json.loads(json.dumps(settings))  # as it will be read: tuples are lists
            complete = self._read(path, header) if path.exists() else 0
            self._file = path.open("r+b" if path.exists() else "wb")
            self._file.truncate(complete)
            self._file.seek(complete)
            if not complete:
                self._append(header)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def missing(self, methods: Sequence[Method], index: int) -> list[Method]:
        """The methods that have no row for a molecule yet."""
        return [method for method in methods if (method.identity, index) not in self._rows]

    def add(self, identity: str, row: Row) -> None:
        """Keep a row, at once."""
        self._rows[identity, row["index"]] = row
        self._append({"identity": identity, "row": row})

    def rows(self, method: Method) -> list[Row]:
        """The rows of a method, by molecule."""
        found = {index: row for (identity, index), row in self._rows.items() if identity == method.identity}
        return [found[index] for index in sorted(found)]

    def _append(self, line: Row) -> None:
        if self._file is not None:
            self._file.write(_line(line))
            self._file.flush()

    def _read(self, path: Path, header: Row) -> int:
        """Take over the rows of a file; returns how many of its bytes are complete lines."""
        stored = path.read_bytes()
        complete = stored.rfind(b"\n") + 1
        if _line(header).startswith(stored):  # killed before the first row
            return 0
        try:
            first, *lines = (dict(json.loads(line)) for line in stored[:complete].splitlines())
            rows = {(line["identity"], line["row"]["index"]): line["row"] for line in lines}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} does not hold the rows of an interrupted run") from error
        differing = [name for name in {**first, **header} if first.get(name) != header.get(name)]
        if differing:
            raise ValueError(
                f"{path} holds the rows of an interrupted run with other settings ({', '.join(differing)}): "
                "give the same command again, name another output, or remove the file"
            )
        self._rows = rows
        return complete


def _line(content: Row) -> bytes:
    return json.dumps(content).encode() + b"\n"
