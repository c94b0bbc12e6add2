"""How does a command get through the conformers of an SD file? Molecule by molecule, each record back at its place."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from rdkit_ebd.cli.common import (
    PROBLEMS,
    count,
    in_one_line,
    in_options,
    progress,
    shown,
    usage_errors,
    written_or_reported,
)
from rdkit_ebd.cli.records import label_of, record_of, together
from rdkit_ebd.cli.resuming import check_resumable, finished_before, kept, mark_if_file, parts_of

if TYPE_CHECKING:  # RDKit is imported by the commands that need it: `--help` answers at once
    from rdkit import Chem
    from tqdm import tqdm

    from rdkit_ebd.io.other_output import TextWriter
    from rdkit_ebd.io.read import Entry
    from rdkit_ebd.io.resumable_output import Parts
    from rdkit_ebd.io.sdf import SDFWriter
    from rdkit_ebd.report.tabular import CSVWriter


@dataclass
class Done:
    """What was done with the conformers of one molecule.

    Attributes:
        order: Conformer ids to write, in this order.
        failures: Records without the result asked for.
        dropped: Records above the energy window.
        notes: What a reader must know of this molecule.
        remarks: What a reader must know of the method.
        rows: Of the table, if there is one; each gets the number of the molecule.
    """

    order: list[int]
    failures: int = 0
    dropped: int = 0
    notes: Sequence[str] = ()
    remarks: Sequence[str] = ()
    rows: Sequence[dict[str, Any]] = ()


Work = Callable[["Chem.Mol"], Done]
"""What to do with a molecule; the ids of its conformers are the numbers of their records."""


@dataclass(frozen=True)
class Steps:
    """Whether and how a long job is done in parts that are kept.

    Attributes:
        settings: All options that determine the output, by their names.
        resume: Continue from the parts of an earlier run.
        size: Records in a part, or a few more, so that a molecule's are in one.
    """

    settings: Mapping[str, Any]
    resume: bool
    size: int


@dataclass(frozen=True)
class Table:
    """A CSV file beside OUTPUT.

    Attributes:
        path: It, or "-" for standard output.
        columns: The first of which is the number of the molecule.
    """

    path: str
    columns: Sequence[str]


@dataclass
class Tally:
    """What the summary counts: records, those without the result asked for, those that were left out; molecules."""

    records: int = 0
    failures: int = 0
    dropped: int = 0
    molecules: int = 0

    def add(self, other: Tally) -> None:
        """Count what another has counted."""
        self.records += other.records
        self.failures += other.failures
        self.dropped += other.dropped
        self.molecules += other.molecules


@dataclass
class _Course:
    """How far the work has come, and what the user sees of it."""

    work: Work
    bar: tqdm[NoReturn]
    table: CSVWriter | None = None
    tally: Tally = field(default_factory=Tally)
    told: set[str] = field(default_factory=set)  # remarks, which come once

    def report(self, notes: Iterable[str], remarks: Iterable[str]) -> None:
        new = [remark for remark in dict.fromkeys(remarks) if remark not in self.told]
        for note in [*notes, *new]:
            self.bar.write(shown(in_options(note)), file=sys.stderr)
        self.told |= set(new)

    def advance(self, done: Tally, rows: Iterable[dict[str, Any]] = ()) -> list[dict[str, Any]]:
        """One molecule more; its rows, with its number."""
        self.tally.add(done)
        numbered = [{"number": self.tally.molecules, **row} for row in rows] if self.table else []
        self.write(numbered)
        self.bar.update(done.records)
        return numbered

    def write(self, rows: Iterable[dict[str, Any]]) -> None:
        if self.table:
            self.table.write(rows)

    def resume(self, done: Tally) -> None:
        self.tally.add(done)
        self.bar.initial = self.bar.n = self.tally.records


def work_through(
    source: str,
    output: str | None,
    method: str,
    work: Work,
    phrase: str,
    quiet: bool,
    by_stereo: bool = True,
    left_out: str = "above the energy window",
    steps: Steps | None = None,
    table: Table | None = None,
) -> int:
    """Do the work on each molecule of an SD file, and write its records.

    Args:
        source: INPUT.
        output: OUTPUT; None: nothing is written.
        method: Of the energies.
        work: What is to be done.
        phrase: What it does to a record, such as "scored with UFF".
        quiet: Whether problems alone are shown.
        by_stereo: As in `conformer_runs`.
        left_out: What records are that the work drops.
        steps: Parts in which the output is kept; None: it is written in one go.
        table: Where rows of the molecules go; None: nowhere.

    Returns:
        The exit code.
    """
    begun, header = time.perf_counter(), None
    with written_or_reported(output or (table.path if table else "OUTPUT")):
        with usage_errors():
            if output and steps and steps.resume:
                check_resumable(source, output)
            expected = _checked(source, output, method)
            if output and steps:
                header = _manifest(source, method, steps)
            before = finished_before(output, header) if output and header and steps and steps.resume else None
        if before:
            tally = Tally(**before)
        else:
            tally = _run(source, output, _Run(work, expected, quiet, by_stereo, steps, header, table))
            if output and header:
                mark_if_file(source, output, header, asdict(tally))
    if before or not quiet:
        words = [count(tally.records, "record"), f"{tally.records - tally.failures} {phrase}"]
        words += [f"{tally.dropped} {left_out}"] * bool(tally.dropped)
        end = f"{output} is finished already: " * bool(before)
        typer.echo(f"{end}{', '.join(words)}, {time.perf_counter() - begun:.1f} s", err=True)
    if before and table:
        typer.echo("no table was written: it comes with the run that finishes the output", err=True)
    return PROBLEMS if tally.failures or not tally.records else 0


@dataclass(frozen=True)
class _Run:
    """What is to be done, known to be possible."""

    work: Work
    expected: int | None
    quiet: bool
    by_stereo: bool
    steps: Steps | None
    header: Mapping[str, Any] | None
    table: Table | None


def _manifest(source: str, method: str, steps: Steps) -> dict[str, Any]:
    """All that determines an output, and where its parts end."""
    from rdkit import rdBase

    from rdkit_ebd import __version__
    from rdkit_ebd.io.read import STANDARD_STREAM, content_hash

    return {
        "the SHA-256 of INPUT": None if source == STANDARD_STREAM else content_hash(source),
        "--method": method,
        **steps.settings,
        "--part-size": steps.size,
        "the version of rdkit_ebd": __version__,
        "the version of RDKit": rdBase.rdkitVersion,
    }


def _run(source: str, output: str | None, run: _Run) -> Tally:
    from rdkit_ebd.io.conformer_runs import conformer_runs
    from rdkit_ebd.io.other_output import writer_of
    from rdkit_ebd.io.read import read_molecules
    from rdkit_ebd.report.tabular import CSVWriter

    parts, writer, steps = None, None, run.steps
    with ExitStack() as stack:
        with usage_errors():
            if output and steps and run.header:
                worth_it = run.expected is not None and run.expected > steps.size
                parts = parts_of(output, run.header, worth_it, steps.resume)
            if parts is not None:
                stack.enter_context(parts)
                stack.enter_context(kept(parts))
            elif output:
                writer = stack.enter_context(writer_of(output))
            skip = sum(finished["counts"]["records"] for finished in parts.tallies) if parts else 0
            groups = conformer_runs(read_molecules(source, skip), by_stereo=run.by_stereo)
            table = stack.enter_context(CSVWriter(run.table.path, run.table.columns)) if run.table else None
        course = _Course(run.work, stack.enter_context(progress(run.expected, run.quiet)), table)
        if parts is not None and steps is not None:
            _write_parts(groups, parts, steps.size, course)
        else:
            _write(groups, writer, course)
    return course.tally


def _write_parts(groups: Iterator[list[Entry]], parts: Parts, size: int, course: _Course) -> None:
    """Write the parts that are missing, and the output from all of them."""
    from rdkit_ebd.io.sdf import SDFWriter

    for finished in parts.tallies:
        course.report(finished["notes"], finished["remarks"])
        course.resume(Tally(**finished["counts"]))
        course.write(finished.get("rows", []))
    while (first := next(groups, None)) is not None:
        with SDFWriter(parts.next_path) as writer:
            counts, notes, remarks, rows = _write(_part(first, groups, size), writer, course, keep_rows=True)
        beside = {"rows": rows} if rows else {}
        parts.add({"counts": asdict(counts), "notes": notes, "remarks": remarks, **beside})
    parts.join()


def _part(first: list[Entry], groups: Iterator[list[Entry]], size: int) -> Iterator[list[Entry]]:
    """Molecules until there are so many records."""
    group: list[Entry] | None = first
    while group is not None:
        yield group
        size -= len(group)
        group = next(groups, None) if size > 0 else None


def _write(
    groups: Iterable[list[Entry]], writer: SDFWriter | TextWriter | None, course: _Course, keep_rows: bool = False
) -> tuple[Tally, list[str], list[str], list[dict[str, Any]]]:
    """Do the work on molecules and write them: what it amounts to, what was said of them, and of the method; rows."""
    counts, said, remarks, rows = Tally(), list[str](), list[str](), list[dict[str, Any]]()
    for group in groups:
        done, written = _worked(group, course.work)
        notes = [f"{label_of(group)}: {note}" for note in [*done.notes, *_unwritten(writer, written)]]
        course.report(notes, done.remarks)
        tally = Tally(
            len(group), max(done.failures, len(notes) - len(done.notes)), done.dropped, int(group[0].mol is not None)
        )
        numbered = course.advance(tally, done.rows)
        rows += numbered if keep_rows else []
        counts.add(tally)
        said, remarks = [*said, *notes], list(dict.fromkeys([*remarks, *done.remarks]))
    return counts, said, remarks, rows


def mixed_isomers(isomers: Iterable[str], done: str) -> list[str]:
    """What is to be said where conformers of one name show several stereoisomers, whose energies are compared.

    Args:
        isomers: What each shows.
        done: What was done with them, such as "ranked".
    """
    number = len(set(isomers))
    return [f"{number} stereoisomers are {done} together, as their records have one name"] * (number > 1)


def _checked(source: str, output: str | None, method: str) -> int | None:
    """The number of records, where more than reading tells it, once all else is known to be right.

    Raises:
        ValueError: INPUT has no coordinates or no records, OUTPUT is no SD file or INPUT itself, there is no METHOD.
    """
    from rdkit_ebd.io.sdf import check_output
    from rdkit_ebd.potentials import require_engine

    if output:
        check_output(output, source)
    check_coordinates(source)
    require_engine(method)
    return expected_records(source)


def check_coordinates(source: str) -> None:
    """Raise a ValueError for an input whose format has no coordinates."""
    from rdkit_ebd.io.read import place

    if Path(source).is_dir() or source.endswith(".parquet"):
        raise ValueError(
            f"{source!r} holds shards: `rdkit-ebd convert {source} -o conformers.sdf` makes an SD file of them"
        )
    if place(source) != "record":
        raise ValueError(
            f"{source!r} has no coordinates: embed it first, or give an SD, MOL2, Maestro, PDB or XYZ file"
        )


def expected_records(source: str) -> int | None:
    """The number of records, where more than reading tells it.

    Raises:
        ValueError: There are none.
    """
    from rdkit_ebd.io.read import count_molecules

    expected = count_molecules(source)
    if expected == 0:
        raise ValueError(f"{source} holds no records")
    return expected


def _unwritten(writer: SDFWriter | TextWriter | None, records: Iterable[Chem.Mol]) -> list[str]:
    """Write records, where they are wanted; why some of them could not be written."""
    problems = []
    for record in records if writer else ():
        assert writer is not None
        try:
            writer.write(record)
        except ValueError as error:  # its own, and not the end of the others
            problems.append(str(error))
    return problems


def _worked(group: Sequence[Entry], work: Work) -> tuple[Done, list[Chem.Mol]]:
    """What was done with the conformers of a molecule, and the records to write, each with its own properties."""
    if group[0].mol is None:
        return Done([], failures=1, notes=[group[0].problem]), []
    mol = None
    try:
        mol = together(group)
        done = work(mol)
    except Exception as error:  # whatever it is, it must not stop the others
        done = Done([entry.number for entry in group], failures=len(group), notes=[in_one_line(error)])
    entries = {entry.number: entry for entry in group}
    if mol is None:
        return done, [entry.mol for entry in group if entry.mol is not None]
    return done, [record_of(entries[number], mol) for number in done.order]
