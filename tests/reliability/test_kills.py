"""Does a command that is killed leave nothing behind but what it continues from, and end in the same file all the same?

At random moments by a signal, and before and after each call of the file system that changes something. By default a
few of both; `pytest tests/reliability --cases 250` is all.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import call
from crew import children, running
from helpers import DRUGS, embedded
from rdkit import Chem

from rdkit_ebd.runtime import whole_file

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and fork")

COMMANDS: dict[str, tuple[str, list[object]]] = {
    "embed": ("in.smi", ["-n", 1, "--seed", 7, "--part-size", 1, "--resume", "--workers", 2]),
    "refine": ("in.sdf", ["--part-size", 3, "--resume"]),
    "score": ("in.sdf", ["--part-size", 3, "--resume"]),
    "dock-prep": ("in.smi", ["-n", 2, "--format", "sdf"]),
}
CHANGES = ("open", "fsync", "link", "replace", "rename", "unlink", "rmdir", "mkdir", "setxattr")  # of the file system


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Inputs: six drugs as SMILES, three conformers of each as records."""
    names = list(DRUGS)[:6]
    (tmp_path / "in.smi").write_text("".join(f"{DRUGS[name]} {name}\n" for name in names))
    text = ""
    for name in names:
        mol = embedded(name, 3)
        mol.SetProp("_Name", name)
        text += "".join(Chem.SDWriter.GetText(mol, conformer.GetId()) for conformer in mol.GetConformers())
    (tmp_path / "in.sdf").write_text(text)
    return tmp_path


def words_of(command: str, folder: Path, out: Path) -> list[object]:
    source, options = COMMANDS[command]
    return [command, folder / source, "-o", out, *options]


def content_of(out: Path) -> dict[str, bytes]:
    """What a command has made: a file, or the files of a folder."""
    files = [path for path in out.rglob("*") if path.is_file()] if out.is_dir() else [out]
    return {str(path.relative_to(out)): path.read_bytes() for path in files if path.name != "manifest.jsonl"}


def left_over(folder: Path) -> list[str]:
    """Names that only a writer at work may have."""
    return [path.name for path in folder.rglob("*") if path.name.endswith(".partial")]


def again(words: list[object]) -> None:
    """The same command as a new process does it, which looks for what killed ones left."""
    whole_file._tidied.clear()
    result = call(*words)
    assert result.exit_code == 0, result.stderr


def whole_run(command: str, folder: Path) -> dict[str, bytes]:
    """What an uninterrupted run makes."""
    out = folder / ("whole" if command == "dock-prep" else "whole.sdf")
    assert call(*words_of(command, folder, out)).exit_code == 0
    return content_of(out)


@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_a_random_moment(command: str, folder: Path, request: pytest.FixtureRequest) -> None:
    if command == "dock-prep":
        pytest.importorskip("rdkit_ebd_docking")
    expected, moments = whole_run(command, folder), random.Random(command)
    out = folder / ("out" if command == "dock-prep" else "out.sdf")
    words, shared = words_of(command, folder, out), set(Path("/dev/shm").iterdir())
    for _ in range(max(1, request.config.getoption("cases") // 50)):
        begun = out if command == "dock-prep" else Path(f"{out}.parts")
        with subprocess.Popen([sys.executable, "-m", "rdkit_ebd", *map(str, words)], stderr=subprocess.PIPE) as process:
            until = time.monotonic() + 120
            while not begun.exists() and process.poll() is None:
                assert time.monotonic() < until
                time.sleep(0.005)
            time.sleep(moments.uniform(0, 1.5))
            pids = children(process.pid)
            process.send_signal(moments.choice((signal.SIGKILL, signal.SIGTERM)))
        until = time.monotonic() + 5
        while any(map(running, pids)) and time.monotonic() < until:
            time.sleep(0.01)
        assert not any(map(running, pids))
        assert not [path.name for path in set(Path("/dev/shm").iterdir()) - shared if path.name.startswith("sem.")]
    again(words)
    assert content_of(out) == expected
    assert left_over(folder) == []
    assert not Path(f"{out}.parts").exists()


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_a_call_of_the_file_system(after: bool, folder: Path, request: pytest.FixtureRequest) -> None:
    expected, out = whole_run("score", folder), folder / "out.sdf"
    words, number = words_of("score", folder, out), 0
    step = 1 if request.config.getoption("cases") >= 100 else 6
    while killed_at(number, after, words):
        if not out.exists():
            again(words)
            assert left_over(folder) == []
        assert content_of(out) == expected, f"killed {'after' if after else 'before'} call {number}"
        assert call(*words).exit_code in (0, 2)  # finished; where it could not be marked nobody knows
        assert content_of(out) == expected
        out.unlink()
        shutil.rmtree(f"{out}.parts", ignore_errors=True)
        number += step
    assert number > 10


def killed_at(number: int, after: bool, words: list[object]) -> bool:
    """Whether a command was ended, as a kill does, before or after so many changes of the file system."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    try:
        done = [0]
        for name in CHANGES:
            setattr(os, name, _counting(getattr(os, name), done, number, after))
        code = call(*words).exit_code
    finally:
        os._exit(code if code in (0, 1, 2) else 3)


def _counting(change: Callable[..., Any], done: list[int], number: int, after: bool) -> Callable[..., Any]:
    def counted(*words: Any, **options: Any) -> Any:
        done[0] += 1
        if done[0] - 1 == number and not after:
            os._exit(9)
        answer = change(*words, **options)
        if done[0] - 1 == number and after:
            os._exit(9)
        return answer

    return counted
