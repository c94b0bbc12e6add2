"""How does the time grow with atoms, conformers, threads and molecules?

The first three have a row for each size and two columns for each method: milliseconds per conformer made, by the clock
and of all its threads' CPU time.
The last has molecules per second: a loop of single calls, and `EmbedMolecules` with more and more workers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from rdkit import Chem, rdBase

from rdkit_ebd.api import EmbedMultipleConfs
from rdkit_ebd.bench.speed import REFERENCE, summary
from rdkit_ebd.bench.table import Columns, Table
from rdkit_ebd.bench.timing import Plan, Timing, time_methods, torch_threads
from rdkit_ebd.data.record import Record
from rdkit_ebd.evaluation.method import Method
from rdkit_ebd.evaluation.methods import EBDMethod
from rdkit_ebd.library.embed_molecules import EmbedMolecules
from rdkit_ebd.params import EBD
from rdkit_ebd.runtime.cores import usable_cores

CONFORMERS = (1, 10, 50, 200)
CPU = ", CPU"  # after a method's name: the column of its CPU time
WORKERS: Columns = {
    "call": ("call", "{}"),
    "workers": ("workers", "{}"),
    "molecules_per_second": ("molecules / s", "{:.2f}"),
    "ms": ("ms / conf.", "{:.2f}"),
    "conformers": ("conformers made", "{}"),
}


def compared(methods: Sequence[Method]) -> list[Method]:
    """Those methods whose scaling is worth a column: EBD's, and what they are compared with."""
    return [method for method in methods if method.name == REFERENCE or isinstance(method, EBDMethod)]


def with_atoms(records: Sequence[Record], methods: Sequence[Method], plan: Plan) -> Table:
    """One row per molecule, from small to large."""
    ordered = sorted(records, key=lambda record: record.mol.GetNumAtoms())
    timings = time_methods(ordered, methods, plan)
    rows = []
    for position, record in enumerate(ordered):
        part = timings[position * len(methods) : (position + 1) * len(methods)]
        rows.append({"molecule": record.title, "atoms": record.mol.GetNumAtoms(), **_by_method(part)})
    sizes: Columns = {"molecule": ("molecule", "{}"), "atoms": ("atoms", "{}")}
    title = f"Scaling with atoms: {plan.confs} conformers of each; ms per conformer."
    return Table("atoms", title, sizes | _columns(methods), rows)


def with_conformers(record: Record, methods: Sequence[Method], plan: Plan, counts: Sequence[int] = CONFORMERS) -> Table:
    """One row per number of conformers of one molecule."""
    rows = [
        {"confs": n, **_by_method(time_methods([record], methods, replace(plan, confs=n)))} for n in sorted(set(counts))
    ]
    title = f"Scaling with conformers: {_named(record)}; ms per conformer."
    return Table("conformers", title, {"confs": ("conformers", "{}")} | _columns(methods), rows)


def with_threads(record: Record, methods: Sequence[Method], plan: Plan, threads: Sequence[int] | None = None) -> Table:
    """One row per number of threads: by default 1, 2 and all cores."""
    rows = [
        {"threads": n, **_by_method(time_methods([record], methods, replace(plan, threads=n)))}
        for n in threads or steps()
    ]
    title = f"Scaling with threads: {plan.confs} conformers of {_named(record)}; ms per conformer."
    return Table("threads", title, {"threads": ("threads", "{}")} | _columns(methods), rows)


def with_workers(records: Sequence[Record], plan: Plan, workers: Sequence[int] | None = None) -> Table:
    """Molecules per second on the CPU: a loop of single calls, then `EmbedMolecules` with 0, 1, 2, ... workers.

    Single calls and the calls without workers have the plan's threads, each worker has one. The workers' start is part
    of their time.
    """
    params = EBD(device="cpu", randomSeed=plan.seed, numThreads=plan.threads)

    def one_by_one(mols: list[Chem.Mol]) -> None:
        for mol in mols:
            EmbedMultipleConfs(mol, plan.confs, params)

    with torch_threads(plan.threads), rdBase.BlockLogs():
        one_by_one([Chem.Mol(records[0].mol)])  # the model is loaded
        rows = [{"call": "one by one", **_throughput(one_by_one, records, plan)}]
        for count in (0, *steps()) if workers is None else workers:
            together = partial(EmbedMolecules, numConfs=plan.confs, params=params, workers=count)
            rows.append({"call": "EmbedMolecules", "workers": count, **_throughput(together, records, plan)})
    title = f"Scaling with workers: {len(records)} molecules, {plan.confs} conformers of each."
    return Table("workers", title, WORKERS, rows)


def steps() -> list[int]:
    """1, 2 and the number of cores."""
    return sorted({1, min(2, usable_cores()), usable_cores()})


def _throughput(call: Callable[[list[Chem.Mol]], Any], records: Sequence[Record], plan: Plan) -> dict[str, Any]:
    """The fastest of the repeats."""
    fastest, made = float("inf"), 0
    for _ in range(plan.repeat):
        mols = [Chem.Mol(record.mol) for record in records]
        start = time.perf_counter()
        call(mols)
        fastest = min(fastest, time.perf_counter() - start)
        made = sum(mol.GetNumConformers() for mol in mols)
    row: dict[str, Any] = {"molecules_per_second": len(records) / fastest, "conformers": made}
    return row | ({"ms": 1000 * fastest / made} if made else {})


def _by_method(timings: Sequence[Timing]) -> dict[str, float]:
    """Milliseconds per conformer of each method that made any, by the clock and of the CPU."""
    found = [(timing.method, summary([timing])) for timing in timings if timing.conformers]
    wall, cpu = ({name: row[clock] for name, row in found} for clock in ("ms", "cpu_ms"))
    return wall | {f"{name}{CPU}": ms for name, ms in cpu.items()}


def _columns(methods: Sequence[Method]) -> Columns:
    names = [f"{method.name}{clock}" for method in methods for clock in ("", CPU)]
    return {name: (name, "{:.2f}") for name in names}


def _named(record: Record) -> str:
    return f"{record.title} ({record.mol.GetNumAtoms()} atoms)"
