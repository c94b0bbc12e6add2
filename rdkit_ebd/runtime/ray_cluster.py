"""How is a Ray cluster reached? One that runs is joined, or one is started on this machine; a wrong address says so."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rdkit_ebd.runtime.extras import needed

SECONDS = 5.0  # within which whoever is at an address has to answer
STORE = 256 << 20  # bytes of the object store of a cluster that is started here: pieces are small
STARTS = 4  # times that such a cluster is started before it is given up
_CURRENT = Path("/tmp/ray/ray_current_cluster")  # where Ray notes the cluster of this machine
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # what a gRPC client begins with
_SETTINGS = 4  # kind of the frame that a gRPC server answers with


@contextmanager
def joined(address: str | None) -> Iterator[Any]:
    """The module `ray`, connected to a cluster for a `with` block; what was connected before stays so.

    Args:
        address: "host:port", "ray://host:port", or "auto" for the cluster of this machine; None: the one this process
            is connected to, or else one that is started here and ends with the block.

    Raises:
        ImportError: Ray is not installed.
        ConnectionError: There is no Ray at the address; known within some seconds.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody unasked
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's 15 starves workers beside anything else
    ray = needed("ray", "ray", "runner='ray'")
    if ray.is_initialized():
        yield ray
        return
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        _start(ray, quiet)
    else:
        check_address(address)
        ray.init(address=address, **quiet)
    try:
        yield ray
    finally:
        ray.shutdown()


def _start(ray: Any, options: dict[str, Any]) -> None:
    """Start a cluster on this machine; Ray waits half a minute for it, which a busy machine may need longer for."""
    for attempt in range(1, STARTS + 1):
        try:
            ray.init(address="local", include_dashboard=False, object_store_memory=STORE, **options)
            return
        except Exception as error:
            ray.shutdown()
            if attempt == STARTS or "timed out" not in str(error):
                raise


def check_address(address: str) -> None:
    """See that there is a Ray at an address: joining one that is not there would take minutes to fail.

    Raises:
        ConnectionError: There is none.
    """
    place = address
    if address == "auto":
        place = os.environ.get("RAY_ADDRESS", "")
        with suppress(OSError):
            place = place or _CURRENT.read_text().strip()
        if not place:
            raise ConnectionError("--address auto: no Ray runs on this machine: ray start --head, or name its address")
    match = re.fullmatch(r"(?:\w+://)?\[?([^/\[\]]+)\]?:(\d+)", place)
    if match is None:
        raise ConnectionError(f"{place!r} is no address of a Ray cluster: host:port, ray://host:port or auto")
    try:
        with socket.create_connection((match[1], int(match[2])), timeout=SECONDS) as connection:
            connection.settimeout(SECONDS)
            connection.sendall(_HELLO)
            answer = connection.recv(9)
    except (OSError, OverflowError) as error:
        raise ConnectionError(f"there is no Ray at {place}: {error}") from None
    if len(answer) < 4 or answer[3] != _SETTINGS:
        raise ConnectionError(f"there is no Ray at {place}: something else answers there")
