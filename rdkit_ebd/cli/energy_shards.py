"""How do `rdkit-ebd refine` and `score` get through a folder of shards? Shard by shard, into another folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from rdkit_ebd.cli.cluster import Form, Place, RunnerName, place_of, runner_of_options
from rdkit_ebd.cli.common import PROBLEMS, count, progress, usage_errors
from rdkit_ebd.cli.embed_shards import is_sharded, kept, show

if TYPE_CHECKING:  # RDKit is imported by the commands that need it: `--help` answers at once
    from rdkit_ebd.shards.refine_work import EnergyJob
    from rdkit_ebd.shards.run import Tally


def is_folder(output: str, runner: RunnerName | None, form: Form | None) -> bool:
    """Whether OUTPUT is a folder of shards."""
    return is_sharded(output, Place(given=runner is not None), form.value if form else None)


@dataclass(frozen=True)
class EnergyOptions:
    """What is to be done.

    Attributes:
        source: INPUT, a folder of Parquet shards.
        output: OUTPUT, another folder.
        method: Name of the potential.
        settings: All options that determine the output, by their names.
        runner: Who does it.
        address: Of a cluster.
        threads: Processes of this machine, as `--threads` takes them.
        form: Of the shards.
    """

    source: str
    output: str
    method: str
    settings: dict[str, Any]
    runner: RunnerName | None
    address: str | None
    threads: int
    form: Form | None

    def run(
        self,
        resume: bool,
        quiet: bool,
        *,
        refines: bool,
        options: dict[str, Any] | None = None,
        window: float | None = None,
        sort: bool = False,
    ) -> int:
        """Refine or score all shards, and show how it goes; the exit code."""
        with usage_errors(), kept(self.output):
            from rdkit_ebd.params import count_threads
            from rdkit_ebd.shards.refine_work import EnergyJob

            if sort:
                raise ValueError("--sort is for one file: rows of shards are sorted by whoever reads them")
            ray = self.runner is RunnerName.ray
            place = place_of(self.runner, self.address, None, None if ray else count_threads(self.threads), None)
            form = (self.form or Form.parquet).value
            job = EnergyJob(self.method, refines, options or {}, window, form)
            tally, seconds = self._done(place, job, resume, quiet)
        if not quiet:
            words = [count(tally.molecules, "molecule"), count(tally.conformers, "conformer")]
            typer.echo(", ".join([*words, count(tally.failures, "failure"), f"{seconds:.1f} s"]), err=True)
        return PROBLEMS if tally.failures else 0

    def _done(self, place: Place, job: EnergyJob, resume: bool, quiet: bool) -> tuple[Tally, float]:
        from rdkit_ebd.potentials import require_engine
        from rdkit_ebd.shards.crews import crew_of
        from rdkit_ebd.shards.manifest import versions
        from rdkit_ebd.shards.refine_work import EnergySetUp
        from rdkit_ebd.shards.run import Run
        from rdkit_ebd.shards.store import Store
        from rdkit_ebd.shards.tables import Piece, count_rows, fingerprint, pieces_at

        require_engine(self.method)
        pieces, store = pieces_at(self.source), Store.at(self.output)
        if store.place == Store.at(self.source).place:
            raise ValueError(f"{self.output!r} is INPUT as well: write to another folder")

        def missing(done: set[str]) -> Iterator[Piece]:
            return (piece for piece in pieces if piece.name not in done)

        manifest = {**self.settings, "--method": self.method, "--format": job.form, "versions": versions()}
        total, begun = count_rows(pieces), time.perf_counter()
        with progress(total, quiet) as bar:
            run = Run(store, {**manifest, "input": fingerprint(pieces)}, total, partial(show, bar))
            tally = run.work(crew_of(runner_of_options(place)), EnergySetUp(job, store), missing, resume)
        return tally, time.perf_counter() - begun
