"""How does this process have work done by others? Interpreters of their own, none of which outlives it.

A process is started by command line and not by `multiprocessing`: scripts without `if __name__ == "__main__"` and
notebooks work, no thread of torch is ever forked, and a kill leaves no semaphores. Its standard input is its lifeline:
it ends when the process that holds the other end does, however that ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from rdkit_ebd.runtime.deadline import NEVER, Deadline

MAIN = "rdkit_ebd.runtime.process_main"
SUPPORTED = os.name == "posix"  # a Windows process cannot inherit its end of a socket pair by number
HEARD = 0.25  # seconds after which Ctrl-C is heard: nothing wakes a thread that waits for longer
LOOK = 5.0  # seconds between two looks at whether a process is stopped
MOST_LOOKS = 6  # that find it stopped, after which it is taken for dead: what halts a whole job halts this one, too

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
# glibc gives large blocks back to the system at once, and every tensor of the network is then paid for in page faults.
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 29)}

Serve = Callable[[Connection], None]
"""What a process does with its end of the connection; a function of a module, not of a script."""


class Process:
    """Another interpreter, with one thread for every library, as this one sees it.

    Args:
        serve: What it does; it ends when this returns.

    Attributes:
        connection: To it; its end is the process's end.
        pid: Its number.
    """

    def __init__(self, serve: Serve) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*interpreter(), "-m", MAIN, str(theirs.fileno())],
                stdin=subprocess.PIPE,  # held open, never written to: the lifeline
                stdout=2,  # ours is not the place for what RDKit prints
                env=_environment(),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for this process, which ends the others
            )
        self.connection = Connection(ours.detach())
        self.pid = self._process.pid
        self._looked, self._found_stopped = time.monotonic(), 0
        with suppress(OSError):  # it has died, which whoever listens will see
            send(self.connection, serve)

    @property
    def is_stopped(self) -> bool:
        """Whether somebody has stopped it (SIGSTOP) and does not continue it; found out in half a minute.

        Looks are counted rather than seconds, so that a process does not count as stopped for long only because this
        one was stopped, too.
        """
        if time.monotonic() - self._looked >= LOOK:
            self._looked = time.monotonic()
            self._found_stopped = self._found_stopped + 1 if self._stopped_now() else 0
        return self._found_stopped >= MOST_LOOKS

    def kill(self) -> None:
        """Have it end, without waiting for it."""
        self._process.kill()

    def end(self) -> str:
        """End it at once, and say how it had ended."""
        self._process.kill()
        self.connection.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        code = self._process.wait()
        return f"by signal {-code}" if code < 0 else f"with exit code {code}"

    def _stopped_now(self) -> bool:
        if not hasattr(os, "waitid"):
            return False
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
        return False


def listen(processes: Iterable[Process], deadline: Deadline = NEVER) -> list[Process]:
    """Those that have said something or ended; none where nothing comes for a moment, so that Ctrl-C is heard."""
    by_connection = {process.connection: process for process in processes}
    said = wait(list(by_connection), min(HEARD, deadline.left))
    return [process for connection, process in by_connection.items() if connection in said]


def end_all(processes: Iterable[Process]) -> None:
    """End processes, all of them first, so that none waits for another's end."""
    for process in (ending := list(processes)):
        process.kill()
    for process in ending:
        process.end()


def send(connection: Connection, message: Any) -> None:
    """Send a message; an OSError where nobody listens any more."""
    connection.send_bytes(pickle.dumps(message, protocol=5))  # Connection.send would share torch's tensors


def receive(connection: Connection) -> Any:
    """The next message; an EOFError or OSError where the other side has gone."""
    return pickle.loads(connection.recv_bytes())


def interpreter() -> list[str]:
    """The command that starts a process."""
    # -P: a random.py in the current folder is not for it to import
    return [sys.executable, *(["-P"] if sys.version_info >= (3, 11) else [])]


def hold_lifeline(descriptor: int) -> None:
    """Have the kernel kill this process as soon as the other end of its lifeline is closed.

    Also where it is stopped, or in a long call of a library that keeps Python from running. That is Linux's; elsewhere
    a thread that reads the lifeline has to do.
    """
    if not sys.platform.startswith("linux"):
        return
    import fcntl

    with suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)


def _environment() -> dict[str, str]:
    """That of this process, with its import path, one thread for every library, and memory that is kept."""
    paths = [str(Path(path).absolute()) for path in sys.path if isinstance(path, str)]
    return {**os.environ, **ONE_THREAD, **_MEMORY, "PYTHONPATH": os.pathsep.join(paths)}
