"""How does a run get through its chunks, and what does a second one find? Whole shards, each with its record."""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from rdkit_ebd.runtime.crew import Crew, Lost, SetUp
from rdkit_ebd.shards.manifest import FAILURES, SUMMARY, begin_or_resume
from rdkit_ebd.shards.store import Store

log = logging.getLogger(__name__)

SHARDS, RECORDS = "conformers", "chunks"  # folders of a run
FAILED = ("smiles", "name", "file", "number", "position", "cause", "message")
TALLIED = ("entries", "molecules", "conformers", "failures")
LAST, FIRST = "seconds of the last run", "seconds until its first chunk was done"
EVERY = 60.0  # seconds between two lines of the log

Pieces = Callable[[set[str]], Iterator[Any]]
"""The pieces of a run but those with these names."""


@dataclass
class Tally:
    """What was done so far, in earlier runs too.

    Attributes:
        chunks: Pieces.
        entries: Of the input.
        molecules: Which they became.
        conformers: Written.
        failures: Molecules with fewer conformers than wanted.
        before: Entries of earlier runs.
    """

    chunks: int = 0
    entries: int = 0
    molecules: int = 0
    conformers: int = 0
    failures: int = 0
    before: int = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """Count a piece by its record."""
        self.chunks += 1
        for name in TALLIED:
            setattr(self, name, getattr(self, name) + int(record[name]))


@dataclass
class Run:
    """A run into a folder.

    Attributes:
        store: The folder.
        manifest: All that determines the run, as JSON takes it.
        total: Entries of the input; None: not known.
        watch: Called with the tally after each piece.
        tally: What was done so far.
        first: Seconds until the first piece of this run was done.
    """

    store: Store
    manifest: Mapping[str, Any]
    total: int | None = None
    watch: Callable[[Tally], None] = lambda tally: None
    tally: Tally = field(default_factory=Tally)
    first: float = 0.0

    def work(self, crew: Crew, set_up: SetUp, pieces: Pieces, resume: bool) -> Tally:
        """Do what is missing, and write the table of failures and the summary.

        Args:
            crew: Who does it; that there is somebody is known before anything is written.
            set_up: Makes what does a piece: writes its shard, then its record, and answers with an object that has the
                record as `record`.
            pieces: Gives the pieces that are not done; each has a `name`.
            resume: Whether an earlier run is continued.

        Raises:
            ValueError: The folder is of another run.
            OSError: It cannot be written, or another run is at work there.
            RuntimeError: A piece was lost again and again, whoever worked on it.
        """
        with ExitStack() as stack:
            stack.enter_context(crew.opened())
            self.store.begin()
            stack.enter_context(self.store.alone())
            begin_or_resume(self.store, self.manifest, resume)
            done = self._done()
            self.watch(self.tally)
            begun = said = time.monotonic()
            for piece, answer in crew.answers(set_up, pieces(done)):
                if isinstance(answer, Lost):
                    raise RuntimeError(f"{piece.name} was lost again and again, the last time: {answer.how}")
                if not self.first:
                    self.first = time.monotonic() - begun
                self.tally.add(answer.record)
                self.watch(self.tally)
                if time.monotonic() - said > EVERY:
                    said = time.monotonic()
                    log.info(in_words(self.tally, self.total, said - begun))
            self._finish(time.monotonic() - begun)
        return self.tally

    def _done(self) -> set[str]:
        """Names of the chunks that are finished: the record is there, and the shard as long as it says."""
        sizes = self.store.sizes(SHARDS)
        done = set[str]()
        for name in sorted(self.store.sizes(RECORDS)):
            record = self.store.read_json(f"{RECORDS}/{name}")
            if record is not None and sizes.get(record["shard"]) == record["size"]:
                done.add(record["chunk"])
                self.tally.add(record)
        self.tally.before = self.tally.entries
        return done

    def _finish(self, seconds: float) -> None:
        self.store.write(FAILURES, self._failures())
        counts = {name: getattr(self.tally, name) for name in ("chunks", *TALLIED)}
        times = {LAST: round(seconds, 3), FIRST: round(self.first, 3)}
        self.store.write_json(SUMMARY, {**counts, **times})

    def _failures(self) -> bytes:
        """The table of what failed, in the order of the input."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, FAILED, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for name in sorted(self.store.sizes(RECORDS)):
            record = self.store.read_json(f"{RECORDS}/{name}") or {}
            writer.writerows(record.get("failed", []))
        return text.getvalue().encode()


def in_words(tally: Tally, total: int | None, seconds: float) -> str:
    """Such as "512 of 2000 molecules, 10240 conformers, 3 failures; 12.3 mol/s, 2.0 min left"."""
    done, rate = tally.entries - tally.before, (tally.entries - tally.before) / max(seconds, 1e-9)
    of = f" of {total}" if total else ""
    words = f"{tally.entries}{of} molecules, {tally.conformers} conformers, {tally.failures} failures; {rate:.3g} mol/s"
    return f"{words}, {(total - tally.entries) / rate / 60:.1f} min left" if total and done else words
