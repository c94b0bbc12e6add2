"""Do SD records survive being tables, and are tables refined shard by shard?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
import pytest
from command_line import call, records
from helpers import DRUGS, embedded
from rdkit import Chem

from rdkit_ebd import ScoreConformers
from rdkit_ebd.io import SDFWriter

NAMES = ("nicotine", "captopril", "metformin")


@pytest.fixture
def sdf(tmp_path: Path) -> Path:
    with SDFWriter(tmp_path / "drugs.sdf") as writer:
        for name in NAMES:
            mol = embedded(DRUGS[name], 2)
            mol.SetProp("pIC50", "5.5")
            ScoreConformers(mol, "UFF")
            writer.write(mol, name)
    return tmp_path / "drugs.sdf"


def test_records_become_tables_and_records_again(sdf: Path, tmp_path: Path) -> None:
    assert call("convert", sdf, "-o", f"{tmp_path}/shards/", "--chunk", 2).exit_code == 0
    table = polars.read_parquet(tmp_path / "shards" / "conformers" / "*.parquet")
    assert [p.name for p in sorted((tmp_path / "shards" / "conformers").iterdir())] == [
        "part-000000000000.parquet",
        "part-000000000002.parquet",
    ]
    assert table["name"].to_list() == [name for name in NAMES for _ in range(2)]
    assert table["molecule"].to_list() == [0, 0, 1, 1, 2, 2]
    assert call("convert", tmp_path / "shards", "-o", tmp_path / "one.parquet").exit_code == 0
    assert polars.read_parquet(tmp_path / "one.parquet").drop("fields").equals(table.drop("fields"))
    done = call("convert", tmp_path / "one.parquet", "-o", tmp_path / "again.sdf")
    assert "3 molecules, 6 conformers" in done.stderr
    for before, after in zip(records(sdf), records(tmp_path / "again.sdf"), strict=True):
        assert after.GetPropsAsDict() == before.GetPropsAsDict()
        assert after.GetProp("_Name") == before.GetProp("_Name")
        match = after.GetSubstructMatch(before, useChirality=True)
        moved = np.abs(
            np.sort(after.GetConformer().GetPositions(), axis=0) - np.sort(before.GetConformer().GetPositions(), axis=0)
        )
        assert match
        assert moved.max() < 1e-9


def test_shards_are_refined(sdf: Path, tmp_path: Path) -> None:
    call("convert", sdf, "-o", f"{tmp_path}/shards/", "--chunk", 2)
    words = ["refine", tmp_path / "shards", "-o", f"{tmp_path}/minima/", "--method", "UFF"]
    done = call(*words)
    assert done.exit_code == 0, done.output
    assert "3 molecules, 6 conformers, 0 failures" in done.stderr
    table = polars.read_parquet(tmp_path / "minima" / "conformers" / "*.parquet")
    before = polars.read_parquet(tmp_path / "shards" / "conformers" / "*.parquet")
    assert set(table["refined"]) == {"UFF"}
    assert (table["energy"] < before["energy"]).all()
    assert table["smiles"].to_list() == before["smiles"].to_list()
    assert call("refine", sdf, "-o", tmp_path / "alone.sdf", "--method", "UFF").exit_code == 0
    alone = [float(record.GetProp("ebd_energy")) for record in records(tmp_path / "alone.sdf")]
    assert np.abs(table["energy"].to_numpy() - alone).max() < 1e-3
    assert "--resume continues it" in call(*words).output
    assert call(*words, "--resume").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["refine", "library.smi", "-o", "out/"], "is no folder of Parquet shards"),
        (["refine", "plain.parquet", "-o", "out/"], "is no table of conformers: there is no column molecule"),
        (["score", "plain.parquet", "-o", "out/", "--sort"], "--sort is for one file"),
        (["convert", "library.smi", "-o", "a.sdf"], "has no coordinates"),
        (["convert", "missing.sdf", "-o", "a.parquet"], "missing.sdf: No such file"),
    ],
)
def test_what_cannot_be_done_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "library.smi").write_text("CCO ethanol\n")
    polars.DataFrame({"smiles": ["CCO"]}).write_parquet("plain.parquet")
    done = call(*words)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def test_a_record_without_coordinates_is_named(sdf: Path, tmp_path: Path) -> None:
    sdf.write_text(Chem.MolToMolBlock(Chem.MolFromSmiles("CCO")).replace("2D", "3D") + "$$$$\nbroken\n$$$$\n")
    done = call("convert", sdf, "-o", tmp_path / "a.parquet")
    assert done.exit_code == 1
    assert "record 2 (broken)" in done.stderr
