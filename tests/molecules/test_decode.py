"""Are molecules found again from bare atoms, and is what is none told apart by its cause?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import embedded
from rdkit import Chem

from rdkit_ebd.molecules.decode import InvalidCause, decoded

DRUGS = ("captopril", "aspirin", "paracetamol", "ibuprofen", "nicotine")


def atoms(mol: Chem.Mol) -> tuple[np.ndarray, np.ndarray]:
    return np.array([a.GetAtomicNum() for a in mol.GetAtoms()]), mol.GetConformer().GetPositions()


@pytest.mark.parametrize("name", DRUGS)
def test_drugs_are_found_again_with_their_stereo(name: str) -> None:
    mol = embedded(name, 1)
    found, cause = decoded(*atoms(mol))
    assert cause is None
    assert Chem.MolToSmiles(Chem.RemoveHs(found)) == Chem.MolToSmiles(Chem.RemoveHs(mol))
    assert np.allclose(found.GetConformer().GetPositions(), mol.GetConformer().GetPositions())


def test_causes() -> None:
    numbers, x = atoms(embedded("aspirin", 1))
    assert decoded(numbers, np.where(np.arange(len(x))[:, None] == 3, np.nan, x))[1] is InvalidCause.NOT_FINITE
    apart = x.copy()
    apart[-1] += 5.0
    assert decoded(numbers, apart)[1] is InvalidCause.DISCONNECTED
    assert decoded(numbers[:-1], x[:-1])[1] is InvalidCause.VALENCE  # a hydrogen is missing
