"""How does `rdkit-ebd embed` fill a folder? Chunk by chunk, a shard for each, here or on a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from rdkit_ebd.cli.cluster import Place, runner_of_options
from rdkit_ebd.cli.common import INTERRUPTED, PROBLEMS, count, in_one_line, progress, shown, usage_errors
from rdkit_ebd.cli.embed_job import BY_ROTORS

if TYPE_CHECKING:  # torch and RDKit are imported when they are needed: `--help` answers at once
    from rdkit_ebd.cli.core import CoreChoice
    from rdkit_ebd.io.changes import Changes
    from rdkit_ebd.io.columns import ColumnChoice
    from rdkit_ebd.params import EBD
    from rdkit_ebd.shards.run import Tally

SHOWN_FAILURES = 20  # named on stderr; the table has all


@dataclass(frozen=True)
class ShardsJob:
    """What is to be done.

    Attributes:
        source: INPUT.
        output: OUTPUT, a folder.
        num_confs: A number, or BY_ROTORS.
        params: Validated parameters.
        place: Who does it, and in chunks of which size.
        form: Of the shards.
        columns: Of a table.
        changes: What is done to molecules first.
        core: What is held where it is; None: nothing.
        protonate: Who says which states molecules have; None: they stay as they are.
        ph: At which.
    """

    source: str
    output: str
    num_confs: str
    params: EBD
    place: Place
    form: str
    columns: ColumnChoice | None
    changes: Changes
    core: CoreChoice | None
    protonate: str | None
    ph: float


def is_sharded(output: str, place: Place, form: str | None) -> bool:
    """Whether OUTPUT is a folder of shards: by its name, or for what only these have."""
    from pathlib import Path

    from rdkit_ebd.io.places import is_url

    named = output.endswith("/") or is_url(output) or Path(output, "manifest.json").is_file()
    return named or place.given or form is not None


def run_shards(job: ShardsJob, resume: bool, quiet: bool) -> int:
    """Do a job and show how it goes.

    Returns:
        The exit code.
    """
    with usage_errors(), kept(job.output):
        from rdkit_ebd.shards.chunks import Library
        from rdkit_ebd.shards.crews import crew_for
        from rdkit_ebd.shards.embed_work import EmbedSetUp
        from rdkit_ebd.shards.run import Run
        from rdkit_ebd.shards.store import Store

        library, set_up = Library.at(job.source, job.columns), EmbedSetUp(embed_job(job), Store.at(job.output))
        crew, set_up = crew_for(runner_of_options(job.place), set_up)
        with crew.opened():
            total = library.count()
            if not total:
                raise ValueError(f"{job.source} holds no molecules")
            run = Run(Store.at(job.output), manifest(job, library), total)
            with progress(total, quiet) as bar:
                run.watch = partial(show, bar)
                begun = time.perf_counter()
                tally = run.work(crew, set_up, lambda done: library.chunks(job.place.chunk, done), resume)
    if not quiet:
        typer.echo(_summary(tally, time.perf_counter() - begun, job.output), err=True)
    return PROBLEMS if tally.failures else 0


def dry_run(job: ShardsJob, price: float | None) -> int:
    """Try some molecules, and say what the whole will take.

    Returns:
        The exit code.
    """
    with usage_errors(), kept(job.output):
        from rdkit_ebd.runtime.cores import usable_cores
        from rdkit_ebd.shards.chunks import Library
        from rdkit_ebd.shards.crews import crew_for
        from rdkit_ebd.shards.embed_work import EmbedSetUp
        from rdkit_ebd.shards.estimate import estimate

        library, set_up = Library.at(job.source, job.columns), EmbedSetUp(embed_job(job), None)
        crew, set_up = crew_for(runner_of_options(job.place), set_up)
        with crew.opened() as ray:
            cores = int(ray.cluster_resources().get("CPU", 1)) if ray else job.place.workers or usable_cores()
            for line in estimate(library, job.place.chunk, crew, set_up, cores, price).lines():
                typer.echo(line)
    return 0


@contextmanager
def kept(output: str) -> Iterator[None]:
    """Say what an interruption leaves; make of workers that cannot be had, or die again and again, one line."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"interrupted; the same command with --resume continues in {output}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except typer.Exit:
        raise
    except RuntimeError as error:
        raise OSError(in_one_line(error)) from error


def embed_job(job: ShardsJob) -> Any:
    """What is wanted of every molecule."""
    from rdkit_ebd.library.embed_molecules import conformers_by_rotors
    from rdkit_ebd.shards.embed_work import EmbedJob

    if job.changes.dedupe:
        raise ValueError("--dedupe depends on all molecules before: it is for OUTPUT that is one file")
    wanted = conformers_by_rotors if job.num_confs == BY_ROTORS else int(job.num_confs)
    params = job.params.copy()
    params.model = _model_path(params.model)
    core = job.core.finder() if job.core else None
    return EmbedJob(wanted, params, job.changes, core, job.form, job.protonate, job.ph)


def manifest(job: ShardsJob, library: Any) -> dict[str, Any]:
    """All that determines the shards."""
    from rdkit_ebd.generators.checkpoint import load_model
    from rdkit_ebd.shards.manifest import versions

    model = load_model(job.params.model, "cpu")
    settings = {**job.params.to_dict(), "model": model.config.name, "numThreads": 1}
    return {
        "command": "embed",
        "--num-confs": job.num_confs,
        "--chunk": job.place.chunk,
        "--format": job.form,
        "columns": [job.columns.smiles, job.columns.name] if job.columns else None,
        "--strip-salts": job.changes.strip_salts,
        "--neutralise": job.changes.neutralise,
        **(job.core.manifest() if job.core else {}),
        **({"--protonate": job.protonate, "--ph": job.ph} if job.protonate else {}),
        **settings,
        "the SHA-256 of the model": model.weights_hash,
        "versions": versions(),
        "input": library.fingerprint(),
    }


def _model_path(model: str) -> str:
    from rdkit_ebd.generators.checkpoint import model_path

    return str(model_path(model).resolve())


def show(bar: Any, tally: Tally) -> None:
    """Bring a bar up to what was done."""
    if bar.disable:
        return
    bar.initial = tally.before  # the rate is that of this run
    bar.n = tally.entries
    bar.set_postfix_str(f"{count(tally.conformers, 'conformer')}, {count(tally.failures, 'failure')}")


def _summary(tally: Tally, seconds: float, output: str) -> str:
    before = f" ({tally.before} in earlier runs)" * bool(tally.before)
    words = [count(tally.molecules, "molecule") + before, count(tally.conformers, "conformer")]
    words += [count(tally.failures, "failure") + f" (in {output.rstrip('/')}/failures.csv)" * bool(tally.failures)]
    rate = (tally.entries - tally.before) / max(seconds, 1e-9)
    return shown(", ".join([*words, f"{seconds:.1f} s ({rate:.3g} mol/s)"]))
