"""How long does a library take? `rdkit-ebd bench scale --simulate` plays a run through from measured rates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from rdkit_ebd.cli.common import usage_errors

DEFAULT_MOLECULES = 5000  # that the run without conformers has


def scale(
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Play runs through rather than time one without conformers.")
    ] = False,
    of: Annotated[
        Path | None,
        typer.Option(
            "--of", exists=True, file_okay=False, help="Folder of a run, in one go, whose chunks are played again."
        ),
    ] = None,
    molecules: Annotated[
        int | None, typer.Option(min=1, help="In the library.", show_default="10^6, 10^8 and 10^9; 5000 to be timed")
    ] = None,
    chunk: Annotated[int, typer.Option(min=1, help="Molecules in a chunk.")] = 256,
    cores: Annotated[int, typer.Option(min=1, help="CPU cores, each a worker.")] = 2,
    gpus: Annotated[int, typer.Option(min=0, help="GPUs that run the network.")] = 0,
    bandwidth: Annotated[float, typer.Option(min=1e-3, help="MB per second that all write together.")] = 500.0,
    losses: Annotated[float, typer.Option(min=0, help="Times an hour that a worker is taken away.")] = 0.0,
    seconds: Annotated[
        float | None,
        typer.Option(min=0, help="Of a core for a molecule, from a --dry-run.", show_default="as measured"),
    ] = None,
) -> None:
    """How long libraries take, beyond the machines that are here.

    Without --simulate: reading, cutting, writing and resuming are timed with points of a grid for conformers. With it:
    a table of libraries and machines, or --molecules on --cores and --gpus, or --of a run that was done.
    """
    with usage_errors():
        if of is not None:
            lines = _replayed(of, cores)
        elif not simulate:
            lines = _timed(molecules or DEFAULT_MOLECULES, chunk, cores)
        else:
            lines = _played(molecules, chunk, cores, gpus, bandwidth, losses, seconds)
    for line in lines:
        typer.echo(line)


def _played(
    molecules: int | None,
    chunk: int,
    cores: int,
    gpus: int,
    bandwidth: float,
    losses: float,
    seconds: float | None,
) -> list[str]:
    from rdkit_ebd.bench.scale import Machines, Rates, rows, simulate
    from rdkit_ebd.evaluation.report import markdown

    rates = Rates()
    if seconds is not None:
        share = seconds / (rates.seeds + rates.network)
        rates = replace(rates, seeds=rates.seeds * share, network=rates.network * share, device=rates.device * share)
    if molecules is None:
        table = list(rows(rates))
        return [markdown([], list(table[0]), [list(row.values()) for row in table])]
    played = simulate(molecules, chunk, Machines(cores, gpus, bandwidth * 1e6, losses), rates)
    busy = ", ".join(f"{part} {100 * share:.0f} %" for part, share in played.busy.items())
    place = f"{cores:,} cores and {gpus} GPUs"
    return [
        f"{molecules:,} molecules on {place}: {played.hours:,.3g} h, {played.size / 1e9:,.3g} GB",
        f"busy: {busy}; {played.redone:,} chunks done again",
    ]


def _replayed(folder: Path, cores: int) -> list[str]:
    """What a run took, and what the simulator says that it takes."""
    from rdkit_ebd.bench.scale import replay
    from rdkit_ebd.shards.run import FIRST, LAST, RECORDS
    from rdkit_ebd.shards.store import Store

    store = Store.at(folder)
    summary = store.read_json("summary.json")
    records = [store.read_json(f"{RECORDS}/{name}") for name in sorted(store.sizes(RECORDS))]
    durations = [float(record["seconds"]) for record in records if record is not None]
    if summary is None or not durations:
        raise ValueError(f"{folder} holds no finished run")
    measured = float(summary[LAST])
    start = max(0.0, float(summary[FIRST]) - min(durations[:cores]))
    played = replay(durations, cores, start)
    return [
        f"{len(durations)} chunks on {cores} cores: {measured:.1f} s measured, {played:.1f} s simulated "
        f"({100 * (played / measured - 1):+.1f} %); {start:.1f} s of both until the workers began"
    ]


def _timed(molecules: int, chunk: int, cores: int) -> list[str]:
    from rdkit_ebd.bench.plumbing import time_plumbing

    return time_plumbing(molecules, chunk, cores)
