"""Who wants to know what is being done to a molecule, while it is? A listener of this thread, where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str], None]
"""Called with the name of a stage as it begins, such as "coarse" or "deblur", or with "7 of 20 conformers"."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell(words: str) -> None:
    """Say what is being done, to whoever listens."""
    listener = _listener.get()
    if listener is not None:
        listener(words)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have a listener hear of what is done in the `with` block by this thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
