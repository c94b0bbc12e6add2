"""Does a worker do what its parent says?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import cast

import numpy as np
import pytest
from helpers import coords_of, with_hydrogens

from rdkit_ebd import EBD, EmbedMoleculeEBD
from rdkit_ebd.embedding.pipeline import EmbedOutcome, settle
from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.generators.service import LocalDeblurrer, Request
from rdkit_ebd.library.job import Job
from rdkit_ebd.library.messages import Ready, Refusal, Start, packed
from rdkit_ebd.library.worker_main import work
from rdkit_ebd.runtime.processes import receive, send

PARAMS = EBD(randomSeed=4, device="cpu")


@pytest.fixture
def parent() -> Iterator[Connection]:
    """The parent's end of a connection to a worker in a thread of this process."""
    ours, theirs = cast("tuple[Connection, Connection]", Pipe())
    worker = threading.Thread(target=work, args=(theirs,))
    worker.start()
    yield ours
    ours.close()
    worker.join(60)
    assert not worker.is_alive()


@pytest.mark.parametrize("served", [False, True])
def test_it_gives_what_a_single_call_gives(parent: Connection, served: bool) -> None:
    send(parent, Start(PARAMS, served))
    assert isinstance(receive(parent), Ready)
    for name in ("nicotine", "captopril"):
        mol, alone = with_hydrogens(name), with_hydrogens(name)
        send(parent, packed(Job(mol, 3), PARAMS))
        message, asked = receive(parent), 0
        while isinstance(message, Request):
            asked += 1
            send(parent, LocalDeblurrer(load_model(device="cpu"))(message))
            message = receive(parent)
        assert (asked > 0) == served
        assert isinstance(message, EmbedOutcome)
        assert settle(mol, message, True).ids == EmbedMoleculeEBD(alone, 3, PARAMS) == [0, 1, 2]
        assert np.array_equal(coords_of(mol), coords_of(alone))


def test_a_refusal_of_the_parent_is_an_outcome(parent: Connection) -> None:
    send(parent, Start(PARAMS, True))
    receive(parent)
    for full, cause in ((True, "OUT_OF_MEMORY"), (False, "INTERNAL_ERROR")):
        send(parent, packed(Job(with_hydrogens("nicotine"), 1), PARAMS))
        assert isinstance(receive(parent), Request)
        send(parent, Refusal("no room", full))
        report = receive(parent).report
        assert report.failed == [(0, cause)]
        assert "no room" in report.messages[0]
