"""How are conformers refined and scored from a shell? `rdkit-ebd refine` and `rdkit-ebd score`, SD file to SD file."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

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

Source = Annotated[
    str,
    typer.Argument(
        metavar="INPUT", help='An SD file with coordinates (.sdf, .sd, .mol, also .gz), or "-" for SD on stdin.'
    ),
]
Output = Annotated[str, typer.Option("-o", "--output", help='SD file to write (.gz: compressed), or "-" for stdout.')]
Method = Annotated[
    str,
    typer.Option("-m", "--method", help="UFF, MMFF94s, MMFF94s/OpenMM, openff-2.2.1, GFN2-xTB, GFN2-xTB/water, ..."),
]
Threads = Annotated[int, typer.Option(help="Processes; 0: all cores, -n: all but n.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only problems: no progress, no summary.")]


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


def refine(
    source: Source,
    output: Output,
    method: Method = "MMFF94s",
    max_iters: Annotated[int, typer.Option(min=1, help="Iterations of the minimiser at most.")] = 5000,
    restraint: Annotated[
        float, typer.Option(min=0, help="k of k |x - start|^2 on every heavy atom, kcal/mol/angstrom^2; 0: none.")
    ] = 0.0,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds for the conformers of one molecule; 0: no limit.")] = 0,
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Relax the conformers of an SD file; each record stays at its place, with its properties.

    Records that follow one another with the same name and the same atoms and bonds are conformers of one molecule.
    All hydrogens are explicit. A record that would lose its stereochemistry, or cannot be treated, is written as it
    was, with the reason (ebd_refine_problem), and named on stderr. Exit code: 0 all conformers are minima, 1 some are
    not or could not be read, 2 wrong usage, 130 interrupted. OUTPUT appears once it is complete.
    """
    options = {"maxIters": max_iters, "restraint": restraint, "timeout": timeout, "numThreads": threads}
    _run(source, output, method, partial(_refined, method=method, options=options), "refined", quiet)


def score(
    source: Source,
    output: Output,
    method: Method = "MMFF94s",
    energy_window: Annotated[
        float | None,
        typer.Option(
            min=0, help="Leave out what lies above the molecule's lowest by more, kcal/mol.", show_default="none"
        ),
    ] = None,
    sort: Annotated[bool, typer.Option("--sort", help="Lowest energy first, within each molecule.")] = False,
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Give the conformers of an SD file energies, as they are.

    Records that follow one another with the same name and the same atoms and bonds are conformers of one molecule.
    All hydrogens are explicit. Energies are in kcal/mol: ebd_energy, and ebd_relative_energy above the molecule's
    lowest. A record that cannot be scored is kept, and named on stderr. Exit code: 0 all records have energies, 1 some
    have not or could not be read, 2 wrong usage, 130 interrupted. OUTPUT appears once it is complete.
    """
    work = partial(_scored, method=method, window=energy_window, sort=sort, threads=threads)
    _run(source, output, method, work, "scored", quiet, by_stereo=False)


def _run(source: str, output: str, method: str, work: Work, verb: str, quiet: bool, by_stereo: bool = True) -> None:
    from rdkit_ebd.io.conformer_runs import conformer_runs
    from rdkit_ebd.io.read import read_molecules
    from rdkit_ebd.io.sdf import SDFWriter

    start, total, records = time.perf_counter(), Done([]), 0
    with written_or_reported(output), ExitStack() as stack:
        with usage_errors():
            expected = _checked(source, output, method)
            entries = read_molecules(source)
            writer = stack.enter_context(SDFWriter(output))
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
        words = [count(records, "record"), f"{records - total.failures} {verb} with {method}"]
        if total.dropped:
            words.append(f"{total.dropped} above the energy window")
        typer.echo(f"{', '.join(words)}, {time.perf_counter() - start:.1f} s", err=True)
    raise typer.Exit(PROBLEMS if total.failures or not records else 0)


def _checked(source: str, output: str, method: str) -> int | None:
    """The number of records, where more than reading tells it, once all else is known to be right.

    Raises:
        ValueError: INPUT has no coordinates or no records, OUTPUT is no SD file or INPUT itself, there is no METHOD.
    """
    from rdkit_ebd.io.read import count_molecules, place
    from rdkit_ebd.io.sdf import check_output
    from rdkit_ebd.potentials import require_engine

    check_output(output, source)
    if place(source) != "record":
        raise ValueError(f"{source!r} has no coordinates: give an SD file (.sdf, .sd, .mol, also with .gz)")
    require_engine(method)
    expected = count_molecules(source)
    if expected == 0:
        raise ValueError(f"{source} holds no records")
    return expected


def _unwritten(writer: SDFWriter, records: Iterable[Chem.Mol]) -> list[str]:
    """Write records; why some of them could not be written."""
    problems = []
    for record in records:
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


def _refined(mol: Chem.Mol, method: str, options: dict[str, Any]) -> Done:
    from rdkit_ebd.ensemble.refine import RefineWithReport

    report = RefineWithReport(mol, method, **options)
    failures = len(report.ids) - report.converged
    return Done(report.ids, failures, notes=[] if report.ok else [report.summary()], remarks=report.notes)


def _scored(mol: Chem.Mol, method: str, window: float | None, sort: bool, threads: int) -> Done:
    from rdkit_ebd.ensemble.score import FilterEnergyWindow, RelativeEnergies, SortConformers, score
    from rdkit_ebd.io.conformer_runs import RELATIVE_ENERGY

    ids = [conformer.GetId() for conformer in mol.GetConformers()]
    energies, obstacle, remarks = score(mol, method, numThreads=threads)
    for conformer, energy in zip(mol.GetConformers(), RelativeEnergies(energies), strict=True):
        conformer.SetDoubleProp(RELATIVE_ENERGY, energy)
    order = SortConformers(mol) if sort else ids
    within = FilterEnergyWindow(mol, math.inf if window is None else window)
    failures = sum(map(math.isnan, energies))
    notes = [obstacle or f"{failures} of {count(len(ids), 'conformer')} without energy"] * bool(failures)
    return Done([i for i in order if i in within], failures, len(ids) - len(within), notes, remarks)
