"""Do inputs and outputs of a shell's kind work: pipes, odd names, empty files, records that nobody can write?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from command_line import call, has_room_for_marks, records
from helpers import embedded
from rdkit import Chem

from rdkit_ebd.cli.common import in_options, shown

TOOL = f"{sys.executable} -m rdkit_ebd"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def drugs(tmp_path: Path) -> Path:
    """Conformers of two drugs."""
    path = tmp_path / "in.sdf"
    with Chem.SDWriter(str(path)) as writer:
        for name in ("captopril", "aspirin"):
            mol = embedded(name, 2)
            mol.SetProp("_Name", name)
            for conformer in mol.GetConformers():
                writer.write(mol, conformer.GetId())
    return path


@pytest.mark.parametrize("command", ["embed", "refine", "score"])
@pytest.mark.parametrize("name", ["x.mol2", "x.cif", "x.csv", "x"])
def test_other_formats_are_rejected_by_name(command: str, name: str, drugs: Path) -> None:
    result = call(command, drugs, "-o", drugs.with_name(name))
    assert result.exit_code == 2
    assert ("write .sdf" if "mol2" in name else "its name must end in .sdf") in " ".join(result.stderr.split())
    assert [path.name for path in drugs.parent.iterdir()] == ["in.sdf"]


@pytest.mark.parametrize("command", ["embed", "refine", "score"])
def test_the_input_is_not_replaced(command: str, drugs: Path) -> None:
    before = drugs.read_bytes()
    result = call(command, drugs, "-o", drugs)
    assert result.exit_code == 2
    assert "is the input as well" in " ".join(result.stderr.split())
    assert drugs.read_bytes() == before


@pytest.mark.parametrize("command", ["embed", "refine", "score"])
def test_an_empty_input_is_no_success(command: str, tmp_path: Path) -> None:
    (tmp_path / "in.sdf").touch()
    (tmp_path / "out.sdf").write_text("earlier")
    result = call(command, tmp_path / "in.sdf", "-o", tmp_path / "out.sdf")
    assert result.exit_code == 2
    assert "holds no" in result.stderr
    assert (tmp_path / "out.sdf").read_text() == "earlier"


def test_empty_standard_input_is_no_success() -> None:
    result = call("embed", "-", "-o", "-", "--workers", 0, stdin="")
    assert result.exit_code == 1
    assert "holds no molecules" in result.stderr


def test_commands_read_what_others_write(tmp_path: Path) -> None:
    done = shell(f"{TOOL} embed CCO -n 2 -o - | {TOOL} score - -o - | {TOOL} refine - -o out.sdf", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 records, 2 scored with MMFF94s" in done.stderr
    assert [mol.HasProp("ebd_energy") for mol in records(tmp_path / "out.sdf")] == [True, True]


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "in.smi").write_text("CCO ethanol\n" * 3000)
    done = shell(f"{TOOL} embed in.smi -n 3 -o - --workers 0 -q | head -n 1", tmp_path)
    assert done.stdout == "ethanol\n"
    assert done.stderr == ""
    assert done.returncode == 141


def test_records_that_cannot_be_read_or_written_cost_themselves_alone(tmp_path: Path, drugs: Path) -> None:
    good = Chem.SDWriter.GetText(embedded("CCO", 1))
    bad = good.replace(" C   0", " CC\u00e90", 1)
    fields = good.replace("$$$$", ">  <__computedProps>\nx\n\n>  <note>\n7\n\n$$$$")
    drugs.write_text(good + bad + fields + good, encoding="utf-8")
    for words in (["refine"], ["score"], ["embed", "-n", 1, "--no-hydrogens", "--workers", 0], ["embed", "-n", 1]):
        result = call(*words, drugs, "-o", tmp_path / "out.sdf")
        assert result.exit_code == 1, result.output
        assert "Traceback" not in result.stderr
        assert "record 2 (no name): " in result.stderr
        written = records(tmp_path / "out.sdf")
        assert [mol.HasProp("note") for mol in written] == [False, True, False]


def test_names_do_not_reach_the_terminal_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "in.smi").write_text("C1CC \x1b[2J\x1b]0;owned\x07bad\nCCO fine\n")
    result = call("embed", tmp_path / "in.smi", "-n", 1, "-o", tmp_path / "out.sdf", "--workers", 0)
    assert "\x1b" not in result.stderr
    assert "\x07" not in result.stderr
    assert r"\x1b[2J\x1b]0;owned\x07bad" in result.stderr


def test_messages_are_in_words_of_the_command_line(tmp_path: Path) -> None:
    assert in_options("Set fallback='ETKDGv3', or numConfs=3.") == "Set --fallback ETKDGv3, or --num-confs 3."
    assert in_options("energyWindow=3 needs energies") == "--energy-window 3 needs energies"
    assert in_options("the value of x='y'") == "the value of x='y'"
    assert shown("Ångström β-CD 名") == "Ångström β-CD 名"
    result = call("embed", "CC[Ge](C)(C)C", "-n", 1, "-o", tmp_path / "out.sdf")
    assert "--fallback ETKDGv3" in " ".join(result.stderr.split())
    assert "fallback=" not in result.stderr


def test_a_finished_output_is_known_and_a_foreign_one_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out.sdf"
    words = ["embed", "CCO", "-n", 2, "-o", out, "--seed", 7]
    out.write_text("another's")
    rejected = call(*words, "--resume")
    assert rejected.exit_code == 2
    assert "not known to be the output of this command" in " ".join(rejected.stderr.split())
    assert out.read_text() == "another's"
    assert call(*words).exit_code == 0
    before = out.stat()
    again = call(*words, "--resume")
    if not has_room_for_marks(tmp_path):
        assert again.exit_code == 2
        return
    assert again.exit_code == 0
    assert "is finished already: 1 molecule (1 in earlier runs), 2 conformers, 0 failures" in again.stderr
    assert (out.stat().st_ino, out.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert call(*words, "--resume", "--prune", 0.5).exit_code == 2  # another job's
    out.write_text(out.read_text().replace("RDKit", "changed", 1))
    assert call(*words, "--resume").exit_code == 2
