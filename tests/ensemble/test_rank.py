"""Is the ranking that of the energies, the weights Boltzmann's, and are clusters of what is alike?"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from helpers import embedded
from rdkit import Chem
from rdkit.Chem import rdForceFieldHelpers, rdMolAlign

from rdkit_ebd import RankConformers, ScoreConformers, set_provenance


def test_order_and_weights_are_those_of_rdkits_own_energies() -> None:
    mol = embedded("captopril", 12)
    ranking = RankConformers(mol, "MMFF94s", temperature=400.0)
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, "MMFF94s")
    energies = [
        rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties, confId=i).CalcEnergy() for i in range(12)
    ]
    assert ranking.ids == sorted(range(12), key=lambda i: energies[i])
    factors = np.exp(-(np.array(energies) - min(energies)) / (0.0019872043 * 400.0))
    assert ranking.weights == pytest.approx((factors / factors.sum())[ranking.ids], abs=1e-4)
    assert ranking.relative == pytest.approx([energies[i] - min(energies) for i in ranking.ids], abs=1e-3)
    assert (ranking.method, ranking.temperature) == ("MMFF94s", 400.0)


def test_clusters_are_of_what_is_alike_over_symmetry() -> None:
    """Copies with the ring turned over are the same; a distant shape is not."""
    mol = embedded("Cc1ccc(CCCCc2ccccc2)cc1", 2, relaxed=True)
    heavy = Chem.RemoveHs(mol)
    assert rdMolAlign.GetBestRMS(Chem.Mol(heavy), heavy, 0, 1) > 0.5
    turned = next(
        way
        for way in mol.GetSubstructMatches(mol, uniquify=False, maxMatches=5000)
        if way[:10] != tuple(range(10)) and way[0] == 0
    )
    copy = Chem.Conformer(mol.GetConformer(0))
    copy.SetPositions(np.ascontiguousarray(mol.GetConformer(0).GetPositions()[list(turned)]))
    copy.SetId(7)
    mol.AddConformer(copy)
    ranking = RankConformers(mol, "MMFF94s", clusterRmsd=0.3)
    label = dict(zip(ranking.ids, ranking.clusters, strict=True))
    assert label[0] == label[7] != label[1]
    assert ranking.clusters[0] == 1
    assert len(ranking.representatives) == 2
    assert ranking.representatives[0] == ranking.ids[0]
    assert RankConformers(mol, clusterRmsd=50.0).clusters == [1, 1, 1]


def test_stereoisomers_are_told_apart() -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles("CC(O)F"))
    for smiles in ("C[C@H](O)F", "C[C@@H](O)F"):
        mol.AddConformer(embedded(smiles).GetConformer(), assignId=True)
    ranking = RankConformers(mol, "UFF", clusterRmsd=50.0)
    assert sorted(ranking.stereoisomers) == ["C[C@@H](O)F", "C[C@H](O)F"]
    assert sorted(ranking.clusters) == [1, 2]


def test_energies_that_are_there_are_used() -> None:
    mol = embedded("aspirin", 3)
    for conformer, energy in zip(mol.GetConformers(), (-1.0, math.nan, -2.0), strict=True):
        set_provenance(conformer, energy=energy, energy_method="mine")
    ranking = RankConformers(mol)
    assert ranking.ids == [2, 0, 1]
    assert ranking.method == "mine"
    assert ranking.weights[2] == 0.0
    ScoreConformers(mol, "UFF", [0])
    with pytest.raises(ValueError, match="different methods"):
        RankConformers(mol)
    with pytest.raises(ValueError, match="temperature"):
        RankConformers(mol, "UFF", temperature=0)
    with pytest.raises(ValueError, match="no energies"):
        RankConformers(embedded("aspirin", 2))


def test_the_table_is_what_pandas_and_csv_read(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    ranking = RankConformers(embedded("aspirin", 4), "MMFF94s")
    ranking.to_csv(tmp_path / "ranks.csv")
    frame, read = ranking.to_frame(), pandas.read_csv(tmp_path / "ranks.csv")
    assert list(frame.columns) == list(read.columns) == list(ranking.columns)
    assert read["energy"].tolist() == pytest.approx(ranking.energies, rel=1e-8)
    assert frame["weight"].sum() == pytest.approx(1.0)
    rows = list(csv.DictReader((tmp_path / "ranks.csv").open()))
    assert [int(row["conformer"]) for row in rows] == ranking.ids
    assert {row["representative"] for row in rows} <= {"0", "1"}


def test_one_conformer_and_few_atoms() -> None:
    assert RankConformers(embedded("O"), "UFF").clusters == [1]
    assert RankConformers(embedded("[H][H]", 2), "UFF").clusters == [1, 1]
