"""How is a GPU kept busy? All training data lives on it, in buckets of equal sizes, and steps are replayed as graphs.

A step is thousands of small operations, and launching them takes a host longer than a GPU needs to do them. What is in
a bucket has one shape, so that a step is captured once and replayed. On a CPU the same is done without graphs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rdkit_ebd.arrays.batch import Batch, collate
from rdkit_ebd.generators.checkpoint import Network
from rdkit_ebd.train.data_prep.pairing import SELF
from rdkit_ebd.train.data_prep.shards import Example, draw_weights
from rdkit_ebd.train.fit.batches import grouped
from rdkit_ebd.train.fit.objective import Pairs, loss_from, starting_coords, stiff_quads, unrolled
from rdkit_ebd.train.fit.train_config import TrainConfig

_SIZE_STEP = 8  # atoms by which buckets differ
_FEWEST = 0.03  # share of all examples below which sizes share a bucket
_FLEXIBLE = 0.35  # of each size, in a bucket of their own: turning bonds is what differs most
_WARM_UP = 1  # calls before one is captured
_CHUNK = 64  # rows at a time, where a whole bucket would take too much memory


@dataclass(frozen=True)
class DeviceBucket:
    """M examples of about one size on the device; a target is a reference, with the seeds that may become it.

    Attributes:
        batch: One row each.
        stiff: As `objective.stiff_quads` has it: (M, Q, 4) and (M, Q).
        natural: (M,) bool.
        chances: (M,) cumulative, the last one 1.
        weight: How often one of the bucket is drawn, relative to other buckets.
        targets: (M, 2) int64, first target and number of them.
        references: (T, N, 3) float32, of each target.
        sources: (T, 2) int64, first source and number of them.
        seed_rows: (S,) int64, the seed of each source, or `SELF`.
        seeds: (K, N, 3) float32.
    """

    batch: Batch
    stiff: tuple[Tensor, Tensor]
    natural: Tensor
    chances: Tensor
    weight: float
    targets: Tensor
    references: Tensor
    sources: Tensor
    seed_rows: Tensor
    seeds: Tensor

    def draw(self, count: int, distortion: float) -> Pairs:
        """Random pairs; a reference that is its own seed is distorted by noise of that size (angstrom)."""
        device = self.chances.device
        rows = torch.searchsorted(self.chances, torch.rand(count, device=device)).clamp(max=len(self.chances) - 1)
        target = _one_of(self.targets[rows])
        seed_row = self.seed_rows[_one_of(self.sources[target])]
        batch, reference = self.batch.rows(rows), self.references[target]
        distorted = reference + distortion * torch.randn_like(reference) * batch.mask[..., None]
        own = (seed_row == SELF)[:, None, None]
        seed = torch.where(own, distorted, self.seeds[seed_row.clamp(min=0)])
        quads, there = self.stiff
        return Pairs(seed, reference, self.natural[rows], batch, (quads[rows], there[rows]))


def _one_of(spans: Tensor) -> Tensor:
    """A random index of each span (first, number): (B, 2) -> (B,)."""
    first, number = spans.unbind(-1)
    offset = (torch.rand(len(spans), device=spans.device, dtype=torch.float64) * number).long()
    return first + torch.minimum(offset, number - 1)


def device_buckets(examples: Sequence[Example], device: torch.device) -> list[DeviceBucket]:
    """Sort examples by size and by the number of their rotatable bonds, and bring them to the device.

    One that is there several times is drawn the more often, and kept once.
    """
    times = Counter(id(e) for e in examples if len(e.pairs))
    usable = list({id(e): e for e in examples if len(e.pairs)}.values())
    buckets = []
    for group in _of_one_size(usable):
        group = sorted(group, key=lambda e: len(e.graph.torsions))
        cut = round((1 - _FLEXIBLE) * len(group))
        for part in (group[:cut], group[cut:]):
            if part:
                buckets.append(_bucket(part, np.array([times[id(e)] for e in part]), device))
    return buckets


def _of_one_size(examples: Sequence[Example]) -> list[list[Example]]:
    """Groups of examples of about one size, none of them too few."""

    def fits(group: list[Example], example: Example) -> bool:
        size = -(-group[0].graph.num_atoms // _SIZE_STEP) * _SIZE_STEP
        return example.graph.num_atoms <= size or len(group) < _FEWEST * len(examples)

    return list(grouped(sorted(examples, key=lambda e: e.graph.num_atoms), fits))


def _bucket(examples: Sequence[Example], times: np.ndarray, device: torch.device) -> DeviceBucket:
    width = max(e.graph.num_atoms for e in examples)
    batch = collate([e.graph for e in examples])
    quads, there = _stiff(batch)
    weights = times * draw_weights(examples)
    targets, sources, references, seeds, seed_rows = [], [], [], [], []
    first_target = first_source = first_seed = 0
    for example in examples:
        wanted, counts = np.unique(example.pairs[:, 0], return_counts=True)
        own = example.pairs[:, 1].astype(np.int64)
        order = np.argsort(example.pairs[:, 0], kind="stable")
        targets.append((first_target, len(wanted)))
        ends = np.cumsum(counts)
        sources += [(first_source + end - count, count) for end, count in zip(ends, counts, strict=True)]
        seed_rows.append(np.where(own == SELF, SELF, own + first_seed)[order])
        references.append(_padded(example.references[wanted], width))
        seeds.append(_padded(example.seeds, width))
        first_target, first_source = first_target + len(wanted), first_source + len(own)
        first_seed += len(example.seeds)

    def sent(array: np.ndarray | list[tuple[int, int]]) -> Tensor:
        return torch.as_tensor(np.asarray(array)).to(device)

    return DeviceBucket(
        batch.to(device),
        (quads.to(device), there.to(device)),
        sent(np.array([e.natural for e in examples])),
        sent((np.cumsum(weights) / weights.sum()).astype(np.float32)),
        float(weights.sum()),
        sent(targets),
        sent(np.concatenate(references)),
        sent(sources),
        sent(np.concatenate(seed_rows)),
        sent(np.concatenate(seeds)),
    )


def _stiff(batch: Batch) -> tuple[Tensor, Tensor]:
    """`stiff_quads` of many rows, a bounded number at a time."""
    parts = [stiff_quads(batch.rows(rows)) for rows in torch.arange(len(batch.level)).split(_CHUNK)]
    most = max(quads.shape[1] for quads, _ in parts)
    quads = torch.cat([functional.pad(quads, (0, 0, 0, most - quads.shape[1])) for quads, _ in parts])
    return quads, torch.cat([functional.pad(there, (0, most - there.shape[1])) for _, there in parts])


def _padded(coords: np.ndarray, width: int) -> np.ndarray:
    return np.pad(coords, ((0, 0), (0, width - coords.shape[1]), (0, 0))).astype(np.float32)


class ResidentSteps:
    """Gradients of batches drawn on the device itself.

    Args:
        network: What is trained.
        examples: Training data.
        config: Process, pairs, loss and size of batches.
        device: Where all of it is.
        seed: Of the choice of buckets and rounds; what is drawn on the device follows torch's generator.
    """

    def __init__(
        self,
        network: Network,
        examples: Sequence[Example],
        config: TrainConfig,
        device: torch.device,
        seed: int,
    ) -> None:
        self.objective, self.random = config.objective, np.random.default_rng(seed)
        buckets = device_buckets(examples, device)
        sizes = [max(1, config.batch_atoms // bucket.batch.mask.shape[1]) for bucket in buckets]
        # Large molecules come in small batches, so that these must come more often.
        chances = np.array([bucket.weight / size for bucket, size in zip(buckets, sizes, strict=True)])
        self.chances = chances / chances.sum()
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        graphs = _Graphs() if device.type == "cuda" else None
        self.steps = [_Step(network, bucket, size, config, graphs) for bucket, size in zip(buckets, sizes, strict=True)]

    def __call__(self) -> tuple[dict[str, Tensor], int]:
        """Leave the gradients of a batch in the network: its losses, and how many pairs it had."""
        step = self.steps[self.random.choice(len(self.steps), p=self.chances)]
        rounds = 0
        if self.random.random() < self.objective.unrolled_share:
            rounds = int(self.random.integers(1, self.objective.unrolled_rounds + 1))
        return step(rounds), step.size


class _Graphs:
    """Captures functions as CUDA graphs that share their working memory."""

    def __init__(self) -> None:
        self.pool = torch.cuda.graph_pool_handle()

    def captured(self, function: Callable[[], None]) -> Callable[[], None]:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                function()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            function()
        return graph.replay


class _Step:
    """One step on one bucket, in three parts: pairs are drawn, go through rounds of the network, and train it."""

    def __init__(
        self,
        network: Network,
        bucket: DeviceBucket,
        size: int,
        config: TrainConfig,
        graphs: _Graphs | None,
    ) -> None:
        self.network, self.bucket, self.size = network, bucket, size
        self.blurring, self.objective = config.model.blur, config.objective
        self.gradients = [p.grad for p in network.parameters() if p.grad is not None]
        self._draw()
        parts = (self._draw, self._round, self._learn)
        self.draw, self.round, self.learn = map(graphs.captured, parts) if graphs else parts

    def __call__(self, rounds: int) -> dict[str, Tensor]:
        self.draw()
        for _ in range(rounds):
            self.round()
        self.learn()
        return self.losses

    def _draw(self) -> None:
        self.pairs = self.bucket.draw(self.size, self.objective.distortion)
        self.seed = starting_coords(self.pairs, self.objective)

    def _round(self) -> None:
        pairs = self.pairs
        after = unrolled(self.network, self.seed, pairs.batch, self.blurring)
        if not self.objective.unrolled_natural:
            after = torch.where(pairs.natural[:, None, None], self.seed, after)
        self.seed.copy_(after)

    def _learn(self) -> None:
        torch._foreach_zero_(self.gradients)
        losses = loss_from(self.network, self.seed, self.pairs, self.blurring, self.objective)
        losses["loss"].backward()
        self.losses = {name: value.detach() for name, value in losses.items()}
