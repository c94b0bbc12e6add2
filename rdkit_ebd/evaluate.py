"""How good is a method? Ensembles against reference conformers, same molecules and counts for each."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from tqdm import tqdm

from rdkit_ebd.api import EmbedWithReport
from rdkit_ebd.checks import check_tables, judge
from rdkit_ebd.params import EBD
from rdkit_ebd.prune import symmetry_mappings
from rdkit_ebd.stereo import centres_kept, double_bonds_kept
from rdkit_ebd.train.dataset import Record, read_records
from rdkit_ebd.train.metrics import ensemble_metrics, geometry_metrics, mean_table

BASELINES = {"ETKDGv2": rdDistGeom.ETKDGv2, "ETKDGv3": rdDistGeom.ETKDGv3, "ETKDGv4": rdDistGeom.ETKDGv4}
MINIMISED = "+MMFF94s"
MMFF_ROUNDS, MMFF_ITERATIONS = 20, 500  # RDKit's default of 200 iterations leaves most drugs unconverged

COLUMNS = {
    "method": "method",
    "mat_r": "MAT-R",
    "mat_p": "MAT-P",
    "mat_r_median": "MAT-R median",
    "mat_p_median": "MAT-P median",
    "cov_r@0.75": "COV-R .75",
    "cov_p@0.75": "COV-P .75",
    "bond": "bond MAE",
    "1-3": "1-3 MAE",
    "stereo": "stereo yield",
    "passed": "checks passed",
    "ms_per_conformer": "ms / conf.",
    "without": "molecules without",
}


@dataclass(frozen=True)
class Result:
    """One method on one data set.

    Attributes:
        method: As asked for.
        molecules: Number of molecules.
        conformers: Number of conformers generated.
        table: Means over molecules: angstrom, shares, milliseconds.
        rows: Per molecule, with its title.
        failures: Causes and counts over all molecules.
    """

    method: str
    molecules: int
    conformers: int
    table: dict[str, float]
    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)


def evaluate(
    data: Path, methods: Sequence[str], limit: int | None = None, seed: int = 0, workers: int = 2, factor: int = 2
) -> list[Result]:
    """Judge methods on a data set.

    Args:
        data: An `.npz` of references.
        methods: "EBD" (the default model), "EBD:name or path", "EBD:name:rounds", "ETKDGv3" and the like, each of
            RDKit's with or without "+MMFF94s" (minimised to convergence).
        limit: Seeded random subset of so many molecules.
        seed: Of the subset and of the conformers.
        workers: Processes, one thread each.
        factor: Conformers generated per reference.

    Raises:
        ValueError: An unknown method.
    """
    unknown = [m for m in methods if not m.startswith("EBD") and m.removesuffix(MINIMISED) not in BASELINES]
    if unknown:
        raise ValueError(f"unknown methods {unknown}; known are EBD[:model[:rounds]], {', '.join(BASELINES)}, +MMFF94s")
    records = list(read_records(data, limit, seed))
    results = []
    with get_context("spawn").Pool(workers, _one_thread) as pool:
        for method in methods:
            tasks = ((record, method, seed, factor) for record in records)
            rows = list(tqdm(pool.imap(_judge, tasks, chunksize=1), desc=method, total=len(records), unit=" mol"))
            results.append(_result(method, rows))
    return results


def generate(mol: Chem.Mol, method: str, count: int, seed: int) -> tuple[Chem.Mol, dict[str, float], dict[str, int]]:
    """Conformers of a copy of `mol` by one method, what the method says of itself, and its failures."""
    work = Chem.Mol(mol, True)
    if method.startswith("EBD"):
        _, model, rounds = (*method.split(":"), "", "")[:3]
        params = EBD(model=model or "default", numRounds=int(rounds) if rounds else None, randomSeed=seed)
        report = EmbedWithReport(work, count, params)
        said = {} if report.stereo_yield is None else {"stereo": report.stereo_yield}
        return work, said, dict(report.failures)
    parameters: Any = BASELINES[method.removesuffix(MINIMISED)]()
    # Without sequential seeds RDKit multiplies the seed by the conformer's number: seed 0 makes copies of one.
    parameters.randomSeed, parameters.enableSequentialRandomSeeds = seed, True
    rdDistGeom.EmbedMultipleConfs(work, count, parameters)
    failures: dict[str, int] = {}
    if method.endswith(MINIMISED):
        failures["NOT_CONVERGED"] = minimise(work)
    return work, {}, failures


def minimise(mol: Chem.Mol) -> int:
    """MMFF94s on every conformer until it converges; returns how many did not."""
    left = mol.GetNumConformers()
    for _ in range(MMFF_ROUNDS):
        outcome = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, 1, MMFF_ITERATIONS, "MMFF94s")
        left = sum(code != 0 for code, _ in outcome)
        if left == 0 or any(code < 0 for code, _ in outcome):
            break
    return left


def format_table(results: Sequence[Result]) -> str:
    """A Markdown table, one line per method."""
    lines = ["| " + " | ".join(COLUMNS.values()) + " |", "|" + "---|" * len(COLUMNS)]
    for result in results:
        values: dict[str, Any] = {"method": result.method, **result.table}
        lines.append("| " + " | ".join(_cell(name, values.get(name)) for name in COLUMNS) + " |")
    return "\n".join(lines)


def write_results(results: Sequence[Result], path: Path) -> None:
    """Write results as JSON; the file appears whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps([asdict(r) for r in results], indent=1))
    partial.replace(path)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _judge(task: tuple[Record, str, int, int]) -> dict[str, Any]:
    record, method, seed, factor = task
    with rdBase.BlockLogs():
        start = time.perf_counter()
        mol, said, failures = generate(record.mol, method, factor * len(record.coords), seed)
        seconds = time.perf_counter() - start
        coords = np.array([c.GetPositions() for c in mol.GetConformers()]).reshape(-1, mol.GetNumAtoms(), 3)
        row: dict[str, Any] = {"title": record.title, "conformers": len(coords), "failures": failures}
        row["metrics"] = _measure(record, coords) | said
    row["metrics"]["ms_per_conformer"] = 1000 * seconds / (factor * len(record.coords))
    return row


