"""Who else has this file or folder? A lock that ends with its process, however that ends."""

from __future__ import annotations

import sys


def try_lock(descriptor: int) -> bool | None:
    """Lock an open file or folder until its descriptor is closed, which a kill does too.

    Args:
        descriptor: Of the file, open for writing, or of the folder.

    Returns:
        False where another process, or another descriptor of this one, has the lock; None where the system or the
        file system has no locks, and nothing is known.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
