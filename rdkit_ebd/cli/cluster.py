"""Where is the work done? Options that commands share whose output may be a folder of shards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # torch and RDKit are imported when they are needed: `--help` answers at once
    from rdkit_ebd.library.runner import Runner

CHUNK = 256


class RunnerName(str, Enum):
    """Values of --runner."""

    local = "local"
    ray = "ray"


class Form(str, Enum):
    """Values of --format."""

    parquet = "parquet"
    sdf = "sdf"


WhichRunner = Annotated[
    RunnerName | None,
    typer.Option("--runner", help="local: processes of this machine; ray: a Ray cluster.", show_default="local"),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT|auto",
        help="Of the Ray cluster; auto: the one on this machine.",
        show_default="one is started for this run",
    ),
]
GPUs = Annotated[
    float | None,
    typer.Option(min=0, help="GPUs of each process that runs the network on the cluster.", show_default="1"),
]
ChunkSize = Annotated[
    int | None,
    typer.Option("--chunk", min=1, help="Molecules in a shard, which is made whole or not at all.", show_default="256"),
]
ShardForm = Annotated[
    Form | None,
    typer.Option("--format", help="Of the shards: a Parquet table or SD records.", show_default="parquet"),
]


DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Write nothing: try 200 molecules of INPUT, and say what a run in shards will take and cost."
    ),
]
Price = Annotated[
    float | None, typer.Option(min=0, help="Of a core for an hour, for --dry-run.", show_default="not known")
]


@dataclass(frozen=True)
class Place:
    """Where, and in pieces of which size.

    Attributes:
        runner: "local" or "ray".
        address: Of the cluster.
        gpus: Of each process that runs the network.
        workers: Processes of this machine; None: one per core.
        chunk: Molecules in a shard.
        given: Whether one of the options was given that only shards have.
    """

    runner: str = "local"
    address: str | None = None
    gpus: float = 1.0
    workers: int | None = None
    chunk: int = CHUNK
    given: bool = False


def place_of(
    runner: RunnerName | None, address: str | None, gpus: float | None, workers: int | None, chunk: int | None
) -> Place:
    """What the options say together.

    Raises:
        ValueError: They contradict one another.
    """
    name = runner.value if runner else "local"
    if name == "local" and (address is not None or gpus is not None):
        raise ValueError("--address and --gpus-per-actor are for --runner ray")
    if name == "ray" and workers is not None:
        raise ValueError("--workers is for --runner local: a cluster has its own")
    given = runner is not None or chunk is not None
    return Place(name, address, 1.0 if gpus is None else gpus, workers, chunk or CHUNK, given)


def runner_of_options(place: Place) -> Runner:
    """The runner that the options stand for."""
    from rdkit_ebd.library.ray_runner import RayRunner
    from rdkit_ebd.library.runner import LocalRunner

    return RayRunner(place.address, place.gpus) if place.runner == "ray" else LocalRunner(place.workers)
