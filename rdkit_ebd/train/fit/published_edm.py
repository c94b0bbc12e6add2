"""How does the published EDM learn? By the mean squared error of the noise, with what its published training set."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from rdkit_ebd.data.molecule_arrays import MoleculeArrays
from rdkit_ebd.data.molecule_batches import padded, shuffled_rows
from rdkit_ebd.generators.edm.published.egnn import Egnn
from rdkit_ebd.generators.edm.published.model import PublishedConfig
from rdkit_ebd.generators.edm.published.process import EdmProcess, Molecules

_GRADIENTS = 50  # norms remembered: one is clipped at 1.5 times their mean and twice their deviation more
_FIRST_NORM = 3000.0


@dataclass(frozen=True)
class EdmTraining:
    """How it is trained; as published but for the time.

    Attributes:
        minutes: Most time.
        steps: Most steps; published: 1,100 epochs of 1,563.
        batch: Molecules per step.
        rate: Learning rate.
        average: Decay of the moving average, published: .9999; less where steps are few, (1 + n) / (10 + n).
        seed: Of weights, order, times and noise.
    """

    minutes: float = 1e9
    steps: int = 1_719_300
    batch: int = 64
    rate: float = 1e-4
    average: float = 0.9999
    seed: int = 0


def fit_published(
    config: PublishedConfig,
    training: EdmTraining,
    molecules: MoleculeArrays,
    network: Egnn | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> dict[str, Tensor]:
    """Train the published network.

    Args:
        config: The model; with conditions, molecules need their properties.
        training: How long and how.
        molecules: The training set.
        network: To be continued; a fresh one if not given.
        report: Called with a line from time to time.

    Returns:
        The moving average of the weights.

    Raises:
        ValueError: Molecules have elements or lack properties of the model.
    """
    if missing := [one.name for one in config.conditions if one.name not in molecules.properties]:
        raise ValueError(f"the molecules lack {', '.join(missing)}")
    torch.manual_seed(training.seed)
    process, network = EdmProcess(config.process), network or Egnn(config.network)
    average, generator = copy.deepcopy(network).requires_grad_(False), torch.Generator().manual_seed(training.seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=training.rate, amsgrad=True, weight_decay=1e-12)
    norms, began, mean = deque([_FIRST_NORM], maxlen=_GRADIENTS), time.monotonic(), float("nan")
    for step, batch in enumerate(batches(config, process, molecules, training.batch, training.seed), start=1):
        if step > training.steps or time.monotonic() - began > 60 * training.minutes:
            break
        optimiser.zero_grad()
        loss = process.training_loss(network, batch, generator).mean()
        loss.backward()
        _clip(network, norms)
        optimiser.step()
        _follow(average, network, min(training.average, (1 + step) / (10 + step)))
        mean = loss.item() if step == 1 else 0.98 * mean + 0.02 * loss.item()
        if step % 100 == 0:
            report(f"step {step}, loss {mean:.4f}, {(time.monotonic() - began) / 60:.1f} min")
    return average.state_dict()


def batches(
    config: PublishedConfig, process: EdmProcess, molecules: MoleculeArrays, batch: int, seed: int
) -> Iterator[Molecules]:
    """Batches without end, as the process has them."""
    for epoch in range(10**9):
        for rows in shuffled_rows(molecules.sizes, batch, seed + epoch, pool=1):
            yield as_process(config, process, molecules, rows)


def as_process(config: PublishedConfig, process: EdmProcess, molecules: MoleculeArrays, rows: np.ndarray) -> Molecules:
    """Some molecules, scaled, with the properties that the model is told."""
    part = padded(molecules, rows, config.elements)
    values = process.scaled(part.coords, part.classes, part.numbers, part.mask)
    told = [(molecules.properties[one.name][rows] - one.mean) / one.deviation for one in config.conditions]
    return Molecules(values, part.mask, torch.from_numpy(np.stack(told, 1)).float() if told else None)


def _clip(network: nn.Module, norms: deque[float]) -> None:
    most = 1.5 * float(np.mean(norms)) + 2 * float(np.std(norms))
    found = float(torch.nn.utils.clip_grad_norm_(network.parameters(), most))
    norms.append(min(found, most))


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    for mean, new in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(new, 1 - decay)
