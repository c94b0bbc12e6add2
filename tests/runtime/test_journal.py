"""Does a journal vouch for what is finished, and for nothing else?"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from rdkit_ebd.runtime.journal import Journal, differences, read_entries

HEADER = {"seed": 42, "steps": (1, 2)}
WRITER = """
import sys
from pathlib import Path
from rdkit_ebd.runtime.journal import Journal
with Journal(Path(sys.argv[1]), {"seed": 1}) as journal:
    for number in range(int(sys.argv[2])):
        journal.add({"number": number})
        print(number, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def begun(path: Path, count: int = 3) -> bytes:
    """A journal of pieces of a file each."""
    with Journal(path, HEADER) as journal:
        for number in range(count):
            file = path.with_name(f"{number}.txt")
            file.write_text(f"piece {number}")
            journal.add({"number": number}, [file])
    return path.read_bytes()


def numbers(path: Path) -> list[int]:
    with Journal(path, HEADER) as journal:
        return [entry["number"] for entry in journal.entries]


def test_what_is_added_is_there_again(path: Path) -> None:
    content = begun(path)
    assert numbers(path) == [0, 1, 2]
    assert path.read_bytes() == content
    assert [entry["number"] for entry in read_entries(path)] == [0, 1, 2]
    assert read_entries(path.with_name("none")) == []


def test_a_changed_or_missing_file_does_not_count(path: Path) -> None:
    begun(path)
    (path.parent / "0.txt").write_text("piece 9")
    (path.parent / "2.txt").unlink()
    assert numbers(path) == [1]


def test_no_cut_makes_an_entry_of_what_was_none(path: Path) -> None:
    content = begun(path)
    ends = [k + 1 for k, byte in enumerate(content) if byte == ord("\n")]
    for cut in range(len(content)):
        path.write_bytes(content[:cut])
        whole = sum(cut >= end - 1 for end in ends)  # a line may lack its end alone
        assert numbers(path) == list(range(max(0, whole - 1)))
        with Journal(path, HEADER) as journal:
            journal.add({"number": 7})
        assert numbers(path) == [*range(max(0, whole - 1)), 7]


def test_no_flipped_bit_makes_another_entry(path: Path) -> None:
    content = begun(path)
    draw = random.Random(5)
    header = content.index(b"\n") + 1
    for _ in range(300):
        place = draw.randrange(header, len(content))
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :])
        found = numbers(path)
        assert found in ([0, 1], [0, 2], [1, 2], [0], [2], [0, 1, 2])
        assert found != [0, 1, 2] or content[place : place + 1] == b"\n"


def test_another_job_is_rejected_and_the_file_stays(path: Path) -> None:
    content = begun(path)
    with pytest.raises(ValueError, match=r"seed was 42 and is 43.*To begin anew, look away"):
        Journal(path, {**HEADER, "seed": 43}, "look away")
    for text in ("my notes", "{}\n", "[1]\n", '{"seed": 42}\n'):
        path.write_text(text)
        with pytest.raises(ValueError, match="something else"):
            Journal(path, HEADER)
        assert path.read_text() == text
    path.write_bytes(content)
    assert numbers(path) == [0, 1, 2]


def test_without_a_piece_it_begins_anew(path: Path) -> None:
    begun(path, 0)
    with Journal(path, {"seed": 1}) as journal:
        journal.add({"number": 0})
    with Journal(path, {"seed": 1}) as journal:
        assert journal.entries == [{"number": 0}]


def test_pieces_can_be_forgotten(path: Path) -> None:
    begun(path)
    with Journal(path, HEADER) as journal:
        journal.keep(1)
        journal.add({"number": 5})
        with pytest.raises(OSError, match="another run"):  # the new file is locked, too
            Journal(path, HEADER)
    assert numbers(path) == [0, 5]


@pytest.mark.skipif(os.name == "nt", reason="files are not locked there")
def test_one_process_at_a_time_and_a_kill_frees_it(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path), "2"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["0\n", "1\n"]
        with pytest.raises(OSError, match="another run"):
            Journal(path, {"seed": 1})
        process.kill()
    with Journal(path, {"seed": 1}) as journal:
        assert [entry["number"] for entry in journal.entries] == [0, 1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_leaves_the_journal_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = begun(path, 1)
    with Journal(path, HEADER) as journal:
        with monkeypatch.context() as patch, open("/dev/full", "wb") as full:
            patch.setattr(os, "fsync", lambda descriptor: os.write(full.fileno(), b"x"))
            with pytest.raises(OSError, match="space"):
                journal.add({"number": 1})
        assert path.read_bytes() == content
        journal.add({"number": 2})
    assert numbers(path) == [0, 2]


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_planted_links_are_not_followed(path: Path) -> None:
    victim = path.with_name("victim")
    victim.write_text("")
    path.symlink_to(victim)
    with pytest.raises(OSError, match="journal"):
        Journal(path, HEADER)
    assert victim.read_text() == ""


def test_differences_are_named() -> None:
    assert differences({"a": 1, "b": 2}, {"b": 2, "a": 1}) == []
    assert differences({"a": 1}, {"a": None, "b": "x"}) == ["a was 1 and is None", "b was None and is 'x'"]
