"""What is one molecule's result against its references? Every method's conformers, measured in one process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rdkit import Chem

from rdkit_ebd.data.record import Record
from rdkit_ebd.evaluation.busters import bust
from rdkit_ebd.evaluation.coverage import coverage
from rdkit_ebd.evaluation.measures import ReferenceMetrics, positions
from rdkit_ebd.evaluation.method import Method
from rdkit_ebd.evaluation.methods import Generated, generate
from rdkit_ebd.evaluation.strain import released

Row = dict[str, Any]


@dataclass(frozen=True)
class EnsembleJob:
    """How ensembles are judged.

    Attributes:
        seed: Of the conformers, and of which of them are sampled.
        factor: Conformers generated per reference.
        posebusters: Conformers per molecule that PoseBusters tests; 0: none.
        relaxed: Molecules, by number, one conformer of which is relaxed with GFN2-xTB.
        coverage: Whether COV is taken at all of the paper's thresholds, too.
    """

    seed: int = 0
    factor: int = 2
    posebusters: int = 0
    relaxed: tuple[int, ...] = ()
    coverage: bool = False

    def settings(self) -> dict[str, Any]:
        """What results depend on, as JSON takes it."""
        return {"question": "ensemble", **asdict(self), "relaxed": list(self.relaxed)}

    def judge(self, index: int, record: Record, methods: Sequence[Method]) -> list[Row]:
        """One row per method for molecule number `index`."""
        reference = ReferenceMetrics(record)
        return [self._row(index, record, reference, method) for method in methods]

    def _row(self, index: int, record: Record, reference: ReferenceMetrics, method: Method) -> Row:
        requested = self.factor * len(record.coords)
        made = generate(record.mol, method, requested, self.seed)
        row = new_row(index, record, method, made, requested)
        row["metrics"] |= reference.measure(positions(made.mol), _shares_that_hold(method, made))
        if self.coverage:
            row["coverage"] = coverage(positions(made.mol), reference.references, reference.symmetries)
        random = np.random.default_rng((self.seed, index))
        sample = random.permutation(made.mol.GetNumConformers())
        if len(sample) and self.posebusters:
            ids = [made.mol.GetConformers()[i].GetId() for i in sample[: self.posebusters].tolist()]
            row["metrics"]["posebusters"], failed = bust(made.mol, ids)
            row["posebusters_failed"] = dict(failed)
        if len(sample) and index in self.relaxed:
            _relax(row, made.mol, int(sample[0]))
        return row


def new_row(index: int, record: Record, method: Method, made: Generated, requested: int) -> Row:
    """What a row says of a molecule and a method whatever is measured; `report` documents the names."""
    embedding, conformers = made.embedding, made.mol.GetNumConformers()
    return {
        "method": method.name,
        "index": index,
        "title": record.title,
        "smiles": Chem.MolToSmiles(Chem.RemoveHs(record.mol)),
        "atoms": record.mol.GetNumAtoms(),
        "references": len(record.coords),
        "requested": requested,
        "conformers": conformers,
        "dropped": embedding.dropped,
        "missing": requested - conformers - embedding.dropped,
        "problem": embedding.problem,
        "failures": dict(embedding.failures),
        "metrics": {
            "ms_per_conformer": 1000 * made.seconds / requested,
            "cpu_ms_per_conformer": 1000 * made.cpu_seconds / requested,
        },
    }


def _shares_that_hold(method: Method, made: Generated) -> dict[str, float]:
    """Shares from before the gate; a minimiser that comes after it makes them history."""
    return {} if method.minimised else made.embedding.before_gate


def _relax(row: Row, mol: Chem.Mol, position: int) -> None:
    energy, causes = released(mol, positions(mol)[position])
    row["failures"] = dict(Counter(row["failures"]) + causes)
    if energy is not None:
        row["metrics"]["xtb"] = energy
