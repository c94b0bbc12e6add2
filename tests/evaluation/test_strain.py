"""Is the energy that relaxation releases that which was put in?"""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from reference_sets import minima

from rdkit_ebd.evaluation.strain import released

pytest.importorskip("tblite")


def test_relaxing_releases_what_was_put_in() -> None:
    mol, coords = minima("CCO", 1)
    relaxed, causes = released(mol, coords[0])
    strained, _ = released(mol, 1.05 * coords[0])
    assert not causes
    assert relaxed is not None
    assert strained is not None
    assert 0 < relaxed < 3
    assert strained > relaxed + 5


def test_what_cannot_be_relaxed_is_a_cause() -> None:
    assert released(Chem.MolFromSmiles("[U]"), np.zeros((1, 3))) == (None, {"XTB_CANNOT_TREAT": 1})
    assert released(Chem.MolFromSmiles("O=[N+][O-]"), np.zeros((3, 3))) == (None, {"XTB_NO_ENERGY": 1})
