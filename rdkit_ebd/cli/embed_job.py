"""What does `rdkit-ebd embed` do with one molecule after the other, and what determines the file it writes?"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from rdkit_ebd.cli.common import called, count, in_one_line, in_options
from rdkit_ebd.cli.records import merged

if TYPE_CHECKING:  # torch and RDKit are imported when they are needed: `--help` answers at once
    from rdkit import Chem

    from rdkit_ebd.cli.core import CoreChoice
    from rdkit_ebd.io.changes import Changes
    from rdkit_ebd.io.columns import ColumnChoice
    from rdkit_ebd.io.read import Entry
    from rdkit_ebd.params import EBD
    from rdkit_ebd.report import EmbedReport

BY_ROTORS = "rotors"  # value of --num-confs


@dataclass
class Tally:
    """What the summary counts. A molecule with fewer conformers than asked for is a failure, and is written."""

    molecules: int = 0
    conformers: int = 0
    failures: int = 0
    stereo_judged: int = 0
    stereo_right: int = 0
    entries: int = 0  # lines or records of the input that the molecules are of

    def add(self, other: Tally) -> None:
        """Count what another has counted."""
        for name, number in asdict(other).items():
            setattr(self, name, getattr(self, name) + number)

    def summary(self, seconds: float, before: int = 0) -> str:
        """One line.

        Args:
            seconds: What this run took.
            before: Molecules of earlier runs, which the counts include and the rate does not.
        """
        words = [count(self.molecules, "molecule") + f" ({before} in earlier runs)" * bool(before)]
        if self.entries > self.molecules:  # several of one molecule, or left out
            words[0] += f" of {count(self.entries, 'record')}"
        words += [count(self.conformers, "conformer"), count(self.failures, "failure")]
        if self.stereo_judged:
            words.append(f"stereo yield {100 * self.stereo_right / self.stereo_judged:.1f} %")
        rate = (self.molecules - before) / seconds if seconds else 0.0
        return ", ".join([*words, f"{seconds:.1f} s ({rate:.3g} mol/s)"])


@dataclass(frozen=True)
class FileJob:
    """What is to be done.

    Attributes:
        source: INPUT.
        output: OUTPUT.
        num_confs: Conformers per molecule: a number, or BY_ROTORS.
        params: Validated parameters.
        hydrogens: Whether missing hydrogens are added.
        workers: Processes that embed; 0: this one.
        core: What is held where it is; None: nothing.
        tables: Whether tables of the molecules are wanted.
        columns: Of a table of molecules.
        changes: What is done to molecules first.
        protonate: Who says which states they have, as in `io.protonation`; None: they stay as they are.
        ph: At which.
    """

    source: str
    output: str
    num_confs: str
    params: EBD
    hydrogens: bool
    workers: int
    core: CoreChoice | None = None
    tables: bool = False
    columns: ColumnChoice | None = None
    changes: Changes | None = None
    protonate: str | None = None
    ph: float = 7.4


@dataclass(frozen=True)
class Embedded:
    """What became of one entry of the input.

    Attributes:
        entry: It, with the molecule as it was embedded.
        mol: The molecule with its conformers; None where there is none.
        report: What was made, and what was not and why.
        last: Whether nothing more comes of the entry: one whose stereochemistry is not defined may become several
            molecules.
        records: How many entries it stands for: conformers of one molecule, the first of which `entry` is.
    """

    entry: Entry
    mol: Chem.Mol | None
    report: EmbedReport
    last: bool = True
    records: int = 1

    @property
    def counts(self) -> Tally:
        """What it adds to the summary."""
        if self.entry.left_out:
            return Tally(entries=self.done)
        failed = self.entry.mol is None or not self.report.ok
        judged, right = self.report.stereo_judged, self.report.stereo_right
        return Tally(1, len(self.report.ids), int(failed), judged, right, self.done)

    def unwritten(self) -> Tally:
        """What it adds where it could not be written."""
        return Tally(1, 0, 1, self.report.stereo_judged, self.report.stereo_right, self.done)

    @property
    def done(self) -> int:
        """Entries of the input that are done with it."""
        return self.records if self.last else 0

    def row(self, problem: str = "") -> dict[str, Any]:
        """What the table of a run has of it.

        Args:
            problem: Why it could not be written.
        """
        [row] = self.report.rows()
        unread = "" if self.entry.mol is not None else self.entry.problem
        row["messages"] = unread or "; ".join(part for part in (row["messages"], problem) if part)
        beside = {"number": self.entry.number, "molecule": self.entry.name, "smiles": smiles_of(self.entry)}
        return {**beside, "ok": not problem and not self.counts.failures, **row}

    def notes(self, word: str) -> list[str]:
        """What a reader of its conformers must know, each with its place; `word` is what the entry's number counts."""
        return [self.note(word, in_options(remark)) for remark in self._remarks()]

    def note(self, word: str, remark: str) -> str:
        """A remark with its place."""
        first, last = self.entry.number, self.entry.number + self.records - 1
        place = f"{word} {first}" if first == last else f"{word}s {first}-{last}"
        return f"{place} ({called(self.entry.name)}): {remark}"

    def _remarks(self) -> list[str]:
        if self.entry.left_out:
            return [f"left out: {self.entry.left_out}"]
        return [*self.entry.notes, *self._results()]

    def _results(self) -> list[str]:
        if self.entry.mol is None:
            return [self.entry.problem]
        rejected = not self.report.attempts and self.report.messages  # its counts would say nothing more
        if not (self.report.ok or rejected):
            return [self.report.summary()]
        open_stereo = self.report.undefined_stereo
        separate = [f"{open_stereo}; --stereo enumerate separates them"] if open_stereo else []
        return [*self.report.messages, *separate, *self.report.advice]


