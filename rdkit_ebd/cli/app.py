"""How is it called from a shell? `rdkit-ebd` with its commands, those of plugins among them."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from rdkit_ebd.cli.bench import bench
from rdkit_ebd.cli.common import INTERRUPTED
from rdkit_ebd.cli.convert import convert
from rdkit_ebd.cli.embed import embed
from rdkit_ebd.cli.engines import engines
from rdkit_ebd.cli.evaluate import evaluate
from rdkit_ebd.cli.evaluate_generator import evaluate_generator
from rdkit_ebd.cli.generate import generate
from rdkit_ebd.cli.interrupts import hear_interrupts
from rdkit_ebd.cli.judge_conditional import judge_conditional
from rdkit_ebd.cli.judge_molecules import judge_molecules
from rdkit_ebd.cli.models import models
from rdkit_ebd.cli.plugins import Commands
from rdkit_ebd.cli.rank import rank
from rdkit_ebd.cli.refine import refine, score
from rdkit_ebd.cli.show import show
from rdkit_ebd.cli.tasks import EXIT_CODES
from rdkit_ebd.cli.train import app as training
from rdkit_ebd.cli.validate import validate

app = typer.Typer(
    cls=Commands,
    help="Molecular conformers from Equivariant Blurring Diffusion.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},  # inherited by every command
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(models, name="models")
app.add_typer(training, name="train")
app.add_typer(bench, name="bench")
app.command()(embed)
app.command()(generate)
app.command()(refine)
app.command()(score)
app.command()(rank)
app.command()(show)
app.command()(convert)
app.command()(validate)
app.command()(evaluate)
app.command()(evaluate_generator)
app.command()(engines)
app.command("judge-molecules")(judge_molecules)
app.command("judge-conditional")(judge_conditional)


def main() -> None:
    """Run the command line."""
    hear_interrupts()
    try:
        app(prog_name="rdkit-ebd")
    except SystemExit as end:
        if end.code == INTERRUPTED:  # all is closed; taking torch and RDKit down would take seconds
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise


def _version(wanted: bool) -> None:
    if wanted:
        from rdkit_ebd import __version__

        typer.echo(f"rdkit-ebd {__version__}")
        raise typer.Exit


@app.callback(epilog=EXIT_CODES)
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Molecular conformers from Equivariant Blurring Diffusion."""
