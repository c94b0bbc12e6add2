"""Is each molecule done once, whatever happens to a run, and is what it leaves the same?"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from shard_runs import library_of, rows, run, shards

from rdkit_ebd.runtime.crew import SetUp
from rdkit_ebd.shards.chunks import Library
from rdkit_ebd.shards.store import Store

EVERY = [(molecule, conformer) for molecule in range(95) for conformer in range(2)]


class Gone(Exception):
    """The end of a driver."""


@dataclass(frozen=True)
class Interrupted:
    """Does so many chunks, the next of them as far as writing its shard, and is gone."""

    chunks: int

    def opened(self) -> Any:
        return nullcontext()

    def answers(self, set_up: SetUp, pieces: Iterator[Any]) -> Generator[tuple[Any, Any], None, None]:
        work: Any = set_up()
        for number, piece in enumerate(pieces):
            if number == self.chunks:
                real = Store.write_json
                Store.write_json = _gone  # type: ignore[method-assign]
                try:
                    work(piece, 0)
                finally:
                    Store.write_json = real  # type: ignore[method-assign]
            yield piece, work(piece, 0)


def _gone(store: Store, name: str, content: object) -> None:
    raise Gone


def test_a_run_that_is_interrupted_leaves_whole_shards_and_is_continued(tmp_path: Path) -> None:
    library = library_of(tmp_path, 95)
    whole = run(library, tmp_path / "whole")
    assert (whole.chunks, whole.molecules, whole.conformers, whole.failures) == (10, 95, 190, 0)
    assert rows(tmp_path / "whole") == EVERY
    for chunks in (0, 3):
        with pytest.raises(Gone):
            run(library, tmp_path / "cut", crew=Interrupted(chunks))
    assert sorted(shards(tmp_path / "cut")) == [f"part-{k:012d}.parquet" for k in (0, 10, 20, 30)]
    tally = run(library, tmp_path / "cut")
    assert (tally.before, tally.molecules) == (30, 95)  # the fourth shard has no record, and is made again
    assert shards(tmp_path / "cut") == shards(tmp_path / "whole")
    again = run(library, tmp_path / "cut")
    assert (again.before, again.entries) == (95, 95)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda out: (out / "conformers" / "part-000000000010.parquet").unlink(),
        lambda out: os.truncate(out / "conformers" / "part-000000000010.parquet", 100),
        lambda out: os.truncate(out / "chunks" / "part-000000000010.json", 20),
        lambda out: (out / "chunks" / "part-000000000010.json").unlink(),
    ],
)
def test_what_is_not_whole_is_made_again(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    library, out = library_of(tmp_path, 35), tmp_path / "out"
    run(library, out)
    before = shards(out)
    spoil(out)
    assert run(library, out).before == 25
    assert shards(out) == before


def test_a_folder_is_of_one_run(tmp_path: Path) -> None:
    library, out = library_of(tmp_path, 12), tmp_path / "out"
    run(library, out)
    before = shards(out)
    with pytest.raises(ValueError, match="holds a run of this command: --resume continues it"):
        run(library, out, resume=False)
    with pytest.raises(ValueError, match="confs was 2 and is 3"):
        run(library, out, confs=3)
    with pytest.raises(ValueError, match="chunk was 10 and is 5"):
        run(library, out, chunk=5)
    with pytest.raises(ValueError, match="input was"):
        run(library_of(tmp_path, 13), out)
    assert shards(out) == before
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty and holds no run"):
        run(library, tmp_path)


def test_one_run_at_a_time(tmp_path: Path) -> None:
    library, store = library_of(tmp_path, 12), Store.at(tmp_path / "out")
    store.begin()
    with store.alone(), pytest.raises(OSError, match="another run is at work"):
        run(library, tmp_path / "out")


def test_failures_are_a_table_that_can_be_an_input(tmp_path: Path) -> None:
    lines = ["CCO ethanol", "C1CC open", "CCN amine", "", "c1ccccc1C(", "# a comment", "CC(C)(C)(C)C five"]
    (tmp_path / "library.smi").write_text("\n".join(lines))
    library = Library.at(str(tmp_path / "library.smi"))
    tally = run(library, tmp_path / "out", chunk=2)
    assert (tally.molecules, tally.failures) == (5, 3)
    with open(tmp_path / "out" / "failures.csv") as file:
        table = list(csv.DictReader(file))
    assert [(row["name"], row["number"], row["position"]) for row in table] == [
        ("open", "2", "1"),
        ("c1ccccc1C(", "5", "3"),
        ("five", "7", "4"),
    ]
    assert {row["cause"] for row in table} == {"BAD_MOLECULE 2"}
    assert "unclosed ring" in table[0]["message"]
    assert [row[0] for row in rows(tmp_path / "out")] == [0, 0, 2, 2]
    again = run(Library.at(str(tmp_path / "out" / "failures.csv")), tmp_path / "again")
    assert (again.molecules, again.failures) == (3, 3)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["molecules"], summary["failures"]) == (5, 3)


def test_a_run_in_an_object_store(tmp_path: Path) -> None:
    library = library_of(tmp_path, 25)
    run(library, tmp_path / "out")
    run(library, "memory://bucket/out")
    store = Store.at("memory://bucket/out")
    assert {name: store.read(f"conformers/{name}") for name in store.sizes("conformers")} == shards(tmp_path / "out")
    assert run(library, "memory://bucket/out").before == 25
    assert store.sizes("none") == {}
    assert store.read("none") is None
