"""What tests of worker processes and of deblurring for others share: who is running, requests, a device too small."""

from __future__ import annotations

from pathlib import Path

import torch
from helpers import DRUGS, conformers, with_hydrogens
from torch import Tensor, nn

from rdkit_ebd.arrays.batch import Batch
from rdkit_ebd.arrays.random_streams import noise_stream
from rdkit_ebd.chem.featurise import mol_graph
from rdkit_ebd.chem.fragments import Vocabulary
from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.generators.ebd.sampler import deblur_times
from rdkit_ebd.generators.service import Request


def running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """Processes that a process has started and that are there."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


class Cramped(nn.Module):
    """The model's network on a device with room for so many rows, of so many atoms."""

    def __init__(self, network: nn.Module, rows: int = 1000, atoms: int = 1000) -> None:
        super().__init__()
        self.network, self.rows, self.atoms = network, rows, atoms

    def forward(self, x_t: Tensor, t: Tensor, batch: Batch, prior: Tensor) -> Tensor:
        if len(x_t) > self.rows or x_t.shape[1] > self.atoms:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried to allocate a lot")
        return self.network(x_t, t, batch, prior)


def request_of(name: str, count: int = 3, steps: int = 2) -> Request:
    """A request for conformers of a drug, of the shipped model."""
    graph = mol_graph(with_hydrogens(name), Vocabulary.from_dict(load_model(device="cpu").config.vocabulary))
    noise = torch.stack([noise_stream(5, k, 0, steps, graph.num_atoms) for k in range(count)])
    return Request(graph, conformers(DRUGS[name], count), noise.numpy(), tuple(deblur_times(steps)))
