"""How is the speed measured from a shell? `rdkit-ebd bench`: tables on stdout, all figures in a JSON file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from rdkit_ebd.cli.common import INTERRUPTED, progress, usage_errors
from rdkit_ebd.cli.scale import scale

if TYPE_CHECKING:
    from rdkit_ebd.bench import Benchmark, Table, Timing

T = TypeVar("T")

DEFAULT_METHODS = [
    *("ETKDGv3", "ETKDGv3+MMFF94s", "ETKDGv4", "ETKDGv4+MMFF94s", "ETKDGv4+ICE", "ETKDGv4+ICE+MMFF94s"),
    "EBD",
]


class Scaling(str, Enum):
    """Values of --scaling."""

    atoms = "atoms"
    conformers = "conformers"
    threads = "threads"
    workers = "workers"


bench = typer.Typer(help="Time conformer generators; how long libraries take.", invoke_without_command=True)
bench.command("scale")(scale)


@bench.callback()
def time_methods(
    ctx: typer.Context,
    molecules: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="SMILES or SD file to time instead.", show_default="twenty drugs"
        ),
    ] = None,
    references: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Compare on these references, .npz or .sdf, and judge by them."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method", "-m", help=f"As in `evaluate`; repeat for several. Default: {', '.join(DEFAULT_METHODS)}."
        ),
    ] = None,
    confs: Annotated[int, typer.Option(min=1, help="Conformers of each molecule without references.")] = 50,
    factor: Annotated[int, typer.Option(min=1, help="Conformers per reference.")] = 2,
    repeat: Annotated[int, typer.Option(min=1, help="Times that each is timed; the fastest counts.")] = 1,
    threads: Annotated[int, typer.Option(help="CPU threads of every method; 0: all, -n: all but n.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Seeded random subset of so many molecules.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the subset and of the conformers.")] = 0,
    table: Annotated[bool, typer.Option("--table/--no-table", help="Compare the methods; EBD's time by stage.")] = True,
    scaling: Annotated[
        list[Scaling] | None, typer.Option(help="How the time grows with this; repeat for several.")
    ] = None,
    startup: Annotated[bool, typer.Option("--startup", help="Imports, first calls, the overhead of a call.")] = False,
    gpu: Annotated[
        bool | None, typer.Option("--gpu/--no-gpu", help="Rates on CUDA.", show_default="if there is a device")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON with all figures.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Time conformer generators: the same molecules, one process, the same number of threads.

    The methods of a molecule take turns; what is not the fault of a method hits all alike. Each table is printed, and
    OUTPUT written, as soon as it is there. --scaling atoms takes five molecules of 21 to 146 atoms, or those of
    --molecules; conformers and threads take the first molecule, workers all of them.
    """
    if ctx.invoked_subcommand is not None:
        return
    # This can only be set before NumPy is imported. What NumPy does for EBD is too little for more threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if output is not None and (output.is_dir() or not output.parent.is_dir()):
        raise typer.BadParameter(f"{output}: a file in a folder that exists is needed")
    with usage_errors():
        from rdkit_ebd.bench import Plan, prepare
        from rdkit_ebd.params import count_threads

        benchmark = prepare(
            method or DEFAULT_METHODS,
            Plan(confs, factor, repeat, count_threads(threads), seed),
            molecules=molecules,
            references=references,
            limit=limit,
            table=table,
            scaling=[what.value for what in scaling or []],
            startup=startup,
            gpu=gpu,
        )
    try:
        _report(benchmark, output, quiet)
    except KeyboardInterrupt:
        typer.echo("interrupted; the tables printed so far are whole", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _report(benchmark: Benchmark, output: Path | None, quiet: bool) -> None:
    """Print each table, and write the file anew, as soon as it is there."""
    from rdkit_ebd.bench import describe_machine, in_words, write_tables

    machine = describe_machine(benchmark.plan.threads)
    typer.echo(in_words(machine))
    tables: list[Table] = []
    timings: list[Timing] = []

    def watch(items: Sequence[T]) -> Iterator[T]:
        with progress(len(items), quiet) as bar:
            for item in items:
                yield item
                bar.update()

    for part in benchmark.run(watch):
        for table in part.tables:
            typer.echo(f"\n{table.markdown()}")
        tables, timings = [*tables, *part.tables], [*timings, *part.timings]
        if output is not None:
            write_tables(output, machine, benchmark.settings, tables, timings)
