"""Does a table of conformers give back what was put in, to anybody who reads Parquet?"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import polars
import pyarrow.parquet as pq
import pytest
from helpers import DRUGS, embedded, with_hydrogens
from rdkit import Chem

from rdkit_ebd.chem.provenance import get_provenance, set_provenance
from rdkit_ebd.io.atom_order import smiles_and_order
from rdkit_ebd.io.conformer_table import COLUMNS, ConformerTable, molecules_of_rows, parquet_bytes, schema, unpacked

STRANGE = ["[2H]C(C)O", "[H][H]", "F/C=N/[H]", "C[C@@]([2H])([3H])O", "O", "[NH4+].[Cl-]", "C[C@H](N)C(=O)[O-].[Na+]"]


@pytest.mark.parametrize("smiles", [*DRUGS.values(), *STRANGE])
def test_order_is_that_of_the_molecule_that_is_read(smiles: str) -> None:
    bare = Chem.MolFromSmiles(smiles)
    shuffled = Chem.AddHs(bare)
    shuffled = Chem.RenumberAtoms(shuffled, np.random.default_rng(1).permutation(shuffled.GetNumAtoms()).tolist())
    for mol, known in ((Chem.AddHs(bare), bare), (Chem.AddHs(bare), None), (shuffled, None)):
        written, order = smiles_and_order(mol, known)
        read, ours = Chem.AddHs(Chem.MolFromSmiles(written)), Chem.RenumberAtoms(mol, order)
        assert [a.GetAtomicNum() for a in read.GetAtoms()] == [a.GetAtomicNum() for a in ours.GetAtoms()]
        assert (Chem.GetAdjacencyMatrix(read) == Chem.GetAdjacencyMatrix(ours)).all()
        assert Chem.MolToSmiles(read) == Chem.MolToSmiles(ours)


def test_hydrogens_are_needed() -> None:
    with pytest.raises(ValueError, match="hydrogens are missing"):
        smiles_and_order(Chem.MolFromSmiles("CCO"))


def filled() -> tuple[ConformerTable, list[Chem.Mol]]:
    table, mols = ConformerTable(), []
    for position, name in enumerate(("penicillin_v", "nicotine")):
        mol = embedded(DRUGS.get(name, name), 2, relaxed=True)
        mol.SetProp("pIC50", "5.5")
        for k, conformer in enumerate(mol.GetConformers()):
            set_provenance(conformer, energy=-1.5 + k, energy_method="MMFF94s", stage="seed", seed=1 << 40, index=k)
        table.add(mol, 7 + position, 0, name)
        mols.append(mol)
    return table, mols


def test_molecules_come_back(tmp_path: Path) -> None:
    table, mols = filled()
    content = parquet_bytes(table.table())
    assert content == parquet_bytes(filled()[0].table())
    (tmp_path / "a.parquet").write_bytes(content)
    for mol, read in zip(mols, molecules_of_rows(pq.read_table(tmp_path / "a.parquet").to_pylist()), strict=True):
        smiles, order = smiles_and_order(mol)
        assert Chem.MolToSmiles(Chem.RemoveHs(read)) == smiles
        assert read.GetProp("pIC50") == "5.5"
        for ours, theirs in zip(mol.GetConformers(), read.GetConformers(), strict=True):
            assert np.abs(ours.GetPositions()[order] - theirs.GetPositions()).max() <= 5.1e-5
            assert get_provenance(theirs) == get_provenance(ours)
        Chem.AssignStereochemistryFrom3D(read)  # the coordinates, atom by atom, are those of the stereoisomer
        assert Chem.MolToSmiles(Chem.RemoveHs(read)) == smiles


def test_three_lines_read_it(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet_bytes(filled()[0].table()))
    lowest = polars.scan_parquet(path).filter(polars.col("energy") < -1).collect()
    assert lowest["name"].to_list() == ["penicillin_v", "nicotine"]
    counts = duckdb.sql(f"select name, count(*), max(energy) from '{path}' group by name order by name").fetchall()
    assert counts == [("nicotine", 2, -0.5), ("penicillin_v", 2, -0.5)]
    row = lowest.row(1, named=True)
    assert unpacked(row["coordinates"]).shape == (row["atoms"], 3)


def test_every_column_is_described() -> None:
    assert list(COLUMNS) == schema().names
    assert all(COLUMNS.values())


def test_rows_that_are_wrong_are_named() -> None:
    [row, *_] = filled()[0].table().to_pylist()
    with pytest.raises(ValueError, match=r"molecule 7 \(penicillin_v\): 'C\(' is no SMILES"):
        list(molecules_of_rows([{**row, "smiles": "C("}]))
    with pytest.raises(ValueError, match="has 9 atoms, and 42 have coordinates"):
        list(molecules_of_rows([{**row, "smiles": "CCO"}]))


def test_molecules_with_hydrogens_of_their_own() -> None:
    table = ConformerTable()
    mol = with_hydrogens("nicotine")
    table.add(mol, 0)
    assert len(table) == 0  # no conformers, no rows
