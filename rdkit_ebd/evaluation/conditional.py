"""Do molecules have the property they were made to have? The EDM paper's table, by a classifier of the other half.

U-bound: the classifier on real molecules, against properties of others. #: what the number of atoms alone says.
L-bound: the classifier on real molecules, against their own properties. In between lies what a generator makes of what
it is told. Errors are mean absolute ones in the paper's units (Hoogeboom et al., ICML 2022, table 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rdkit_ebd.data.molecule_arrays import MoleculeArrays
from rdkit_ebd.generators.edm.published.classifier import PropertyNetwork
from rdkit_ebd.train.fit.property_classifier import mean_absolute_error, predictions

HARTREE = 27211.4  # meV, as the published code has it
_UNITS = {  # property -> unit of the table, and what a value of ours is multiplied by
    "alpha": ("bohr^3", 1.0), "gap": ("meV", HARTREE), "homo": ("meV", HARTREE), "lumo": ("meV", HARTREE),
    "mu": ("D", 1.0), "cv": ("cal/(mol K)", 1.0),
}  # fmt: skip
PAPER = {  # property -> U-bound, number of atoms, EDM, L-bound
    "alpha": (9.01, 3.86, 2.76, 0.10), "gap": (1470, 866, 655, 64), "homo": (645, 426, 356, 39),
    "lumo": (1457, 813, 584, 36), "mu": (1.616, 1.053, 1.111, 0.043), "cv": (6.857, 1.971, 1.101, 0.040),
}  # fmt: skip


@dataclass(frozen=True)
class ConditionalRow:
    """One property's row; errors in the unit of our data.

    Attributes:
        property: Its name.
        upper: Error against properties of other molecules.
        atoms: Error of the best guess from the number of atoms.
        generated: Error of generated molecules; None where there are none.
        lower: Error on real molecules.
        molecules: How many were generated.
    """

    property: str
    upper: float
    atoms: float
    generated: float | None
    lower: float
    molecules: int = 0


def conditional_row(
    network: PropertyNetwork,
    learnt: MoleculeArrays,
    others: MoleculeArrays,
    generated: MoleculeArrays | None = None,
    seed: int = 0,
) -> ConditionalRow:
    """Measure one property.

    Args:
        network: The classifier.
        learnt: The half it learnt on, from which the guess by the number of atoms is taken, too.
        others: The other half, or a part of it.
        generated: Molecules whose `properties` say what they were made to have.
        seed: Of the shuffling.

    Raises:
        ValueError: A set lacks the property.
    """
    name = network.config.property
    for part in (learnt, others, *([generated] if generated is not None else [])):
        if name not in part.properties:
            raise ValueError(f"a set has {', '.join(part.properties) or 'no properties'}, not {name}")
    seen, true = predictions(network, others), others.properties[name]
    shuffled = true[np.random.default_rng(seed).permutation(len(true))]
    return ConditionalRow(
        name,
        float(np.abs(seen - shuffled).mean()),
        float(np.abs(guess_by_size(learnt, name, others.sizes) - true).mean()),
        None if generated is None else mean_absolute_error(network, generated, generated.properties[name]),
        float(np.abs(seen - true).mean()),
        0 if generated is None else len(generated),
    )


def guess_by_size(molecules: MoleculeArrays, name: str, sizes: np.ndarray) -> np.ndarray:
    """(n,) the median property of the molecules of each size: no guess from the size alone has a smaller error."""
    values = molecules.properties[name]
    medians = np.full(int(max(sizes.max(), molecules.sizes.max())) + 1, np.median(values))
    for size in np.unique(molecules.sizes):
        medians[size] = np.median(values[molecules.sizes == size])
    return np.asarray(medians[sizes])


def conditional_table(rows: Sequence[ConditionalRow]) -> str:
    """A Markdown table, with the paper's figures in brackets."""
    heads = ("property", "unit", "U-bound", "# atoms", "generated", "L-bound", "molecules")
    lines = [heads, tuple("---" for _ in heads)]
    for row in rows:
        unit, factor = _UNITS.get(row.property, ("", 1.0))
        paper = PAPER.get(row.property, (None,) * 4)
        values = (row.upper, row.atoms, row.generated, row.lower)
        cells = [_cell(value, factor, known) for value, known in zip(values, paper, strict=True)]
        lines.append((row.property, unit, *cells, str(row.molecules or "")))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: float | None, factor: float, known: float | None) -> str:
    shown = "" if value is None else f"{value * factor:.{3 if factor == 1 else 0}f}"
    return shown if known is None else f"{shown} ({known:g})".strip()
