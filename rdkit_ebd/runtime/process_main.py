"""What does a process do that another has started? What its first message says, until the other ends.

Started by `processes` as `python -m rdkit_ebd.runtime.process_main FD`, where FD is its end of a socket pair.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from multiprocessing.connection import Connection

from rdkit_ebd.runtime.processes import Serve, hold_lifeline, receive

ORPHANED = 3  # exit code


def main() -> None:
    """Run as another's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the other's, which ends this one
    hold_lifeline(sys.stdin.fileno())
    threading.Thread(target=_end_with_lifeline, daemon=True).start()
    connection = Connection(int(sys.argv[1]))
    serve: Serve = receive(connection)
    serve(connection)


def _end_with_lifeline() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written
    os._exit(ORPHANED)


if __name__ == "__main__":
    main()
