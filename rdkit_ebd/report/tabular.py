"""How does a report become a table? Rows of plain values with stable columns: pandas, CSV."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from types import TracebackType
from typing import Any, Protocol

from rdkit_ebd.report.table_html import table_html
from rdkit_ebd.runtime.whole_file import text_output

Row = Mapping[str, Any]


class CSVWriter:
    """Writes rows of a table as CSV; the file appears whole, when the `with` block ends well.

    Args:
        path: File to write, compressed if it ends in .gz; "-" for standard output, which is written as it comes.
        columns: Names, in order; the first line has them.

    Raises:
        OSError: On entering the block, the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], columns: Sequence[str]) -> None:
        self._path, self._columns = path, list(columns)

    def __enter__(self) -> CSVWriter:
        with ExitStack() as stack:
            stream = stack.enter_context(text_output(self._path, newline=""))
            self._writer = csv.DictWriter(stream, self._columns, extrasaction="ignore", lineterminator="\n")
            self._writer.writeheader()
            self._end = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.__exit__(kind, error, trace)

    def write(self, rows: Iterable[Row]) -> None:
        """Write rows; what is None or not a number is an empty cell."""
        for row in rows:
            self._writer.writerow({name: _cell(value) for name, value in row.items()})


class HasRows(Protocol):
    """What has a table."""

    columns: Sequence[str]

    def rows(self) -> list[dict[str, Any]]:
        """A dictionary for each row, with the columns as keys."""
        ...


class Tabular:
    """Gives a report with `columns` and `rows()` the ways out of it; a notebook shows it as a table."""

    def to_frame(self: HasRows) -> Any:
        """The rows as a pandas DataFrame.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            raise ImportError("to_frame() needs pandas: pip install pandas; to_csv() does without") from error
        return pandas.DataFrame(self.rows(), columns=list(self.columns))

    def to_csv(self: HasRows, path: str | os.PathLike[str]) -> None:
        """Write the rows to a CSV file, compressed if its name ends in .gz; "-" is standard output.

        Raises:
            OSError: The file cannot be written.
        """
        with CSVWriter(path, self.columns) as writer:
            writer.write(self.rows())

    def _repr_html_(self: HasRows) -> str:
        """The rows as a table, with the summary above, as the last line of a notebook's cell shows it."""
        summary = getattr(self, "summary", None)
        return table_html(self.columns, self.rows(), summary() if callable(summary) else "")


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.10g}"
    return "" if value is None else value
