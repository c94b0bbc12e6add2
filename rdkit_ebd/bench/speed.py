"""Which method is the fastest, and where does EBD's time go? Sums over all molecules.

Times are per conformer made, of all molecules together: who makes nothing of a molecule gains nothing by it.

| column | what |
|---|---|
| ms, cpu_ms | milliseconds per conformer made, by the clock and of all threads |
| relative, cpu_relative | the same divided by those of `REFERENCE`, if it is among the methods |
| molecules_per_second | molecules, with all their conformers, by the clock |
| conformers, requested | conformers made and asked for |
| mat_r, mat_p | means over molecules, angstrom, where there are references |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rdkit_ebd.arrays.ensemble_metrics import mean_table
from rdkit_ebd.bench.table import Columns, Table
from rdkit_ebd.bench.timing import Timing

REFERENCE = "ETKDGv3+MMFF94s"
REST = "rest"  # what no stage accounts for

SPEED: Columns = {
    "method": ("method", "{}"),
    "ms": ("ms / conf.", "{:.2f}"),
    "cpu_ms": ("CPU ms / conf.", "{:.2f}"),
    "relative": ("time, relative", "{:.3f}"),
    "cpu_relative": ("CPU time, relative", "{:.3f}"),
    "molecules_per_second": ("molecules / s", "{:.2f}"),
    "conformers": ("conformers made", "{}"),
    "requested": ("asked for", "{}"),
    "mat_r": ("MAT-R", "{:.3f}"),
    "mat_p": ("MAT-P", "{:.3f}"),
}
STAGES: Columns = {
    "method": ("method", "{}"),
    "stage": ("stage", "{}"),
    "ms": ("ms / conf.", "{:.3f}"),
    "share": ("share", "{:.1%}"),
}


def speed_table(timings: Sequence[Timing]) -> Table:
    """One row per method, in the order of the timings."""
    rows = [{"method": name, **summary(_of(timings, name))} for name in _names(timings)]
    reference = next((row for row in rows if row["method"] == REFERENCE), {})
    for row in rows:
        for own, ratio in (("ms", "relative"), ("cpu_ms", "cpu_relative")):
            if own in row and own in reference:
                row[ratio] = row[own] / reference[own]
    molecules = len(timings) // max(1, len(rows))
    title = f"Speed: {molecules} molecules. Relative: to {REFERENCE}."
    return Table("speed", title, SPEED, rows)


def summary(timings: Sequence[Timing]) -> dict[str, Any]:
    """The columns of a method from its timings, but for those that need another method's."""
    seconds = sum(timing.seconds for timing in timings)
    conformers = sum(timing.conformers for timing in timings)
    row: dict[str, Any] = {"conformers": conformers, "requested": sum(timing.requested for timing in timings)}
    if conformers:
        row["ms"] = 1000 * seconds / conformers
        row["cpu_ms"] = 1000 * sum(timing.cpu_seconds for timing in timings) / conformers
        row["molecules_per_second"] = len(timings) / seconds
    return row | mean_table(timing.metrics for timing in timings)


def stage_table(timings: Sequence[Timing]) -> Table:
    """One row per stage of each method that reports its stages, in the order in which they come.

    Stages that ran side by side add up to more than the whole, and the rest is then below zero.
    """
    rows = [{"method": name, **row} for name in _names(timings) for row in _stages(_of(timings, name))]
    return Table("stages", "Where EBD's time goes.", STAGES, rows)


def _stages(timings: Sequence[Timing]) -> list[dict[str, Any]]:
    seconds: dict[str, float] = {}
    for stage, spent in (item for timing in timings for item in timing.stages.items()):
        seconds[stage] = seconds.get(stage, 0.0) + spent
    conformers, total = sum(t.conformers for t in timings), sum(t.seconds for t in timings)
    if not seconds or not conformers:
        return []
    seconds[REST] = total - sum(seconds.values())
    return [{"stage": name, "ms": 1000 * s / conformers, "share": s / total} for name, s in seconds.items()]


def _names(timings: Sequence[Timing]) -> list[str]:
    return list(dict.fromkeys(timing.method for timing in timings))


def _of(timings: Sequence[Timing], name: str) -> list[Timing]:
    return [timing for timing in timings if timing.method == name]
