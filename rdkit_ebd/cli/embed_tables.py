"""Which tables does `rdkit-ebd embed` write? `--report`, a row for each molecule, and `--failed`, what went wrong."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # RDKit is imported when it is needed: `--help` answers at once
    from rdkit_ebd.report.tabular import CSVWriter

BESIDE = ("number", "molecule", "smiles", "ok")  # columns of the report beside those of an `EmbedReport`
FAILED = ("smiles", "name", "number", "cause", "message")


@dataclass
class Tables:
    """Files that rows go to, for a `with` block; they appear whole, when it ends well.

    Attributes:
        report: CSV file of all molecules; None: none.
        failed: CSV file of those that failed; None: none.
    """

    report: str | None = None
    failed: str | None = None

    @property
    def wanted(self) -> bool:
        """Whether there are any."""
        return bool(self.report or self.failed)

    def __enter__(self) -> Tables:
        from rdkit_ebd.report import EmbedReport
        from rdkit_ebd.report.tabular import CSVWriter

        self._all: CSVWriter | None = None
        self._bad: CSVWriter | None = None
        with ExitStack() as stack:
            if self.report:
                self._all = stack.enter_context(CSVWriter(self.report, [*BESIDE, *EmbedReport.columns]))
            if self.failed:
                self._bad = stack.enter_context(CSVWriter(self.failed, FAILED))
            self._end = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.__exit__(kind, error, trace)

    def write(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows of molecules, as `Embedded.row` has them."""
        for row in rows:
            if self._all:
                self._all.write([row])
            if self._bad and not row["ok"]:
                cause = {"name": row["molecule"], "cause": row["causes"] or "NOT_WRITTEN", "message": row["messages"]}
                self._bad.write([{**row, **cause}])


def checked_tables(report: str | None, failed: str | None, source: str) -> Tables:
    """The tables asked for, their names looked at.

    Raises:
        ValueError: One is no CSV file's, or that of the input, or both are one.
    """
    from rdkit_ebd.io.sdf import check_table

    for path in (report, failed):
        if path:
            check_table(path, source)
    if report and report == failed:
        raise ValueError(f"--report and --failed are both {report!r}: write to two files")
    return Tables(report, failed)
