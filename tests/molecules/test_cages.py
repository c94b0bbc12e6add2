"""Are small cages, whose far corners nearly touch, read as the molecules they are?"""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from rdkit_ebd.data.qm9 import data_folder, read_qm9
from rdkit_ebd.molecules.decode import decoded


def test_cages_of_qm9() -> None:
    try:
        data_folder()
    except ImportError:
        pytest.skip("needs qm9pack")
    data = read_qm9(limit=700)
    cages = [k for k, smiles in enumerate(data.smiles) if smiles.count("1") > 1 and "2" in smiles and "=" not in smiles]
    assert len(cages) > 10
    for k in cages:
        span = slice(data.offsets[k], data.offsets[k + 1])
        mol, cause = decoded(data.numbers[span], data.coords[span])
        assert cause is None, data.smiles[k]
        assert flat(mol) == flat(Chem.MolFromSmiles(data.smiles[k]))
    assert np.abs(mol.GetConformer().GetPositions() - data.coords[span]).max() < 1e-5


def flat(mol: Chem.Mol) -> str:
    return str(Chem.MolToSmiles(Chem.RemoveHs(mol), isomericSmiles=False))
