"""Do other processes work, and does none of them outlive the one that started it?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from crew import children, running
from process_work import dividing, dying, environment, failing, sleeping

from rdkit_ebd.runtime import processes
from rdkit_ebd.runtime.deadline import Deadline
from rdkit_ebd.runtime.process_map import ProcessError, in_processes
from rdkit_ebd.runtime.processes import SUPPORTED, Process, listen

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="needs a POSIX system")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and the kernel's lifeline")

# No `if __name__ == "__main__"`, as in users' scripts and notebooks.
SCRIPT = """
import process_work
from rdkit_ebd.runtime.process_map import in_processes
for place, _ in in_processes(process_work.{work}, [0.01, 0.01, 1000.0, 1000.0], 2):
    print(place, flush=True)
"""


def script(work: str) -> subprocess.Popen[str]:
    """A script whose processes are at work for long."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SCRIPT.format(work=work)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def gone(pids: list[int], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while any(map(running, pids)) and time.monotonic() < until:
        time.sleep(0.01)
    return not any(map(running, pids))


def has_lifeline(pid: int) -> bool:
    """Whether the kernel will end a process with its parent: its standard input signals."""
    lines = Path(f"/proc/{pid}/fdinfo/0").read_text().splitlines()
    return bool(int(next(line for line in lines if line.startswith("flags:")).split()[1], 8) & os.O_ASYNC)


@linux
@pytest.mark.parametrize("work", ["sleeping", "deaf"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_its_parent(work: str, how: signal.Signals) -> None:
    with script(work) as process:
        assert process.stdout is not None
        assert sorted(process.stdout.readline() for _ in range(2)) == ["0\n", "1\n"]
        pids = children(process.pid)
        assert len(pids) == 2
        begin = time.monotonic()
        process.send_signal(how)
        _, errors = process.communicate()
        assert time.monotonic() - begin < 2
    assert process.returncode == -how
    assert gone(pids, 2)
    assert ("KeyboardInterrupt" in errors) == (how == signal.SIGINT)
    assert how == signal.SIGINT or errors == ""


@linux
def test_a_stopped_process_ends_with_its_parent_too() -> None:
    with script("sleeping") as process:
        assert process.stdout is not None
        process.stdout.readline()
        until = time.monotonic() + 60
        while len(pids := children(process.pid)) < 2 or not all(map(has_lifeline, pids)):  # one may be starting yet
            assert time.monotonic() < until
            time.sleep(0.01)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        process.kill()
        process.communicate()
    assert gone(pids, 2)


def test_a_process_has_one_thread_for_every_library() -> None:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    assert dict(in_processes(environment, list(names), 1)) == dict.fromkeys(range(3), "1")


def test_answers_come_with_their_places() -> None:
    tasks = [1.0, 2.0, 4.0, 8.0, 5.0]
    assert sorted(in_processes(dividing, tasks, 2)) == [(k, 1 / task) for k, task in enumerate(tasks)]
    assert list(in_processes(dividing, [], 2)) == []


def test_an_error_of_the_work_is_raised_here_and_ends_all() -> None:
    before = children(os.getpid())
    with pytest.raises(ZeroDivisionError):
        list(in_processes(dividing, [1.0, 0.0, 2.0], 2))
    assert children(os.getpid()) == before


def unknown_elsewhere() -> Callable[[Any], Any]:
    return sleeping()


unknown_elsewhere.__module__ = "__main__"  # as in a script


@pytest.mark.parametrize(
    ("set_up", "reason"),
    [(failing, "no such thing here"), (unknown_elsewhere, "unknown_elsewhere"), (lambda: None, "cannot be sent")],
)
def test_work_that_other_processes_cannot_do_says_why(
    set_up: Callable[[], Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "unknown_elsewhere", unknown_elsewhere, raising=False)
    with pytest.raises(ProcessError, match=reason):
        list(in_processes(set_up, [1.0], 1))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_death_is_an_error_that_says_how(number: signal.Signals) -> None:
    with pytest.raises(ProcessError, match=f"ended by signal {int(number)}"):
        list(in_processes(dying, [0, int(number), 0], 1))


def test_nothing_is_waited_for_after_the_deadline() -> None:
    begin = time.monotonic()
    assert list(in_processes(sleeping, [1000.0, 1000.0], 2, Deadline.after(0.5))) == []
    assert time.monotonic() - begin < 3


def test_an_early_end_ends_the_processes() -> None:
    before = set(children(os.getpid()))
    answers = in_processes(sleeping, [0.0, 1000.0], 1)
    assert next(answers) == (0, 0.0)
    [pid] = set(children(os.getpid())) - before
    answers.close()
    assert not running(pid)


@linux
def test_a_process_that_is_stopped_for_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOOK", 0.02)
    process = Process(partial(_wait_for_end))
    try:
        until = time.monotonic() + 1
        while time.monotonic() < until:
            assert not process.is_stopped
        os.kill(process.pid, signal.SIGSTOP)
        begin = time.monotonic()
        while not process.is_stopped:
            assert time.monotonic() - begin < 60
        assert time.monotonic() - begin > 4 * 0.02  # a moment is not enough
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.05)
        assert not process.is_stopped
    finally:
        process.end()


def _wait_for_end(connection: Any) -> None:
    connection.recv_bytes()


def test_what_ends_is_heard_at_once() -> None:
    process = Process(_wait_for_end)
    assert listen([process], Deadline(0.0)) == []
    process.kill()
    begin = time.monotonic()
    while listen([process]) != [process]:
        assert time.monotonic() - begin < 60
    assert process.end() == "by signal 9"


@linux
def test_nothing_is_left_in_shared_memory() -> None:
    before = set(Path("/dev/shm").iterdir())
    with script("sleeping") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.communicate()
    assert not {path for path in set(Path("/dev/shm").iterdir()) - before if path.name.startswith("sem.")}
