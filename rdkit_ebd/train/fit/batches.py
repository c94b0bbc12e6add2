"""Which examples share a batch? Those of about one size, drawn at random and stacked on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch

from rdkit_ebd.arrays.batch import collate
from rdkit_ebd.train.data_prep.pairing import SELF
from rdkit_ebd.train.data_prep.shards import Example, draw_weights
from rdkit_ebd.train.fit.objective import Pairs

_DRAWN = 4096  # examples that are sorted by size at a time: enough for batches of one size, few enough to mix well


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

    def fits(group: list[Example], example: Example) -> bool:
        more = len(group) + 1
        return more <= molecules if molecules else more * example.graph.num_atoms <= atoms

    while True:
        drawn = random.choice(len(usable), _DRAWN, p=weight / weight.sum())
        drawn = drawn[np.argsort([usable[i].graph.num_atoms for i in drawn], kind="stable")]
        groups = list(grouped((usable[i] for i in drawn), fits))
        for k in random.permutation(len(groups)):
            yield _stack(groups[k], random, distortion)


def grouped(examples: Iterable[Example], fits: Callable[[list[Example], Example], bool]) -> Iterator[list[Example]]:
    """Cut a row of examples into groups: each takes in what follows as long as that fits to what it has."""
    group: list[Example] = []
    for example in examples:
        if group and not fits(group, example):
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
        if source == SELF:
            seed[row, :n] = reference[row, :n] + distortion * random.standard_normal((n, 3))
        else:
            seed[row, :n] = example.seeds[source]
    natural = torch.tensor([e.natural for e in group])
    return Pairs(torch.from_numpy(seed), torch.from_numpy(reference), natural, batch)
