"""Does `rdkit-ebd show` put each molecule of a file on the page, and name what it could not show?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from command_line import call, records
from helpers import embedded
from rdkit import Chem

GARBAGE = "broken\n  none\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0 oops\nM  END\n$$$$\n"
NASTY = "</script><img src=x onerror=alert(1)>"


def block(smiles: str, name: str, count: int) -> str:
    mol, text = embedded(smiles, count), ""
    for conformer in mol.GetConformers():
        record = Chem.Mol(mol, False, conformer.GetId())
        record.SetProp("_Name", name)
        record.SetProp("origin", f"{NASTY} {conformer.GetId()}")
        text += Chem.SDWriter.GetText(record)
    return text


def data_of(page: str) -> dict[str, Any]:
    [text] = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    return dict(json.loads(text))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.sdf"
    path.write_text(block("captopril", NASTY, 5) + block("aspirin", "aspirin", 3))
    return path


def test_each_molecule_is_on_the_page(source: Path, tmp_path: Path) -> None:
    scored, out = tmp_path / "scored.sdf", tmp_path / "page.html"
    assert call("score", source, "-o", scored, "-m", "UFF").exit_code == 0
    result = call("show", scored, "-o", out, "--max-confs", 4)
    assert result.exit_code == 0, result.output
    assert "2 molecules, 7 conformers in" in result.stderr
    assert f"{NASTY}: 4 of 5 conformers are shown, the lowest" in result.stderr
    page = out.read_text()
    assert "<img" not in page
    first, second = data_of(page)["molecules"]
    assert (first["name"], second["name"], first["method"]) == (NASTY, "aspirin", "UFF")
    stored = sorted(float(mol.GetProp("ebd_energy")) for mol in records(scored)[:5])
    assert [row["energy"] for row in first["conformers"]] == pytest.approx(stored[:4], abs=1e-3)
    assert {row["label"] for row in second["conformers"]} == {"6", "7", "8"}
    for row in second["conformers"]:
        assert f"{NASTY} {int(row['label']) - 6}" in row["sdf"]


def test_the_page_is_named_after_the_input(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert call("show", source, "-q", "--script", "none").stderr == ""
    assert [file.name for file in Path().iterdir()] == ["in.html"]


def test_standard_streams(source: Path) -> None:
    result = call("show", "-", "-o", "-", "--script", "none", stdin=source.read_text())
    assert result.exit_code == 0
    assert result.stdout.startswith("<!DOCTYPE html>")
    assert len(data_of(result.stdout)["molecules"]) == 2
    assert "in the page; drawn by the page itself" in result.stderr
    assert "standard input has no name" in call("show", "-", stdin=source.read_text()).stderr


def test_what_cannot_be_shown_is_named_and_the_others_are_there(tmp_path: Path) -> None:
    source, out = tmp_path / "in.sdf", tmp_path / "page.html"
    source.write_text(GARBAGE + block("aspirin", "fine", 2) + block("OB(O)c1ccccc1", "boronic", 2))
    result = call("show", source, "-o", out)
    assert result.exit_code == 1
    assert "record 1 (broken): " in result.stderr
    assert "boronic: there are no energies: " in result.stderr
    assert [one["name"] for one in data_of(out.read_text())["molecules"]] == ["fine", "boronic"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "x.sdf"], "must end in .html"),
        (["--by", "MMFF95"], "MMFF95"),
        (["--temperature", 0], "temperature"),
        (["--script", "no-such.js"], "no-such.js"),
        (["--max-confs", 0], "max-confs"),
    ],
)
def test_wrong_usage_is_reported_before_any_molecule(words: list[object], said: str, source: Path) -> None:
    result = call("show", source, *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_smiles_have_nothing_to_show(tmp_path: Path) -> None:
    assert "has no coordinates" in call("show", "CCO", "-o", "x.html").stderr
    (tmp_path / "shards").mkdir()
    assert "rdkit-ebd convert" in call("show", tmp_path / "shards", "-o", "x.html").stderr
