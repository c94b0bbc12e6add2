"""What tests of runs share: a library of real molecules, a run of it, what it left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
from helpers import DRUGS

from rdkit_ebd import EBD
from rdkit_ebd.bench.plumbing import GridRunner
from rdkit_ebd.library.arguments import settings_for_all
from rdkit_ebd.library.runner import Runner
from rdkit_ebd.runtime.crew import Crew
from rdkit_ebd.shards.chunks import Library
from rdkit_ebd.shards.crews import crew_for
from rdkit_ebd.shards.embed_work import EmbedJob, EmbedSetUp
from rdkit_ebd.shards.run import Run, Tally
from rdkit_ebd.shards.store import Store

GRID = GridRunner()


def library_of(folder: Path, count: int) -> Library:
    """Drugs, over and over, each with a name of its own."""
    drugs = list(DRUGS.items())
    lines = [f"{drugs[k % len(drugs)][1]} {drugs[k % len(drugs)][0]}-{k}\n" for k in range(count)]
    (folder / "library.smi").write_text("".join(lines))
    return Library.at(str(folder / "library.smi"))


def run(
    library: Library,
    out: Path | str,
    chunk: int = 10,
    runner: Runner = GRID,
    crew: Crew | None = None,
    resume: bool = True,
    form: str = "parquet",
    confs: int = 2,
    watch: Callable[[Tally], None] = lambda tally: None,
    **params: object,
) -> Tally:
    """A run, by the crew of a runner or by another that does the molecules as this runner does."""
    settings = settings_for_all(EBD(randomSeed=7, device="cpu", **params), {})  # type: ignore[arg-type]
    store = Store.at(out)
    own, set_up = crew_for(runner, EmbedSetUp(EmbedJob(confs, settings, form=form), store))
    manifest = {"chunk": chunk, "confs": confs, "input": library.fingerprint()}
    found = Run(store, manifest, library.count(), watch)
    return found.work(crew or own, set_up, lambda done: library.chunks(chunk, done), resume)


def shards(out: Path) -> dict[str, bytes]:
    """The shards of a run, by name."""
    return {path.name: path.read_bytes() for path in sorted((out / "conformers").iterdir())}


def rows(out: Path) -> list[tuple[int, int]]:
    """(molecule, conformer) of every row."""
    table = pq.read_table(out / "conformers", columns=["molecule", "conformer"])
    return sorted(zip(table["molecule"].to_pylist(), table["conformer"].to_pylist(), strict=True))
