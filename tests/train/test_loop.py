"""Does training learn, and does a run that was interrupted go on as if it had not been?"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_training import CONFIG, CPU, MODEL, take_step

import rdkit_ebd
from rdkit_ebd.generators.checkpoint import load_model, read_config
from rdkit_ebd.train import loop
from rdkit_ebd.train.data_prep.pairing import SELF
from rdkit_ebd.train.data_prep.shards import Example, save_shard
from rdkit_ebd.train.fit.batches import batches
from rdkit_ebd.train.fit.objective import ObjectiveConfig, Pairs, training_loss
from rdkit_ebd.train.fit.train_config import TrainConfig
from rdkit_ebd.train.fit.trainer import Trainer
from rdkit_ebd.train.loop import fit


@pytest.fixture(autouse=True)
def global_generator() -> Iterator[None]:
    """A trainer seeds the global generator; other tests should not notice."""
    with torch.random.fork_rng(devices=[]):
        yield


def steps(examples: list[Example], count: int, config: TrainConfig = CONFIG) -> list[Pairs]:
    stream = batches(examples, config.batch_atoms, 0, config.objective.distortion)
    return list(islice(stream, count))


def held_out_loss(network: torch.nn.Module, examples: list[Example]) -> float:
    """Mean loss over the same noise and times whenever it is asked."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(99)
        losses = [training_loss(network, pairs, MODEL.blur, CONFIG.objective)["loss"] for pairs in steps(examples, 12)]
    return float(torch.stack(losses).mean())


def test_training_reduces_the_loss(examples: list[Example], tmp_path: Path) -> None:
    trainer = Trainer(replace(CONFIG, lr=1e-3), tmp_path, CPU)  # at five times that, single steps undo many
    before = held_out_loss(trainer.averaged(), examples)
    for pairs in steps(examples, 60):
        values = take_step(trainer, pairs, 1.0)
        assert all(math.isfinite(value) for value in values.values())
    assert held_out_loss(trainer.network, examples) < 0.85 * before
    assert held_out_loss(trainer.averaged(), examples) < 0.85 * before
    assert trainer.step == 60


def test_a_rate_of_zero_trains_nothing(examples: list[Example], tmp_path: Path) -> None:
    trainer = Trainer(CONFIG, tmp_path, CPU)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    for pairs in steps(examples, 2):
        take_step(trainer, pairs, 0.0)
    assert all(torch.equal(value, before[name]) for name, value in trainer.network.state_dict().items())
    take_step(trainer, steps(examples, 1)[0], 1.0)
    assert not all(torch.equal(value, before[name]) for name, value in trainer.network.state_dict().items())


def test_the_learning_rate_warms_up(examples: list[Example], tmp_path: Path) -> None:
    trainer, rates = Trainer(CONFIG, tmp_path, CPU), []
    for pairs in steps(examples, 12):
        take_step(trainer, pairs, 0.5)
        rates.append(trainer.optimiser.param_groups[0]["lr"])
    assert np.allclose(rates[:10], 0.5 * CONFIG.lr * np.arange(1, 11) / 10)
    assert np.allclose(rates[10:], 0.5 * CONFIG.lr)


def test_a_step_that_overflows_is_skipped(examples: list[Example], tmp_path: Path) -> None:
    trainer = Trainer(CONFIG, tmp_path, CPU)
    pairs = steps(examples, 1)[0]
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}

    def exploding(gradient: torch.Tensor) -> torch.Tensor:
        return gradient * math.nan

    hook = next(trainer.network.blocks.parameters()).register_hook(exploding)
    assert not math.isfinite(take_step(trainer, pairs, 1.0)["norm"])
    hook.remove()
    assert all(torch.equal(value, before[name]) for name, value in trainer.network.state_dict().items())
    assert math.isfinite(take_step(trainer, pairs, 1.0)["norm"])


