"""Do worker processes keep order and lose nothing, whatever happens to one of them, and do they end?"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from crew import Cramped, request_of, running
from helpers import coords_of, with_hydrogens
from rdkit import Chem

from rdkit_ebd import EBD, EmbedMoleculeEBD
from rdkit_ebd.embedding.pipeline import EmbedOutcome, settle
from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.generators.service import Deblurred, Request, deblur_requests
from rdkit_ebd.library import process_pool as pool
from rdkit_ebd.library.job import Job
from rdkit_ebd.library.messages import Refusal
from rdkit_ebd.library.ordered_queue import OrderedQueue
from rdkit_ebd.library.process_pool import WorkerPool
from rdkit_ebd.runtime import processes

PARAMS = EBD(randomSeed=4, device="cpu")
Meddle = Callable[..., set[int]]
NAMES = ("tamoxifen", "nicotine", "captopril")


@pytest.fixture
def meddle(monkeypatch: pytest.MonkeyPatch) -> Meddle:
    """Makes the worker that gets a molecule stop before it has looked at it, and sends it a signal, so many times."""
    real = pool.Worker.give

    def meddle(name: str, what: signal.Signals, times: int, grace: float = pool.GRACE) -> set[int]:
        victim, pids = Chem.MolToSmiles(with_hydrogens(name)), set()

        def give(worker: pool.Worker, number: int, job: Job, params: EBD) -> None:
            hit = Chem.MolToSmiles(job.mol) == victim and len(pids) < times
            monkeypatch.setattr(pool, "GRACE", grace if hit else pool.START_LIMIT)
            if hit:
                pids.add(worker.process.pid)
                os.kill(worker.process.pid, signal.SIGSTOP)
            real(worker, number, job, params)
            if hit:
                os.kill(worker.process.pid, what)

        monkeypatch.setattr(pool.Worker, "give", give)
        return pids

    return meddle


def through(crew: WorkerPool, mols: list[Chem.Mol]) -> list[EmbedOutcome]:
    jobs: Iterator[Job | EmbedOutcome] = (Job(mol, 2) for mol in mols)
    with crew:
        outcomes = list(crew.outcomes(OrderedQueue(jobs)))
    for mol, outcome in zip(mols, outcomes, strict=True):
        settle(mol, outcome, True)
    return outcomes


def test_a_killed_worker_is_replaced_and_nothing_is_lost(meddle: Meddle) -> None:
    mols, alone = ([with_hydrogens(name) for name in NAMES] for _ in range(2))
    killed = meddle("nicotine", signal.SIGKILL, 1)
    outcomes = through(WorkerPool(PARAMS, 2), mols)
    assert [running(pid) for pid in killed] == [False]
    assert all(outcome.report.ok for outcome in outcomes)
    for mol, one in zip(mols, alone, strict=True):
        EmbedMoleculeEBD(one, 2, PARAMS)
        assert np.array_equal(coords_of(mol), coords_of(one))


def test_a_molecule_that_kills_twice_is_given_up(meddle: Meddle) -> None:
    mols = [with_hydrogens(name) for name in NAMES]
    killed = meddle("nicotine", signal.SIGKILL, 2)
    outcomes = through(WorkerPool(PARAMS, 1), mols)
    assert len(killed) == 2
    assert [outcome.report.ok for outcome in outcomes] == [True, False, True]
    assert outcomes[1].report.failed == [(0, "WORKER_DIED"), (1, "WORKER_DIED")]
    assert "signal 9" in outcomes[1].report.messages[0]
    assert [mol.GetNumConformers() for mol in mols] == [2, 0, 2]


def test_a_molecule_that_hangs_is_ended(meddle: Meddle) -> None:
    params = PARAMS.copy()
    params.timeout = 60
    hung = meddle("nicotine", signal.SIGSTOP, 1, grace=-60.0)
    outcomes = through(WorkerPool(params, 1), [with_hydrogens(name) for name in ("nicotine", "captopril")])
    assert outcomes[0].report.failed == [(0, "EXCEEDED_TIMEOUT"), (1, "EXCEEDED_TIMEOUT")]
    assert outcomes[1].report.ok
    assert [running(pid) for pid in hung] == [False]


class Patient(WorkerPool):
    """Waits a while for a second request."""

    patience = 200

    def _deblur(self) -> None:
        if len(self._requests) < 2 and self.patience:
            self.patience -= 1
            time.sleep(0.05)
        else:
            super()._deblur()


def test_requests_of_several_workers_share_a_batch() -> None:
    together: list[int] = []

    def watched(requests: Sequence[Request]) -> list[Deblurred]:
        together.append(len(requests))
        return deblur_requests(load_model(device="cpu"), requests)

    mols, alone = ([with_hydrogens(name) for name in ("nicotine", "captopril")] for _ in range(2))
    through(Patient(PARAMS, 2, watched), mols)
    assert together[0] == 2
    for mol, one in zip(mols, alone, strict=True):
        EmbedMoleculeEBD(one, 2, PARAMS)
        assert np.abs(coords_of(mol) - coords_of(one)).max() < 0.01


def test_only_the_request_that_is_too_large_is_rejected() -> None:
    model = load_model(device="cpu")
    crew = WorkerPool(PARAMS, 0, partial(deblur_requests, replace(model, network=Cramped(model.network, atoms=28))))
    small, large = crew._answers([request_of("nicotine"), request_of("captopril")])
    assert isinstance(small, Deblurred)
    assert isinstance(large, Refusal)
    assert large.full
    assert "29 atoms" in large.message


def test_workers_that_cannot_start_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "interpreter", lambda: ["false"])
    monkeypatch.setattr(pool, "interpreter", lambda: ["false"])
    with pytest.raises(RuntimeError, match=r"cannot be started.*exit code 1.*workers=0"):
        through(WorkerPool(PARAMS, 2), [with_hydrogens("nicotine")])


def test_an_error_on_the_way_ends_all_workers() -> None:
    pids: list[int] = []

    def interrupted() -> None:
        with WorkerPool(PARAMS, 2) as crew:
            pids.extend(worker.process.pid for worker in crew.workers)
            assert all(running(pid) for pid in pids)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [running(pid) for pid in pids] == [False, False]


def test_a_worker_killed_before_it_is_ready_is_replaced() -> None:
    mols = [with_hydrogens("nicotine")]
    jobs: Iterator[Job | EmbedOutcome] = (Job(mol, 2) for mol in mols)
    with WorkerPool(PARAMS, 1) as crew:
        [first] = crew.workers
        os.kill(first.process.pid, signal.SIGKILL)
        [outcome] = crew.outcomes(OrderedQueue(jobs))
        assert [worker.process.pid for worker in crew.workers] != [first.process.pid]
        assert len(crew.workers) == 1
    assert len(outcome.found) == 2


def test_a_stopped_worker_is_replaced_without_a_time_limit(meddle: Meddle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOOK", 0.05)
    assert PARAMS.timeout == 0
    stopped = meddle("nicotine", signal.SIGSTOP, 1)
    [outcome] = through(WorkerPool(PARAMS, 1), [with_hydrogens("nicotine")])
    assert outcome.report.ok
    assert [running(pid) for pid in stopped] == [False]