def smiles_of(entry: Entry) -> str:
    """The SMILES of an entry as it was written, or, of a record, that of its molecule; empty where there is none."""
    from rdkit import Chem

    if entry.text or entry.mol is None:
        return entry.text
    try:
        return str(Chem.MolToSmiles(Chem.RemoveHs(entry.mol)))
    except RuntimeError:  # RDKit's own checks
        return ""


def manifest(job: FileJob, part_size: int) -> dict[str, Any]:
    """All that determines the output, and where its parts end."""
    import torch
    from rdkit import rdBase

    from rdkit_ebd import __version__
    from rdkit_ebd.generators.checkpoint import load_model
    from rdkit_ebd.io.read import STANDARD_STREAM, content_hash

    model = load_model(job.params.model, job.params.device)
    return {
        "the SHA-256 of INPUT": None if job.source == STANDARD_STREAM else content_hash(job.source),
        "--num-confs": job.num_confs,
        "records of one molecule": "embedded once",
        "--report or --failed": job.tables,
        "columns": asdict(job.columns) if job.columns else None,
        "--dedupe, --strip-salts, --neutralise": asdict(job.changes) if job.changes else None,
        **({"--protonate": job.protonate, "--ph": job.ph} if job.protonate else {}),
        **(job.core.manifest() if job.core else {}),
        "--hydrogens": job.hydrogens,
        "--part-size": part_size,
        "the SHA-256 of the model": model.weights_hash,
        "the version of rdkit_ebd": __version__,
        "the version of RDKit": rdBase.rdkitVersion,
        "the version of torch": torch.__version__,
        **job.params.to_dict(),
        "model": model.config.name,
        "device": str(model.device),
        "numThreads": 1 if job.workers else job.params.threads(),  # the last digits may depend on it
    }


def embedded(job: FileJob, skip: int = 0) -> Generator[Embedded, None, None]:
    """Embed the molecules of the input but the first `skip` entries; each entry comes back, in the order of the input.

    Raises:
        OSError: The input is not there, which is raised at once; or, once it is iterated, no worker can be started.
        ValueError: The input is neither a file of a known kind nor a SMILES, which is raised at once.
    """
    from rdkit_ebd.io.read import read_molecules

    # What is a duplicate depends on all that came before.
    passed = 0 if job.changes and job.changes.dedupe else skip
    return _embedded(read_molecules(job.source, passed, job.columns), job, skip - passed)


def _embedded(entries: Iterator[Entry], job: FileJob, skip: int) -> Generator[Embedded, None, None]:
    from rdkit import rdBase

    from rdkit_ebd.io.changes import Changer, Changes
    from rdkit_ebd.io.conformer_runs import conformer_runs
    from rdkit_ebd.io.isomers import entry_isomers
    from rdkit_ebd.io.protonation import entry_states, protonator
    from rdkit_ebd.io.read import place
    from rdkit_ebd.library.embed_molecules import StreamMolecules, conformers_by_rotors

    states = protonator(job.protonate, job.ph) if job.protonate else None
    waiting: deque[tuple[Entry, bool, int]] = deque()  # read, and not embedded yet

    def molecules() -> Iterator[Chem.Mol | None]:
        left, changer = skip, Changer(job.changes or Changes(), place(job.source))
        for run in conformer_runs(entries, by_fields=True):
            entry = changer.changed(merged(run))
            left -= len(run)
            if left >= 0 and skip:
                continue  # done in an earlier run
            if entry.left_out:
                waiting.append((entry, True, len(run)))
                yield None
                continue
            parts = [
                isomer
                for state in (entry_states(entry, states, job.ph) if states else [entry])
                for isomer in entry_isomers(_prepared(state, job.hydrogens), job.params.stereo)
            ]
            for k, part in enumerate(parts, start=1):
                waiting.append((part, k == len(parts), len(run)))
                yield part.mol

    wanted = conformers_by_rotors if job.num_confs == BY_ROTORS else int(job.num_confs)
    params = job.params.copy()
    if params.stereo == "enumerate":
        params.stereo = "keep"  # done here, where isomers get their names
    core = job.core.finder() if job.core else None
    with closing(StreamMolecules(molecules(), wanted, params, core=core, workers=job.workers)) as stream:
        while True:
            # RDKit's advice to add hydrogens was declined
            with nullcontext() if job.hydrogens else rdBase.BlockLogs(), _no_workers_reported():
                answer = next(stream, None)
            if answer is None:
                return
            entry, last, records = waiting.popleft()
            yield Embedded(entry, *answer, last, records)


@contextmanager
def _no_workers_reported() -> Iterator[None]:
    """Make of a pool that cannot start its processes what it is to a user: an error of the system, with its message."""
    try:
        yield
    except RuntimeError as error:
        raise OSError(in_one_line(error)) from error


def _prepared(entry: Entry, hydrogens: bool) -> Entry:
    """An entry with the molecule to embed."""
    from rdkit import Chem

    if entry.mol is None or not hydrogens:
        return entry
    try:
        return replace(entry, mol=Chem.AddHs(entry.mol, addCoords=entry.mol.GetNumConformers() > 0))
    except Exception as error:  # whatever it is, it must not stop the others
        return replace(entry, mol=None, problem=in_one_line(error))


def entries(outcomes: Iterator[Embedded], count: int) -> Iterator[Embedded]:
    """All that comes of the next so many entries, or a few more where the last molecule has several."""
    left = count
    while left > 0 and (outcome := next(outcomes, None)) is not None:
        left -= outcome.done
        yield outcome
