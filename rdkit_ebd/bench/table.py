"""How are the figures reported? Tables that print as Markdown, and one JSON file with everything in it.

JSON: an object with

    machine      CPU, cores, load, threads, versions (`rdkit_ebd.bench.machine`)
    settings     what was asked for; methods: name -> name with versions and weights
    tables       name -> list of rows, each column -> value; `rdkit_ebd.bench.speed` and the others name the columns
    timings      one object per molecule and method (`rdkit_ebd.bench.timing.Timing`)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rdkit_ebd.bench.timing import Timing
from rdkit_ebd.evaluation.report import cells, markdown
from rdkit_ebd.runtime.whole_file import write_whole

Columns = dict[str, tuple[str, str]]
"""Column -> heading and format."""


@dataclass(frozen=True)
class Table:
    """Figures.

    Attributes:
        name: In the JSON.
        title: What the table shows, and how to read it.
        columns: In order; those that no row has are not printed.
        rows: Column -> value; a column may be missing.
    """

    name: str
    title: str
    columns: Columns
    rows: list[dict[str, Any]]

    def markdown(self) -> str:
        """Title and table."""
        present = {name: column for name, column in self.columns.items() if any(name in row for row in self.rows)}
        headings = [heading for heading, _ in present.values()]
        return f"{self.title}\n\n{markdown([], headings, [cells(row, present) for row in self.rows])}"


def write_tables(
    path: Path,
    machine: Mapping[str, Any],
    settings: Mapping[str, Any],
    tables: Sequence[Table],
    timings: Sequence[Timing],
) -> None:
    """Write everything as JSON; the file appears whole or not at all."""
    content = {
        "machine": dict(machine),
        "settings": dict(settings),
        "tables": {table.name: table.rows for table in tables},
        "timings": [asdict(timing) for timing in timings],
    }
    write_whole(path, json.dumps(content, indent=1) + "\n")
