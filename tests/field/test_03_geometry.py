"""Are groups that drug-like sets have little of as AIMNet2 has them, and amides flat?

The lengths are those of AIMNet2 minima of these very molecules, of which neither a table of ours nor a model was made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem

from rdkit_ebd import EBD, EmbedWithReport
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.judge.verdict import judge

CLOSE = 0.05  # angstrom
GROUPS = {
    "nitrosamine": ("O=NN1CCC(c2ccccc2)CC1", "N-N=O", (1.32, 1.21)),
    "nitrosamine of a chain": ("CCCCN(N=O)CCc1ccccc1", "N-N=O", (1.32, 1.22)),
    "nitrosourea": ("O=NN(CCCl)C(=O)NC1CCCCC1", "N-N=O", (1.34, 1.21)),
    "azobenzene": ("CC(C)(C)c1ccc(/N=N/c2ccc(OC)cc2)cc1", "N=N", (1.24,)),
    "triazene": ("CN(C)/N=N/c1ccc(C(=O)OCC)cc1", "N=N", (1.25,)),
    "aryl isocyanide": ("[C-]#[N+]c1ccc(OCC(C)C)cc1", "[C-]#[N+]", (1.16,)),
    "alkyl isocyanide": ("[C-]#[N+]CCCC(=O)OCC", "[C-]#[N+]", (1.16,)),
    "ketene": ("O=C=C(c1ccccc1)CCCC", "C=C=O", (1.32, 1.16)),
    "isocyanate": ("O=C=NCCc1ccc(OC)cc1", "N=C=O", (1.20, 1.17)),
    "isothiocyanate": ("S=C=NCCc1ccc(OC)cc1", "N=C=S", (1.18, 1.58)),
    "disulfide": ("CC(=O)N[C@@H](CSSCc1ccccc1)C(=O)OC", "S-S", (2.04,)),
    "dithiane": ("C1CCC(C(=O)NCC)SS1", "S-S", (2.05,)),
    "diyne": ("CCC#CC#CCOC(=O)c1ccccc1", "C#C-C#C", (1.20, 1.38, 1.20)),
    "sulfinamide": ("CC(C)(C)S(=O)NC(C)c1ccccc1", "O=S-N", (1.48, 1.69)),
    "sulfoximine": ("CS(=N)(=O)CCc1ccc(Cl)cc1", "O=S=N-[H]", (1.45, 1.51, 1.01)),
    "hydroperoxide": ("CC(C)(c1ccccc1)OO", "O-O-[H]", (1.43, 0.96)),
    "alcohol": ("OCCCc1ccccc1OC", "O-[H]", (0.96,)),
    "oxime": ("O/N=C(/C)CCc1ccccc1", "C=N-O-[H]", (1.27, 1.41, 0.96)),
    "azide": ("[N-]=[N+]=NCCOCCc1ccccc1", "C-N=[N+]=[N-]", (1.48, 1.23, 1.12)),
    "thiocyanate": ("N#CSCCCOc1ccccc1", "S-C#N", (1.69, 1.15)),
    "carbodiimide": ("CCN=C=NCCCN(C)C", "N=C=N", (1.22, 1.22)),
    "diazirine": ("CC1(CCC(=O)NCc2ccccc2)N=N1", "N=N", (1.22,)),
    "allene": ("CCC=C=CCOC(C)=O", "C=C=C", (1.30, 1.30)),
}
# The farthest of 98 % of DFT minima are 10, 27 and 24 degrees from flat.
LACTAMS = ["O=C1CCCN1CCc1ccccc1", "O=C1CCCCN1CCc1ccccc1", "O=C1CNC(=O)CN1CCc1ccccc1", "O=C1CCC(=O)N1CCc1ccccc1"]


def made(smiles: str, count: int = 4) -> tuple[Chem.Mol, np.ndarray]:
    mol = with_hydrogens(smiles)
    report = EmbedWithReport(mol, count, EBD(randomSeed=1, numThreads=1))
    assert report.ok, report.summary()
    return mol, np.array([conformer.GetPositions() for conformer in mol.GetConformers()])


# What is still to be learnt, and so far off.
MISSES = {
    "dithiane": "S-S of 2.14 A where AIMNet2 has 2.05",
    "disulfide": "S-S of 2.00 to 2.11 A where AIMNet2 has 2.04",
    "sulfinamide": "S-N of 1.75 A where AIMNet2 has 1.67 to 1.72",
}


def marked(group: str) -> Any:
    marks = [pytest.mark.xfail(strict=True, reason=MISSES[group])] if group in MISSES else []
    return pytest.param(group, marks=marks)


@pytest.mark.parametrize("group", map(marked, GROUPS))
def test_bonds_are_as_long_as_in_an_aimnet2_minimum(group: str) -> None:
    smiles, smarts, wanted = GROUPS[group]
    mol, x = made(smiles)
    pattern = Chem.MolFromSmarts(smarts)
    match = mol.GetSubstructMatch(pattern)
    for bond, length in zip(pattern.GetBonds(), wanted, strict=True):
        i, j = match[bond.GetBeginAtomIdx()], match[bond.GetEndAtomIdx()]
        found = np.linalg.norm(x[:, i] - x[:, j], axis=-1)
        assert np.abs(found - length).max() < CLOSE + 0.005, (bond.GetIdx(), found)  # lengths are given to 0.01


@pytest.mark.parametrize("group", ["nitrosamine of a chain", "alkyl isocyanide", "hydroperoxide"])
def test_the_lengths_are_those_of_aimnet2(group: str) -> None:
    from rdkit_ebd.potentials import get_potential

    try:
        get_potential("AIMNet2").surface(with_hydrogens("C"))
    except ImportError as missing:
        pytest.skip(str(missing))

    smiles, smarts, wanted = GROUPS[group]
    mol, x = made(smiles, 1)
    minimum = get_potential("AIMNet2").surface(mol).minimise(x[0], 500)
    assert minimum.converged
    pattern = Chem.MolFromSmarts(smarts)
    match = mol.GetSubstructMatch(pattern)
    for bond, length in zip(pattern.GetBonds(), wanted, strict=True):
        i, j = match[bond.GetBeginAtomIdx()], match[bond.GetEndAtomIdx()]
        assert np.linalg.norm(minimum.coords[i] - minimum.coords[j]) == pytest.approx(length, abs=0.015)


@pytest.mark.parametrize("smiles", LACTAMS)
def test_amides_in_rings_are_flat(smiles: str) -> None:
    mol, x = made(smiles)
    ring = Chem.MolFromSmarts("[C;R](=O)[N;R][C;R]")
    for c, o, n, far in mol.GetSubstructMatches(ring):
        u, v, w = x[:, c] - x[:, o], x[:, n] - x[:, c], x[:, far] - x[:, n]
        first, last = np.cross(u, v), np.cross(v, w)
        cosine = (first * last).sum(-1) / np.linalg.norm(first, axis=-1) / np.linalg.norm(last, axis=-1)
        assert np.degrees(np.arccos(np.abs(cosine))).max() < 30


def test_hydrogens_of_losartan_keep_their_distance() -> None:
    mol, x = made("CCCCc1nc(Cl)c(CO)n1Cc1ccc(-c2ccccc2-c2nnn[nH]2)cc1", 6)
    hops = np.triu(Chem.GetDistanceMatrix(mol), 1)
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    on_carbon = np.array([a.GetAtomicNum() == 1 and a.GetNeighbors()[0].GetAtomicNum() == 6 for a in mol.GetAtoms()])
    far = np.linalg.norm(x[:, :, None] - x[:, None], axis=-1)
    apart = (hops > 3) | (hops.T > 3)
    assert far[:, apart & on_carbon[:, None] & on_carbon[None, :]].min() > 1.65
    assert far[:, apart & on_carbon[:, None] & np.isin(numbers, (7, 8))[None, :]].min() > 1.85


@pytest.mark.parametrize(
    ("smiles", "i", "j", "length"),
    [("CN(C)N=O", 3, 4, 1.23), ("[C-]#[N+]C", 0, 1, 1.16), ("CN=C=O", 2, 3, 1.16), ("CC=C=O", 2, 3, 1.17)],
)
def test_small_molecules_that_keep_their_seed_are_right_too(smiles: str, i: int, j: int, length: float) -> None:
    mol, x = made(smiles)
    assert judge(x, check_tables(mol)).ok.all()
    assert np.abs(np.linalg.norm(x[:, i] - x[:, j], axis=-1) - length).max() < CLOSE
