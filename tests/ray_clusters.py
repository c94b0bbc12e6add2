"""A Ray cluster of several raylets on this machine, for tests; nothing of it is left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

STORE = 80 << 20  # bytes of each raylet's object store
STARTS = 4  # on a busy machine Ray may take longer than it waits itself


@contextmanager
def raylets(cpus: list[int]) -> Iterator[tuple[Any, list[Any]]]:
    """A cluster and the nodes beside its head, each with so many CPUs; the first number is the head's."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0", RAY_worker_niceness="0")
    import ray
    from ray.cluster_utils import Cluster

    cluster, nodes = None, list[Any]()
    try:
        for attempt in range(1, STARTS + 1):
            try:
                settings = {"num_cpus": cpus[0], "include_dashboard": False, "object_store_memory": STORE}
                cluster = Cluster(initialize_head=True, head_node_args=settings)
                nodes = [cluster.add_node(num_cpus=count, object_store_memory=STORE) for count in cpus[1:]]
                break
            except Exception:
                if cluster is not None:
                    cluster.shutdown()
                if attempt == STARTS:
                    raise
        yield cluster, nodes
    finally:
        with suppress(Exception):
            ray.shutdown()
        if cluster is not None:
            cluster.shutdown()


def another(cluster: Any) -> Any:
    """One raylet more, of one CPU; None where the machine is too busy to start it."""
    for _ in range(STARTS):
        with suppress(Exception):
            return cluster.add_node(num_cpus=1, object_store_memory=STORE)
    return None


def workers() -> list[int]:
    """Processes of Ray on this machine that are at work on a piece of ours."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if words.startswith(b"ray::_do"):
            found.append(int(folder.name))
    return found
