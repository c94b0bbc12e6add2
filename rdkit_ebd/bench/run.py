"""What is measured in one run? Everything asked for is read and checked first, then part after part is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from rdkit_ebd.bench.gpu import device_table
from rdkit_ebd.bench.molecules import DRUGS, SIZES, read_targets
from rdkit_ebd.bench.scaling import compared, with_atoms, with_conformers, with_threads, with_workers
from rdkit_ebd.bench.speed import REFERENCE, speed_table, stage_table
from rdkit_ebd.bench.startup import overhead_table, startup_table
from rdkit_ebd.bench.table import Table
from rdkit_ebd.bench.timing import Plan, Timing, time_methods
from rdkit_ebd.data.record import Record
from rdkit_ebd.evaluation.method import Method
from rdkit_ebd.evaluation.methods import parse_methods
from rdkit_ebd.evaluation.run import read_references
from rdkit_ebd.generators.checkpoint import resolve_device

SCALING = ("atoms", "conformers", "threads", "workers")

Watch = Callable[[Sequence[Record]], Iterable[Record]]
"""Hands records on one by one, such as a progress bar."""


@dataclass(frozen=True)
class Part:
    """What one part of a run found; `timings` are those behind the main table."""

    tables: list[Table]
    timings: list[Timing]


@dataclass(frozen=True)
class Benchmark:
    """A run that is ready to start: `prepare` makes it.

    Attributes:
        plan: What is asked of every method.
        methods: In the order of the tables.
        records: Of the main table; empty if it is not wanted.
        targets: Of everything else but the scaling with atoms, without references.
        sizes: Of the scaling with atoms.
        scaling: Of `SCALING`.
        startup: Whether first calls are timed.
        gpu: Whether CUDA is.
        settings: What was asked for, as JSON takes it.
    """

    plan: Plan
    methods: list[Method]
    records: list[Record]
    targets: list[Record]
    sizes: list[Record]
    scaling: tuple[str, ...]
    startup: bool
    gpu: bool
    settings: dict[str, Any]

    def run(self, watch: Watch = iter) -> Iterator[Part]:
        """Measure; each part comes when it is done.

        Args:
            watch: Given the records of the main table.
        """
        if self.records:
            timings = time_methods(watch(self.records), self.methods, self.plan)
            yield Part([speed_table(timings), stage_table(timings)], timings)
        if self.startup:
            yield Part([startup_table(), overhead_table()], [])
        for what in self.scaling:
            yield Part([self._scaled(what)], [])
        if self.gpu:
            yield Part([device_table(self.targets, self.plan)], [])

    def _scaled(self, what: str) -> Table:
        methods = compared(self.methods)
        if what == "atoms":
            return with_atoms(self.sizes, methods, self.plan)
        if what == "conformers":
            return with_conformers(self.targets[0], methods, self.plan)
        if what == "threads":
            return with_threads(self.targets[0], methods, self.plan)
        return with_workers(self.targets, self.plan)


def prepare(
    methods: Sequence[str],
    plan: Plan,
    *,
    molecules: Path | None = None,
    references: Path | None = None,
    limit: int | None = None,
    table: bool = True,
    scaling: Sequence[str] = (),
    startup: bool = False,
    gpu: bool | None = None,
) -> Benchmark:
    """Read and check everything.

    Args:
        methods: Names (`rdkit_ebd.evaluation.methods`).
        plan: What is asked of every method.
        molecules: SMILES or SD file instead of the twenty drugs, and instead of the five sizes.
        references: Molecules with references for the main table (`rdkit_ebd.data.readers.read_records`).
        limit: Seeded random subset of so many molecules, and of so many references' molecules.
        table: Whether the methods are compared.
        scaling: Of `SCALING`.
        startup: Whether imports, first calls and the overhead of a call are timed.
        gpu: Whether rates on CUDA are measured; None: if there is a device.

    Raises:
        ValueError: Something of the above is not right.
        ImportError: The engine of a refinement is not installed.
        OSError: A file cannot be read.
    """
    wanted = tuple(dict.fromkeys(scaling))
    known = parse_methods(methods)
    _check_scaling(wanted, known)
    if gpu:
        resolve_device("cuda")
    targets = read_targets(molecules or DRUGS, limit, plan.seed)
    records = read_references(references, limit, plan.seed) if references else targets
    return Benchmark(
        plan=plan,
        methods=known,
        records=records if table else [],
        targets=targets,
        sizes=read_targets(molecules or SIZES, limit, plan.seed),
        scaling=wanted,
        startup=startup,
        gpu=torch.cuda.is_available() if gpu is None else gpu,
        settings={
            **asdict(plan),
            "methods": {method.name: method.identity for method in known},
            "molecules": (molecules or DRUGS).name,
            "references": references.name if references else None,
            "limit": limit,
        },
    )


def _check_scaling(wanted: Sequence[str], methods: Sequence[Method]) -> None:
    unknown = [what for what in wanted if what not in SCALING]
    if unknown:
        raise ValueError(f"unknown scaling {', '.join(unknown)}: known are {', '.join(SCALING)}")
    if set(wanted) - {"workers"} and not compared(methods):
        raise ValueError(f"scaling is shown for EBD[:...] and {REFERENCE}, and none of these is among the methods")
