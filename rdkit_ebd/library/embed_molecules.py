"""How are many molecules embedded? Each as a single call would, on all cores, in order, none stopping the others."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from rdkit_ebd.api import Parameters, check_count, is_missing
from rdkit_ebd.chem.core_match import CoreMatch
from rdkit_ebd.chem.undefined_stereo import EnumerateStereo, undefined_stereo
from rdkit_ebd.embedding.pipeline import EmbedOutcome, settle
from rdkit_ebd.library.arguments import CountOf, counts_of, item_of, molecules_of, obstacle_of, settings_for_all
from rdkit_ebd.library.cores import CoreOf, core_finder
from rdkit_ebd.library.job import Job
from rdkit_ebd.library.runner import Runner, runner_of
from rdkit_ebd.params import EBD
from rdkit_ebd.report import EmbedReport
from rdkit_ebd.report.tabular import Tabular

LOOK_AHEAD = 16  # molecules per worker that are read before the first of them is given back


@dataclass
class LibraryReport(Tabular):
    """The outcome of a library; `to_frame()` and `to_csv(path)` give it as a table with a row for each molecule.

    Attributes:
        reports: One per molecule, in order.
        seconds: Wall-clock time of the whole.

    Example:
        >>> mols = [Chem.AddHs(Chem.MolFromSmiles(smiles)) for smiles in ("CCO", "CCN")]
        >>> report = EmbedMolecules([*mols, None], 2, workers=0, randomSeed=1)
        >>> report.ok, [r.ok for r in report.reports], len(report.total.ids)
        (False, [True, True, False], 4)
    """

    columns: ClassVar[Sequence[str]] = ("molecule", *EmbedReport.columns)

    reports: list[EmbedReport] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def total(self) -> EmbedReport:
        """All reports in one."""
        total = EmbedReport()
        for report in self.reports:
            total.merge(report)
        return total

    @property
    def ok(self) -> bool:
        """Whether all conformers of all molecules were made."""
        return all(report.ok for report in self.reports)

    def rows(self) -> list[dict[str, Any]]:
        """A row for each molecule, which is numbered from 0."""
        return [{"molecule": k, **row} for k, report in enumerate(self.reports) for row in report.rows()]

    def summary(self) -> str:
        """One line, such as `3 molecules: 28 of 30 conformers in 4.20 s (2 failed: CLASH 2); 0.7 mol/s, 6.7 conf/s`."""
        total = self.total
        total.messages, total.seconds = [], {"wall": self.seconds}
        count, elapsed = len(self.reports), max(self.seconds, 1e-9)
        rates = f"{count / elapsed:.1f} mol/s, {len(total.ids) / elapsed:.1f} conf/s"
        return f"{count} molecule{'s' * (count != 1)}: {total.summary()}; {rates}"


def EmbedMolecules(
    mols: Sequence[Chem.Mol | None],
    numConfs: int | Sequence[int] | CountOf = 10,
    params: Parameters | None = None,
    *,
    core: Chem.Mol | CoreOf | None = None,
    workers: int | None = None,
    runner: str | Runner = "local",
    progress: bool = False,
    **keywords: Any,
) -> LibraryReport:
    """Embed conformers of many molecules and write them into the molecules.

    Each gets the conformers that `EmbedMoleculeEBD` would give it with the same parameters, whatever the company and
    the number of workers (to 0.01 angstrom; bit for bit where one thread does either). A molecule that cannot be
    embedded keeps the conformers it had, its report says why, and it does not stop the others. Causes, beside those of
    a single call, are

    - BAD_MOLECULE: None or NaN (one that could not be parsed), without atoms, or not sanitised;
    - UNSUPPORTED: the model does not know one of its elements, or it is too large, and there is no fallback;
    - BAD_PARAMETERS: the parameters do not fit it, such as a `coordMap` beyond its atoms;
    - NO_CORE: it has not got the core, or only with another stereochemistry;
    - UNDEFINED_STEREO: its stereochemistry is not defined, and `stereo` is "refuse", or "enumerate", which wants
      `StreamMolecules`: several molecules cannot be written into one;
    - EXCEEDED_TIMEOUT: also where its worker process hung, and was ended;
    - WORKER_DIED: two worker processes died on it, by a crash or for memory;
    - OUT_OF_MEMORY: not even one of its conformers fits into the memory;
    - INTERNAL_ERROR: anything else; its message says what.

    Args:
        mols: Changed in place: their conformers alone, each molecule's when it is done.
        numConfs: Conformers wanted: of every molecule, of each, or a function of the molecule such as
            `conformers_by_rotors`.
        params: As in `EmbedMoleculeEBD`; with `trackFailures` it also keeps the counts of all molecules together.
        core: A molecule with a conformer, whose heavy atoms are held where they are in every molecule; or a function
            of the molecule that says where, such as `lambda mol: MatchCore(mol, reference, mcs=True)`.
        workers: Processes that share the molecules, each with one thread (`numThreads` is not used), some seconds to
            start and about 400 MB. 0: none, all is done here, where nothing catches a crash or a hang. None: one per
            usable core where there are several molecules and cores, else 0. With a GPU, this process alone uses it;
            the workers do all but run the network.
        runner: "local": the processes of this machine that `workers` says; "ray": a Ray cluster, the one that this
            process is connected to, or one on this machine; or a `library.runner.Runner`, which has its own workers,
            such as `library.ray_runner.RayRunner("head:6379")`.
        progress: Show a bar on standard error.
        **keywords: As in `EmbedMoleculeEBD`, instead of `params`.

    Returns:
        The reports in order.

    Raises:
        TypeError: An item of `mols` is neither a molecule nor None, or a count no integer; all offenders are named.
        ValueError: As many counts as molecules are needed; or a value of the parameters is out of range.
        OverflowError: A count is negative.
        ImportError: The engine of a method, or Ray, is not installed.
        ConnectionError: There is no Ray at the address of a `RayRunner`.
        RuntimeError: No worker process can be started.
        NotImplementedError: Workers are asked for on Windows; None means 0 there.

    Example:
        >>> mols = [Chem.AddHs(Chem.MolFromSmiles(s)) for s in ("CCO", "CC(=O)Nc1ccc(O)cc1")]
        >>> len(EmbedMolecules(mols, 5, randomSeed=42, workers=0).total.ids)
        10
    """
    begin = time.perf_counter()
    settings = settings_for_all(params, keywords)
    crew = runner_of(runner, workers)
    mols = molecules_of(mols)
    counts, finder = counts_of(mols, numConfs), core_finder(core, settings)
    matches: deque[CoreMatch | None] = deque()

    def items() -> Iterator[Job | EmbedOutcome]:
        for mol, count in zip(mols, counts, strict=True):
            item, match = item_of(mol, count, finder)
            matches.append(match)
            yield item

    report, incomplete = LibraryReport(), 0
    with _bar(len(mols), progress) as bar, closing(crew.outcomes(items(), settings, None)) as outcomes:
        for mol, outcome in zip(mols, outcomes, strict=True):
            report.reports.append(_settled(mol, outcome, settings.clearConfs, matches.popleft()))
            incomplete += not report.reports[-1].ok
            bar.set_postfix(incomplete=incomplete, refresh=False)
            bar.update()
    report.seconds = time.perf_counter() - begin
    if isinstance(params, EBD):
        params.record_failures(report.total.GetFailureCounts())
    return report


def StreamMolecules(
    mols: Iterable[Chem.Mol | None],
    numConfs: int | CountOf = 10,
    params: Parameters | None = None,
    *,
    core: Chem.Mol | CoreOf | None = None,
    workers: int | None = None,
    runner: str | Runner = "local",
    **keywords: Any,
) -> Generator[tuple[Chem.Mol | None, EmbedReport], None, None]:
    """`EmbedMolecules` for any number of molecules: each comes back with its report once it and those before are done.

    Args:
        mols: Read as the work proceeds, a bounded number beyond what came back. The molecules are changed in place.
        numConfs: Conformers wanted of every molecule, or a function of the molecule.
        params: As in `EmbedMolecules`.
        core: As there.
        workers: As there. They end with the iterator, also where it is closed early or Ctrl-C is pressed.
        runner: As there.
        **keywords: As there.

    Returns:
        Molecules and reports in the order of the input; with `stereo="enumerate"` a new molecule for each isomer of
        one whose stereochemistry is not defined. What `mols` raises, and a TypeError or OverflowError about
        one of its items, comes in that item's turn, after all that was before it.

    Raises:
        The errors of `EmbedMolecules` about anything but the molecules, before any work.

    Example:
        >>> mols = (Chem.AddHs(Chem.MolFromSmiles(smiles)) for smiles in ("CCO", "CCN"))
        >>> for mol, report in StreamMolecules(mols, 2, randomSeed=1, workers=0):
        ...     print(Chem.MolToSmiles(Chem.RemoveHs(mol)), len(report.ids))
        CCO 2
        CCN 2
    """
    settings = settings_for_all(params, keywords)
    crew = runner_of(runner, workers)
    if not callable(numConfs):
        numConfs = check_count(numConfs)
    counted = params if isinstance(params, EBD) else None
    return _stream(iter(mols), numConfs, settings, crew, core_finder(core, settings), counted)


def conformers_by_rotors(mol: Chem.Mol) -> int:
    """The usual number of conformers: 50, 200 or 300 for up to 7, up to 12, or more rotatable bonds.

    Args:
        mol: The molecule; pass this function as `numConfs` to `EmbedMolecules`.

    Source: Ebejer, Morris and Deane, J. Chem. Inf. Model. 2012, 52, 1146.

    Example:
        >>> conformers_by_rotors(Chem.MolFromSmiles("CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O"))
        50
    """
    rotors = rdMolDescriptors.CalcNumRotatableBonds(mol)
    return 50 if rotors <= 7 else 200 if rotors <= 12 else 300


def _stream(
    mols: Iterator[Chem.Mol | None],
    asked: int | CountOf,
    settings: EBD,
    crew: Runner,
    finder: CoreOf | None,
    counted: EBD | None,
) -> Generator[tuple[Chem.Mol | None, EmbedReport], None, None]:
    read: dict[int, tuple[Chem.Mol | None, CoreMatch | None]] = {}
    number, stereo = itertools.count(), settings.stereo
    settings.stereo = "keep" if stereo == "enumerate" else stereo  # of isomers none is open but what nobody can tell

    def items() -> Iterator[Job | EmbedOutcome]:
        for i, item in enumerate(mols):
            mol = None if is_missing(item) else item
            if not isinstance(mol, (Chem.Mol, type(None))):
                raise TypeError(f"every item must be a Chem.Mol or None, but molecule {i} is {mol!r}")
            for isomer in _isomers(mol, stereo):
                [count] = counts_of([isomer], asked, i)
                job, match = item_of(isomer, count, finder)
                read[next(number)] = isomer, match
                yield job

    with closing(crew.outcomes(items(), settings, LOOK_AHEAD)) as outcomes:
        for i, outcome in enumerate(outcomes):
            mol, match = read.pop(i)
            report = _settled(mol, outcome, settings.clearConfs, match)
            if counted is not None:
                counted.record_failures(report.GetFailureCounts())
            yield mol, report


def _settled(mol: Chem.Mol | None, outcome: EmbedOutcome, clear: bool, match: CoreMatch | None) -> EmbedReport:
    """Write what was made into the molecule, and say of its core what there is to say."""
    report = settle(mol, outcome, clear)
    if mol is not None and match is not None and report.ids:
        report.messages.append(match.result([mol.GetConformer(i).GetPositions() for i in report.ids]))
    return report


def _isomers(mol: Chem.Mol | None, stereo: str) -> list[Chem.Mol | None]:
    if stereo != "enumerate" or mol is None or obstacle_of(mol):
        return [mol]
    try:
        return [*EnumerateStereo(mol)] if undefined_stereo(mol) else [mol]
    except Exception:  # whatever RDKit raises; embedding the molecule as it is says what is wrong with it
        return [mol]


def _bar(total: int, shown: bool) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=total, unit="mol", disable=not shown)
