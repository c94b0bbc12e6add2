"""What becomes of a chunk of a library? Molecules are read, embedded and written as one shard, with a record of it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from rdkit import Chem, rdBase

from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.generators.service import Deblurrer
from rdkit_ebd.io.changes import Changer, Changes
from rdkit_ebd.io.isomers import entry_isomers
from rdkit_ebd.io.protonation import entry_states, protonator
from rdkit_ebd.io.read import Entry, parser_of
from rdkit_ebd.library.answers import one_by_one
from rdkit_ebd.library.careful import KeptPool, WatchedRunner
from rdkit_ebd.library.cores import CoreOf
from rdkit_ebd.library.embed_molecules import CountOf, StreamMolecules
from rdkit_ebd.library.runner import Runner
from rdkit_ebd.params import EBD
from rdkit_ebd.report import EmbedReport
from rdkit_ebd.shards.chunks import Chunk
from rdkit_ebd.shards.run import RECORDS, SHARDS
from rdkit_ebd.shards.shard import SUFFIXES, new_shard
from rdkit_ebd.shards.store import Store, digest_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmbedJob:
    """What is wanted of every molecule.

    Attributes:
        num_confs: Conformers, or a function of the molecule.
        params: Validated; its model is a path.
        changes: What is done to molecules first; duplicates are not looked for.
        core: What is held where it is; None: nothing.
        form: Of the shards, a key of `SUFFIXES`.
        protonate: Who says which states they have, as in `io.protonation`; None: they stay as they are.
        ph: At which.
    """

    num_confs: int | CountOf
    params: EBD
    changes: Changes = field(default_factory=Changes)
    core: CoreOf | None = None
    form: str = "parquet"
    protonate: str | None = None
    ph: float = 7.4


@dataclass(frozen=True)
class ChunkDone:
    """What a worker answers.

    Attributes:
        record: What is to be known of the chunk, as JSON has it.
    """

    record: dict[str, Any]

    @property
    def counts(self) -> dict[str, float]:
        """What a cluster's dashboard counts."""
        return {name: float(self.record[name]) for name in ("molecules", "conformers", "failures")}


@dataclass(frozen=True)
class EmbedSetUp:
    """Makes, in each worker, what embeds chunks.

    Attributes:
        job: What is wanted.
        store: Where shards go; None: nowhere, for a trial.
        deblurrer: Who has the network; None: each worker on its CPU.
        runner: Who does the molecules of a chunk; None: the worker itself, and a process of its own once it has died.
    """

    job: EmbedJob
    store: Store | None
    deblurrer: Deblurrer | None = None
    runner: Runner | None = None

    def __call__(self) -> EmbedWork:
        """Load the model, and take one thread."""
        if self.runner is not None:
            return EmbedWork(self.job, self.store, self.runner, self.runner)
        torch.set_num_threads(1)
        params = self.job.params.copy()
        params.numThreads, params.device = 1, "cpu"
        load_model(params.model, "cpu")
        careful = KeptPool(1, one_by_one(self.deblurrer) if self.deblurrer else None)
        return EmbedWork(replace(self.job, params=params), self.store, WatchedRunner(self.deblurrer), careful)


@dataclass(frozen=True)
class EmbedWork:
    """Embeds chunks; see `EmbedSetUp`."""

    job: EmbedJob
    store: Store | None
    runner: Runner
    careful: Runner

    def __call__(self, chunk: Chunk, losses: int) -> ChunkDone:
        """Make the shard of a chunk and the record that says so, in this order.

        Args:
            chunk: It.
            losses: How many workers have died on it; after the first, each molecule is done where it can do no harm.

        Raises:
            OSError: A file cannot be written.
        """
        begun, runner = time.perf_counter(), self.careful if losses else self.runner
        shard, record = new_shard(self.job.form), _new_record(chunk)
        try:
            for made in embedded(chunk, self.job, runner):
                _note(record, made, _added(shard, made))
        finally:
            if losses and isinstance(runner, KeptPool):
                runner.close()
        content = shard.content()
        record |= {"shard": chunk.name + SUFFIXES[self.job.form], "size": len(content), "sha256": digest_of(content)}
        record["seconds"] = round(time.perf_counter() - begun, 3)
        if self.store is not None:
            self.store.write(f"{SHARDS}/{record['shard']}", content)
            self.store.write_json(f"{RECORDS}/{chunk.name}.json", record)
        log.info("%s: %d molecules, %d failures", chunk.name, record["molecules"], record["failures"])
        return ChunkDone(record)


