"""Do `refine` and `score` outlive kills as `embed` does, and is what they find of an earlier run verified?"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import call, has_room_for_marks, records
from helpers import embedded
from rdkit import Chem

from rdkit_ebd.io.resumable_output import count_parts, parts_folder

NAMES = ("captopril", "aspirin", "paracetamol", "ibuprofen", "nicotine")
COMMANDS = {"refine": ["refine", "--max-iters", 300], "score": ["score", "--sort", "--energy-window", 20]}
BROKEN = "broken\n  none\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0 oops\nM  END\n$$$$\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six conformers of each of five drugs, twice over, and a broken record."""
    path, text = tmp_path / "in.sdf", ""
    for turn in range(2):
        for name in NAMES:
            mol = embedded(name, 6)
            mol.SetProp("_Name", f"{name} {turn}")
            text += "".join(Chem.SDWriter.GetText(mol, conformer.GetId()) for conformer in mol.GetConformers())
        text += BROKEN * (turn == 0)
    path.write_text(text)
    return path


def words_of(command: str, source: Path, out: Path, *more: object) -> list[object]:
    return [*COMMANDS[command], source, "-o", out, "--part-size", 7, *more]


def killed(words: list[object], out: Path, parts: int, moment: float) -> None:
    """Run a command in another process, and kill it a moment after so many parts are finished."""
    with subprocess.Popen([sys.executable, "-m", "rdkit_ebd", *map(str, words)], stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 120
        while count_parts(out) < parts and process.poll() is None and not out.exists():
            assert time.monotonic() < until
            time.sleep(0.002)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("command", COMMANDS)
def test_killed_and_resumed_is_the_file_of_an_uninterrupted_run(command: str, source: Path, tmp_path: Path) -> None:
    whole, out, moments = tmp_path / "whole.sdf", tmp_path / "out.sdf", random.Random(command)
    uninterrupted = call(*COMMANDS[command], source, "-o", whole)
    assert uninterrupted.exit_code == 1  # the broken record
    words, before = words_of(command, source, out, "--resume"), 0
    for _ in range(2):
        killed(words, out, before + 1, moments.uniform(0, 0.05))
        before = count_parts(out)
    resumed = call(*words)
    assert resumed.exit_code == 1
    assert out.read_bytes() == whole.read_bytes()
    assert resumed.stderr.count("record 31 (broken): ") == 1
    assert resumed.stderr.splitlines()[:-1] == uninterrupted.stderr.splitlines()[:-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.sdf", "out.sdf", "whole.sdf"]


def interrupted(command: str, source: Path, out: Path, monkeypatch: pytest.MonkeyPatch, parts: int) -> list[object]:
    """The words of a command that Ctrl-C has ended after so many parts."""
    from rdkit_ebd.io.resumable_output import Parts

    add, words = Parts.add, words_of(command, source, out)

    def added(self: Parts, tally: dict[str, object]) -> None:
        add(self, tally)
        if len(self.tallies) == parts:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "add", added)
        result = call(*words)
    assert result.exit_code == 130
    assert f"{parts} finished parts kept in" in result.stderr
    assert "--resume continues from there" in result.stderr
    return words


@pytest.mark.parametrize("command", COMMANDS)
def test_a_flipped_bit_is_made_again(
    command: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole.sdf", tmp_path / "out.sdf"
    call(*COMMANDS[command], source, "-o", whole, "-q")
    words = interrupted(command, source, out, monkeypatch, 3)
    part = parts_folder(out) / "000001.sdf"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 4
    part.write_bytes(bytes(content))
    assert count_parts(out) == 1
    assert call(*words, "--resume").exit_code == 1
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("command", COMMANDS)
def test_parts_of_another_job_are_not_continued_from(
    command: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.sdf"
    words = interrupted(command, source, out, monkeypatch, 2)
    option = ("--max-iters", 5) if command == "refine" else ("--energy-window", 3)
    for changed, said in (
        ([], "--resume"),
        (["--resume", *option], f"{option[0]} was"),
        (["--resume", "-m", "UFF"], "--method was 'MMFF94s' and is 'UFF'"),
        (["--resume", "--part-size", 9], "--part-size was 7 and is 9"),
    ):
        rejected = call(*words, *changed)
        assert (rejected.exit_code, said in " ".join(rejected.stderr.split())) == (2, True), rejected.stderr
    other = "score" if command == "refine" else "refine"
    assert "command was" in " ".join(call(*words_of(other, source, out, "--resume")).stderr.split())
    source.write_text(source.read_text() + BROKEN)
    assert "INPUT was" in " ".join(call(*words, "--resume").stderr.split())
    assert count_parts(out) == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_a_finished_output_is_known_and_a_foreign_one_is_kept(command: str, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.sdf"
    out.write_text("another's")
    words = words_of(command, source, out, "--resume")
    rejected = call(*words)
    assert rejected.exit_code == 2
    assert "not known to be the output of this command" in " ".join(rejected.stderr.split())
    assert out.read_text() == "another's"
    out.unlink()
    assert call(*words).exit_code == 1
    if not has_room_for_marks(tmp_path):
        return
    before = out.stat()
    again = call(*words)
    assert again.exit_code == 1
    assert "is finished already: 61 records, 60 " in again.stderr
    assert (out.stat().st_ino, out.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(records(out)) <= 60
    out.write_text(out.read_text().replace("RDKit", "changed", 1))
    assert call(*words).exit_code == 2


def test_streams_cannot_be_resumed(source: Path, tmp_path: Path) -> None:
    for words in (["score", "-", "-o", tmp_path / "out.sdf"], ["refine", source, "-o", "-"]):
        result = call(*words, "--resume", stdin="")
        assert result.exit_code == 2
        assert "--resume needs" in result.stderr
