"""Do SD files keep their records, order and properties while their conformers are refined and scored?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import call, records
from helpers import embedded
from rdkit import Chem
from rdkit.Chem import rdDepictor
from spoiled import Spoiled, interrupted_after

from rdkit_ebd.ensemble import refine as refining
from rdkit_ebd.potentials.rdkit_ff import RDKitForceField

GARBAGE = "broken\n  none\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0 oops\nM  END\n$$$$\n"


def block(smiles: str, name: str, count: int = 1, heavy: bool = False) -> str:
    """SD records of the conformers of a molecule, each with a property of its own."""
    mol, text = embedded(smiles, count), ""
    mol = Chem.RemoveHs(mol) if heavy else mol
    for conformer in mol.GetConformers():
        record = Chem.Mol(mol, False, conformer.GetId())
        record.SetProp("_Name", name)
        record.SetProp("rank", f"{name} {conformer.GetId()}")
        text += Chem.SDWriter.GetText(record)
    return text


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two drugs in three runs of conformers."""
    path = tmp_path / "in.sdf"
    path.write_text(block("captopril", "captopril", 3) + block("aspirin", "aspirin", 2) + block("captopril", "again"))
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.sdf"


def positions(mols: list[Chem.Mol]) -> list[np.ndarray]:
    return [mol.GetConformer().GetPositions() for mol in mols]


def energies(mols: list[Chem.Mol], name: str = "ebd_energy") -> list[float]:
    return [float(mol.GetProp(name)) for mol in mols]


def test_refining_keeps_every_record_at_its_place(source: Path, out: Path) -> None:
    result = call("refine", source, "-o", out, "--threads", 1)
    assert result.exit_code == 0, result.output
    before, after = records(source), records(out)
    assert [m.GetProp("_Name") for m in after] == ["captopril"] * 3 + ["aspirin"] * 2 + ["again"]
    assert [m.GetProp("rank") for m in after] == [m.GetProp("rank") for m in before]
    assert [Chem.MolToSmiles(m) for m in after] == [Chem.MolToSmiles(m) for m in before]
    for mol, old, new in zip(after, positions(before), positions(after), strict=True):
        assert np.abs(new - old).max() > 0.05
        surface = RDKitForceField("MMFF94s").surface(mol)
        assert float(mol.GetProp("ebd_energy")) == pytest.approx(surface.energy(new), abs=0.01)  # four decimals in SD
        assert (mol.GetProp("ebd_energy_method"), mol.GetProp("ebd_stage")) == ("MMFF94s", "refined")
    assert "6 records, 6 refined with MMFF94s" in result.stderr


def test_scoring_moves_nothing_and_relates_within_a_molecule(source: Path, out: Path) -> None:
    assert call("score", source, "-o", out, "-m", "uff", "--quiet").exit_code == 0
    before, after = records(source), records(out)
    assert all(np.array_equal(a, b) for a, b in zip(positions(before), positions(after), strict=True))
    own, relative = np.array(energies(after)), np.array(energies(after, "ebd_relative_energy"))
    for run in ([0, 1, 2], [3, 4], [5]):
        assert relative[run] == pytest.approx(own[run] - own[run].min(), abs=1e-4)
    assert {m.GetProp("ebd_energy_method") for m in after} == {"UFF"}


def test_sorting_and_window_stay_within_a_molecule(source: Path, out: Path) -> None:
    assert call("score", source, "-o", out, "--sort").exit_code == 0
    after = records(out)
    assert [m.GetProp("_Name") for m in after] == ["captopril"] * 3 + ["aspirin"] * 2 + ["again"]
    relative = energies(after, "ebd_relative_energy")
    assert relative[:3] == sorted(relative[:3])
    assert relative[3:5] == sorted(relative[3:5])
    narrow = call("score", source, "-o", out, "--energy-window", relative[1] + 1e-3)
    assert narrow.exit_code == 0
    kept = [m.GetProp("rank") for m in records(out)]
    wanted = [m.GetProp("rank") for m, e in zip(after, relative, strict=True) if e <= relative[1] + 1e-3]
    assert sorted(kept) == sorted(wanted)
    assert f"{6 - len(wanted)} above the energy window" in narrow.stderr


