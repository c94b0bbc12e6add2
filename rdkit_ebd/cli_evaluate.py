"""How is a method judged from a shell? `rdkit-ebd evaluate DATA`, one table for all methods."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_METHODS = ["ETKDGv3", "ETKDGv3+MMFF94s", "EBD"]


def evaluate(
    data: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="References: .npz, or .sdf.")],
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            "-m",
            help="EBD, EBD:model, EBD:model:rounds, ETKDGv2, ETKDGv3, ETKDGv4, the latter with or without +MMFF94s; "
            f"repeat for several. Default: {', '.join(DEFAULT_METHODS)}.",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Seeded random subset of so many molecules.")] = None,
    seed: Annotated[int, typer.Option(help="Of the subset and of the conformers.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes, one thread each.")] = 2,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON with every molecule's row.")] = None,
) -> None:
    """Compare conformer generators with reference conformers: COV and MAT, bonds, angles, stereo, checks, time.

    Every method makes twice as many conformers as a molecule has references. RMSD is over heavy atoms, symmetry-aware.
    A molecule without conformers scores as missed.
    """
    from rdkit_ebd.evaluate import evaluate as judge
    from rdkit_ebd.evaluate import format_table, write_results

    try:
        results = judge(data, method or DEFAULT_METHODS, limit, seed, workers)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if output is not None:
        write_results(results, output)
    typer.echo(f"{data.stem}, {results[0].molecules} molecules, 2 x references, seed {seed}\n")
    typer.echo(format_table(results))
