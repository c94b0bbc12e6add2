"""Does a fault name its atoms, what is there and what must be?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import conformers, with_hydrogens

from rdkit_ebd import EBD, EmbedWithReport
from rdkit_ebd.embedding import attempts
from rdkit_ebd.judge.faults import faults
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.report import FailureCause


def test_a_good_conformer_has_none() -> None:
    mol = with_hydrogens("ibuprofen")
    assert faults(conformers("ibuprofen", relaxed=True)[0], mol, check_tables(mol)) == {}


def test_bonds_and_contacts_are_named_with_their_limits() -> None:
    mol = with_hydrogens("CCCCO")
    x = conformers("CCCCO", relaxed=True)[0]
    x[4] = x[3] + (x[4] - x[3]) * 1.3
    x[5] = x[14] + [1.2, 0.0, 0.0]  # a hydrogen of the methyl group on that of the hydroxyl group
    found = faults(x, mol, check_tables(mol))
    length = np.linalg.norm(x[3] - x[4])
    assert found[FailureCause.BOND_LENGTH].startswith("BOND_LENGTH: C0-H5")
    assert found[FailureCause.CLASH].startswith("CLASH: H5...H14 1.20 A, at least 1.")
    x[5] = conformers("CCCCO", relaxed=True)[0][5]
    words = faults(x, mol, check_tables(mol))[FailureCause.BOND_LENGTH]
    assert words.startswith(f"BOND_LENGTH: C3-O4 {length:.2f} A, at most 1.")


def test_angles_and_flat_groups_in_degrees_and_numbers_of_the_whole_molecule() -> None:
    mol = with_hydrogens("CC(=O)NC")
    x = conformers("CC(=O)NC", relaxed=True)[0]
    x[2] = x[1] + (x[0] - x[1])[[1, 2, 0]] * 0.8
    found = faults(x, mol, check_tables(mol), list(range(100, 100 + mol.GetNumAtoms())))
    assert "degrees, at " in found[FailureCause.BOND_ANGLE]
    assert "C101" in found[FailureCause.BOND_ANGLE]
    assert (
        "from flat, at most" in found[FailureCause.GROUP_NOT_FLAT] or "above its" in found[FailureCause.GROUP_NOT_FLAT]
    )


def test_reports_say_what_was_wrong_with_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def crushed(task: attempts.Task, indices: list[int], start: attempts.Seeds, attempt: int) -> np.ndarray:
        return start.first * 0.6

    monkeypatch.setattr(attempts, "deblurred", crushed)
    report = EmbedWithReport(with_hydrogens("ibuprofen"), 2, EBD(randomSeed=3, maxIterations=2))
    assert sorted(report.faults) == [0, 1]
    cause = dict(report.failed)[0]
    assert report.faults[0].startswith(f"{cause}: ")
    assert f"such as {report.faults[0]}" in report.summary()
    assert report.to_dict()["faults"]["0"] == report.faults[0]
