"""What does a worker process do? Molecule after molecule, until its parent ends it or goes away.

Its life is that of a `runtime.processes.Process`.
"""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch
from rdkit import rdBase

from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.generators.service import Deblurred, Deblurrer, Request
from rdkit_ebd.library.answers import deblurred
from rdkit_ebd.library.job import outcome_of
from rdkit_ebd.library.messages import Ready, Start, unpacked
from rdkit_ebd.runtime.processes import receive, send


@dataclass(frozen=True)
class ServedDeblurrer:
    """Has the parent deblur, who holds the device."""

    connection: Connection

    def __call__(self, request: Request) -> Deblurred:
        """Ask, and wait for the answer.

        Raises:
            DeviceFull: Not even one of the seeds fits into the memory of the parent's device.
            RuntimeError: The parent could not deblur for another reason.
        """
        send(self.connection, request)
        return deblurred(receive(self.connection))


def work(connection: Connection) -> None:
    """Do what the parent sends, until it sends no more."""
    start: Start = receive(connection)
    deblurrer: Deblurrer | None = ServedDeblurrer(connection) if start.served else None
    load_model(start.params.model, start.params.device)
    send(connection, Ready())
    with rdBase.BlockLogs():  # what is worth saying is said by the parent
        while True:
            try:
                job = unpacked(receive(connection))
            except (EOFError, OSError):
                return
            send(connection, outcome_of(job, start.params, deblurrer))


def serve(connection: Connection) -> None:
    """What a worker process does."""
    torch.set_num_threads(1)
    work(connection)
