"""Are batches that a device draws for itself the batches that a host would send?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_training import CONFIG, CPU, MODEL
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from rdkit_ebd.train.data_prep.pairing import SELF
from rdkit_ebd.train.data_prep.shards import Example
from rdkit_ebd.train.fit.batches import batches
from rdkit_ebd.train.fit.objective import ObjectiveConfig, training_loss
from rdkit_ebd.train.fit.resident import ResidentSteps, device_buckets
from rdkit_ebd.train.fit.trainer import Trainer

WAITS_FOR_THE_HOST = ("nonzero", "_local_scalar_dense", "masked_select", "unique")
PLAIN = ObjectiveConfig(unrolled_share=0.0)


@pytest.fixture(autouse=True)
def global_generator() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def many(examples: list[Example]) -> list[Example]:
    """Basin pairs, natural ones, and references that are their own seeds."""
    pairs = np.array([[0, SELF], [1, 2], [1, 0]], np.int16)
    return [*examples, replace(examples[1], natural=True), replace(examples[2], pairs=pairs)]


def resident(many: list[Example], tmp_path: Path, objective: ObjectiveConfig = PLAIN) -> tuple[Trainer, ResidentSteps]:
    config = replace(CONFIG, objective=objective)
    trainer = Trainer(config, tmp_path, CPU)
    return trainer, ResidentSteps(trainer.network, many, config, CPU, 0)


def test_what_is_drawn_is_a_pair_of_its_molecule(many: list[Example]) -> None:
    seen = set()
    for bucket in device_buckets(many, CPU):
        pairs = bucket.draw(64, distortion=0.0)
        for row in range(64):
            n = int(pairs.batch.mask[row].sum())
            k, target, source = next(
                (k, r, s)
                for k, e in enumerate(many)
                for r, s in e.pairs.tolist()
                if e.graph.num_atoms == n
                and e.natural == bool(pairs.natural[row])
                and np.array_equal(e.references[r], pairs.reference[row, :n].numpy())
                and np.array_equal(e.references[r] if s == SELF else e.seeds[s], pairs.seed[row, :n].numpy())
            )
            seen.add((k, target, source))
            assert torch.equal(pairs.batch.pair_types[row, :n, :n], torch.from_numpy(many[k].graph.pair_types).long())
            assert not pairs.seed[row, n:].any()
    wanted = {(k, r, s) for k, e in enumerate(many) for r, s in e.pairs.tolist()}
    assert len(seen) > 0.8 * len(wanted)


def test_a_reference_that_is_its_own_seed_is_distorted(many: list[Example]) -> None:
    own = replace(many[2], pairs=np.array([[0, SELF]], np.int16))
    (bucket,) = device_buckets([own], CPU)
    pairs = bucket.draw(50, distortion=0.1)
    assert float((pairs.seed - pairs.reference).std()) == pytest.approx(0.1, rel=0.1)


def test_molecules_are_drawn_as_often_as_by_the_host(many: list[Example], tmp_path: Path) -> None:
    _, steps = resident(many, tmp_path)
    expected = np.zeros(len(many))
    for chance, step in zip(steps.chances, steps.steps, strict=True):
        share = np.diff(step.bucket.chances.numpy(), prepend=0)
        sizes = step.bucket.batch.mask.sum(1).tolist()
        natural = step.bucket.natural.tolist()
        for size, nature, part, pairs in zip(sizes, natural, share, step.bucket.targets[:, 1].tolist(), strict=True):
            k = next(
                k
                for k, e in enumerate(many)
                if (e.graph.num_atoms, e.natural, len(np.unique(e.pairs[:, 0]))) == (size, nature, pairs)
                and not expected[k]
            )
            expected[k] = chance * step.size * part
    roots = np.sqrt([len(np.unique(e.pairs[:, 0])) for e in many])
    assert np.allclose(expected / expected.sum(), roots / roots.sum(), rtol=0.01)


def test_what_is_there_twice_is_drawn_twice_as_often(examples: list[Example]) -> None:
    (bucket,) = device_buckets([examples[0], examples[0]], CPU)
    assert len(bucket.chances) == 1
    assert bucket.weight == pytest.approx(2 * device_buckets([examples[0]], CPU)[0].weight)


def test_losses_are_those_of_batches_from_the_host(many: list[Example], tmp_path: Path) -> None:
    objective = replace(PLAIN, natural_noise=2.0)
    trainer, steps = resident(many, tmp_path, objective)
    weights, total = [], 0.0
    for _ in range(150):
        losses, count = steps()
        total += float(losses["loss"]) * count
        weights.append(count)
    host, counts = 0.0, 0
    for pairs in islice(batches(many, 128, 0, objective.distortion), 150):
        with torch.no_grad():
            host += float(training_loss(trainer.network, pairs, MODEL.blur, objective)["loss"]) * len(pairs.seed)
        counts += len(pairs.seed)
    assert total / sum(weights) == pytest.approx(host / counts, rel=0.1)


def test_gradients_are_those_of_the_last_batch(many: list[Example], tmp_path: Path) -> None:
    trainer, steps = resident(many, tmp_path, replace(PLAIN, unrolled_share=1.0, unrolled_rounds=2))

    def gradients() -> Tensor:
        torch.manual_seed(5)
        step.learn()
        return torch.cat([p.grad.flatten().clone() for p in trainer.network.parameters() if p.grad is not None])

    for step in steps.steps:
        step(1)
        once = gradients()
        assert once.any()
        assert torch.allclose(gradients(), once, rtol=1e-3, atol=1e-5)


def test_rounds_move_seeds_unless_they_are_natural(many: list[Example], tmp_path: Path) -> None:
    objective = replace(PLAIN, unrolled_share=1.0, unrolled_natural=False)
    _, steps = resident(many, tmp_path, objective)
    for step in steps.steps:
        step.draw()
        before = step.seed.clone()
        step.round()
        moved = (step.seed - before).abs().amax((1, 2)) > 1e-4
        assert not moved[step.pairs.natural].any()
        assert moved[~step.pairs.natural].all()


def test_training_on_the_device_reduces_the_loss(many: list[Example], tmp_path: Path) -> None:
    trainer, steps = resident(many, tmp_path)
    values = [float(trainer.update(steps, 0.2)["loss"]) for _ in range(120)]
    assert np.mean(values[-30:]) < 0.85 * np.mean(values[:30])
    assert trainer.step == 120


def test_a_step_never_waits_for_the_host(many: list[Example], tmp_path: Path) -> None:
    """A CUDA graph could not hold it otherwise."""

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            assert not any(word in str(function) for word in WAITS_FOR_THE_HOST), function
            masks = args[1] if "aten.index." in str(function) else ()
            assert not any(isinstance(m, Tensor) and m.dtype == torch.bool for m in masks), function
            return function(*args, **(kwargs or {}))

    _, steps = resident(many, tmp_path, ObjectiveConfig(unrolled_share=1.0, natural_noise=1.0, volume_weight=1.0))
    for step in steps.steps:
        with Watch():
            step(2)
