"""Are molecules in JSON the molecules they say, with names, fields and coordinates; is what is none named?"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
from command_line import call, records
from helpers import embedded
from rdkit import Chem

from rdkit_ebd.io import count_molecules, read_molecules


def test_smiles_objects_and_what_is_neither(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    rows = [
        "CCO ethanol",
        {"Canonical_SMILES": "CC(=O)Nc1ccc(O)cc1", "name": "paracetamol", "IC50": 7.5, "tags": ["a"], "empty": None},
        {"inchi": "InChI=1S/CH4/h1H4", "id": "methane"},
        {"name": "without"},
        3,
        {"smiles": "C1CC", "name": "broken"},
    ]
    path.write_text(json.dumps(rows, indent=1))
    found = list(read_molecules(path))
    assert [entry.number for entry in found] == [1, 2, 3, 4, 5, 6]
    assert [entry.name for entry in found[:3]] == ["ethanol", "paracetamol", "methane"]
    assert found[1].mol is not None
    assert found[1].mol.GetPropsAsDict()["IC50"] == 7.5
    assert found[1].mol.GetProp("tags") == '["a"]'
    assert not found[1].mol.HasProp("empty")
    assert all("a SMILES is expected" in entry.problem for entry in found[3:5])
    assert "ring" in found[5].problem
    assert count_molecules(path) == 6


def test_json_lines_stop_nothing(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl.gz"
    with gzip.open(path, "wt") as stream:
        stream.write('{"smiles": "CCO", "name": "a"}\n\n{"smiles": \n{"smiles": "CCN", "name": "c"}\n')
    first, second, third = read_molecules(path)
    assert (first.name, third.name, third.number) == ("a", "c", 3)
    assert "it is no JSON" in second.problem
    (tmp_path / "deep.json").write_text("[" * 100_000)
    [deep] = read_molecules(tmp_path / "deep.json")
    assert "it is no JSON" in deep.problem


def test_rdkits_own_json_has_coordinates(tmp_path: Path) -> None:
    mols = [Chem.Mol(embedded(name, 1)) for name in ("aspirin", "captopril")]
    for mol, name in zip(mols, ("aspirin", "captopril"), strict=True):
        mol.SetProp("_Name", name)
    source, out = tmp_path / "in.json", tmp_path / "out.sdf"
    source.write_text(Chem.MolsToJSON(mols))
    for entry, mol in zip(read_molecules(source), mols, strict=True):
        assert entry.name == mol.GetProp("_Name")
        assert entry.mol is not None
        assert Chem.MolToSmiles(entry.mol) == Chem.MolToSmiles(mol)
        assert np.allclose(entry.mol.GetConformer().GetPositions(), mol.GetConformer().GetPositions(), atol=1e-3)
    assert call("score", source, "-o", out).exit_code == 0
    assert len(records(out)) == 2


def test_a_json_is_embedded(tmp_path: Path) -> None:
    source, out = tmp_path / "in.json", tmp_path / "out.sdf"
    source.write_text('[{"smiles": "CCO", "name": "ethanol", "price": 3}]')
    assert call("embed", source, "-n", 2, "-o", out, "--workers", 0).exit_code == 0
    assert [(mol.GetProp("_Name"), mol.GetProp("price")) for mol in records(out)] == [("ethanol", "3")] * 2
