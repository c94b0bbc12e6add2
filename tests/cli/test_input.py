"""Does `embed` take tables and other programs' files, change what it is asked to, and say what it did?"""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import call, records
from helpers import embedded
from rdkit import Chem

from rdkit_ebd.io.resumable_output import Parts

TABLE = """key,structure,label,IC50
1,[Na+].CC(=O)[O-],acetate,3
2,CC(=O)O,acid,5
3,CCO,ethanol,7
4,OCC,again,8
5,CCN,amine,9
"""


@pytest.fixture
def words(tmp_path: Path) -> list[object]:
    (tmp_path / "in.csv").write_text(TABLE)
    columns = ["--smiles-column", "structure", "--name-column", "label"]
    return ["embed", tmp_path / "in.csv", "-n", 1, "-o", tmp_path / "out.sdf", "--workers", 0, *columns]


def test_a_table_with_columns_of_its_own(words: list[object], tmp_path: Path) -> None:
    result = call(*words)
    assert result.exit_code == 0, result.output
    written = records(tmp_path / "out.sdf")
    assert [mol.GetProp("_Name") for mol in written] == ["acetate", "acid", "ethanol", "again", "amine"]
    assert [(mol.GetProp("IC50"), mol.GetProp("key")) for mol in written][2] == ("7", "3")
    words[words.index("structure")] = "structures"
    wrong = call(*words)
    assert wrong.exit_code == 2
    assert "there is no column 'structures'" in " ".join(wrong.stderr.split())


def test_changes_are_said(words: list[object], tmp_path: Path) -> None:
    result = call(*words, "--strip-salts", "--neutralise", "--dedupe")
    assert result.exit_code == 0, result.output
    written = records(tmp_path / "out.sdf")
    assert [mol.GetProp("_Name") for mol in written] == ["acetate", "ethanol", "amine"]
    assert Chem.MolToSmiles(Chem.RemoveHs(written[0])) == "CC(=O)O"
    assert written[0].GetProp("IC50") == "3"
    for said in (
        "line 2 (acetate): without [Na+]",
        "line 2 (acetate): neutralised: CC(=O)O",
        "line 3 (acid): left out: the molecule of line 2",
        "line 5 (again): left out: the molecule of line 4",
        "3 molecules of 5 records, 3 conformers, 0 failures",
    ):
        assert said in result.stderr


def test_duplicates_of_an_earlier_run_are_known(
    words: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words += ["--dedupe", "--strip-salts", "--neutralise"]
    assert call(*words).exit_code == 0
    whole = (tmp_path / "out.sdf").read_bytes()
    (tmp_path / "out.sdf").unlink()
    kept = Parts.add

    def add_one(parts: Parts, tally: dict[str, object]) -> None:
        if len(parts.tallies) == 1:
            raise KeyboardInterrupt
        kept(parts, tally)

    monkeypatch.setattr(Parts, "add", add_one)
    assert call(*words, "--part-size", 1).exit_code == 130
    monkeypatch.setattr(Parts, "add", kept)
    assert call(*words[:-1], "--part-size", 1, "--resume").exit_code == 2  # other changes, other molecules
    resumed = call(*words, "--part-size", 1, "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert (tmp_path / "out.sdf").read_bytes() == whole


def test_files_of_other_programs(tmp_path: Path) -> None:
    mol, out = embedded("C[C@H](N)C(=O)O"), tmp_path / "out.sdf"
    (tmp_path / "in.xyz").write_text(Chem.MolToXYZBlock(mol))
    (tmp_path / "in.pdb").write_text(Chem.MolToPDBBlock(mol))
    with Chem.MaeWriter(str(tmp_path / "in.mae")) as writer:
        writer.write(mol)
    for name in ("in.xyz", "in.pdb", "in.mae"):
        result = call("embed", tmp_path / name, "-n", 1, "-o", out)
        assert result.exit_code == 0, result.output
        [found] = records(out)
        assert Chem.MolToSmiles(Chem.RemoveHs(found)) == "C[C@H](N)C(=O)O"
        assert call("score", tmp_path / name, "-o", out).exit_code == 0


def test_what_failed_is_an_input_again(tmp_path: Path) -> None:
    (tmp_path / "in.smi").write_text('CC[Ge](C)(C)C germane, "pure"\nC[Ge](C)(C)[C@H](O)F |&1:4| other\nCCO fine\n')
    out, bad = tmp_path / "out.sdf", tmp_path / "bad.csv"
    assert call("embed", tmp_path / "in.smi", "-n", 1, "-o", out, "--failed", bad, "--workers", 0).exit_code == 1
    again = call("embed", bad, "-n", 1, "-o", out, "--fallback", "ETKDGv3", "--workers", 0)
    assert again.exit_code == 0, again.output
    written = records(out)
    assert [mol.GetProp("_Name") for mol in written] == ['germane, "pure"', "other"]
    assert "UNSUPPORTED" in written[0].GetProp("cause")
