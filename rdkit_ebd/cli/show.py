"""How are conformers looked at from a shell? `rdkit-ebd show conformers.sdf -o page.html`, opened in a browser."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

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
from rdkit_ebd.cli.conformer_work import check_coordinates, expected_records
from rdkit_ebd.cli.records import label_of, record_of, together
from rdkit_ebd.cli.refine import Quiet, Source
from rdkit_ebd.runtime.whole_file import STANDARD_STREAM

if TYPE_CHECKING:  # RDKit is imported by the commands that need it: `--help` answers at once
    from rdkit_ebd.io.read import Entry
    from rdkit_ebd.viz.page import PageBuilder


def show(
    source: Source,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            help='HTML file to write, or "-" for stdout; .png, .pdf or .svg: a picture of clusters, for one molecule.',
            show_default="INPUT's name, here, in .html",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help="Method of the energies: UFF, MMFF94s, GFN2-xTB, ...",
            show_default="the energies in the records, else MMFF94s",
        ),
    ] = None,
    temperature: Annotated[float, typer.Option(help="Of the Boltzmann weights, kelvin.")] = 298.15,
    max_confs: Annotated[int, typer.Option(min=1, help="Show the lowest so many of each molecule.")] = 100,
    script: Annotated[
        str,
        typer.Option(
            help='What draws: "auto" (an installed 3Dmol.js, else "cdn"), "cdn", "none", or the file of 3Dmol.js.'
        ),
    ] = "auto",
    quiet: Quiet = False,
) -> None:
    """Show conformers in a page for the browser: a table selects, and the molecule is seen in three dimensions.

    Records that follow one another with the same name and the same atoms and bonds are conformers of one molecule; the
    page has a selector of molecules. They lie on the largest rigid part, coloured by energy. The page is one file with
    all that it needs but 3Dmol.js where none is installed (npm package 3dmol, or the file that RDKIT_EBD_3DMOL names):
    the browser then loads that from a CDN, and without a network the page draws by itself. It has 200,000 atoms at
    most, and says what is left out. Exit code: 0 all is well, 1 some records could not be read or shown, 2 wrong usage,
    130 interrupted.

    A picture has the lowest conformer of each cluster (the lowest twelve), on the largest rigid part, with its energy.

    Example: rdkit-ebd show conformers.sdf -o conformers.html
    """
    failures = 0
    with usage_errors():
        output = output or _beside(source)
    with written_or_reported(output):
        with usage_errors():
            from rdkit_ebd.io.conformer_runs import conformer_runs
            from rdkit_ebd.io.read import read_molecules
            from rdkit_ebd.io.sdf import PICTURES, check_page
            from rdkit_ebd.potentials import require_engine
            from rdkit_ebd.runtime.whole_file import write_whole
            from rdkit_ebd.viz.page import PageBuilder

            check_page(output, source)
            check_coordinates(source)
            if by:
                require_engine(by)
            expected = expected_records(source)
            builder = PageBuilder(f"Conformers of {PurePath(source).name}", temperature, script)
            entries = read_molecules(source)
        if output.lower().endswith(PICTURES):
            raise typer.Exit(_picture(list(conformer_runs(entries, by_stereo=False)), output, by, temperature, quiet))
        with progress(expected, quiet) as bar:
            for run in conformer_runs(entries, by_stereo=False):
                note = _added(builder, run, max_confs, by)
                failures += bool(note)
                if note:
                    bar.write(shown(in_options(f"{label_of(run)}: {note}")), file=sys.stderr)
                bar.update(len(run))
        page = builder.page()
        if output == STANDARD_STREAM:
            typer.echo(page.html, nl=False)
        else:
            write_whole(output, page.html)
    if not quiet:
        for note in page.notes:
            typer.echo(shown(in_options(note)), err=True)
        words = f"{count(builder.molecules, 'molecule')}, {count(builder.conformers, 'conformer')}"
        typer.echo(
            f"{words} in {'the page' if output == STANDARD_STREAM else output}; drawn by {builder.drawn_by}", err=True
        )
    raise typer.Exit(PROBLEMS if failures or not builder.molecules else 0)


def _picture(runs: Sequence[Sequence[Entry]], output: str, by: str | None, temperature: float, quiet: bool) -> int:
    """Draw the clusters of a molecule; the exit code."""
    with usage_errors():
        from rdkit_ebd.viz.representatives import draw_representatives

        if len(runs) > 1:
            raise ValueError(f"a picture is of one molecule, and INPUT has {len(runs)}: write a page (.html)")
        if runs[0][0].mol is None:
            raise ValueError(f"{label_of(runs[0])}: {runs[0][0].problem}")
        ranking = draw_representatives(together(runs[0]), output, method=by, temperature=temperature)
    if not quiet:
        shapes = count(len(ranking.representatives), "cluster")
        typer.echo(f"{count(len(ranking.ids), 'conformer')} in {shapes}, the lowest of each in {output}", err=True)
    return 0


def _beside(source: str) -> str:
    """The page of an input that has a name, in the folder where one is."""
    if source == STANDARD_STREAM:
        raise ValueError("standard input has no name: give -o")
    name = PurePath(source).name
    return f"{PurePath(name.removesuffix('.gz')).stem}.html"


def _added(builder: PageBuilder, run: Sequence[Entry], most: int, by: str | None) -> str:
    """Add the records of a molecule to the page: why they could not be, or ""."""
    from rdkit_ebd.io.sdf import record_text

    if run[0].mol is None:
        return run[0].problem
    entries = {entry.number: entry for entry in run}
    try:
        if not all(entry.mol is not None and entry.mol.GetNumConformers() for entry in run):
            return "there are no coordinates"
        mol = together(run)
        builder.add(
            mol,
            most,
            method=by,
            counted="record",
            record=lambda conformer: record_text(record_of(entries[conformer.GetId()], mol), conformer),
        )
    except Exception as error:  # whatever RDKit raises, it is about this molecule
        return in_one_line(error)
    return ""
