"""How is the network fitted? A resumable loop over shards that needs torch alone.

    python -m rdkit_ebd.train.loop --config config.json --shards a.shard b.shard --valid valid.shard --run runs/f2f

The learning rate warms up, stays, and falls only in the last part of a run; the state kept for the next run is the one
before the fall, so that runs of any length add up. What is exported is the exponential moving average.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from rdkit_ebd.arrays.batch import collate
from rdkit_ebd.generators.checkpoint import Network, make_network, save_model
from rdkit_ebd.generators.ebd.network import DeblurNetwork
from rdkit_ebd.generators.ebd.sampler import deblur_times
from rdkit_ebd.generators.model_config import ModelConfig
from rdkit_ebd.runtime.whole_file import whole_file
from rdkit_ebd.train.data_prep.pairing import SELF
from rdkit_ebd.train.data_prep.shards import Example, draw_weights, load_shards
from rdkit_ebd.train.fit.objective import ObjectiveConfig, Pairs, training_loss
from rdkit_ebd.train.fit.resident import ResidentSteps
from rdkit_ebd.train.fit.validate import format_row, validation_table

Gradients = Callable[[], tuple[dict[str, Tensor], int]]
"""Leaves the gradients of a batch in the network: its losses, and how many pairs it had."""


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run.

    Attributes:
        model: What is trained; it ends up in the checkpoint.
        objective: Pairs and loss.
        batch_atoms: Atoms per step, padding included.
        batch_molecules: Pairs per step whatever their size, in place of `batch_atoms`; 0: as many as those allow.
        lr: Peak learning rate (AdamW).
        weight_decay: Of AdamW.
        warmup: Steps of linear warm-up.
        anneal_share: Share of a run, at its end, over which the rate falls to zero.
        ema: Decay of the moving average, reached gradually.
        ema_from_start: The decay is `ema` from the first step.
        clip: Largest gradient norm; with `clip_window`, the norm that its window begins with.
        seed: Of the sampling order.
        clip_window: Norms, those of the last steps, from which the largest follows: 1.5 x their mean + 2 x their
            standard deviation. 0: it is always `clip`.
        beta2: Decay of AdamW's second moment.
        amsgrad: AdamW never forgets the largest second moment.
        low_precision: Multiply in bfloat16 where the network allows it.
    """

    model: ModelConfig
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    batch_atoms: int = 1536
    lr: float = 1e-3
    weight_decay: float = 1e-4
    warmup: int = 300
    anneal_share: float = 0.3
    ema: float = 0.999
    clip: float = 1.0
    seed: int = 0
    clip_window: int = 0
    beta2: float = 0.98
    amsgrad: bool = False
    low_precision: bool = True
    batch_molecules: int = 0
    ema_from_start: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TrainConfig:
        """Inverse of `to_dict`; unknown keys raise TypeError."""
        model = ModelConfig.from_json(json.dumps(data["model"]))
        return cls(**{**data, "model": model, "objective": _objective(data.get("objective", {}))})


def _objective(data: dict[str, Any]) -> ObjectiveConfig:
    low, high = data.get("torsion_noise", ObjectiveConfig.torsion_noise)  # JSON has no tuples
    return ObjectiveConfig(**{**data, "torsion_noise": (low, high)})


