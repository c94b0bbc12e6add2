"""What does a run in shards cost beside the conformers? A generator that makes none tells: points on a grid."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rdkit import Chem

from rdkit_ebd.embedding.draft import ConformerDraft
from rdkit_ebd.embedding.pipeline import EmbedOutcome
from rdkit_ebd.library.arguments import settings_for_all
from rdkit_ebd.library.job import Job
from rdkit_ebd.params import EBD
from rdkit_ebd.report import EmbedReport
from rdkit_ebd.runtime.process_crew import ProcessCrew
from rdkit_ebd.shards.chunks import Library
from rdkit_ebd.shards.embed_work import EmbedJob, EmbedSetUp
from rdkit_ebd.shards.run import Run
from rdkit_ebd.shards.store import Store


@dataclass(frozen=True)
class GridRunner:
    """Gives every molecule as many conformers as are wanted, whose atoms are points of a grid."""

    def outcomes(
        self, items: Iterator[Job | EmbedOutcome], params: EBD, ahead: int | None
    ) -> Generator[EmbedOutcome, None, None]:
        """As `Runner.outcomes`."""
        for item in items:
            yield _points(item) if isinstance(item, Job) else item


def _points(job: Job) -> EmbedOutcome:
    atoms = np.arange(job.mol.GetNumAtoms())
    grid = np.stack([atoms % 5, atoms // 5 % 5, atoms // 25], axis=1).astype(np.float64)
    drafts = [ConformerDraft(k, grid + k, 0, "seed") for k in range(job.num_confs)]
    return EmbedOutcome(drafts, EmbedReport(requested=job.num_confs), {"model": "none", "seed": 0})


def time_plumbing(molecules: int, chunk: int, workers: int) -> list[str]:
    """Time a run without conformers of so many drugs, and its continuation when all is done; a line for each."""
    params = settings_for_all(EBD(device="cpu"), {})
    with TemporaryDirectory() as name:
        folder = Path(name)
        with open(folder / "library.smi", "w") as file:
            for k, smiles in zip(range(molecules), itertools.cycle(_drugs()), strict=False):
                file.write(f"{smiles} molecule{k}\n")
        library, store = Library.at(str(folder / "library.smi")), Store.at(folder / "out")
        set_up = EmbedSetUp(EmbedJob(1, params), store, None, GridRunner())
        lines = []
        for what in ("read, cut and written", "passed over by --resume"):
            begun, used = time.perf_counter(), _cpu()
            run = Run(store, {"chunk": chunk}, molecules)
            run.work(ProcessCrew(workers), set_up, lambda done: library.chunks(chunk, done), True)
            wall, cpu = time.perf_counter() - begun - run.first, _cpu() - used
            lines.append(
                f"{molecules:,} molecules {what}: {wall:.1f} s after the first chunk on {workers} cores, "
                f"{1e3 * cpu / molecules:.2f} ms of CPU each, the start of the workers included"
            )
    return lines


def _drugs() -> list[str]:
    """SMILES of the benchmark's own drugs."""
    lines = (files("rdkit_ebd.bench") / "drugs.smi").read_text().splitlines()
    found = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    return [smiles for smiles in found if Chem.MolFromSmiles(smiles) is not None]


def _cpu() -> float:
    """CPU seconds of this process and of those that it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
