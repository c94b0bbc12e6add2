"""How are results reported? A Markdown table, one JSON and one CSV schema for both questions.

JSON: a list with one object per method:

    method                a name, as `rdkit_ebd.evaluation.methods` has them
    settings              question ("ensemble" or "bioactive"), data set, its sha256, subset, seed, counts, versions
    molecules             number of molecules
    conformers            number of conformers, of all molecules
    table                 means over molecules of their metrics; also
                            X_median             medians of mat_r, mat_p, xtb and of every rmsd@...
                            X_within_0.5         shares of molecules with an rmsd@... of at most that, angstrom
                            without              molecules without any conformer
                            missing              conformers asked for, neither made nor dropped for what they are
    failures              causes and counts over all molecules, also where a later attempt went well
    posebusters_failed    PoseBusters' tests and how many of the sampled conformers failed them
    coverage              where it was asked for, COV at the paper's thresholds and MAT, with mean, median and standard
                          deviation (`coverage`)
    rows                  one object per molecule:
        method, index, title, smiles, atoms, references
        requested, conformers, dropped, missing          counts of conformers
        problem                                          why the method rejected the molecule; empty if it did not
        failures, posebusters_failed                     as above
        coverage                                         shares at each threshold, where that was asked for
        metrics                                          name -> number: `measures` (ensemble), `bioactive`; also
                                                         ms_per_conformer (clock), cpu_ms_per_conformer (what a busy
                                                         machine does not change): embedding and minimisation in one
                                                         thread, per conformer asked for

What cannot be measured of a molecule (stereo where none is written) is absent from its metrics and from the means.

CSV: the same rows, `row` being "molecule" or "summary" (the table, with `index` empty), the metrics as columns, causes
and tests as `CAUSE 3; OTHER 1`.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rdkit_ebd.arrays.ensemble_metrics import mean_table
from rdkit_ebd.evaluation.coverage import Coverage, summarise_coverage
from rdkit_ebd.runtime.whole_file import write_whole

WITHIN = (0.5, 1.0, 2.0)  # angstrom

# Column of the table -> heading and format. Columns that no method has are left out.
ENSEMBLE_COLUMNS = {
    "mat_r": ("MAT-R", "{:.3f}"),
    "mat_p": ("MAT-P", "{:.3f}"),
    "mat_r_median": ("MAT-R median", "{:.3f}"),
    "mat_p_median": ("MAT-P median", "{:.3f}"),
    "cov_r@0.75": ("COV-R .75", "{:.1%}"),
    "cov_p@0.75": ("COV-P .75", "{:.1%}"),
    "cov_r@1.25": ("COV-R 1.25", "{:.1%}"),
    "cov_p@1.25": ("COV-P 1.25", "{:.1%}"),
    "bond": ("bond MAE", "{:.4f}"),
    "1-3": ("1-3 MAE", "{:.4f}"),
    "planarity": ("ring planarity MAE", "{:.4f}"),
    "stereo": ("stereo yield", "{:.1%}"),
    "clash": ("clashes", "{:.1%}"),
    "passed": ("checks passed", "{:.1%}"),
    "posebusters": ("PoseBusters", "{:.1%}"),
    "xtb_median": ("GFN2-xTB released, median", "{:.1f}"),
    "xtb": ("GFN2-xTB released, mean", "{:.1f}"),
    "ms_per_conformer": ("ms / conf.", "{:.1f}"),
    "cpu_ms_per_conformer": ("CPU ms / conf.", "{:.1f}"),
    "missing": ("conformers missing", "{:.0f}"),
    "without": ("molecules without", "{:.0f}"),
}
BIOACTIVE_COLUMNS = {
    "rmsd{}_median": ("best RMSD, median", "{:.3f}"),
    "rmsd{}": ("mean", "{:.3f}"),
    **{f"rmsd{{}}_within_{t}": (f"within {t}", "{:.1%}") for t in WITHIN},
    "kept{}": ("conformers kept", "{:.1f}"),
    "ms_per_conformer": ("ms / conf.", "{:.1f}"),
    "cpu_ms_per_conformer": ("CPU ms / conf.", "{:.1f}"),
    "without": ("molecules without", "{:.0f}"),
}
FACTS = (
    *("method", "index", "title", "smiles", "atoms", "references", "requested", "conformers", "dropped", "missing"),
    *("problem", "failures", "posebusters_failed"),
)


@dataclass(frozen=True)
class Result:
    """One method on one data set; the module's docstring says what each attribute holds."""

    method: str
    settings: dict[str, Any]
    molecules: int
    conformers: int
    table: dict[str, float]
    failures: dict[str, int] = field(default_factory=dict)
    posebusters_failed: dict[str, int] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    coverage: Coverage = field(default_factory=dict)


