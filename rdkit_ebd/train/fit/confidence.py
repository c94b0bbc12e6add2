"""Which seeds are promising? Fits the network's confidence to how near to references its conformers come.

The network itself stays as it is. What it sees of a seed in its first evaluation is kept as traits; all rounds follow,
and the distance of what they end in from the nearest reference is what a small head on those traits learns to guess.
What counts is the order of one molecule's seeds: how near its references are to be had at all is learnt but in passing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from rdkit_ebd.arrays.batch import collate
from rdkit_ebd.arrays.rmsd import best_rms
from rdkit_ebd.generators.checkpoint import make_network, read_config, save_model
from rdkit_ebd.generators.ebd.confidence import Confidence
from rdkit_ebd.generators.ebd.layers import NetworkConfig
from rdkit_ebd.generators.ebd.network import DeblurNetwork, Watched
from rdkit_ebd.generators.ebd.sampler import deblur, deblur_times
from rdkit_ebd.generators.model_config import ModelConfig
from rdkit_ebd.runtime.threads import torch_threads
from rdkit_ebd.train.data_prep.shards import Example, load_shards
from rdkit_ebd.train.fit.batches import grouped

_ROWS = 48  # conformers per batch
_SIMILAR = 1.15  # atoms of the largest molecule of a batch over those of the smallest
_SPREAD = 0.02  # angstrom: where a molecule's conformers differ by less, their order means nothing


@dataclass(frozen=True)
class ConfidenceConfig:
    """Settings of the fit.

    Attributes:
        epochs: Passes over all molecules.
        lr: Learning rate of AdamW, which falls to zero.
        weight_decay: Of AdamW.
        dropout: Share of the hidden channels, and three times that of the traits, that a step does not see.
        between: Weight of the error of a molecule's mean distance, against that of the differences within it.
        molecules: Per step.
        seed: Of the order.
        rounds: Rounds after which the distance is taken, unless the model has fewer; later ones change it little.
    """

    epochs: int = 25
    lr: float = 1e-3
    weight_decay: float = 0.1
    dropout: float = 0.3
    between: float = 0.1
    molecules: int = 16
    seed: int = 0
    rounds: int = 3


@dataclass(frozen=True)
class ConfidenceExample:
    """Seeds of one molecule.

    Attributes:
        traits: (S, traits) what the network sees of each.
        distance: (S,) angstrom, heavy-atom RMSD of what becomes of it to the nearest reference.
    """

    traits: Tensor
    distance: Tensor


def give_confidence(
    checkpoint: Path,
    train: Sequence[Path],
    valid: Sequence[Path],
    out: Path,
    quality_weight: float,
    settings: ConfidenceConfig,
    threads: int = 1,
) -> str:
    """Fit the confidence of a model file, and write the model with it.

    Args:
        checkpoint: A model of atom-level seeds.
        train: Shards; what has references and symmetries is learnt from.
        valid: Shards to judge it by; may be none.
        out: The file to write.
        quality_weight: As `SamplingDefaults` has it.
        settings: Of the fit.
        threads: Of the CPU.

    Returns:
        What it has come to, in words.

    Raises:
        ValueError: The model cannot have confidence, or there is nothing to learn from.
    """
    config, network = with_confidence(read_config(checkpoint), load_file(checkpoint))
    assert network.confidence is not None
    with torch_threads(threads):
        learnt = confidence_examples(network, config, load_shards(train), settings.rounds, progress=True)
        if not learnt:
            raise ValueError("the shards hold no molecules with references, symmetries and two seeds or more")
        judged = confidence_examples(network, config, load_shards(valid), settings.rounds, progress=True)
        fit_confidence(network.confidence, learnt, settings)
    found: dict[str, Any] = {
        "molecules": len(learnt),
        "conformers": sum(len(example.distance) for example in learnt),
        "correlation": {
            "train": correlation(network.confidence, learnt),
            "valid": correlation(network.confidence, judged),
        },
    }
    card = {**config.card, "confidence": found}
    sampling = replace(config.sampling, quality_weight=quality_weight)
    save_model(out, replace(config, sampling=sampling, card=card), network.state_dict())
    return ", ".join(f"{value:.3f} ({name})" for name, value in found["correlation"].items() if np.isfinite(value))


def with_confidence(config: ModelConfig, weights: dict[str, Tensor]) -> tuple[ModelConfig, DeblurNetwork]:
    """A model's network, with an untrained confidence beside its weights.

    Raises:
        ValueError: It is the paper's network, or starts from fragment points: seeds of one layout look alike to it.
    """
    if not isinstance(config.network, NetworkConfig) or config.blur.prior != "atoms":
        raise ValueError(f"model {config.name!r} cannot have confidence: it takes a network of atom-level seeds")
    config = replace(config, network=replace(config.network, confidence=True))
    network = make_network(config)
    assert isinstance(network, DeblurNetwork)
    own = {name: w.float() for name, w in weights.items() if not name.startswith("confidence.")}
    missing = network.load_state_dict(own, strict=False)
    if missing.unexpected_keys or any(not name.startswith("confidence.") for name in missing.missing_keys):
        raise ValueError(f"weights do not fit the network: {missing}")
    return config, network.requires_grad_(False).eval()


def confidence_examples(
    network: DeblurNetwork, config: ModelConfig, examples: Sequence[Example], rounds: int, progress: bool = False
) -> list[ConfidenceExample]:
    """Deblur the seeds of examples that have references and symmetries, and see what becomes of them."""
    usable = [e for e in examples if _is_usable(e)]
    usable.sort(key=lambda e: e.graph.num_atoms)
    found = []
    with tqdm(total=len(usable), desc="examples", unit=" molecules", disable=not progress) as bar:
        for group in grouped(usable, _share_a_batch):
            seen, ends = _through(network, config, group, min(rounds, config.sampling.rounds))
            first = 0
            for example in group:
                rows = slice(first, first + len(example.seeds))
                first = rows.stop
                x = ends[rows, : example.graph.num_atoms].double().numpy()
                gaps = [best_rms(reference, x, example.symmetries) for reference in example.references]
                found.append(ConfidenceExample(seen[rows], torch.from_numpy(np.min(gaps, 0)).float()))
            bar.update(len(group))
    return found


def fit_confidence(head: Confidence, train: Sequence[ConfidenceExample], settings: ConfidenceConfig) -> None:
    """Fit the head to examples, in place."""
    everything = torch.cat([example.traits for example in train])
    head.mean.copy_(everything.mean(0))
    head.spread.copy_(everything.std(0) + 1e-4)
    head.requires_grad_(True)
    optimiser = torch.optim.AdamW(head.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    random = np.random.default_rng(settings.seed)
    torch.manual_seed(settings.seed)
    steps = -(-len(train) // settings.molecules)
    for epoch in range(settings.epochs):
        order = random.permutation(len(train))
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = settings.lr * (1 - (epoch + step / steps) / settings.epochs)
            chosen = [train[i] for i in order[step * settings.molecules : (step + 1) * settings.molecules]]
            loss = _loss(head, chosen, settings)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
    head.requires_grad_(False)


def correlation(head: Confidence, judged: Sequence[ConfidenceExample]) -> float:
    """Mean correlation, within a molecule, of what the head expects with what is."""
    found = []
    for example in judged:
        if float(example.distance.std()) > _SPREAD and len(example.distance) > 2:
            expected = head(example.traits).detach()
            found.append(float(torch.corrcoef(torch.stack([expected, example.distance]))[0, 1]))
    return float(np.nanmean(found)) if found else float("nan")


def _loss(head: Confidence, chosen: Sequence[ConfidenceExample], settings: ConfidenceConfig) -> Tensor:
    expected = head(torch.cat([example.traits for example in chosen]), settings.dropout)
    sizes = [len(example.distance) for example in chosen]
    losses = []
    for guess, example in zip(expected.split(sizes), chosen, strict=True):
        error = guess - example.distance
        losses.append((error - error.mean()).square().mean() + settings.between * error.mean().square())
    return torch.stack(losses).mean()


def _is_usable(example: Example) -> bool:
    """Whether it says which seeds are promising, at the level of theory that conformers are made at."""
    known = len(example.references) and len(example.symmetries) and not example.natural
    return bool(known) and len(example.seeds) > 1 and example.graph.level == 0


def _share_a_batch(group: list[Example], example: Example) -> bool:
    """Whether an example fits to smaller ones."""
    rows = sum(len(e.seeds) for e in group) + len(example.seeds)
    return rows <= _ROWS and example.graph.num_atoms <= _SIMILAR * group[0].graph.num_atoms


def _through(
    network: DeblurNetwork, config: ModelConfig, group: Sequence[Example], rounds: int
) -> tuple[Tensor, Tensor]:
    """Traits of all seeds of a group of examples in the first round, and where so many rounds take them."""
    counts = torch.tensor([len(e.seeds) for e in group])
    batch = collate([e.graph for e in group])
    batch = batch.rows(torch.repeat_interleave(torch.arange(len(group)), counts))
    seeds = torch.zeros(*batch.mask.shape, 3)
    for row, seed in enumerate(seed for example in group for seed in example.seeds):
        seeds[row, : len(seed)] = torch.from_numpy(seed)
    times = deblur_times(config.sampling.steps)
    with torch.no_grad():
        watched = Watched(network)
        x = deblur(watched, seeds, batch, config.blur, times, _no_noise(seeds, len(times)))
        for _ in range(rounds - 1):
            x = deblur(network, x, batch, config.blur, times, _no_noise(seeds, len(times)))
    return watched.traits, x


def _no_noise(seeds: Tensor, steps: int) -> Tensor:
    return torch.zeros_like(seeds)[:, None].expand(-1, steps, -1, -1)