def test_the_average_follows_the_network_slowly(examples: list[Example], tmp_path: Path) -> None:
    trainer = Trainer(CONFIG, tmp_path, CPU)
    start = {name: value.clone() for name, value in trainer.average.items()}
    for pairs in steps(examples, 3):
        take_step(trainer, pairs, 1.0)
    now = trainer.network.state_dict()
    for name, average in trainer.averaged().state_dict().items():
        if not torch.equal(now[name], start[name]):
            assert (average - start[name]).norm() > 0
            assert (average - now[name]).norm() > 0
    assert not trainer.averaged().training


def test_a_resumed_run_takes_the_same_next_step(examples: list[Example], tmp_path: Path) -> None:
    first = Trainer(CONFIG, tmp_path, CPU)
    *past, following = steps(examples, 4)
    for pairs in past:
        take_step(first, pairs, 1.0)
    first.history.append({"step": 3, "mat_r": 0.5})
    first.seconds = 12.5
    first.save_state()
    expected = take_step(first, following, 1.0)
    torch.manual_seed(12345)
    second = Trainer(replace(CONFIG, seed=7), tmp_path, CPU)
    second.load_state()
    assert (second.step, second.samples, second.seconds) == (3, sum(len(pairs.seed) for pairs in past), 12.5)
    assert second.history == [{"step": 3, "mat_r": 0.5}]
    assert take_step(second, following, 1.0) == expected
    assert second.step == first.step
    for ours, theirs in ((second.network.state_dict(), first.network.state_dict()), (second.average, first.average)):
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    here, there = second.optimiser.state_dict()["state"], first.optimiser.state_dict()["state"]
    assert here.keys() == there.keys()
    assert all(torch.equal(here[i][key], there[i][key]) for i in here for key in here[i])


def test_a_run_that_was_not_resumed_differs(examples: list[Example], tmp_path: Path) -> None:
    following = steps(examples, 1)[0]
    first, second = (Trainer(replace(CONFIG, seed=seed), tmp_path, CPU) for seed in (0, 1))
    torch.manual_seed(0)
    one = take_step(first, following, 1.0)
    torch.manual_seed(0)
    assert take_step(second, following, 1.0) != one


