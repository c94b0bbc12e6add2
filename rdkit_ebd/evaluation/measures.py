"""What is measured of the conformers of one molecule? Nearness to the references, geometry, stereo, clashes.

| name | what | unit |
|---|---|---|
| mat_r, mat_p | mean RMSD of references from the nearest conformer, of conformers from the nearest reference | A |
| cov_r@t, cov_p@t | share of references, of conformers, with such a neighbour within t | share |
| bond, 1-3 | mean absolute error of distances between atoms one and two bonds apart | A |
| planarity | the same of the RMS distance of aromatic rings' atoms from their best plane | A |
| stereo | conformers with the written stereo, of molecules that have any; before the gate where there is one | share |
| clash | conformers with a clash by our own judgement; before the gate where there is one | share |
| passed | conformers that pass all of our own checks | share |
| posebusters | sampled conformers that pass PoseBusters' `mol` tests (`busters`) | share |
| xtb | energy that a conformer releases when GFN2-xTB relaxes it (`strain`) | kcal/mol |

RMSD is over heavy atoms, proper rotations and the graph's symmetry. Errors are against the references' means, since no
conformer generated is any one reference's partner.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from rdkit import Chem

from rdkit_ebd.arrays.ensemble_metrics import ensemble_metrics, geometry_metrics, planarity_metrics
from rdkit_ebd.arrays.rmsd import best_rms
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.data.record import Record
from rdkit_ebd.judge.tables import CheckTables, check_tables
from rdkit_ebd.judge.verdict import Cause, Judgement, judge

STEREO_CAUSES = (Cause.CENTRE_INVERTED, Cause.DOUBLE_BOND_STEREO, Cause.ATROPISOMER_STEREO, Cause.NOT_FINITE)


class ReferenceMetrics:
    """What the conformers of one molecule are measured with, the same for every method.

    Attributes:
        references: (R, N, 3) float64, angstrom.
        symmetries: (P, H) equivalent orders of the heavy atoms.
    """

    def __init__(self, record: Record) -> None:
        self._mol = record.mol
        self.references = record.coords.astype(np.float64)
        self.symmetries = symmetry_mappings(record.mol)

    def measure(self, coords: np.ndarray, before_gate: Mapping[str, float]) -> dict[str, float]:
        """Measure conformers (K, N, 3), K may be zero; names and units are the module's table.

        Args:
            coords: Angstrom.
            before_gate: Shares known from before a gate, which stand for those of the conformers that passed it.
        """
        out = ensemble_metrics(coords, self.references, self.symmetries)
        if len(coords):
            bonds, angles = self._close_pairs
            out |= geometry_metrics(coords, self.references, bonds, angles)
            out |= planarity_metrics(coords, self.references, self._aromatic_rings)
            out |= self._judged(judge(coords, self._tables))
        return out | {name: share for name, share in before_gate.items() if name in out or not len(coords)}

    def nearest(self, coords: np.ndarray) -> np.ndarray:
        """RMSD (K,) of each conformer from the reference nearest to it, angstrom."""
        distances = [best_rms(reference, coords, self.symmetries) for reference in self.references]
        return np.asarray(np.min(distances, axis=0))

    def _judged(self, verdict: Judgement) -> dict[str, float]:
        out = {"passed": float(verdict.ok.mean()), "clash": float(verdict.causes[Cause.CLASH].mean())}
        labels = self._tables.labels
        if len(labels.centre_signs) + len(labels.double_bonds) + len(labels.atropisomers):
            wrong = np.any([verdict.causes[cause] for cause in STEREO_CAUSES], axis=0)
            out["stereo"] = float(1 - wrong.mean())
        return out

    @cached_property
    def _tables(self) -> CheckTables:
        return check_tables(self._mol)

    @cached_property
    def _close_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        hops = np.triu(Chem.GetDistanceMatrix(self._mol))
        return np.argwhere(hops == 1), np.argwhere(hops == 2)

    @cached_property
    def _aromatic_rings(self) -> list[np.ndarray]:
        """Atoms of the aromatic rings, one (P, n) array for each ring size."""
        aromatic = [
            ring
            for ring in self._mol.GetRingInfo().AtomRings()
            if all(self._mol.GetAtomWithIdx(i).GetIsAromatic() for i in ring)
        ]
        return [np.array([r for r in aromatic if len(r) == size]) for size in sorted({len(r) for r in aromatic})]


def positions(mol: Chem.Mol) -> np.ndarray:
    """Coordinates of all conformers, (K, N, 3) float64, angstrom."""
    return np.array([conformer.GetPositions() for conformer in mol.GetConformers()]).reshape(-1, mol.GetNumAtoms(), 3)
