"""Does PoseBusters pass what is right, and do we hear which of its tests failed?"""

from __future__ import annotations

import pytest
from rdkit import Chem
from reference_sets import minima

from rdkit_ebd.evaluation.busters import bust

pytest.importorskip("posebusters")
NAME = "levodopa"


def test_posebusters_passes_minima_and_names_what_is_wrong() -> None:
    mol = Chem.Mol(minima(NAME)[0])
    assert bust(mol, [0, 1]) == (1.0, {})
    mol.GetConformer(1).SetPositions(0.6 * mol.GetConformer(1).GetPositions())
    share, failed = bust(mol, [0, 1])
    assert share == 0.5
    assert failed["bond_lengths"] == 1
    salt = Chem.AddHs(Chem.MolFromSmiles("CC[NH3+].[Cl-]"))
    salt.AddConformer(Chem.Conformer(salt.GetNumAtoms()))
    assert bust(salt, [0])[1]["all_atoms_connected"] == 1
