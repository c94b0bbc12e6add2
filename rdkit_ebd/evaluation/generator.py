"""How good is a model that draws molecules? Everything it draws is judged, valid or not, and timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Set
from dataclasses import dataclass

import numpy as np

from rdkit_ebd.data.molecule_arrays import MoleculeArrays
from rdkit_ebd.evaluation.generated import GeneratedQuality, judge_generated
from rdkit_ebd.generators.edm.draw import Drawn
from rdkit_ebd.molecules.generate import Plan


@dataclass(frozen=True)
class GeneratorQuality:
    """What a model draws.

    Attributes:
        drawn: All that was drawn, in order.
        quality: Its measures.
        per_second: Molecules drawn a second, on the threads of the plan; bonds are not perceived in this time.
        evaluations: Of the network of skeletons, restarts included, and of that of hydrogens, per molecule.
    """

    drawn: MoleculeArrays
    quality: GeneratedQuality
    per_second: float
    evaluations: tuple[float, int]


def evaluate_generator(
    plan: Plan,
    count: int,
    reference: MoleculeArrays | None = None,
    known: Set[str] | None = None,
    posebusters: int = 0,
    progress: Callable[[int], object] = lambda _: None,
) -> GeneratorQuality:
    """Draw molecules and judge them.

    Args:
        plan: What to draw, as `molecules.generate.make_plan` gives it.
        count: How many.
        reference: Molecules from the data, for the Jensen-Shannon distances.
        known: SMILES of the training molecules, for novelty.
        posebusters: How many of the connected ones PoseBusters tests.
        progress: Called with the number of molecules drawn since the last call.
    """
    drawn, begin = [], time.perf_counter()
    for batch in plan.batches(count):
        drawn += batch
        progress(len(batch))
    seconds = time.perf_counter() - begin
    arrays = packed(drawn)
    quality = judge_generated(arrays, reference, known, posebusters)
    restarts = np.mean([one.restarts for one in drawn])
    skeletons = plan.sampling.steps + float(restarts) * len(plan.sampling.levels(again=True))
    return GeneratorQuality(arrays, quality, count / seconds, (skeletons, plan.sampling.hydrogen_steps))


def packed(drawn: list[Drawn]) -> MoleculeArrays:
    """Drawn molecules as arrays, without SMILES."""
    sizes = [len(one.numbers) for one in drawn]
    return MoleculeArrays(
        np.concatenate([one.numbers for one in drawn]),
        np.concatenate([one.coords for one in drawn]),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        [""] * len(drawn),
        np.array([one.index for one in drawn], np.int64),
    )