@dataclass(frozen=True)
class Made:
    """What became of a molecule.

    Attributes:
        position: In the input, from 0.
        isomer: Which of its states and stereoisomers, from 1; 0 where it is as it was written.
        file: Where it stands.
        entry: With the molecule as it was embedded.
        bare: The same before it got hydrogens, where it was read from a SMILES.
        mol: With its conformers; None where there is none.
        report: What was made, and what was not and why.
    """

    position: int
    isomer: int
    file: str
    entry: Entry
    bare: Chem.Mol | None
    mol: Chem.Mol | None
    report: EmbedReport


def embedded(chunk: Chunk, job: EmbedJob, runner: Runner) -> Iterator[Made]:
    """Embed the molecules of a chunk, in order; what goes wrong with one stops no other."""
    waiting: deque[tuple[int, int, str, Entry, Chem.Mol | None]] = deque()
    params, states = job.params.copy(), protonator(job.protonate, job.ph) if job.protonate else None
    if params.stereo == "enumerate":
        params.stereo = "keep"  # done here, where isomers get their names

    def molecules() -> Iterator[Chem.Mol | None]:
        for position, file, kind, read in _entries(chunk):
            entry = Changer(job.changes, "line").changed(read)
            bare = entry.mol if kind in ("smiles", "table", "parquet") else None
            parts = [
                part
                for state in (entry_states(entry, states, job.ph) if states else [entry])
                for part in entry_isomers(_with_hydrogens(state), job.params.stereo)
            ]
            for k, part in enumerate(parts, start=1):
                isomers = len(parts) > 1 or part.name != entry.name
                waiting.append((position, k if isomers else 0, file, part, None if isomers or states else bare))
                yield part.mol

    with (
        rdBase.BlockLogs(),
        closing(StreamMolecules(molecules(), job.num_confs, params, core=job.core, runner=runner)) as stream,
    ):
        for mol, report in stream:
            yield Made(*waiting.popleft(), mol, report)


def _entries(chunk: Chunk) -> Iterator[tuple[int, str, str, Entry]]:
    position = chunk.first
    for part in chunk.slices:
        parse = parser_of(part.kind)
        for text in part.texts:
            yield position, part.file, part.kind, parse(text)
            position += 1


def _with_hydrogens(entry: Entry) -> Entry:
    if entry.mol is None:
        return entry
    try:
        return replace(entry, mol=Chem.AddHs(entry.mol, addCoords=entry.mol.GetNumConformers() > 0))
    except Exception as error:  # whatever it is, it must not stop the others
        return replace(entry, mol=None, problem=" ".join(str(error).split()) or repr(error))


def _added(shard: Any, made: Made) -> str:
    """Write what was made of a molecule; why it cannot be written, where that is so."""
    if made.mol is None or not made.report.ids:  # one that failed may still have the conformers it came with
        return ""
    try:
        shard.add(made.mol, made.position, made.isomer, made.entry.name, made.bare)
        return ""
    except ValueError as error:  # its own, and not the end of the others
        return str(error)


def _new_record(chunk: Chunk) -> dict[str, Any]:
    counts = {"molecules": 0, "conformers": 0, "failures": 0}
    return {"chunk": chunk.name, "first": chunk.first, "entries": len(chunk), **counts, "failed": [], "notes": []}


def _note(record: dict[str, Any], made: Made, problem: str) -> None:
    """Count a molecule, and say what is wrong with it or what a reader must know of it."""
    bad = bool(problem) or made.entry.mol is None or not made.report.ok
    record["molecules"] += 1
    record["conformers"] += 0 if problem else len(made.report.ids)
    record["failures"] += int(bad)
    place = {"file": made.file, "number": made.entry.number, "name": made.entry.name, "position": made.position}
    notes = [*made.entry.notes, *([made.report.undefined_stereo] if made.report.undefined_stereo else [])]
    record["notes"] += [{**place, "note": note} for note in notes]
    if bad:
        [row] = made.report.rows()
        unread = "" if made.entry.mol is not None else made.entry.problem
        message = unread or "; ".join(part for part in (row["messages"], problem) if part)
        cause = row["causes"] or "NOT_WRITTEN"
        record["failed"].append({"smiles": _smiles(made), **place, "cause": cause, "message": message})


def _smiles(made: Made) -> str:
    if made.entry.text or made.entry.mol is None:
        return made.entry.text
    try:
        return str(Chem.MolToSmiles(Chem.RemoveHs(made.entry.mol)))
    except RuntimeError:  # RDKit's own checks
        return ""
