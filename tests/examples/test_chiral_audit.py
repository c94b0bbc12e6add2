"""Are random stereoisomers as they were asked for, and does the audit see it where they are not?"""

from __future__ import annotations

import chiral_audit
import numpy as np
import pytest
from chiral_audit import CIS, TRANS, audited, judged, random_isomers
from hard_outcome import wrong_stereo
from rdkit import Chem
from rdkit.Chem import rdDistGeom

ISOMERS = 16  # of 2,000


@pytest.fixture(scope="module")
def isomers() -> list[Chem.Mol]:
    return list(random_isomers(ISOMERS, 7))


def test_isomers_differ_and_are_the_same_every_time(isomers: list[Chem.Mol]) -> None:
    smiles = [Chem.MolToSmiles(mol) for mol in isomers]
    assert len(set(smiles)) == ISOMERS
    assert smiles == [Chem.MolToSmiles(mol) for mol in random_isomers(ISOMERS, 7)]
    assert smiles != [Chem.MolToSmiles(mol) for mol in random_isomers(ISOMERS, 8)]
    many = list(random_isomers(200, 7))
    assert sum(any(bond.GetStereo() in (*CIS, *TRANS) for bond in mol.GetBonds()) for mol in many) > 10


def test_no_isomer_is_other_than_written(isomers: list[Chem.Mol]) -> None:
    audit = audited(isomers, 20, 0)
    assert audit.wrong == []
    assert audit.isomers == ISOMERS
    assert audit.centres > ISOMERS
    assert len(audit.missing) <= ISOMERS // 4  # most of which cannot exist


@pytest.mark.parametrize(
    "smiles",
    [
        "C[C@H](N)C(=O)O",
        "C[S@](=O)c1ccccc1",
        "F/C(Cl)=C(/Br)I",
        "C/C=C\\[C@@](F)(Cl)Br",
        "C[P@](=O)(O)F",
        "C1C/C=C\\CCCC1",
    ],
)
def test_what_is_wrong_is_seen(smiles: str) -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    coords = mol.GetConformer().GetPositions()
    centres, bonds = judged(mol, coords)
    assert centres or bonds
    assert all([*centres.values(), *bonds.values()])
    assert wrong_stereo(mol, [0]) == []
    mirrored, _ = judged(mol, coords * np.array([1.0, 1.0, -1.0]))
    assert not any(mirrored.values())
    flat, _ = judged(mol, coords * np.array([1.0, 1.0, 1e-3]))
    assert not any(flat.values())
    for bond in mol.GetBonds():
        if bond.GetStereo() in (*CIS, *TRANS):
            bond.SetStereo(TRANS[0] if bond.GetStereo() in CIS else CIS[0])
    assert not any(judged(mol, coords)[1].values())


def test_what_etkdg_makes_is_told() -> None:
    assert chiral_audit.by_etkdg("C[C@H](N)C(=O)O", relax=False) == ""