class Clock:
    """A clock by which every look at it takes a second, so that a run has the same steps on any machine."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


def test_fit_writes_a_model_that_loads(
    examples: list[Example], judged: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "time", Clock())
    trainer = Trainer(replace(CONFIG, anneal_share=0.5), tmp_path, CPU)
    path = fit(trainer, examples, [judged], max_minutes=1, checkpoint_minutes=0.4)
    model = load_model(str(path), "cpu")
    assert replace(model.config, card={}) == MODEL
    assert model.config.card["training"]["lr"] == CONFIG.lr
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows == trainer.history == model.config.card["history"]
    assert len(rows) == 3
    assert rows[-1]["step"] == trainer.step > 8
    assert all({"loss", "mat_r", "bond"} <= row.keys() for row in rows)
    for name, value in model.network.state_dict().items():
        assert torch.allclose(value, trainer.average[name], rtol=1e-3, atol=1e-4)
    resumed = Trainer(CONFIG, tmp_path, CPU)
    resumed.load_state()
    assert 0 < resumed.step < trainer.step  # the state kept is the one before the learning rate fell
    assert trainer.optimiser.param_groups[0]["lr"] < 0.2 * CONFIG.lr


def test_a_run_starts_from_a_checkpoint(
    examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "time", Clock())
    first = Trainer(CONFIG, tmp_path, CPU)
    path = fit(first, examples, [], max_minutes=0.2)
    second = Trainer(replace(CONFIG, seed=5), tmp_path, CPU)
    second.load_weights(load_file(path))
    for state in (second.network.state_dict(), second.average):
        assert all(torch.equal(value, first.average[name].half().float()) for name, value in state.items())
    assert second.step == 0
    take_step(second, steps(examples, 1)[0], 1.0)
    assert not torch.equal(second.average["level.weight"], first.average["level.weight"].half().float())


def test_a_network_gains_torques_on_the_way(
    examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "time", Clock())
    plain = replace(CONFIG.model, network=replace(CONFIG.model.network, torques=False))
    first = Trainer(replace(CONFIG, model=plain), tmp_path / "plain", CPU)
    (tmp_path / "plain").mkdir()
    path = fit(first, examples, [], max_minutes=0.2)
    further = replace(CONFIG, model=replace(plain, network=replace(plain.network, torques=True)))
    second = Trainer(further, tmp_path, CPU)
    second.load_weights(load_file(path))
    new = {name: value.clone() for name, value in second.average.items() if ".torques." in name}
    assert new
    assert second.network.state_dict().keys() == first.average.keys() | new.keys()
    take_step(second, steps(examples, 1)[0], 1.0)
    assert any(not torch.equal(second.network.state_dict()[name], value) for name, value in new.items())


def test_batches_hold_examples_and_keep_their_size(examples: list[Example]) -> None:
    known = {example.graph.num_atoms: example for example in examples}
    seen: set[int] = set()
    for pairs in islice(batches(examples, 128, 3, 0.05), 40):
        seed, reference, batch = pairs.seed.numpy(), pairs.reference.numpy(), pairs.batch
        assert batch.mask.numel() <= 128
        assert seed.shape == reference.shape == (*batch.mask.shape, 3)
        for row in range(len(seed)):
            n = int(batch.mask[row].sum())
            example = known[n]
            assert any(np.array_equal(reference[row, :n], x) for x in example.references)
            seeds = [example.seeds[s] for s in np.unique(example.pairs[:, 1]) if s != SELF]
            own = [x for x in example.references if 0 < np.abs(seed[row, :n] - x).max() < 0.5]
            assert own or any(np.array_equal(seed[row, :n], x) for x in seeds)
            seen.add(n)
    assert seen == set(known)


def test_batches_are_seeded(examples: list[Example]) -> None:
    def first(seed: int) -> bytes:
        return b"".join(
            pairs.seed.numpy().tobytes() + pairs.reference.numpy().tobytes()
            for pairs in islice(batches(examples, 128, seed, 0.05), 5)
        )

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_a_reference_without_a_seed_is_distorted(examples: list[Example]) -> None:
    example = examples[0]
    alone = replace(example, pairs=np.array([[1, SELF]], np.int16))
    unpaired = replace(example, pairs=np.zeros((0, 2), np.int16))
    for pairs in islice(batches([alone, unpaired], 128, 0, 0.05), 5):
        seed, reference = pairs.seed.numpy(), pairs.reference.numpy()
        assert np.array_equal(reference, np.broadcast_to(example.references[1], reference.shape))
        assert 0.03 < (seed - reference).std() < 0.07


def test_an_example_too_large_for_a_batch_is_a_batch(examples: list[Example]) -> None:
    pairs = next(batches(examples[:1], 3, 0, 0.0))
    assert len(pairs.seed) == 1
    assert pairs.batch.mask.all()


def test_the_configuration_comes_back_from_json() -> None:
    config = replace(CONFIG, objective=ObjectiveConfig(prior_share=0.1))
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    for path in ((), ("objective",)):
        data = json.loads(json.dumps(config.to_dict()))
        (data[path[0]] if path else data)["colour"] = "red"
        with pytest.raises(TypeError, match="colour"):
            TrainConfig.from_dict(data)


def test_training_needs_no_rdkit(examples: list[Example], tmp_path: Path) -> None:
    save_shard(tmp_path / "a.shard", examples)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG.to_dict()))
    arguments = ["--config", "config.json", "--shards", "a.shard", "--run", "run", "--max-minutes", "0.005"]
    code = (
        "import sys; sys.modules['rdkit'] = None; sys.modules['scipy'] = None\n"
        f"from rdkit_ebd.train.loop import main; main({[*arguments, '--device', 'cpu', '--threads', '1']!r})"
    )
    root = str(Path(rdkit_ebd.__file__).parents[1])
    for message in ("wrote", "continuing at step"):
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{code}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert message in done.stdout
    assert read_config(tmp_path / "run" / "tiny.safetensors").name == "tiny"
