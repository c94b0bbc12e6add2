"""How are energy surfaces compared from a shell? `rdkit-ebd engines`: a table on stdout, engines in turns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdkit_ebd.cli.common import progress

if TYPE_CHECKING:
    from rdkit_ebd.evaluation.engines import Finding

DEFAULT_ENGINES = ("UFF", "MMFF94s", "MMFF94s/OpenMM", "openff-2.2.1", "GFN2-xTB", "AIMNet2", "ANI-2xt")


def engines(
    references: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="DFT minima with energies, .npz.")],
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method", "-m", help=f"Repeat for several. Default: of {', '.join(DEFAULT_ENGINES)} those here."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Seeded random subset of so many molecules.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Of the subset.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of engines that use torch.")] = 1,
) -> None:
    """Compare energy surfaces with DFT: how far minima drift, how wrong relative energies are, what both cost."""
    from rdkit_ebd.data.readers import read_records
    from rdkit_ebd.evaluation.engines import examine, table
    from rdkit_ebd.runtime.threads import torch_threads

    records = list(read_records(references, limit, seed))
    findings: dict[str, list[Finding]] = {name: [] for name in _installed(method)}
    try:
        with torch_threads(threads), progress(len(records), quiet=False) as bar:
            for record in records:
                for name, found in findings.items():  # in turns: what slows the machine down slows all of them
                    found.append(examine(record, name))
                bar.update()
    except KeyboardInterrupt:
        typer.echo("interrupted: the table is of what was done", err=True)
    for line in table(findings):
        typer.echo(line)


def _installed(methods: list[str] | None) -> list[str]:
    """The engines asked for, all of which must be here; of the default ones those that are."""
    from rdkit_ebd.potentials import require_engine

    here = []
    for name in methods or DEFAULT_ENGINES:
        try:
            require_engine(name)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        except ImportError as error:
            if methods:
                raise typer.BadParameter(str(error)) from error
            typer.echo(f"without {name}: {error}", err=True)
            continue
        here.append(name)
    return here