def _measure(record: Record, coords: np.ndarray) -> dict[str, float]:
    tables = check_tables(record.mol)
    metrics = ensemble_metrics(coords, record.coords.astype(np.float64), symmetry_mappings(record.mol))
    metrics["without"] = float(len(coords) == 0)
    if len(coords):
        bonds, angles = _close_pairs(record.mol)
        metrics |= geometry_metrics(coords, record.coords.astype(np.float64), bonds, angles)
        metrics["passed"] = float(judge(coords, tables).ok.mean())
        kept = np.concatenate([centres_kept(coords, tables.labels), double_bonds_kept(coords, tables.labels)], axis=1)
        if kept.shape[1]:
            metrics["stereo"] = float(kept.all(1).mean())
    return metrics


def _close_pairs(mol: Chem.Mol) -> tuple[np.ndarray, np.ndarray]:
    hops = np.triu(Chem.GetDistanceMatrix(mol))
    return np.argwhere(hops == 1), np.argwhere(hops == 2)


def _result(method: str, rows: Iterable[dict[str, Any]]) -> Result:
    rows = list(rows)
    table = mean_table(row["metrics"] for row in rows)
    table["without"] = float(sum(row["metrics"]["without"] for row in rows))
    failures: dict[str, int] = {}
    for row in rows:
        for cause, count in row["failures"].items():
            failures[cause] = failures.get(cause, 0) + count
    return Result(method, len(rows), sum(row["conformers"] for row in rows), table, rows, failures)


def _cell(name: str, value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or "-"
    if name in ("cov_r@0.75", "cov_p@0.75", "stereo", "passed"):
        return f"{100 * value:.1f} %"
    if name in ("bond", "1-3"):
        return f"{value:.4f}"
    return f"{value:.1f}" if name == "ms_per_conformer" else f"{value:.0f}" if name == "without" else f"{value:.3f}"
