"""Is whatever a file does to its reader an error that names the file, within bounds of memory and time?"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from crew import children
from process_work import reading, reading_all

from rdkit_ebd.runtime import apart
from rdkit_ebd.runtime.apart import Limits, generated_apart, limits_for, read_apart
from rdkit_ebd.runtime.processes import SUPPORTED

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="needs a POSIX system")


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    before = children(os.getpid())
    yield
    assert children(os.getpid()) == before


def file_of(folder: Path, *lines: object, name: str = "strange.dat") -> Path:
    path = folder / name
    path.write_text("\n".join(map(str, lines)))
    return path


def test_what_is_read_comes_back(tmp_path: Path) -> None:
    assert read_apart(reading, file_of(tmp_path, "give", "it")) == "it"


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_death_names_the_file(tmp_path: Path, number: signal.Signals) -> None:
    path = file_of(tmp_path, "die", int(number))
    with pytest.raises(ValueError, match=rf"strange\.dat cannot be read: .* by signal {int(number)}"):
        read_apart(reading, path)


def test_memory_is_bounded_by_the_size_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"strange\.dat cannot be read: it asks for more memory"):
        read_apart(reading, file_of(tmp_path, "eat", 2 << 30))
    assert read_apart(reading, file_of(tmp_path, "eat", 1 << 28)) == str(1 << 28)
    small, large = file_of(tmp_path, "x", name="small"), file_of(tmp_path, "x" * 100_000, name="large")
    assert limits_for(large).memory > limits_for(small).memory
    with pytest.raises(FileNotFoundError):
        limits_for(tmp_path / "none")


def test_time_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"strange\.dat cannot be read: after .* s it was given up"):
        read_apart(reading, file_of(tmp_path, "sleep", 1000), Limits(1 << 30, 0.3))


def test_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too large"):
        read_apart(reading, file_of(tmp_path, "write", tmp_path / "new"))


@pytest.mark.parametrize("supported", [True, False])
def test_errors_are_as_they_were_or_name_the_file(
    tmp_path: Path, supported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "SUPPORTED", supported)
    with pytest.raises(ValueError, match=r"strange\.dat cannot be read: told"):
        read_apart(reading, file_of(tmp_path, "raise", "ValueError"))
    with pytest.raises(ValueError, match=r"strange\.dat cannot be read: .*told"):
        read_apart(reading, file_of(tmp_path, "raise", "KeyError"))
    with pytest.raises(ImportError, match="told"):
        read_apart(reading, file_of(tmp_path, "raise", "ImportError"))


def test_of_several_files_the_one_is_named_that_did_it(tmp_path: Path) -> None:
    paths = [file_of(tmp_path, "give", "a", name="a"), file_of(tmp_path, "die", "11", name="b")]
    found = generated_apart(partial(reading_all, paths), tmp_path, limits_for(paths[0]))
    assert next(found) == "a"
    with pytest.raises(ValueError, match=r"/b cannot be read"):
        next(found)
    early = generated_apart(partial(reading_all, paths), tmp_path, limits_for(paths[0]))
    assert next(early) == "a"
    early.close()
