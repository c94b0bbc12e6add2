"""What does the first call cost, and what does every call cost beside its conformers?

Imports and first calls are timed in fresh processes; the overhead of a small molecule in this one, once all is warm.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rdkit import Chem
from rdkit.Chem import rdDistGeom

import rdkit_ebd
from rdkit_ebd.bench.table import Columns, Table
from rdkit_ebd.bench.timing import torch_threads
from rdkit_ebd.params import EBD
from rdkit_ebd.report import EmbedReport
from rdkit_ebd.runtime.processes import ONE_THREAD

T = TypeVar("T")

SMALL = {"ethanol": "CCO", "aspirin": "CC(=O)Oc1ccccc1C(=O)O"}
CALLS = 20  # the fastest of which counts

# Each line's time goes under its name; torch and RDKit come first, so that what they cost is theirs.
_FRESH = """
import json, sys, time
seconds, clock = {}, time.perf_counter
start = clock(); import torch; seconds["import torch"] = clock() - start
start = clock(); from rdkit import Chem; from rdkit.Chem import rdDistGeom; seconds["import rdkit"] = clock() - start
start = clock(); import rdkit_ebd; seconds["import rdkit_ebd, after these"] = clock() - start
start = clock(); all(getattr(rdkit_ebd, name) for name in rdkit_ebd.__all__)
seconds["its functions, when first asked for"] = clock() - start
mol = Chem.AddHs(Chem.MolFromSmiles(sys.argv[1]))
for name in ("first call, one conformer of aspirin", "second call"):
    start = clock(); rdkit_ebd.EmbedMolecule(mol, randomSeed=1, device="cpu"); seconds[name] = clock() - start
print(json.dumps(seconds))
"""
STARTUP: Columns = {"what": ("what", "{}"), "ms": ("ms", "{:.1f}")}
OVERHEAD: Columns = {
    "molecule": ("molecule", "{}"),
    "call": ("one conformer, ms", "{:.2f}"),
    "seed": ("ETKDGv3, ms", "{:.2f}"),
    "overhead": ("difference, ms", "{:.2f}"),
    "overhead_cpu": ("difference, CPU ms", "{:.2f}"),
    "deblur": ("deblurring, ms", "{:.2f}"),
}


def startup_table(processes: int = 3) -> Table:
    """Imports and first calls, in milliseconds: the least of so many fresh processes of one thread.

    Raises:
        RuntimeError: A process failed; the message is its own.
    """
    runs = [_fresh() for _ in range(processes)]
    rows = [{"what": name, "ms": 1000 * min(run[name] for run in runs)} for name in runs[0]]
    return Table("startup", f"First call: fresh process, one thread, least of {processes}.", STARTUP, rows)


def overhead_table(calls: int = CALLS) -> Table:
    """A warm call for one conformer of small molecules, and ETKDGv3's time for one; the fastest of so many calls."""
    with torch_threads(1):
        rows = [_overhead(name, smiles, calls) for name, smiles in SMALL.items()]
    return Table("overhead", f"Overhead of a call, one thread, fastest of {calls}.", OVERHEAD, rows)


def _overhead(name: str, smiles: str, calls: int) -> dict[str, Any]:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    params = EBD(randomSeed=1, device="cpu")
    recipe: Any = rdDistGeom.ETKDGv3()
    recipe.randomSeed = 1

    def ours() -> EmbedReport:
        report: EmbedReport = rdkit_ebd.EmbedWithReport(mol, 1, params)
        return report

    ours()  # the model is loaded
    turns = [(_timed(ours), _timed(lambda: rdDistGeom.EmbedMolecule(mol, recipe))) for _ in range(calls)]
    own, theirs = zip(*turns, strict=True)
    call, call_cpu = min(seconds for seconds, _, _ in own), min(cpu for _, cpu, _ in own)
    seed, seed_cpu = min(seconds for seconds, _, _ in theirs), min(cpu for _, cpu, _ in theirs)
    deblur = min(report.seconds.get("deblur", 0.0) for _, _, report in own)
    figures = {"call": call, "seed": seed, "overhead": call - seed, "overhead_cpu": call_cpu - seed_cpu}
    figures["deblur"] = deblur
    return {"molecule": name, **{column: 1000 * seconds for column, seconds in figures.items()}}


def _timed(work: Callable[[], T]) -> tuple[float, float, T]:
    """Seconds by the clock, CPU seconds, and the answer."""
    start, cpu_start = time.perf_counter(), time.process_time()
    answer = work()
    return time.perf_counter() - start, time.process_time() - cpu_start, answer


def _fresh() -> dict[str, float]:
    folder = str(Path(rdkit_ebd.__file__).parents[1])
    paths = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": paths}
    command: Sequence[str] = [sys.executable, "-c", _FRESH, SMALL["aspirin"]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"a fresh process failed: {done.stderr.strip()}")
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds
