"""Whatever a kill leaves, going on from it gives the file of a run that was not killed; nothing of value is removed."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from rdkit_ebd.io.resumable_output import Parts, count_parts, parts_folder
from rdkit_ebd.runtime.journal import Journal

MANIFEST = {"input": "abc", "seed": 42, "steps": (1, 2)}
TEXTS = ["one\n", "two\n" * 3, "", "four\n"]  # a part in which every molecule failed is empty


class Killed(BaseException):
    """A process that is gone: what it was about to do is not done."""


def work(output: Path, resume: bool = False, upto: int = len(TEXTS), manifest: dict[str, object] = MANIFEST) -> None:
    """Write parts up to a number of them, as a run does; join them if that is all."""
    with Parts(output, manifest, resume) as parts:
        for number in range(len(parts.tallies), upto):
            parts.next_path.write_text(TEXTS[number])
            parts.add({"number": number})
        if upto < len(TEXTS):
            raise Killed
        assert [tally["number"] for tally in parts.tallies] == list(range(len(TEXTS)))
        parts.join()


def stopped(output: Path, upto: int) -> Path:
    """The folder of a run that was killed after some parts."""
    with pytest.raises(Killed):
        work(output, upto=upto)
    return parts_folder(output)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.sdf"


def test_the_output_is_all_parts_in_order_and_the_folder_goes(out: Path) -> None:
    out.write_text("earlier")
    work(out)
    assert out.read_text() == "".join(TEXTS)
    assert [path.name for path in out.parent.iterdir()] == ["out.sdf"]


def test_compressed_output_is_the_same_bytes_whenever_it_was_made(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    first, second = tmp_path / "a" / "out.sdf.gz", tmp_path / "other.sdf.gz"
    work(first)
    stopped(second, 3)
    work(second, resume=True)
    assert gzip.decompress(first.read_bytes()).decode() == "".join(TEXTS)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4)  # no time


def test_a_link_stays_a_link(tmp_path: Path, out: Path) -> None:
    (tmp_path / "real").mkdir()
    out.symlink_to(tmp_path / "real" / "target.sdf")
    assert stopped(out, 2) == tmp_path / "real" / "target.sdf.parts"
    work(out, resume=True)
    assert out.is_symlink()
    assert (tmp_path / "real" / "target.sdf").read_text() == "".join(TEXTS)


def test_goes_on_from_any_number_of_parts(out: Path) -> None:
    for number in (1, 2, 3):
        with pytest.raises(Killed):
            work(out, resume=True, upto=number)
        assert count_parts(out) == number
        assert not out.exists()
    work(out, resume=True)
    assert out.read_text() == "".join(TEXTS)
    assert count_parts(out) == 0


@pytest.mark.parametrize(
    "left", ["000002.sdf", ".000002.sdf.123.partial", ".000002.sdf.123.0123456789abcdef.partial", "finished.jsonl"]
)
def test_what_a_kill_leaves_half_done_is_done_again(out: Path, left: str) -> None:
    folder = stopped(out, 2)
    (folder / left).write_text("half a rec")
    work(out, resume=True)
    assert out.read_text() == "".join(TEXTS)
    assert [path.name for path in out.parent.iterdir()] == ["out.sdf"]


@pytest.mark.parametrize(
    "damage", ["no line", "no records", "short records", "a flipped bit", "half a line", "a number", "a changed tally"]
)
def test_a_part_that_is_not_what_it_was_is_written_again(out: Path, damage: str) -> None:
    folder = stopped(out, 3)
    records, journal = folder / "000001.sdf", folder / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    assert len(lines) == 4
    if damage == "no records":
        records.unlink()
    elif damage == "short records":
        records.write_text(TEXTS[1][:-1])
    elif damage == "a flipped bit":
        records.write_bytes(bytes([records.read_bytes()[0] ^ 1]) + records.read_bytes()[1:])
    else:
        lines[2] = {
            "no line": "",
            "half a line": lines[2][:20],
            "a number": "7\n",
            "a changed tally": lines[2].replace('"number": 1', '"number": 2'),
        }[damage]
        journal.write_text("".join(lines if damage != "half a line" else lines[:3]))
    assert count_parts(out) == 1
    work(out, resume=True)
    assert out.read_text() == "".join(TEXTS)
    assert [path.name for path in out.parent.iterdir()] == ["out.sdf"]


def test_a_part_that_changes_before_it_is_joined_is_found(out: Path) -> None:
    with pytest.raises(OSError, match=r"000001\.sdf is not what was written"), Parts(out, MANIFEST) as parts:  # noqa: PT012
        for number, text in enumerate(TEXTS):
            parts.next_path.write_text(text)
            parts.add({"number": number})
        (parts.folder / "000001.sdf").write_text("changed")
        parts.join()
    assert not out.exists()
    work(out, resume=True)
    assert out.read_text() == "".join(TEXTS)


def test_killed_before_the_first_part_or_its_journal_is_a_fresh_start(out: Path) -> None:
    folder = parts_folder(out)
    folder.mkdir()
    (folder / "journal.jsonl").touch()
    work(out)
    assert out.read_text() == "".join(TEXTS)
    assert not stopped(out, 0).exists()
    folder.mkdir()
    Journal(folder / "journal.jsonl", {"input": "another"}).close()  # and nothing to lose
    (folder / "000000.sdf").write_text("half")
    work(out, manifest={**MANIFEST, "seed": 1})
    assert not folder.exists()


def test_killed_while_it_was_tidying_up_there_is_no_half_a_job(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlink, removed = Path.unlink, []

    def killed_at_the_third(path: Path, missing_ok: bool = False) -> None:
        if path.parent == parts_folder(out) and path.suffix != ".partial":
            removed.append(path)
            if len(removed) == 3:
                raise Killed
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed_at_the_third)
        with pytest.raises(Killed):
            work(out)
    assert out.read_text() == "".join(TEXTS)
    assert parts_folder(out).exists()
    assert count_parts(out) == 0
    work(out)
    assert [path.name for path in out.parent.iterdir()] == ["out.sdf"]


def test_parts_of_an_earlier_run_do_not_vanish(out: Path) -> None:
    folder = stopped(out, 2)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match=r"2 finished parts.*--resume"):
        work(out)
    with pytest.raises(ValueError, match=r"seed was 42 and is 43; steps was \[1, 2\] and is None"):
        work(out, resume=True, manifest={"input": "abc", "seed": 43})
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_without_a_finished_part_an_error_leaves_nothing(out: Path) -> None:
    assert not stopped(out, 0).exists()


def test_other_peoples_files_are_left_alone(out: Path) -> None:
    folder = parts_folder(out)
    folder.mkdir()
    (folder / "000000.sdf").write_text("mine")
    for resume in (False, True):
        with pytest.raises(ValueError, match="other things"):
            work(out, resume)
    assert [path.read_text() for path in folder.iterdir()] == ["mine"]
    (folder / "000000.sdf").unlink()
    stopped(out, 1)
    (folder / "notes.txt").write_text("mine")
    work(out, resume=True)
    assert [path.read_text() for path in folder.iterdir()] == ["mine"]


@pytest.mark.skipif(os.name == "nt", reason="folders are not locked there")
def test_two_runs_do_not_share_an_output(out: Path) -> None:
    with Parts(out, MANIFEST):
        with pytest.raises(OSError, match="another run"):
            Parts(out, MANIFEST, resume=True)
        assert parts_folder(out).exists()
    work(out)  # free again