class Trainer:
    """Network, optimiser and moving average of one run folder."""

    def __init__(self, config: TrainConfig, run: Path, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config, self.run, self.device = config, run, device
        self.network = make_network(config.model).to(device)
        self.network.set_low_precision(config.low_precision)
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=config.lr,
            betas=(0.9, config.beta2),
            weight_decay=config.weight_decay,
            amsgrad=config.amsgrad,
            fused=True,
        )
        self.norms = deque([config.clip], maxlen=config.clip_window)
        self.step, self.samples, self.seconds = 0, 0, 0.0
        self.history: list[dict[str, Any]] = []

    @property
    def state_file(self) -> Path:
        """Where the resumable state is kept."""
        return self.run / "state.pt"

    def save_state(self) -> None:
        """Write everything a later run needs to go on; the file appears whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "counters": {"step": self.step, "samples": self.samples, "seconds": self.seconds},
            "norms": list(self.norms),
            "history": json.dumps(self.history),
            "random": torch.get_rng_state(),
        }
        with whole_file(self.state_file) as stream:
            torch.save(state, stream)

    def load_state(self) -> None:
        """Continue where `save_state` left off."""
        state = torch.load(self.state_file, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.samples, self.seconds = (state["counters"][k] for k in ("step", "samples", "seconds"))
        self.norms = deque(state.get("norms", self.norms), maxlen=self.config.clip_window)
        self.history = json.loads(state["history"])
        torch.set_rng_state(state["random"].cpu())

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Start from a checkpoint's weights, with a fresh optimiser.

        Levels of theory it lacks start as its first, torques and hinges as they are made: without effect. Its
        confidence is left behind, as it was that of another network.
        """
        kept = {k: v for k, v in weights.items() if not k.startswith("confidence.")}
        weights = {k: v.to(self.device, self.average[k].dtype) for k, v in kept.items()}
        new_parts = {k: v for k, v in self.average.items() if ".torques." in k or k.startswith("hinges.")}
        weights = new_parts | weights
        if "level.weight" in weights:  # the paper's network knows no levels
            levels = weights["level.weight"]
            new = max(0, len(self.average["level.weight"]) - len(levels))
            weights["level.weight"] = torch.cat([levels, levels[:1].expand(new, -1)])
        self.network.load_state_dict(weights)
        self.average = {k: v.clone() for k, v in weights.items()}

    def train_step(self, pairs: Pairs, rate: float) -> dict[str, float]:
        """One optimiser step on these pairs, at `rate` times the peak learning rate."""
        return {name: float(value) for name, value in self.update(partial(self.gradients, pairs), rate).items()}

    def update(self, gradients: Gradients, rate: float) -> dict[str, Tensor]:
        """One optimiser step along gradients, at `rate` times the peak learning rate; the host does not wait for it."""
        config = self.config
        warm = min(1.0, (self.step + 1) / config.warmup)
        for group in self.optimiser.param_groups:
            group["lr"] = config.lr * warm * rate
        losses, count = gradients()
        limit = self._largest_norm()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), limit)
        # A step that overflowed is skipped, not repaired; the optimiser looks here, as `torch.amp` has it.
        self.optimiser.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]
        self.optimiser.step()
        if config.clip_window and bool(torch.isfinite(norm)):
            self.norms.append(min(float(norm), limit))
        self.step += 1
        self.samples += count
        self._update_average()
        return losses | {"norm": norm}

    def averaged(self) -> Network:
        """The moving average as a network in evaluation mode and full precision."""
        network = make_network(self.config.model).to(self.device)
        network.load_state_dict(self.average)
        return network.requires_grad_(False).eval()

    def gradients(self, pairs: Pairs) -> tuple[dict[str, Tensor], int]:
        """Leave the gradients of these pairs in the network: their losses, and how many they are."""
        pairs = pairs.to(self.device)
        losses = training_loss(self.network, pairs, self.config.model.blur, self.config.objective)
        self.optimiser.zero_grad(set_to_none=True)
        losses["loss"].backward()
        return {name: value.detach() for name, value in losses.items()}, len(pairs.seed)

    def _largest_norm(self) -> float:
        if not self.config.clip_window:
            return self.config.clip
        return float(1.5 * np.mean(self.norms) + 2 * np.std(self.norms))

    def _update_average(self) -> None:
        ramp = 1.0 if self.config.ema_from_start else (1 + self.step) / (10 + self.step)
        decay = min(self.config.ema, ramp)
        now = self.network.state_dict()
        get_ema_multi_avg_fn(decay)([self.average[name] for name in now], list(now.values()), None)


def batches(
    examples: Sequence[Example], atoms: int, seed: int, distortion: float, molecules: int = 0
) -> Iterator[Pairs]:
    """Endless batches of pairs of similar sizes, about `atoms` atoms each, or so many `molecules`.

    A reference that is its own seed is distorted by noise of that size (angstrom). Molecules are drawn
    in proportion to the square root of their number of references, then a pair of theirs.
    """
    random = np.random.default_rng(seed)
    usable = [e for e in examples if len(e.pairs)]
    weight = draw_weights(usable)
    while True:
        drawn = random.choice(len(usable), 4096, p=weight / weight.sum())
        drawn = drawn[np.argsort([usable[i].graph.num_atoms for i in drawn], kind="stable")]
        groups = list(_cut([usable[i] for i in drawn], atoms, molecules))
        for k in random.permutation(len(groups)):
            yield _stack(groups[k], random, distortion)


def fit(
    trainer: Trainer,
    train: Sequence[Example],
    valid: Sequence[Example],
    max_minutes: float,
    checkpoint_minutes: float = 5.0,
    max_samples: float = math.inf,
) -> Path:
    """Train for `max_minutes`, or until the trainer has seen `max_samples` if that is earlier.

    It checkpoints and validates every few minutes, and exports the average.

    Returns:
        The exported checkpoint.
    """
    start, last, begun = time.monotonic(), time.monotonic(), trainer.samples
    config, tally, kept = trainer.config, _Tally(), False
    for gradients in _steps(trainer, train):
        spent = max(
            _share(time.monotonic() - start, 60 * max_minutes), _share(trainer.samples - begun, max_samples - begun)
        )
        if spent >= 1:
            break
        if spent >= 1 - config.anneal_share and not kept:
            trainer.save_state()
            kept = True
        rate = min(1.0, (1 - spent) / max(config.anneal_share, 1e-9))
        before = time.monotonic()
        tally.add(trainer.update(gradients, rate))
        trainer.seconds += time.monotonic() - before
        if time.monotonic() - last >= 60 * checkpoint_minutes:
            _checkpoint(trainer, valid, tally, save=not kept)
            last = time.monotonic()
    if not kept:
        trainer.save_state()
    return _checkpoint(trainer, valid, tally, save=False)


