"""How many CPU threads does torch use in a block of code? A number of the calling thread's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import TypeVar

import torch

T = TypeVar("T")

_SWITCHING = Lock()


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use so many threads for what the calling thread does in a `with` block.

    `torch.set_num_threads` sets two numbers: that of the calling thread, and that with which threads begin that have
    not used torch yet. The second is the user's, and stays what it is: calls in several threads have each their own
    number, whatever their order of beginning and end.
    """
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    _switch(count)
    try:
        yield
    finally:
        _switch(before)


def _switch(count: int) -> None:
    with _SWITCHING:
        begin = _in_new_thread(torch.get_num_threads)
        torch.set_num_threads(count)
        if begin != count:
            _in_new_thread(lambda: _set_both(begin))


def _set_both(count: int) -> None:
    torch.get_num_threads()  # a thread's first use of torch sets its number; it would undo what comes next
    torch.set_num_threads(count)


def _in_new_thread(ask: Callable[[], T]) -> T:
    answers: list[T] = []
    thread = Thread(target=lambda: answers.append(ask()))
    thread.start()
    thread.join()
    return answers[0]
