"""How is a model that draws molecules fitted? A resumable loop over skeletons, one network after the other.

    python -m rdkit_ebd.train.molecules.fit --run runs/qm9 --part skeletons --max-minutes 80
    python -m rdkit_ebd.train.molecules.fit --run runs/qm9 --part hydrogens --max-minutes 40
    python -m rdkit_ebd.train.molecules.fit --run runs/drugs --name edm-drugs --data a.npz b.sdf --part skeletons ...

The learning rate warms up and falls as a half cosine over the minutes of the run; what is exported is the exponential
moving average.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from rdkit_ebd.generators.edm.model import (
    GeneratorConfig,
    GeneratorNetworks,
    LoadedGenerator,
    load_generator,
    save_generator,
)
from rdkit_ebd.generators.edm.pair_block import PairBlockConfig
from rdkit_ebd.generators.edm.process import NoiseConfig
from rdkit_ebd.generators.edm.sampler import SamplingConfig
from rdkit_ebd.runtime.threads import torch_threads
from rdkit_ebd.runtime.whole_file import whole_file
from rdkit_ebd.train.molecules.any_data import spread_of, training_set_of
from rdkit_ebd.train.molecules.muon import MuonAdam
from rdkit_ebd.train.molecules.objective import hydrogen_loss, skeleton_loss
from rdkit_ebd.train.molecules.skeleton_data import Skeletons, TrainingSet, training_set
from rdkit_ebd.train.molecules.warm_start import take_over

PARTS = ("skeletons", "hydrogens")
SKELETONS = PairBlockConfig()
# All of QM9: water is a molecule of its test set.
QM9_KINDS = (*((6, h) for h in range(5)), *((7, h) for h in range(4)), *((8, h) for h in range(3)), (9, 0))
LARGE_CENTRE, LARGE_WIDTH = 0.5, 1.4  # angstrom: larger molecules have shapes as well as bonds
LARGE_ATOMS = (8, 60)
HYDROGENS = PairBlockConfig(width=64, heads=4, blocks=3, pair=16, hidden=32, vectors=8)


@dataclass(frozen=True)
class FitSettings:
    """How a part is fitted.

    Attributes:
        batch: Molecules of a step, all of one size.
        lr: Peak rate of AdamW.
        matrix_lr: Peak rate of Muon.
        warmup: Steps.
        ema: Decay of the moving average.
        clip: Largest norm of the gradients.
        seed: Of batches and noise.
    """

    batch: int = 128
    lr: float = 2e-3
    matrix_lr: float = 0.02
    warmup: int = 200
    ema: float = 0.999
    clip: float = 1.0
    seed: int = 0


class Losses(Protocol):
    """Losses of some molecules of one size."""

    def __call__(self, data: Skeletons, rows: Tensor) -> dict[str, Tensor]:
        """ "loss" is what is minimised."""
        ...


@dataclass
class PartTrainer:
    """One network on its way: its average, its optimiser, and how far it has come.

    Attributes:
        network: What is trained.
        losses: What is minimised.
        settings: How.
        step: Steps so far.
        samples: Molecules seen.
        seconds: Time spent.
        history: Rows of what was reported.
    """

    network: nn.Module
    losses: Losses
    settings: FitSettings
    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.optimiser = MuonAdam(self.network, self.settings.lr, self.settings.matrix_lr)

    def update(self, data: Skeletons, rows: Tensor, rate: float) -> dict[str, float]:
        """One step, at `rate` times the peak rates; a step that is not finite is left out."""
        losses = self.losses(data, rows)
        losses["loss"].backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        if bool(torch.isfinite(norm)):
            self.optimiser.step(rate * min(1.0, (self.step + 1) / self.settings.warmup))
        self.network.zero_grad(set_to_none=True)
        self.step, self.samples = self.step + 1, self.samples + len(rows)
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)
        return {name: float(value.detach()) for name, value in losses.items()}

    def save(self, path: Path) -> None:
        """Write everything a later run needs; the file appears whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state(),
            "counters": {"step": self.step, "samples": self.samples, "seconds": self.seconds},
            "history": json.dumps(self.history),
        }
        with whole_file(path) as stream:
            torch.save(state, stream)

    def load(self, path: Path) -> None:
        """Continue where `save` left off."""
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load(state["optimiser"])
        for name, value in state["counters"].items():
            setattr(self, name, value)
        self.history = json.loads(state["history"])


def fit(
    trainer: PartTrainer, data: TrainingSet, state: Path, max_minutes: float, checkpoint_minutes: float = 3.0
) -> None:
    """Train until the trainer has spent `max_minutes` in all, with checkpoints to continue from."""
    generator = torch.Generator().manual_seed(trainer.settings.seed + trainer.step)
    torch.manual_seed(trainer.settings.seed + trainer.step)
    sizes = list(data.groups)
    shares = torch.tensor([float(len(data.groups[size])) for size in sizes])
    before, begin, last = trainer.seconds, time.monotonic(), time.monotonic()
    sums: dict[str, float] = {}
    steps = 0
    while (spent := trainer.seconds / (60 * max_minutes)) < 1:
        group = data.groups[sizes[int(torch.multinomial(shares, 1, generator=generator))]]
        rows = torch.randint(len(group), (trainer.settings.batch,), generator=generator)
        losses = trainer.update(group, rows, 0.5 + 0.5 * math.cos(math.pi * spent))
        if all(math.isfinite(value) for value in losses.values()):  # as a step that is not finite is left out
            sums = {name: sums.get(name, 0.0) + value for name, value in losses.items()}
            steps += 1
        trainer.seconds = before + time.monotonic() - begin
        if time.monotonic() - last >= 60 * checkpoint_minutes or trainer.seconds >= 60 * max_minutes:
            row = {"step": trainer.step, "samples": trainer.samples, "minutes": round(trainer.seconds / 60, 2)}
            trainer.history.append(row | {name: round(value / max(steps, 1), 4) for name, value in sums.items()})
            print(json.dumps(trainer.history[-1]), flush=True)
            trainer.save(state)
            sums, steps, last = {}, 0, time.monotonic()