def _steps(trainer: Trainer, train: Sequence[Example]) -> Iterator[Gradients]:
    """Endless batches as functions that leave their gradients in the network."""
    config, seed = trainer.config, trainer.config.seed + trainer.step
    if trainer.device.type == "cuda" and isinstance(trainer.network, DeblurNetwork):  # the paper's waits for the host
        yield from repeat(
            ResidentSteps(
                trainer.network, train, config.model.blur, config.objective, config.batch_atoms, trainer.device, seed
            )
        )
    for pairs in batches(train, config.batch_atoms, seed, config.objective.distortion, config.batch_molecules):
        yield partial(trainer.gradients, pairs)


def _share(used: float, budget: float) -> float:
    return used / budget if budget > 0 else 1.0


class _Tally:
    """Running means between two reports."""

    def __init__(self) -> None:
        self.sums: dict[str, float | Tensor] = {}
        self.count = 0

    def add(self, values: dict[str, Tensor]) -> None:
        self.count += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def take(self) -> dict[str, float]:
        means = {name: float(value) / max(self.count, 1) for name, value in self.sums.items()}
        self.sums, self.count = {}, 0
        return means


def _checkpoint(trainer: Trainer, valid: Sequence[Example], tally: _Tally, save: bool) -> Path:
    if save:
        trainer.save_state()
    model = trainer.config.model
    row = {"step": trainer.step, "samples": trainer.samples, "minutes": trainer.seconds / 60, **tally.take()}
    times = deblur_times(model.sampling.steps, model.sampling.rounds)
    row |= validation_table(trainer.averaged(), valid, model.blur, times, model.sampling.noise_scale) if valid else {}
    trainer.history.append(row)
    with (trainer.run / "log.jsonl").open("a") as log:
        log.write(json.dumps(row) + "\n")
    print(format_row(row), flush=True)
    path = trainer.run / f"{model.name}.safetensors"
    card = {**model.card, "training": trainer.config.to_dict() | {"model": None}, "history": trainer.history}
    save_model(path, replace(model, card=card), trainer.average)
    return path


def _cut(examples: Sequence[Example], atoms: int, molecules: int) -> Iterator[list[Example]]:
    group: list[Example] = []
    for example in examples:
        more = len(group) + 1
        if group and (more > molecules if molecules else more * example.graph.num_atoms > atoms):
            yield group
            group = []
        group.append(example)
    if group:
        yield group


def _stack(group: Sequence[Example], random: np.random.Generator, distortion: float) -> Pairs:
    batch = collate([e.graph for e in group])
    shape = (*batch.mask.shape, 3)
    seed, reference = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for row, example in enumerate(group):
        target = random.choice(np.unique(example.pairs[:, 0]))
        source = random.choice(example.pairs[example.pairs[:, 0] == target, 1])
        n = example.graph.num_atoms
        reference[row, :n] = example.references[target]
        seed[row, :n] = (
            reference[row, :n] + distortion * random.standard_normal((n, 3))
            if source == SELF
            else example.seeds[source]
        )
    natural = torch.tensor([e.natural for e in group])
    return Pairs(torch.from_numpy(seed), torch.from_numpy(reference), natural, batch)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the loop."""
    parser = argparse.ArgumentParser(
        prog="rdkit_ebd.train.loop", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="training configuration (JSON), from `prepare`")
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="training shards")
    parser.add_argument("--valid", type=Path, nargs="*", default=[], help="validation shards")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; an existing one is continued")
    parser.add_argument("--init", type=Path, help="start from this checkpoint's weights")
    parser.add_argument("--max-minutes", type=float, default=math.inf)
    parser.add_argument("--checkpoint-minutes", type=float, default=5.0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="CPU threads")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)  # gradients that are as good as zero would take many times as long as others
    options.run.mkdir(parents=True, exist_ok=True)
    config = TrainConfig.from_dict(json.loads(options.config.read_text()))
    trainer = Trainer(config, options.run, torch.device(options.device))
    if trainer.state_file.exists():
        trainer.load_state()
        print(f"continuing at step {trainer.step}, {trainer.samples} samples", flush=True)
    elif options.init:
        from safetensors.torch import load_file

        trainer.load_weights(load_file(options.init))
    path = fit(
        trainer,
        load_shards(options.shards),
        load_shards(options.valid),
        options.max_minutes,
        options.checkpoint_minutes,
    )
    print(f"wrote {path}", flush=True)


if __name__ == "__main__":
    main()
