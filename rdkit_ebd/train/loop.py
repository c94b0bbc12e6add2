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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rdkit_ebd.generators.checkpoint import available_models, model_path, read_weights, save_model
from rdkit_ebd.generators.ebd.network import DeblurNetwork
from rdkit_ebd.generators.ebd.sampler import deblur_times
from rdkit_ebd.runtime.threads import torch_threads
from rdkit_ebd.train.data_prep.shards import Example, load_shards
from rdkit_ebd.train.fit.batches import batches
from rdkit_ebd.train.fit.progress import Progress, judgement
from rdkit_ebd.train.fit.resident import ResidentSteps
from rdkit_ebd.train.fit.train_config import TrainConfig
from rdkit_ebd.train.fit.trainer import Gradients, Trainer
from rdkit_ebd.train.fit.validate import format_row, validation_table


@dataclass(frozen=True)
class Run:
    """A run of training, new or to be continued.

    Attributes:
        config: Training configuration (JSON), as `train prepare` writes it.
        shards: Training shards.
        folder: Where the run is kept; what is there already is continued.
        valid: Validation shards; none: no validation table.
        init: Checkpoint whose weights a new run starts from, a file or the name of a shipped model.
        max_minutes: Training time; infinite: until it is interrupted.
        checkpoint_minutes: Time between checkpoints.
        device: Of torch, such as "cpu" or "cuda".
        threads: CPU threads; None leaves them as they are.
        name: Of the model that comes of it; None: that of the configuration.
    """

    config: Path
    shards: Sequence[Path]
    folder: Path
    valid: Sequence[Path] = ()
    init: Path | str | None = None
    max_minutes: float = math.inf
    checkpoint_minutes: float = 5.0
    device: str = "cpu"
    threads: int | None = None
    name: str | None = None

    @classmethod
    def of_prepared(cls, prepared: Path, folder: Path) -> Run:
        """The run that `train prepare` has prepared in a folder.

        Raises:
            ValueError: The folder holds no shards or no configuration.
        """
        config, shards = prepared / "config.json", sorted((prepared / "train").glob("*.shard"))
        if not shards or not config.exists():
            lacking = config if shards else f"{prepared / 'train'}/*.shard"
            raise ValueError(f"there is no {lacking}: run `rdkit-ebd train prepare` first")
        return cls(config, shards, folder, sorted((prepared / "valid").glob("*.shard")))

    def parent(self) -> str | None:
        """The shipped model that it was prepared to continue; None where there is none."""
        name = json.loads(self.config.read_text())["model"].get("card", {}).get("parent")
        return name if name in available_models() else None


def name_of_run(folder: Path) -> str:
    """What the model of a run is called: as the folder, unless it has been called something else before."""
    earlier = [path.stem for path in sorted(folder.glob("*.safetensors"))] if (folder / "state.pt").exists() else []
    name = folder.resolve().name
    return name if not earlier or name in earlier else earlier[0]


def train(run: Run) -> Path:
    """Start or continue a run.

    Returns:
        The exported checkpoint.

    Raises:
        ValueError: The configuration is not possible, or there is no such model to start from.
    """
    config = TrainConfig.from_dict(json.loads(run.config.read_text()))
    if run.name is not None:
        config = replace(config, model=replace(config.model, name=run.name))
    start = model_path(str(run.init)) if run.init else None
    run.folder.mkdir(parents=True, exist_ok=True)
    torch.set_flush_denormal(True)  # gradients that are as good as zero would take many times as long as others
    with torch_threads(run.threads or torch.get_num_threads()):
        trainer = Trainer(config, run.folder, torch.device(run.device))
        if trainer.state_file.exists():
            trainer.load_state()
            print(f"continuing at step {trainer.step}, {trainer.samples} samples", flush=True)
        elif start:
            trainer.load_weights(read_weights(start))
        examples, valid = load_shards(run.shards), load_shards(run.valid)
        print(f"{len(examples)} examples to train on, {len(valid)} molecules to judge by", flush=True)
        if start and valid and not trainer.history:
            _record(trainer, {"step": 0, "samples": 0, "minutes": 0.0, **_validated(trainer, valid)})
        path = fit(trainer, examples, valid, run.max_minutes, run.checkpoint_minutes)
    if trainer.history[0]["step"] == 0 and valid and len(trainer.history) > 1:
        print(judgement(trainer.history[0], trainer.history[-1], len(valid)), flush=True)
    elif not valid:
        print("there are no validation molecules, which would tell what it was worth: prepare with --valid", flush=True)
    print(f"wrote {path}", flush=True)
    return path


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
    config, tally, kept, progress = trainer.config, _Tally(), False, Progress(max_minutes)
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
        if progress.due:
            progress.step(trainer.step, trainer.samples, tally.mean("loss"))
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
        yield from repeat(ResidentSteps(trainer.network, train, config, trainer.device, seed))
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

    def mean(self, name: str) -> float | None:
        """Of those since the last report."""
        return float(self.sums[name]) / self.count if name in self.sums else None

    def take(self) -> dict[str, float]:
        means = {name: float(value) / max(self.count, 1) for name, value in self.sums.items()}
        self.sums, self.count = {}, 0
        return means


def _checkpoint(trainer: Trainer, valid: Sequence[Example], tally: _Tally, save: bool) -> Path:
    if save:
        trainer.save_state()
    model = trainer.config.model
    row = {"step": trainer.step, "samples": trainer.samples, "minutes": trainer.seconds / 60, **tally.take()}
    _record(trainer, row | (_validated(trainer, valid) if valid else {}))
    path = trainer.run / f"{model.name}.safetensors"
    card = {**model.card, "training": trainer.config.to_dict() | {"model": None}, "history": trainer.history}
    save_model(path, replace(model, card=card), trainer.average)
    return path


def _validated(trainer: Trainer, valid: Sequence[Example]) -> dict[str, float]:
    model = trainer.config.model
    times = deblur_times(model.sampling.steps, model.sampling.rounds)
    return validation_table(trainer.averaged(), valid, model.blur, times, model.sampling.noise_scale)


def _record(trainer: Trainer, row: dict[str, Any]) -> None:
    """A row of the run's history, which the log and the user have as well."""
    trainer.history.append(row)
    with (trainer.run / "log.jsonl").open("a") as log:
        log.write(json.dumps(row) + "\n")
    print(format_row(row), flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the loop."""
    parser = argparse.ArgumentParser(
        prog="rdkit_ebd.train.loop", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="training configuration (JSON), from `prepare`")
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="training shards")
    parser.add_argument("--valid", type=Path, nargs="*", default=[], help="validation shards")
    parser.add_argument(
        "--run", dest="folder", type=Path, required=True, help="folder of the run; an existing one is continued"
    )
    parser.add_argument("--init", help="start from these weights: a checkpoint, or the name of a shipped model")
    parser.add_argument("--name", help="of the model that comes of it")
    parser.add_argument("--max-minutes", type=float, default=math.inf)
    parser.add_argument("--checkpoint-minutes", type=float, default=5.0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="CPU threads")
    train(Run(**vars(parser.parse_args(arguments))))


if __name__ == "__main__":
    main()
