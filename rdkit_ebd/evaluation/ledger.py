"""What has been measured already? Finished rows in a journal, so that a long run is resumed where it was killed.

A method stands there with its versions and weights, so that a row of other weights under the same name is not taken
for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from rdkit_ebd.evaluation.method import Method
from rdkit_ebd.runtime.journal import Journal

Row = dict[str, Any]


class Ledger:
    """Rows by method and molecule; kept in a file if there is one.

    Args:
        path: The file; None keeps nothing. It is not removed: that is for whoever has stored the result.
        settings: What rows depend on; a file made with others is rejected.

    Raises:
        ValueError: The file is of another run, or no such file at all; it is left as it is.
        OSError: It cannot be used, or another run uses it.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, Any]) -> None:
        self._journal = None if path is None else Journal(path, settings, "name another output, or remove the file")
        self._rows: dict[tuple[str, int], Row] = {}
        for line in self._journal.entries if self._journal else []:
            self._rows[line["identity"], line["row"]["index"]] = line["row"]

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._journal is not None:
            self._journal.close()

    def missing(self, methods: Sequence[Method], index: int) -> list[Method]:
        """The methods that have no row for a molecule yet."""
        return [method for method in methods if (method.identity, index) not in self._rows]

    def add(self, identity: str, row: Row) -> None:
        """Keep a row, at once."""
        self._rows[identity, row["index"]] = row
        if self._journal is not None:
            self._journal.add({"identity": identity, "row": row})

    def rows(self, method: Method) -> list[Row]:
        """The rows of a method, by molecule."""
        found = {index: row for (identity, index), row in self._rows.items() if identity == method.identity}
        return [found[index] for index in sorted(found)]
