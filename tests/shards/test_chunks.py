"""Do chunks depend on the input alone, and cover it once?"""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import DRUGS

from rdkit_ebd.io.columns import ColumnChoice, Text
from rdkit_ebd.shards import chunks
from rdkit_ebd.shards.chunks import Library, cut


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    drugs = list(DRUGS.items())
    for k, name in enumerate(("a.smi", "b.smi", "c.csv")):
        lines = [f"{smiles}{',' if name == 'c.csv' else ' '}{drug}\n" for drug, smiles in drugs[5 * k : 5 * k + 5]]
        (tmp_path / name).write_text("".join(lines))
    return tmp_path


def names(found: list[chunks.Chunk]) -> list[str]:
    return [text.name or text.text.split()[1] for chunk in found for part in chunk.slices for text in part.texts]


def test_chunks_cover_the_input_in_order(folder: Path) -> None:
    library = Library.at(str(folder))
    assert library.count() == 15
    found = list(library.chunks(4))
    assert [chunk.first for chunk in found] == [0, 4, 8, 12]
    assert [len(chunk) for chunk in found] == [4, 4, 4, 3]
    assert names(found) == list(DRUGS)[:15]
    assert [(Path(p.file).name, p.kind) for p in found[1].slices] == [("a.smi", "smiles"), ("b.smi", "smiles")]


def test_what_is_done_is_passed_over(folder: Path) -> None:
    library = Library.at(f"{folder}/*.smi")
    first, second, third = library.chunks(4)
    assert list(library.chunks(4, {first.name, third.name})) == [second]
    assert first.name == "part-000000000000"


def test_long_entries_end_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MOST_BYTES", 10)
    texts = (("f", "sd", Text(k, "x" * 6)) for k in range(5))
    assert [(chunk.first, len(chunk)) for chunk in cut(texts, 100)] == [(0, 2), (2, 2), (4, 1)]


def test_a_fingerprint_is_of_the_content(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Library.at(str(folder)).fingerprint()
    assert before == Library.at(str(folder)).fingerprint()
    (folder / "a.smi").write_text((folder / "a.smi").read_text().replace("aspirin", "Aspirin"))
    assert Library.at(str(folder)).fingerprint() != before
    monkeypatch.setattr(chunks, "HASHED", 10)
    assert Library.at(str(folder)).fingerprint()["of all bytes"] is False


@pytest.mark.parametrize(("source", "words"), [("-", "standard input"), ("CCO", "no file, folder or pattern")])
def test_what_cannot_be_cut_says_so(source: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Library.at(source)


def test_a_missing_column_is_told_by_the_count_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("smiles,name\nCCO,ethanol\n")
    assert Library.at(str(tmp_path), ColumnChoice("smiles")).count() == 1
    with pytest.raises(ValueError, match="no column 'structure'"):
        Library.at(str(tmp_path), ColumnChoice("structure")).count()
