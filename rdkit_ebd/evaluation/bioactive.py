"""How near does the best of n conformers come to the one that a protein binds? With pruning and without.

The largest number of conformers is generated once, the first n of them stand for n, as they are those of a call for n.
Pruning is first come, first kept, so that what is kept of the first n is the first part of what is kept of all. Names:

| name | what | unit |
|---|---|---|
| rmsd@n, rmsd@n-pruned | best heavy-atom RMSD among the first n, with symmetry; 10 if there is none | A |
| kept@n, kept@n-pruned | conformers there were to choose from | |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rdkit_ebd.arrays.ensemble_metrics import MISSED
from rdkit_ebd.data.record import Record
from rdkit_ebd.ensemble.prune import keep_diverse
from rdkit_ebd.evaluation.ensemble import Row, new_row
from rdkit_ebd.evaluation.measures import ReferenceMetrics, positions
from rdkit_ebd.evaluation.method import Method
from rdkit_ebd.evaluation.methods import generate

COUNTS = (50, 250)  # those of the Platinum benchmark (Friedrich et al., J. Chem. Inf. Model. 2017, 57, 529)
PRUNED = "-pruned"


@dataclass(frozen=True)
class BioactiveJob:
    """How the recall of bound conformers is judged.

    Attributes:
        seed: Of the conformers.
        counts: Numbers of conformers to choose from.
        prune: RMSD below which conformers are the same when pruning, angstrom.
    """

    seed: int = 0
    counts: tuple[int, ...] = COUNTS
    prune: float = 0.5

    def settings(self) -> dict[str, Any]:
        """What results depend on, as JSON takes it."""
        return {"question": "bioactive", **asdict(self), "counts": list(self.counts)}

    def judge(self, index: int, record: Record, methods: Sequence[Method]) -> list[Row]:
        """One row per method for molecule number `index`."""
        reference = ReferenceMetrics(record)
        return [self._row(index, record, reference, method) for method in methods]

    def _row(self, index: int, record: Record, reference: ReferenceMetrics, method: Method) -> Row:
        made = generate(record.mol, method, max(self.counts), self.seed)
        row = new_row(index, record, method, made, max(self.counts))
        coords, order = positions(made.mol), np.array(made.embedding.indices, dtype=int)
        distances = reference.nearest(coords)
        kept = np.array(keep_diverse(coords, reference.symmetries, self.prune), dtype=int)
        for count in self.counts:
            row["metrics"] |= _best(distances[order < count], f"@{count}")
            row["metrics"] |= _best(distances[kept[order[kept] < count]], f"@{count}{PRUNED}")
        return row


def _best(distances: np.ndarray, label: str) -> dict[str, float]:
    best = float(distances.min()) if len(distances) else MISSED
    return {f"rmsd{label}": best, f"kept{label}": float(len(distances))}
