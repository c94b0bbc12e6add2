"""Are records that differ in their conformers alone embedded once, and all others kept apart?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from command_line import call, records
from helpers import embedded
from rdkit import Chem


def block(smiles: str, name: str, count: int, fields: Mapping[str, str] | None = None, seed: int = 7) -> str:
    mol, text = embedded(smiles, count, seed), ""
    for conformer in mol.GetConformers():
        record = Chem.Mol(mol, False, conformer.GetId())
        record.SetProp("_Name", name)
        record.SetProp("ebd_energy", f"{-conformer.GetId()}.5")
        record.SetProp("ebd_relative_energy", f"{conformer.GetId()}")
        for key, value in (fields or {}).items():
            record.SetProp(key, value.format(conformer.GetId()))
        text += Chem.SDWriter.GetText(record)
    return text


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.sdf"


def embed(text: str, out: Path, *words: object) -> tuple[list[Chem.Mol], str]:
    source = out.with_name("in.sdf")
    source.write_text(text)
    result = call("embed", source, "-o", out, "--workers", 0, *words)
    assert result.exit_code == 0, result.output
    return records(out), result.stderr


def test_five_records_are_one_molecule(out: Path) -> None:
    text = block("captopril", "captopril", 5, {"price": "2"}) + block("aspirin", "aspirin", 1)
    written, said = embed(text, out, "-n", 3)
    assert [mol.GetProp("_Name") for mol in written] == ["captopril"] * 3 + ["aspirin"] * 3
    assert [mol.HasProp("price") for mol in written] == [True] * 3 + [False] * 3
    assert not any(mol.HasProp("ebd_relative_energy") for mol in written)  # of conformers that are gone
    assert "records 1-5 (captopril): conformers of one molecule, which is embedded once" in said
    assert "2 molecules of 6 records, 6 conformers, 0 failures" in said


@pytest.mark.parametrize(
    "text",
    [
        block("aspirin", "a", 2, {"pose score": "{}"}),
        block("aspirin", "a", 1, {"source": "x"}) + block("aspirin", "a", 1),
        block("aspirin", "a", 1) + block("aspirin", "b", 1, seed=8),
        block("C[C@H](O)C(=O)O", "lactic acid", 1) + block("C[C@@H](O)C(=O)O", "lactic acid", 1),
        block("CC(=O)[O-]", "acetate", 1) + block("CC(=O)O", "acetate", 1),
        block("CCO", "a", 1) + block("CCN", "x", 1) + block("CCO", "a", 1),
    ],
    ids=["fields", "missing field", "name", "stereo", "charge", "apart"],
)
def test_what_differs_in_anything_else_stays_apart(text: str, out: Path) -> None:
    separate = text.count("$$$$")
    written, said = embed(text, out, "-n", 1)
    assert len(written) == separate
    assert "one molecule" not in said
    if "pose score" in text:
        assert [mol.GetProp("pose score") for mol in written] == ["0", "1"]


def test_flat_drawings_are_no_conformers(out: Path) -> None:
    flat = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO")) + "$$$$\n"
    assert len(embed(flat * 2, out, "-n", 1)[0]) == 2


def test_all_records_are_seeds_of_the_one_molecule(out: Path) -> None:
    text = block("captopril", "captopril", 3)
    written, _ = embed(text, out, "-n", 3, "--coarse", "conformers", "--rounds", 1)
    assert len(written) == 3
    places = [mol.GetConformer().GetPositions() for mol in written]
    assert abs(places[0] - places[1]).max() > 0.1


def test_parts_end_with_molecules_and_resume_makes_the_same_file(out: Path) -> None:
    text = block("CCO", "a", 3) + block("CCN", "b", 1) + block("CCC", "c", 4) + block("CCF", "d", 2)
    whole, _ = embed(text, out, "-n", 2, "--part-size", 50)
    at_once = out.read_bytes()
    out.unlink()
    parted, said = embed(text, out, "-n", 2, "--part-size", 2)
    assert out.read_bytes() == at_once
    assert len(whole) == len(parted) == 8
    assert "4 molecules of 10 records" in said


def test_a_run_that_was_stopped_between_records_goes_on_with_the_next_molecule(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rdkit_ebd.io.resumable_output import Parts, count_parts

    text = block("CCO", "a", 3) + block("CCN", "b", 1) + block("CCC", "c", 4) + block("CCF", "d", 2)
    embed(text, out, "-n", 2, "--part-size", 50)
    at_once = out.read_bytes()
    out.unlink()
    source, kept = out.with_name("in.sdf"), Parts.add

    def add_two(parts: Parts, tally: dict[str, object]) -> None:
        if len(parts.tallies) == 2:
            raise KeyboardInterrupt
        kept(parts, tally)

    words = ["embed", source, "-n", 2, "-o", out, "--workers", 0, "--part-size", 2]
    monkeypatch.setattr(Parts, "add", add_two)
    assert call(*words).exit_code == 130
    assert count_parts(out) == 2
    monkeypatch.setattr(Parts, "add", kept)
    resumed = call(*words, "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert "4 molecules (3 in earlier runs) of 10 records" in resumed.stderr
    assert out.read_bytes() == at_once
