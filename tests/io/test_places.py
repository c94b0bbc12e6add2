"""Are molecules found wherever they lie, and whatever they are packed in?"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from helpers import DRUGS

from rdkit_ebd.io import count_molecules, read_molecules
from rdkit_ebd.io.columns import ColumnChoice
from rdkit_ebd.io.places import files_at, open_text
from rdkit_ebd.io.read import content_hash
from rdkit_ebd.io.texts import kind_of

NAMES = ["aspirin", "nicotine", "captopril"]
LINES = "".join(f"{DRUGS[name]} {name}\n" for name in NAMES).encode()


def table(path: Path, column: str = "canonical_smiles") -> Path:
    pq.write_table(pa.table({"pIC50": [5.5, None, 7.0], column: [DRUGS[n] for n in NAMES], "compound_id": NAMES}), path)
    return path


def names(source: str | Path, columns: ColumnChoice | None = None) -> list[str]:
    return [entry.name for entry in read_molecules(source, columns=columns)]


@pytest.mark.parametrize("ending", [".smi", ".smi.gz", ".smi.zst"])
def test_lines_are_unpacked(tmp_path: Path, ending: str) -> None:
    pack = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}.get(ending[4:], bytes)
    path = tmp_path / f"drugs{ending}"
    path.write_bytes(pack(LINES))
    assert names(path) == NAMES
    assert count_molecules(path) == 3


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_damage_ends_a_file_as_a_problem(tmp_path: Path, pack: object) -> None:
    path = tmp_path / ("drugs.smi.gz" if pack is gzip.compress else "drugs.smi.zst")
    path.write_bytes(pack(LINES * 2000)[:-20] + b"x" * 20)  # type: ignore[operator]
    last = list(read_molecules(path))[-1]
    assert last.mol is None
    assert "damaged" in last.problem


def test_rows_of_a_parquet_table(tmp_path: Path) -> None:
    path = table(tmp_path / "drugs.parquet")
    entries = list(read_molecules(path))
    assert [entry.name for entry in entries] == NAMES
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert [entry.mol.HasProp("pIC50") for entry in entries if entry.mol] == [1, 0, 1]
    assert entries[2].mol is not None
    assert entries[2].mol.GetProp("pIC50") == "7.0"
    assert count_molecules(path) == 3


def test_columns_of_a_parquet_table_are_named(tmp_path: Path) -> None:
    path = table(tmp_path / "drugs.parquet", "structure")
    with pytest.raises(ValueError, match=r"no column of SMILES.*pIC50, structure, compound_id"):
        names(path)
    assert names(path, ColumnChoice("structure", "compound_id")) == NAMES
    with pytest.raises(ValueError, match="no column 'smoles'"):
        names(path, ColumnChoice("smoles"))


def test_what_is_no_parquet_says_so(tmp_path: Path) -> None:
    path = tmp_path / "drugs.parquet"
    path.write_bytes(LINES)
    with pytest.raises(ValueError, match=r"drugs.parquet.*Parquet"):
        names(path)


def test_folders_and_patterns(tmp_path: Path) -> None:
    (tmp_path / "more" / "deep").mkdir(parents=True)
    files = ["b.smi", "a.smi", "more/c.sdf.gz", "more/deep/d.parquet", ".hidden.smi", "notes.md"]
    for file in files:
        (tmp_path / file).write_bytes(LINES)
    inside = [str(Path(p).relative_to(tmp_path)) for p in files_at(str(tmp_path), lambda p: kind_of(p) != "")]
    assert inside == ["a.smi", "b.smi", "more/c.sdf.gz", "more/deep/d.parquet"]
    assert [Path(p).name for p in files_at(f"{tmp_path}/*.smi")] == ["a.smi", "b.smi"]
    with pytest.raises(FileNotFoundError):
        files_at(f"{tmp_path}/*.csv")
    with pytest.raises(ValueError, match="no files of a known kind"):
        files_at(str(tmp_path / "more" / "deep"), lambda place: False)


def test_addresses(tmp_path: Path) -> None:
    path = tmp_path / "drugs.smi.gz"
    path.write_bytes(gzip.compress(LINES))
    assert names(f"file://{path}") == NAMES  # pyarrow's own
    with fsspec.open("memory://library/drugs.smi", "wb") as file:  # one that only fsspec knows
        file.write(LINES)
    assert names("memory://library/drugs.smi") == NAMES
    assert content_hash("memory://library/drugs.smi") != content_hash(f"file://{path}")
    assert files_at("memory://library") == ["memory://library/drugs.smi"]
    assert files_at("memory://library/*.smi") == ["memory://library/drugs.smi"]
    with pytest.raises(FileNotFoundError):
        names("memory://library/none.smi")
    table(tmp_path / "drugs.parquet")
    assert names(f"file://{tmp_path}/drugs.parquet") == NAMES


@pytest.mark.parametrize(("package", "file"), [("zstandard", "drugs.smi.zst"), ("pyarrow", "drugs.parquet")])
def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, file: str) -> None:
    (tmp_path / file).write_bytes(LINES)
    for name in [name for name in sys.modules if name.partition(".")[0] == package] + [package]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf'needs {package}: pip install "rdkit_ebd\[parquet\]"'):
        names(tmp_path / file)


def test_text_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.smi").write_bytes(b"CCO \xff\n")
    with open_text(tmp_path / "a.smi") as stream:
        assert stream.read() == "CCO \ufffd\n"
