"""Does every call have the number of threads it asked for, and the user the one that was set before?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import pytest
import torch

from rdkit_ebd.runtime.threads import torch_threads


@pytest.fixture
def users() -> Iterator[int]:
    """A setting of the user's, in this thread and in those that come."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


def in_a_thread(ask: Callable[[], int] = torch.get_num_threads) -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ask).result()


def test_a_block_has_its_number_and_leaves_none_behind(users: int) -> None:
    with torch_threads(1):
        assert torch.get_num_threads() == 1
        with torch_threads(2):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
        assert in_a_thread() == users  # what other threads do meanwhile is theirs
    assert torch.get_num_threads() == in_a_thread() == users


def test_an_error_leaves_none_behind(users: int) -> None:
    with pytest.raises(KeyboardInterrupt), torch_threads(1):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == in_a_thread() == users


@pytest.mark.parametrize("first_out", [0, 1])
def test_blocks_that_overlap_keep_apart(users: int, first_out: int) -> None:
    begun, end = [Event(), Event()], [Event(), Event()]
    seen: list[list[int]] = [[], []]

    def call(k: int) -> None:
        with torch_threads(1 + k):
            seen[k].append(torch.get_num_threads())
            begun[k].set()
            assert end[k].wait(60)
            seen[k].append(torch.get_num_threads())
        seen[k].append(torch.get_num_threads())

    threads = [Thread(target=call, args=(k,)) for k in range(2)]
    for k, thread in enumerate(threads):
        thread.start()
        assert begun[k].wait(60)
    for k in (first_out, 1 - first_out):
        end[k].set()
        threads[k].join(60)
    assert seen == [[1, 1, users], [2, 2, users]]
    assert torch.get_num_threads() == in_a_thread() == users