def make_trainer(
    part: str, config: GeneratorConfig, settings: FitSettings, start: LoadedGenerator | None = None
) -> PartTrainer:
    """A new trainer of a part of a model.

    Args:
        part: One of `PARTS`.
        config: The model's.
        settings: How it is fitted.
        start: A model whose weights it starts from, as far as they fit; None: random ones.

    Raises:
        ValueError: There is no such part, or `start` is of another size.
    """
    torch.manual_seed(settings.seed)
    networks = GeneratorNetworks(config)
    if start is not None:
        take_over(networks, config.kinds, start.networks, start.config.kinds)
    if part == "skeletons":
        skeletons = networks.skeletons
        return PartTrainer(skeletons, lambda data, rows: skeleton_loss(skeletons, data, rows), settings)
    if part == "hydrogens":
        counts, noise, network = torch.tensor([h for _, h in config.kinds]), config.noise, networks.hydrogens
        return PartTrainer(
            network,
            lambda data, rows: hydrogen_loss(network, data, rows, counts, noise.hydrogen_spread, noise.jitter),
            settings,
        )
    raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}")


def config_of(name: str, data: TrainingSet, spread: float | None = None) -> GeneratorConfig:
    """An untrained model's configuration for some data.

    Args:
        name: The model's.
        data: What it is to learn.
        spread: Of the data, angstrom, by which noise is scaled; None: QM9's, with the noise that was found for it.
    """
    noise, sampling = NoiseConfig(), SamplingConfig()
    if spread is not None:
        times = spread / noise.spread
        noise = replace(noise, spread=spread, most=noise.most * times, centre=LARGE_CENTRE, width=LARGE_WIDTH)
        sampling = replace(sampling, most=sampling.most * times)
    return GeneratorConfig(name, SKELETONS, HYDROGENS, noise, data.kinds, data.sizes, data.properties, sampling)


def export(config: GeneratorConfig, run: Path, out: Path) -> None:
    """Write the averages of both parts of a run as a model.

    Raises:
        OSError: A part has no state yet.
    """
    tensors: dict[str, Tensor] = {}
    card: dict[str, Any] = {}
    for part in PARTS:
        state = torch.load(run / f"{part}.pt", weights_only=True)
        tensors |= {f"{part}.{name}": value for name, value in state["average"].items()}
        card[part] = {**state["counters"], "history": json.loads(state["history"])}
    config = GeneratorConfig(**{**vars(config), "card": {**config.card, "training": card}})
    save_generator(out, config, tensors)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the loop: QM9's training molecules with properties of one half of them, or other data."""
    parser = argparse.ArgumentParser(
        prog="rdkit_ebd.train.molecules.fit",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; an existing one is continued")
    parser.add_argument("--part", choices=PARTS, required=True)
    parser.add_argument("--name", default="edm-qm9", help="of the model")
    parser.add_argument("--data", type=Path, nargs="+", help="files to learn from; none: QM9's training molecules")
    parser.add_argument("--start", help="a model to start from, by name or file; none: random weights")
    parser.add_argument("--batch", type=int, default=FitSettings.batch, help="molecules of a step")
    parser.add_argument("--cache", type=Path, help="folder to keep QM9 in, once read")
    parser.add_argument("--max-minutes", type=float, required=True)
    parser.add_argument("--checkpoint-minutes", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="model to write once both parts have a state")
    asked = parser.parse_args(arguments)
    data = training_set_of(asked.data, LARGE_ATOMS) if asked.data else qm9_training_set(asked.cache)
    config = config_of(asked.name, data, round(spread_of(data), 2) if asked.data else None)
    state = asked.run / f"{asked.part}.pt"
    asked.run.mkdir(parents=True, exist_ok=True)
    torch.set_flush_denormal(True)
    with torch_threads(asked.threads):
        start = load_generator(asked.start, "cpu") if asked.start and not state.exists() else None
        trainer = make_trainer(asked.part, config, FitSettings(batch=asked.batch), start)
        if state.exists():
            trainer.load(state)
            print(f"continuing at step {trainer.step}, {trainer.samples} molecules", flush=True)
        fit(trainer, data, state, asked.max_minutes, asked.checkpoint_minutes)
    if asked.out and all((asked.run / f"{part}.pt").exists() for part in PARTS):
        export(config, asked.run, asked.out)


def qm9_training_set(cache: Path | None) -> TrainingSet:
    """QM9's 100,000 training molecules; the properties of the classifier's half are not learnt from."""
    import numpy as np

    from rdkit_ebd.data.qm9 import UNITS, halves, load_qm9

    molecules = load_qm9(cache)
    train = molecules.splits["train"]
    labelled = np.isin(train, halves(train)[1])
    return training_set(molecules.take(train), UNITS, labelled, kinds=QM9_KINDS)


if __name__ == "__main__":
    main()
