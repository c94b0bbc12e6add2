"""How does `rdkit-ebd embed` get through a file? A bar, notes on molecules, parts that outlive an interruption."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from rdkit_ebd.cli.common import count, progress, shown, stages, usage_errors
from rdkit_ebd.cli.embed_job import Embedded, FileJob, Tally, embedded, entries, manifest
from rdkit_ebd.cli.embed_tables import Tables
from rdkit_ebd.cli.resuming import kept, parts_of

if TYPE_CHECKING:  # torch and RDKit are imported when they are needed: `--help` answers at once
    from tqdm import tqdm

    from rdkit_ebd.io.other_output import TextWriter
    from rdkit_ebd.io.resumable_output import Parts
    from rdkit_ebd.io.sdf import SDFWriter

ONE_MOLECULE = (
    "conformers of one molecule, which is embedded once, here and wherever records differ in coordinates and energies "
    "alone; those with another name, other SD fields or another stereochemistry are molecules of their own"
)


@dataclass
class Screen:
    """What the user sees: a bar of molecules, and problems with their place.

    Attributes:
        bar: Molecules.
        word: What the number of an entry counts, "line" or "record".
        tables: Where rows of the molecules go.
        tally: All that was done so far, in earlier runs too.
        before: Molecules of earlier runs.
        told: Whether it was said that several records may be one molecule.
        kept: Whether rows of tables are kept with the parts of the output.
    """

    bar: tqdm[NoReturn]
    word: str
    tables: Tables = field(default_factory=Tables)
    tally: Tally = field(default_factory=Tally)
    before: int = 0
    told: bool = False
    kept: bool = False

    def report(self, notes: list[str]) -> list[str]:
        """Write what a reader must know above the bar."""
        for note in notes:
            self.bar.write(shown(note), file=sys.stderr)
        return notes

    def advance(self, done: Tally) -> None:
        """One molecule more, and the entries that are done with it."""
        self.tally.add(done)
        self.bar.update(done.entries)
        self._show()

    def resume(self, done: Tally) -> None:
        """Begin where earlier runs ended; the bar's rate is that of this run."""
        self.tally, self.before = done, done.molecules
        self.bar.initial = self.bar.n = done.entries
        self._show()

    def _show(self) -> None:
        conformers, failures = count(self.tally.conformers, "conformer"), count(self.tally.failures, "failure")
        self.bar.set_postfix_str(f"{conformers}, {failures}")


def run(
    job: FileJob, total: int | None, resume: bool, part_size: int, quiet: bool, tables: Tables | None = None
) -> Tally:
    """Do a job and show how it goes.

    Args:
        job: What is to be done.
        total: Entries of the input; None where only reading tells.
        resume: Whether parts of an earlier run are continued from.
        part_size: Entries in one part, or a few more where a molecule has several.
        quiet: Whether problems alone are shown.
        tables: Where rows of the molecules go; None: nowhere.

    Returns:
        What it amounts to, earlier runs included.
    """
    from rdkit_ebd.io.other_output import writer_of
    from rdkit_ebd.io.read import place

    start = time.perf_counter()
    with ExitStack() as stack:
        with usage_errors():
            worth_it = total is not None and total > part_size and job.params.randomSeed != -1
            parts = parts_of(job.output, manifest(job, part_size), worth_it, resume)
            if parts is None:
                writer = stack.enter_context(writer_of(job.output))
            else:
                stack.enter_context(parts)
                stack.enter_context(kept(parts))
            skip = sum(finished["counts"]["entries"] for finished in parts.tallies) if parts else 0
            outcomes = stack.enter_context(closing(embedded(job, skip)))
            rows = stack.enter_context(tables or Tables())
        screen = Screen(stack.enter_context(progress(total, quiet)), place(job.source), rows)
        stack.enter_context(stages(total == 1 and not quiet))
        if parts is None:
            _write(outcomes, writer, screen)
        else:
            _write_parts(outcomes, parts, total or 0, part_size, screen)
    if not quiet:
        typer.echo(screen.tally.summary(time.perf_counter() - start, screen.before), err=True)
    return screen.tally


def nothing_made(tally: Tally, output: str) -> bool:
    """Whether there are molecules and no conformer of any; an output without a record is taken away."""
    from rdkit_ebd.runtime.whole_file import is_replaceable

    if tally.conformers or not tally.molecules:
        return False
    if is_replaceable(output):
        Path(output).unlink(missing_ok=True)
    return True


def _write_parts(outcomes: Iterator[Embedded], parts: Parts, total: int, part_size: int, screen: Screen) -> None:
    """Write the parts that are missing, and the output from all of them; `total` entries are in the input."""
    from rdkit_ebd.io.sdf import SDFWriter

    done = Tally()
    for finished in parts.tallies:
        done.add(Tally(**finished["counts"]))
        screen.report(finished["notes"])
        screen.tables.write(finished.get("rows", []))
    screen.resume(done)
    left, screen.kept = total - done.entries, True
    while left > 0:
        with SDFWriter(parts.next_path) as writer:
            counts, notes, rows = _write(entries(outcomes, part_size), writer, screen)
        parts.add({"counts": asdict(counts), "notes": notes, **({"rows": rows} if rows else {})})
        left -= counts.entries or left  # an input that is shorter than it was ends all the same
    parts.join()


def _write(
    outcomes: Iterable[Embedded], writer: SDFWriter | TextWriter, screen: Screen
) -> tuple[Tally, list[str], list[dict[str, Any]]]:
    """Write molecules as they come; what they amount to, what was reported of them, and rows of tables if wanted."""
    counts, rows = Tally(), []
    reported: list[str] = []
    for outcome in outcomes:
        done, notes = outcome.counts, outcome.notes(screen.word)
        if outcome.records > 1 and not outcome.entry.left_out and not screen.told:  # of the others the summary tells
            screen.told, notes = True, [outcome.note(screen.word, ONE_MOLECULE), *notes]
        problem = ""
        # A molecule that failed may still have the conformers it came with.
        if outcome.mol is not None and outcome.report.ids:
            try:
                writer.write(outcome.mol, outcome.entry.name)
            except ValueError as error:  # its own, and not the end of the others
                problem = str(error)
                done, notes = outcome.unwritten(), [*notes, outcome.note(screen.word, problem)]
        reported += screen.report(notes)
        screen.advance(done)
        counts.add(done)
        if screen.tables.wanted and not outcome.entry.left_out:
            rows.append(outcome.row(problem))
            screen.tables.write(rows[-1:])
            rows = rows if screen.kept else []
    return counts, reported, rows
