"""How does a command get through the conformers of an SD file? Molecule by molecule, each record back at its place."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:  # RDKit is imported by the commands that need it: `--help` answers at once
    from rdkit import Chem

    from rdkit_ebd.io.read import Entry
    from rdkit_ebd.io.sdf import SDFWriter


@dataclass
class Done:
    """What was done with the conformers of one molecule, or with all records.

    Attributes:
        order: Conformer ids to write, in this order.
        failures: Records without the result asked for.
        dropped: Records above the energy window.
        notes: What a reader must know of this molecule.
        remarks: What a reader must know of the method.
    """

    order: list[int]
    failures: int = 0
    dropped: int = 0
    notes: Sequence[str] = ()
    remarks: Sequence[str] = ()


Work = Callable[["Chem.Mol"], Done]
"""What to do with a molecule; the ids of its conformers are the numbers of their records."""


def work_through(
    source: str,
    output: str | None,
    method: str,
    work: Work,
    phrase: str,
    quiet: bool,
    by_stereo: bool = True,
    left_out: str = "above the energy window",
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

    Returns:
        The exit code.
    """
    from rdkit_ebd.io.conformer_runs import conformer_runs
    from rdkit_ebd.io.read import read_molecules
    from rdkit_ebd.io.sdf import SDFWriter

    start, total, records = time.perf_counter(), Done([]), 0
    with written_or_reported(output or "OUTPUT"), ExitStack() as stack:
        with usage_errors():
            expected = _checked(source, output, method)
            entries = read_molecules(source)
            writer = stack.enter_context(SDFWriter(output)) if output else None
        bar = stack.enter_context(progress(expected, quiet))
        known: set[str] = set()
        for group in conformer_runs(entries, by_stereo=by_stereo):
            done, written = _worked(group, work)
            notes = [f"{label_of(group)}: {note}" for note in [*done.notes, *_unwritten(writer, written)]]
            for note in [*notes, *(remark for remark in done.remarks if remark not in known)]:
                bar.write(shown(in_options(note)), file=sys.stderr)
            known |= set(done.remarks)
            total.failures += max(done.failures, len(notes) - len(done.notes))
            total.dropped += done.dropped
            records += len(group)
            bar.update(len(group))
    if not quiet:
        words = [count(records, "record"), f"{records - total.failures} {phrase}"]
        if total.dropped:
            words.append(f"{total.dropped} {left_out}")
        typer.echo(f"{', '.join(words)}, {time.perf_counter() - start:.1f} s", err=True)
    return PROBLEMS if total.failures or not records else 0


def _checked(source: str, output: str | None, method: str) -> int | None:
    """The number of records, where more than reading tells it, once all else is known to be right.

    Raises:
        ValueError: INPUT has no coordinates or no records, OUTPUT is no SD file or INPUT itself, there is no METHOD.
    """
    from rdkit_ebd.io.read import count_molecules, place
    from rdkit_ebd.io.sdf import check_output
    from rdkit_ebd.potentials import require_engine

    if output:
        check_output(output, source)
    if place(source) != "record":
        raise ValueError(f"{source!r} has no coordinates: give an SD file (.sdf, .sd, .mol, also with .gz)")
    require_engine(method)
    expected = count_molecules(source)
    if expected == 0:
        raise ValueError(f"{source} holds no records")
    return expected


def _unwritten(writer: SDFWriter | None, records: Iterable[Chem.Mol]) -> list[str]:
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
