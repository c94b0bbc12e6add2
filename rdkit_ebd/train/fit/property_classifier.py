"""How does the judge of conditional generation learn? On one half of QM9's training molecules, by absolute errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from rdkit_ebd.data.molecule_arrays import MoleculeArrays
from rdkit_ebd.data.molecule_batches import MoleculeBatch, padded, shuffled_rows
from rdkit_ebd.generators.edm.published.classifier import ClassifierConfig, PropertyNetwork


@dataclass(frozen=True)
class ClassifierTraining:
    """How a classifier is trained; 1,000 epochs as published, or as many as there is time for.

    Attributes:
        epochs: Passes over the molecules, over which the learning rate falls as a cosine.
        minutes: Most time; the learning rate falls over what there is time for.
        batch: Molecules per step.
        rate: Learning rate; published: 1e-3 for gap, homo and lumo, 5e-4 for the others.
        seed: Of weights and order.
    """

    epochs: float = 1000.0
    minutes: float = 1e9
    batch: int = 96
    rate: float = 5e-4
    seed: int = 0


def fit_classifier(
    config: ClassifierConfig,
    training: ClassifierTraining,
    molecules: MoleculeArrays,
    valid: MoleculeArrays,
    report: Callable[[str], object] = lambda line: None,
) -> tuple[ClassifierConfig, dict[str, Tensor]]:
    """Train a classifier.

    Args:
        config: Property, its mean and deviation, and size.
        training: How long and how.
        molecules: With the property.
        valid: Others, to be judged on in the end.
        report: Called with a line from time to time.

    Returns:
        The configuration with a card, and the weights.

    Raises:
        ValueError: The molecules do not have the property, or elements are unknown.
    """
    for part in (molecules, valid):
        if config.property not in part.properties:
            raise ValueError(
                f"the molecules have {', '.join(part.properties) or 'no properties'}, not {config.property}"
            )
    torch.manual_seed(training.seed)
    network, began, step = PropertyNetwork(config), time.monotonic(), 0
    optimiser = torch.optim.Adam(network.parameters(), lr=training.rate, weight_decay=1e-16)
    target = torch.from_numpy((molecules.properties[config.property] - config.mean) / config.deviation).float()
    total, error = training.epochs * len(molecules) / training.batch, float("nan")
    for batch in _batches(molecules, config, training):
        done = max(step / total, (time.monotonic() - began) / (60 * training.minutes))
        if done >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = training.rate * 0.5 * (1 + np.cos(np.pi * done))
        optimiser.zero_grad()
        loss = (network(batch.coords, batch.classes, batch.mask) - target[batch.rows]).abs().mean()
        loss.backward()
        optimiser.step()
        error = loss.item() if step == 0 else 0.98 * error + 0.02 * loss.item()
        step += 1
        if step % 200 == 0:
            report(f"step {step}, {done:.0%} done, error {error * config.deviation:.4g}")
    found = mean_absolute_error(network.eval(), valid, valid.properties[config.property])
    card = {"steps": step, "samples": step * training.batch, "minutes": (time.monotonic() - began) / 60, "valid": found}
    report(f"{step} steps; validation error {found:.4g}")
    return replace(config, card=card), network.state_dict()


@torch.no_grad()
def predictions(network: PropertyNetwork, molecules: MoleculeArrays, batch: int = 256) -> np.ndarray:
    """(n,) float32 properties that a classifier sees in molecules."""
    found = np.zeros(len(molecules), np.float32)
    order = np.argsort(molecules.sizes, kind="stable")
    for start in range(0, len(order), batch):
        part = padded(molecules, order[start : start + batch], network.config.elements)
        found[part.rows] = network.predict(part.coords, part.classes, part.mask).numpy()
    return found


def mean_absolute_error(network: PropertyNetwork, molecules: MoleculeArrays, wanted: np.ndarray) -> float:
    """How far what a classifier sees in molecules is from what it should see, in the property's unit."""
    return float(np.abs(predictions(network, molecules) - wanted).mean())


def _batches(
    molecules: MoleculeArrays, config: ClassifierConfig, training: ClassifierTraining
) -> Iterator[MoleculeBatch]:
    for epoch in range(10**9):
        for rows in shuffled_rows(molecules.sizes, training.batch, training.seed + epoch):
            yield padded(molecules, rows, config.elements)
