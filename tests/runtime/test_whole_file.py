"""Is there a whole file or none, whatever ends its writer, and does nobody else's file suffer?"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rdkit_ebd.runtime import whole_file as module
from rdkit_ebd.runtime.whole_file import remove_stale, whole_file, write_whole

HALF = """
import os, signal, sys
if {named}:
    del os.O_TMPFILE
from rdkit_ebd.runtime.whole_file import whole_file
with whole_file(sys.argv[1]) as stream:
    stream.write(b"half")
    stream.flush()
    print("written", flush=True)
    sys.stdin.read()
"""
posix = pytest.mark.skipif(os.name == "nt", reason="signals and links of POSIX")


@pytest.fixture(params=["without a name", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of keeping the bytes until the file is whole."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("files without a name are Linux's")
    return str(request.param)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def writer(target: Path, named: bool) -> subprocess.Popen[bytes]:
    """A process in the middle of writing."""
    command = [sys.executable, "-c", HALF.format(named=named), str(target)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    return process


def killed(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGKILL) -> None:
    process.send_signal(how)
    process.communicate()
    assert process.returncode == -how


def test_a_file_appears_when_the_block_ends(way: str, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_text("earlier")
    with whole_file(target) as stream:
        stream.write(b"new")
        stream.flush()
        assert target.read_text() == "earlier"
        assert names(tmp_path) == ["out"] or way == "named"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["out"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~current_umask()


def current_umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_an_error_leaves_what_was_there(way: str, tmp_path: Path) -> None:
    write_whole(tmp_path / "out", "earlier")
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "out") as stream:  # noqa: PT012
        stream.write(b"new")
        raise KeyboardInterrupt
    assert (tmp_path / "out").read_text() == "earlier"
    assert names(tmp_path) == ["out"]


@posix
@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="files without a name are Linux's")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    killed(writer(tmp_path / "out", named=False), how)
    assert names(tmp_path) == []


@posix
def test_what_the_dead_left_goes_and_what_the_living_write_stays(tmp_path: Path) -> None:
    killed(writer(tmp_path / "one", named=True))
    assert len(names(tmp_path)) == 1
    living = writer(tmp_path / "two", named=True)  # which finds the dead one's
    assert [name[:5] for name in names(tmp_path)] == [".two."]
    remove_stale(tmp_path)
    assert len(names(tmp_path)) == 1
    living.communicate(b"")
    assert living.returncode == 0
    assert names(tmp_path) == ["two"]


def test_others_files_that_look_alike_stay(tmp_path: Path) -> None:
    for name in (".out.12.partial", "out.partial", ".out.x.0123456789abcdef.partial"):
        (tmp_path / name).write_text("another's")
    before = names(tmp_path)
    write_whole(tmp_path / "out", "new")
    assert names(tmp_path) == sorted([*before, "out"])


@posix
def test_planted_links_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    victim, tokens = tmp_path / "victim", iter(["0" * 16, "1" * 16])
    victim.write_text("precious")
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setattr(module.secrets, "token_hex", lambda size: next(tokens))
    (folder / f".out.{os.getpid()}.{'0' * 16}.partial").symlink_to(victim)
    write_whole(folder / "out", "new")
    assert victim.read_text() == "precious"
    assert (folder / "out").read_text() == "new"
    assert list(tokens) == []


@posix
def test_stale_links_are_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / f".out.1.{'0' * 16}.partial").symlink_to(victim)
    write_whole(folder / "out", "new")
    assert victim.read_text() == "precious"
    assert (folder / "out").read_text() == "new"


def test_long_names_fit(way: str, tmp_path: Path) -> None:
    target = tmp_path / ("ä" * 120 + ".sdf")  # 244 bytes
    write_whole(target, "new")
    assert target.read_text() == "new"


@posix
def test_the_folder_is_synced_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[bool, bool]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), (tmp_path / "out").exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(tmp_path / "out", "new")
    assert synced == [(False, False), (True, True)]


@posix
def test_a_folder_that_may_not_be_written_is_named_with_the_file(tmp_path: Path) -> None:
    if os.getuid() == 0:
        target = Path("/proc/out")
    else:
        target = tmp_path / "out"
        tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="out") as caught:
        write_whole(target, "new")
    assert caught.value.filename == str(target)
