"""Does `show` make one page of molecules, bounded, and say what is wrong before any work?"""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from helpers import embedded, with_hydrogens
from rdkit import Chem

from rdkit_ebd import show
from rdkit_ebd.viz import page as home
from rdkit_ebd.viz.page import PageBuilder


def data_of(page: str) -> dict[str, Any]:
    [text] = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    return dict(json.loads(text))


def test_one_molecule_and_several(tmp_path: Path) -> None:
    mol = embedded("captopril", 3)
    before = Chem.SDWriter.GetText(mol), mol.GetPropsAsDict()
    page = show(mol, tmp_path / "one.html", script="none")
    assert (tmp_path / "one.html").read_text() == page.html
    assert len(data_of(page.html)["molecules"]) == 1
    assert page.notes == ()
    mols = [mol, embedded("aspirin", 2)]
    data = data_of(show(iter(mols), script="none", temperature=310).html)
    assert [len(one["conformers"]) for one in data["molecules"]] == [3, 2]
    assert data["temperature"] == 310
    assert (Chem.SDWriter.GetText(mol), mol.GetPropsAsDict()) == before
    assert mol.GetNumConformers() == 3
    assert not mol.GetConformer(0).HasProp("ebd_energy")


def test_names_are_the_molecules_own() -> None:
    mol = embedded("aspirin", 1)
    assert data_of(show(mol).html)["molecules"][0]["name"] == "CC(=O)Oc1ccccc1C(=O)O"
    mol.SetProp("_Name", "</script>" + "x" * 1000)
    [named] = data_of(show(mol).html)["molecules"]
    assert named["name"].startswith("</script>xxx")
    assert len(named["name"]) < 250


def test_a_notebook_gets_the_page_in_a_frame_of_its_own() -> None:
    page = show(embedded("aspirin", 1), script="none")
    frame = page._repr_html_()
    [inside] = re.findall(r'^<iframe srcdoc="([^"]*)" sandbox="allow-scripts allow-downloads"', frame)
    assert unescape(inside) == page.html
    assert "allow-same-origin" not in frame


def test_a_page_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    mol = embedded("aspirin", 4)
    monkeypatch.setattr(home, "MOST_ATOMS", 6 * mol.GetNumAtoms())
    builder = PageBuilder("bounds", script="none")
    shown = [builder.add(one, method=None) for one in (mol, mol, mol, with_hydrogens("C"))]
    assert [len(one["conformers"]) if one else 0 for one in shown] == [4, 2, 0, 0]
    page = builder.page()
    assert page.notes[0].endswith("2 of 4 conformers are shown, the lowest")
    assert "2 more molecules are not shown" in page.notes[1]
    assert page.notes[1] in data_of(page.html)["notes"]


@pytest.mark.parametrize(
    ("mols", "options", "error", "said"),
    [
        (None, {}, TypeError, r"0 \(NoneType\)"),
        ([], {}, ValueError, "nothing to show"),
        ([Chem.Mol(), "CCO"], {}, TypeError, r"1 \(str\)"),
        ([Chem.MolFromSmiles("C"), Chem.MolFromSmiles("CC")], {}, ValueError, "no conformers: 0, 1"),
        (embedded("aspirin"), {"maxConfs": 0}, ValueError, "maxConfs must be at least 1"),
        (embedded("aspirin"), {"temperature": 0}, ValueError, "temperature"),
        (embedded("aspirin"), {"method": "MMFF95"}, ValueError, "MMFF95"),
        (embedded("aspirin"), {"script": "no/such.js"}, OSError, "such.js"),
    ],
)
def test_what_is_wrong_is_named(mols: Any, options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        show(mols, **options)
