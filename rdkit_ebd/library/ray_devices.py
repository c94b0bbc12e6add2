"""Who runs the network on a Ray cluster? Actors that hold its weights, one or more to a GPU, asked by the workers."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.generators.service import Deblurred, Request, companions, deblur_requests
from rdkit_ebd.library.answers import answers_of, deblurred
from rdkit_ebd.library.messages import Refusal
from rdkit_ebd.params import EBD
from rdkit_ebd.runtime.deadline import NEVER, Deadline


class Device:
    """An actor: deblurs what it is asked to, requests that go well together in one batch.

    Args:
        model: Path of the weights.
        device: Where it runs, "cuda" or "cpu".
        batch_atoms: Atoms of a batch at most, padding included.
    """

    def __init__(self, model: str, device: str, batch_atoms: int) -> None:
        self._network = partial(deblur_requests, load_model(model, device))
        self._batch_atoms = batch_atoms
        self._waiting: list[tuple[Request, asyncio.Future[Deblurred | Refusal]]] = []
        self._task: asyncio.Task[None] | None = None

    async def deblur(self, request: Request, seconds: float) -> Deblurred | Refusal:
        """The answer to a request.

        Args:
            request: It.
            seconds: Until its deadline; clocks of two machines are not the same.
        """
        deadline = NEVER if math.isinf(seconds) else Deadline.after(max(seconds, 1e-3))
        request = replace(request, deadline=deadline)
        future: asyncio.Future[Deblurred | Refusal] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        """Answer until nobody waits."""
        while self._waiting:
            chosen = companions([request for request, _ in self._waiting], self._batch_atoms)
            together = [self._waiting[k] for k in chosen]
            self._waiting = [pair for k, pair in enumerate(self._waiting) if k not in chosen]
            answers = await asyncio.to_thread(answers_of, self._network, [request for request, _ in together])
            for (_, future), answer in zip(together, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


@dataclass(frozen=True)
class RayDeblurrer:
    """Has such actors deblur, each worker one of them.

    Attributes:
        devices: Handles of the actors.
    """

    devices: tuple[Any, ...]

    def __call__(self, request: Request) -> Deblurred:
        """Ask, and wait for the answer; an actor that dies is started anew, and asked again.

        Raises:
            DeviceFull: Not even one of the seeds fits into the memory of the device.
            RuntimeError: It could not deblur for another reason.
        """
        import ray

        device = self.devices[os.getpid() % len(self.devices)]
        return deblurred(ray.get(device.deblur.remote(request, request.deadline.left)))


@dataclass(frozen=True)
class Devices:
    """Starts such actors for a run, and hands them to its workers.

    Attributes:
        params: Of the run.
        gpus: Of each actor; 0: they run on CPUs.
        count: How many; None: as many as the cluster's GPUs are enough for.
    """

    params: EBD
    gpus: float = 1.0
    count: int | None = None

    @contextmanager
    def __call__(self, ray: Any, set_up: Any) -> Iterator[Any]:
        """For a `with` block: the set-up with a deblurrer, or as it is where there is no GPU.

        Raises:
            ValueError: A GPU is asked for, and the cluster has none.
        """
        count = self._wanted(ray)
        if not count:
            yield set_up
            return
        device = "cuda" if self.gpus else "cpu"
        options = {"num_cpus": 0 if self.gpus else 1, "num_gpus": self.gpus, "max_restarts": -1, "max_task_retries": -1}
        make = ray.remote(**options)(Device).remote
        devices = tuple(make(self.params.model, device, self.params.batchAtoms) for _ in range(count))
        try:
            yield replace(set_up, deblurrer=RayDeblurrer(devices))
        finally:
            for handle in devices:
                with suppress(Exception):  # the cluster has gone
                    ray.kill(handle)

    def _wanted(self, ray: Any) -> int:
        if self.count is not None:
            return self.count
        present = float(ray.cluster_resources().get("GPU", 0.0))
        if self.params.device == "cpu" or not self.gpus:
            return 0
        if self.params.device != "auto" and present < self.gpus:
            raise ValueError(f"device={self.params.device!r}: the cluster has {present:g} GPUs")
        return int(present / self.gpus)
