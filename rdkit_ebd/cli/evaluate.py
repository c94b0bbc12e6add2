"""How is a method judged from a shell? `rdkit-ebd evaluate DATA`, one table for all methods."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdkit_ebd.cli.common import INTERRUPTED, usage_errors

if TYPE_CHECKING:
    from rdkit_ebd.evaluation import Result

DEFAULT_METHODS = ["ETKDGv3", "ETKDGv3+MMFF94s", "EBD"]
DEFAULT_FACTOR, DEFAULT_COUNTS, DEFAULT_PRUNE = 2, [50, 250], 0.5


def evaluate(
    data: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="References: .npz, or .sdf.")],
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            "-m",
            help="EBD, EBD:model, EBD:model:rounds, EBD:NAME=VALUE,... (any parameters), DG, KDG, ETDG, ETKDGv2, "
            "ETKDGv3, ETKDGv3+SR, ETKDGv4, ETKDGv4+ICE, CONFORGE; each with or without +MMFF94s; repeat for several. "
            f"Default: {', '.join(DEFAULT_METHODS)}.",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Seeded random subset of so many molecules.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the subset, the conformers and the samples.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes, one thread each.")] = 2,
    factor: Annotated[int | None, typer.Option(min=1, help="Conformers per reference.", show_default="2")] = None,
    posebusters: Annotated[int, typer.Option(min=0, help="Conformers per molecule that PoseBusters tests.")] = 0,
    xtb: Annotated[int, typer.Option(min=0, help="Molecules, a conformer of which GFN2-xTB relaxes.")] = 0,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="COV from .05 to 3 A, with mean, median and std, as the paper's tables.")
    ] = False,
    bioactive: Annotated[bool, typer.Option("--bioactive", help="Ask for the best of n conformers instead.")] = False,
    confs: Annotated[
        list[int] | None, typer.Option(min=1, help="That n; repeat for several.", show_default="50 and 250")
    ] = None,
    prune: Annotated[
        float | None, typer.Option(help="And again with conformers this near pruned, angstrom.", show_default="0.5")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON with every molecule's row.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="The same as CSV.")] = None,
) -> None:
    """Compare conformer generators with reference conformers.

    COV and MAT, bonds, angles, flat rings, stereo, clashes, checks and time; PoseBusters and GFN2-xTB if asked for.
    RMSD is over heavy atoms, symmetry-aware. A molecule without conformers scores as missed. With --bioactive: how near
    the best of n conformers comes to the one reference, with and without pruning.

    With --output or --csv, finished rows are kept beside it in a .partial.jsonl until all is done: the same command
    continues where it was interrupted.
    """
    _reject_foreign({"--confs": confs, "--prune": prune} if not bioactive else {}, "with")
    _reject_foreign(
        {"--factor": factor, "--posebusters": posebusters, "--xtb": xtb, "--coverage": coverage} if bioactive else {},
        "without",
    )
    partial, methods = _partial(output, csv), method or DEFAULT_METHODS
    from rdkit_ebd.evaluation import evaluate as evaluate_ensembles
    from rdkit_ebd.evaluation import evaluate_bioactive

    asked: dict[str, Any] = {"limit": limit, "seed": seed, "workers": workers, "partial": partial}
    try:
        with usage_errors():
            if bioactive:
                nearness = DEFAULT_PRUNE if prune is None else prune
                results = evaluate_bioactive(data, methods, counts=confs or DEFAULT_COUNTS, prune=nearness, **asked)
            else:
                asked |= {"posebusters": posebusters, "xtb": xtb, "coverage": coverage}
                results = evaluate_ensembles(data, methods, factor=factor or DEFAULT_FACTOR, **asked)
            _report(results, output, csv)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; {f'finished rows are in {partial}' if partial else 'nothing was kept'}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if partial is not None:
        partial.unlink()


def _reject_foreign(options: dict[str, Any], word: str) -> None:
    given = [name for name, value in options.items() if value]
    if given:
        raise typer.BadParameter(f"{', '.join(given)}: only {word} --bioactive")


def _partial(output: Path | None, csv: Path | None) -> Path | None:
    """Where finished rows are kept meanwhile.

    Raises:
        BadParameter: A result could not be written there in the end.
    """
    targets = [path for path in (output, csv) if path is not None]
    homeless = [str(path) for path in targets if path.is_dir() or not path.parent.is_dir()]
    if homeless:
        raise typer.BadParameter(f"{', '.join(homeless)}: a file in a folder that exists is needed")
    if len(targets) == 2 and output == csv:
        raise typer.BadParameter(f"--output and --csv are both {csv}")
    return targets[0].with_suffix(".partial.jsonl") if targets else None


def _report(results: list[Result], output: Path | None, csv: Path | None) -> None:
    """Print the table, write the files."""
    from rdkit_ebd.evaluation import format_coverage, format_failures, format_table, write_csv, write_json

    settings, failures = results[0].settings, format_failures(results)
    amount = f"{settings['factor']} x references" if "factor" in settings else "best of n conformers"
    typer.echo(f"{settings['data']}, {results[0].molecules} molecules, {amount}, seed {settings['seed']}\n")
    typer.echo(format_table(results))
    for result in results:
        if result.coverage:
            typer.echo(f"\n{format_coverage(result.method, result.coverage)}")
    if failures:
        typer.echo(f"\n{failures}")
    if output is not None:
        write_json(results, output)
    if csv is not None:
        write_csv(results, csv)