def summarise(method: str, rows: Sequence[dict[str, Any]], settings: Mapping[str, Any]) -> Result:
    """Sum up the rows of a method."""
    metrics = [row["metrics"] for row in rows]
    table = mean_table(metrics)
    for name in [name for name in table if name.startswith("rmsd@")]:
        values = np.array([m[name] for m in metrics])
        table[f"{name}_median"] = float(np.median(values))
        table |= {f"{name}_within_{t}": float((values <= t).mean()) for t in WITHIN}
    table["missing"] = float(sum(row["missing"] for row in rows))
    table["without"] = float(sum(row["conformers"] == 0 for row in rows))
    return Result(
        method=method,
        settings=dict(settings),
        molecules=len(rows),
        conformers=sum(row["conformers"] for row in rows),
        table=table,
        failures=_added(row["failures"] for row in rows),
        posebusters_failed=_added(row.get("posebusters_failed", {}) for row in rows),
        rows=list(rows),
        coverage=summarise_coverage(rows),
    )


def format_table(results: Sequence[Result]) -> str:
    """A Markdown table: one line per method, or per method, number of conformers and pruning."""
    if results and results[0].settings["question"] == "bioactive":
        return markdown(["method", "conformers", "pruned"], *_bioactive_lines(results))
    present = {name: column for name, column in ENSEMBLE_COLUMNS.items() if any(name in r.table for r in results)}
    lines = [[r.method, *cells(r.table, present)] for r in results]
    return markdown(["method"], [heading for heading, _ in present.values()], lines)


def format_failures(results: Sequence[Result]) -> str:
    """What went wrong, one line per method and kind; empty where nothing did."""
    lines = []
    for r in results:
        problems = Counter(row["problem"] for row in r.rows if row["problem"])
        kinds = {"failures": _counts(r.failures), "failed PoseBusters": _counts(r.posebusters_failed)}
        lines += [f"{r.method}: {kind}: {counts}" for kind, counts in kinds.items() if counts]
        lines += [f"{r.method}: rejected ({count} x): {problem}" for problem, count in problems.most_common(5)]
    return "\n".join(lines)


def write_json(results: Sequence[Result], path: Path) -> None:
    """Write results as JSON; the file appears whole or not at all."""
    write_whole(path, json.dumps([asdict(r) for r in results], indent=1) + "\n")


def write_csv(results: Sequence[Result], path: Path) -> None:
    """Write results as CSV; the file appears whole or not at all."""
    lines = [line for r in results for line in (*(_csv_line(row) for row in r.rows), _csv_summary(r))]
    metrics = dict.fromkeys(name for line in lines for name in line if name not in FACTS and name != "row")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["row", *FACTS, *metrics], restval="")
    writer.writeheader()
    writer.writerows(lines)
    write_whole(path, text.getvalue())


def _csv_line(row: Mapping[str, Any]) -> dict[str, Any]:
    counts = {name: _counts(row.get(name, {}), "; ") for name in ("failures", "posebusters_failed")}
    return {"row": "molecule", **{name: row[name] for name in FACTS if name in row}, **counts, **row["metrics"]}


def _csv_summary(r: Result) -> dict[str, Any]:
    sums = {name: sum(row[name] for row in r.rows) for name in ("references", "requested", "conformers", "dropped")}
    counts = {"failures": _counts(r.failures, "; "), "posebusters_failed": _counts(r.posebusters_failed, "; ")}
    return {"row": "summary", "method": r.method, **sums, **counts, **r.table}


def _bioactive_lines(results: Sequence[Result]) -> tuple[list[str], list[list[str]]]:
    lines = []
    for r in results:
        for label in [name.removeprefix("kept") for name in r.table if name.startswith("kept@")]:
            count, _, pruned = label.removeprefix("@").partition("-")
            columns = {name.format(label): column for name, column in BIOACTIVE_COLUMNS.items()}
            shown = f"{r.settings['prune']:g} A" if pruned else "-"
            lines.append([r.method, count, shown, *cells(r.table, columns)])
    return [heading for heading, _ in BIOACTIVE_COLUMNS.values()], lines


def cells(table: Mapping[str, Any], columns: Mapping[str, tuple[str, str]]) -> list[str]:
    """The values of a table's line in the format of their columns (name -> heading and format), "-" where absent."""
    return [
        style.format(table[name]).replace("%", " %") if name in table else "-" for name, (_, style) in columns.items()
    ]


def markdown(first: Sequence[str], headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table of cells; the headings are `first` and `headings`."""
    columns = [*first, *headings]
    rows = ["| " + " | ".join(cells) + " |" for cells in (columns, *lines)]
    return "\n".join([rows[0], "|" + "---|" * len(columns), *rows[1:]])


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total.most_common())


def _counts(counts: Mapping[str, int], separator: str = ", ") -> str:
    return separator.join(f"{name} {count}" for name, count in counts.items())