def test_provenance_goes_on_and_old_energies_do_not(source: Path, tmp_path: Path, out: Path) -> None:
    scored = tmp_path / "scored.sdf"
    assert call("score", source, "-o", scored, "-m", "UFF").exit_code == 0
    assert call("refine", scored, "-o", out).exit_code == 0
    assert not any(m.HasProp("ebd_relative_energy") for m in records(out))
    assert call("score", out, "-o", scored, "-m", "UFF").exit_code == 0
    last = records(scored)[0]
    assert [last.GetProp(f"ebd_{n}") for n in ("stage", "refined", "energy_method")] == ["refined", "MMFF94s", "UFF"]


def test_bad_records_are_reported_and_do_not_stop_others(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "in.sdf"
    flat = Chem.MolFromSmiles("CO")
    rdDepictor.Compute2DCoords(flat)
    text = (
        block("paracetamol", "good") + GARBAGE + block("OB(O)c1ccccc1", "boronic") + block("aspirin", "bare", 1, True)
    )
    source.write_text(text + Chem.SDWriter.GetText(Chem.AddHs(flat, addCoords=True)) + block("aspirin", "last"))
    for command in ("refine", "score"):
        result = call(command, source, "-o", out)
        assert result.exit_code == 1
        assert "record 2 (broken): " in result.stderr
        assert "record 3 (boronic): " in result.stderr
        assert "1 (B)" in result.stderr
        assert "record 4 (bare): hydrogens are missing" in result.stderr
        assert "record 5 (no name): conformers [5] are 2D" in result.stderr
        assert [m.GetProp("_Name") for m in records(out)] == ["good", "boronic", "bare", "", "last"]
        assert [m.HasProp("ebd_energy") for m in records(out)][::4] == [True, True]
        assert "6 records, 2 " in result.stderr
    boronic = records(out)[1]
    assert np.allclose(positions([boronic])[0], embedded("OB(O)c1ccccc1").GetConformer().GetPositions(), atol=1e-4)


def test_an_unrefined_record_says_why(monkeypatch: pytest.MonkeyPatch, source: Path, out: Path) -> None:
    broken = Spoiled(lambda done, m: type(m)(m.coords * np.nan, m.energy, True) if done == 1 else m)
    monkeypatch.setattr(refining, "potential_of", lambda _: broken)
    result = call("refine", source, "-o", out)
    assert result.exit_code == 1
    assert "records 1-3 (captopril): 2 of 3 conformers" in result.stderr
    assert result.stderr.splitlines().count("spoiled") == 1  # what is to be known of the method
    assert records(out)[1].GetProp("ebd_refine_problem") == "NOT_FINITE"
    assert np.allclose(positions(records(out))[1], positions(records(source))[1])


@pytest.mark.parametrize("command", ["refine", "score"])
def test_wrong_usage_is_reported_before_any_molecule(command: str, source: Path, out: Path) -> None:
    for words, said in (
        (["CCO"], "has no coordinates"),
        (["none.sdf"], "none.sdf"),
        ([source, "-m", "MMFF95"], "MMFF95"),
        ([source, "--nonesuch"], "nonesuch"),
    ):
        result = call(command, *words, "-o", out)
        assert result.exit_code == 2
        assert said in result.stderr
        assert "Traceback" not in result.stderr
        assert not out.exists()


def test_interrupted_leaves_what_was_there(monkeypatch: pytest.MonkeyPatch, source: Path, out: Path) -> None:
    out.write_text("before")
    monkeypatch.setattr(refining, "potential_of", lambda _: Spoiled(interrupted_after(1)))
    result = call("refine", source, "-o", out)
    assert result.exit_code == 130
    assert "not written" in result.stderr
    assert out.read_text() == "before"
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == []


def test_embed_refines_and_scores(tmp_path: Path, out: Path) -> None:
    words = ["embed", "CC(=O)Nc1ccc(O)cc1", "-n", 3, "-o", out, "--refine", "MMFF94s"]
    result = call(*words, "--score", "UFF", "--energy-window", 50)
    assert result.exit_code == 0, result.output
    assert [m.GetProp("ebd_stage") for m in records(out)] == ["refined"] * 3
    assert [m.GetProp("ebd_energy_method") for m in records(out)] == ["UFF"] * 3
    assert call(*words[:-1], "MMFF95").exit_code == 2
    alone = call(*words[:-2], "--energy-window", 3)
    assert alone.exit_code == 2
    assert "--energy-window 3 needs energies" in alone.stderr
