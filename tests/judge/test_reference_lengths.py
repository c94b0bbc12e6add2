"""Are bonds that drug-like sets lack as long as spectroscopy and diffraction found them, in whatever is written?

Lengths of gas-phase electron diffraction, microwave spectroscopy, or (diazonium, nitroxyl) X-ray diffraction, angstrom.
"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem

from rdkit_ebd import EBD, EmbedWithReport
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.judge.verdict import judge
from rdkit_ebd.report import FailureCause

CLOSE = 0.05  # angstrom
MEASURED = {
    "dimethyl diselenide": ("C[Se][Se]C", "[Se][Se]", 2.326),
    "trichloromethylsilane": ("C[Si](Cl)(Cl)Cl", "[Si]Cl", 2.021),
    "fluorotrimethylsilane": ("C[Si](C)(C)F", "[Si]F", 1.600),
    "trimethylsilyl cyanide": ("C[Si](C)(C)C#N", "[Si]C#N", 1.844),
    "trimethylsilyl azide": ("C[Si](C)(C)N=[N+]=[N-]", "[Si]N", 1.734),
    "aminodimethylborane": ("CB(C)N", "BN", 1.397),
    "benzenediazonium": ("N#[N+]c1ccccc1", "N#[N+]", 1.097),
    "acetonitrile oxide": ("CC#[N+][O-]", "[N+][O-]", 1.217),
    "TEMPO": ("CC1(C)CCCC(C)(C)N1[O]", "N[O]", 1.284),
}


def bonds(mol: Chem.Mol, smarts: str) -> np.ndarray:
    return np.array([match[:2] for match in mol.GetSubstructMatches(Chem.MolFromSmarts(smarts))])


@pytest.mark.parametrize("name", MEASURED)
def test_what_is_made_has_the_measured_length(name: str) -> None:
    smiles, smarts, length = MEASURED[name]
    mol = with_hydrogens(smiles)
    report = EmbedWithReport(mol, 2, EBD(randomSeed=3, numThreads=1))
    assert report.ok, report.summary()
    for conformer in mol.GetConformers():
        x = conformer.GetPositions()
        found = np.array([np.linalg.norm(x[i] - x[j]) for i, j in bonds(mol, smarts)])
        assert np.abs(found - length).max() < CLOSE, found


@pytest.mark.parametrize("name", MEASURED)
def test_a_bond_a_sixth_too_short_or_too_long_is_rejected(name: str) -> None:
    smiles, smarts, length = MEASURED[name]
    mol = with_hydrogens(smiles)
    EmbedWithReport(mol, 1, EBD(randomSeed=3, numThreads=1))
    x, tables = mol.GetConformer().GetPositions(), check_tables(mol)
    i, j = bonds(mol, smarts)[0]
    for end in (i, j):
        if mol.GetAtomWithIdx(int(end)).GetDegree() == 1:
            i, j = (j, i) if end == i else (i, j)
    along = (x[j] - x[i]) / np.linalg.norm(x[j] - x[i])
    for factor in (5 / 6, 7 / 6):
        wrong = x.copy()
        wrong[j] = x[i] + factor * length * along
        assert judge(wrong[None], tables).causes[FailureCause.BOND_LENGTH].all()
