"""Who does the chunks of a run? Processes of this machine, a Ray cluster, or whatever has the method of a runner."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.generators.service import deblur_requests
from rdkit_ebd.library.careful import KeptPool
from rdkit_ebd.library.ray_runner import RayRunner
from rdkit_ebd.library.runner import InProcessRunner, LocalRunner, Runner, default_workers
from rdkit_ebd.runtime.crew import Crew, Here
from rdkit_ebd.runtime.process_crew import ProcessCrew
from rdkit_ebd.runtime.ray_crew import RayCrew
from rdkit_ebd.shards.embed_work import EmbedSetUp


def crew_for(runner: Runner, set_up: EmbedSetUp) -> tuple[Crew, EmbedSetUp]:
    """The crew that a runner stands for where whole chunks are done, and what it sets up.

    Processes of this machine do a chunk each; where it has a GPU, this process runs the network and does one chunk
    after the other, its molecules on all workers.
    """
    if isinstance(runner, RayRunner):
        return runner.crew(set_up.job.params), set_up
    if not isinstance(runner, LocalRunner):
        return Here(), replace(set_up, runner=runner)
    workers = default_workers() if runner.workers is None else runner.workers
    params = set_up.job.params
    model = load_model(params.model, params.device)
    if not workers:
        return Here(), replace(set_up, runner=InProcessRunner())
    if model.device.type == "cpu":
        return ProcessCrew(workers), set_up
    return Here(), replace(set_up, runner=KeptPool(workers, partial(deblur_requests, model)))


def crew_of(runner: Any) -> Crew:
    """The crew that a runner stands for where no network is run."""
    if isinstance(runner, RayRunner):
        return RayCrew(runner.address)
    workers = runner.workers if isinstance(runner, LocalRunner) else 0
    workers = default_workers() if workers is None else workers
    return ProcessCrew(workers) if workers else Here()
