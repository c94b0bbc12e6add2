"""How are many molecules embedded? Each as a single call would, on all cores, in order, none stopping the others."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from rdkit_ebd.api import Parameters, check_count, check_molecule, is_missing, settings_of
from rdkit_ebd.chem.undefined_stereo import EnumerateStereo, undefined_stereo
from rdkit_ebd.embedding.pipeline import EmbedOutcome, settle, warn_of_missing_hydrogens
from rdkit_ebd.generators.checkpoint import load_model, model_path
from rdkit_ebd.library.job import Job, failed, outcome_of
from rdkit_ebd.library.ordered_queue import OrderedQueue
from rdkit_ebd.library.process_pool import SUPPORTED, Pool
from rdkit_ebd.params import EBD
from rdkit_ebd.report import EmbedReport, FailureCause
from rdkit_ebd.runtime.cores import usable_cores

LOOK_AHEAD = 16  # molecules per worker that are read before the first of them is told
UNKNOWN = 1  # conformers asked of what no function can be asked about, so that its report is not ok

CountOf = Callable[[Chem.Mol], int]


@dataclass
class LibraryReport:
    """The outcome of a library.

    Attributes:
        reports: One per molecule, in order.
        seconds: Wall-clock time of the whole.
    """

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
    workers: int | None = None,
    progress: bool = False,
    **keywords: Any,
) -> LibraryReport:
    """Embed conformers of many molecules and write them into the molecules.

    Each gets the conformers that `EmbedMoleculeEBD` would give it with the same parameters, whatever the company and
    the number of workers (to 0.01 angstrom; bit for bit where one thread does either). A molecule that cannot be
    embedded keeps the conformers it had, is told in its report, and does not stop the others. Causes, beside those of
    a single call, are

    - BAD_MOLECULE: None or NaN (one that could not be parsed), without atoms, or not sanitised;
    - UNSUPPORTED: the model does not know one of its elements, or it is too large, and there is no fallback;
    - BAD_PARAMETERS: the parameters do not fit it, such as a `coordMap` beyond its atoms;
    - UNDEFINED_STEREO: its stereochemistry is not defined, and `stereo` is "refuse", or "enumerate", which wants
      `StreamMolecules`: several molecules cannot be written into one;
    - EXCEEDED_TIMEOUT: also where its worker process hung, and was ended;
    - WORKER_DIED: two worker processes died on it, by a crash or for memory;
    - OUT_OF_MEMORY: not even one of its conformers fits into the memory;
    - INTERNAL_ERROR: anything else, as its message tells.

    Args:
        mols: Changed in place: their conformers alone, each molecule's when it is done.
        numConfs: Conformers wanted: of every molecule, of each, or a function of the molecule such as
            `conformers_by_rotors`.
        params: As in `EmbedMoleculeEBD`; with `trackFailures` it also keeps the counts of all molecules together.
        workers: Processes that share the molecules, each with one thread (`numThreads` is not used), some seconds to
            start and about 400 MB. 0: none, all is done here, where nothing catches a crash or a hang. None: one per
            usable core where there are several molecules and cores, else 0. With a GPU, this process alone uses it;
            the workers do all but run the network.
        progress: Show a bar on standard error.
        **keywords: As in `EmbedMoleculeEBD`, instead of `params`.

    Returns:
        The reports in order.

    Raises:
        TypeError: An item of `mols` is neither a molecule nor None, or a count no integer; all offenders are named.
        ValueError: As many counts as molecules are needed; or a value of the parameters is out of range.
        OverflowError: A count is negative.
        ImportError: The engine of a method is not installed.
        RuntimeError: No worker process can be started.
        NotImplementedError: Workers are asked for on Windows; None means 0 there.

    Example:
        >>> mols = [Chem.AddHs(Chem.MolFromSmiles(s)) for s in ("CCO", "CC(=O)Nc1ccc(O)cc1")]
        >>> len(EmbedMolecules(mols, 5, randomSeed=42, workers=0).total.ids)
        10
    """
    begin = time.perf_counter()
    settings = _settings(params, keywords)
    crew = _workers(workers)
    mols = _molecules(mols)
    counts = _counts(mols, numConfs)
    items = (_item(mol, count) for mol, count in zip(mols, counts, strict=True))
    report, incomplete = LibraryReport(), 0
    with _bar(len(mols), progress) as bar, closing(_outcomes(items, settings, crew, ahead=None)) as outcomes:
        for mol, outcome in zip(mols, outcomes, strict=True):
            report.reports.append(settle(mol, outcome, settings.clearConfs))
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
    workers: int | None = None,
    **keywords: Any,
) -> Generator[tuple[Chem.Mol | None, EmbedReport], None, None]:
    """`EmbedMolecules` for any number of molecules: each comes back with its report once it and those before are done.

    Args:
        mols: Read as the work goes on, a bounded number beyond what came back. The molecules are changed in place.
        numConfs: Conformers wanted of every molecule, or a function of the molecule.
        params: As in `EmbedMolecules`.
        workers: As there. They end with the iterator, also where it is closed early or Ctrl-C is pressed.
        **keywords: As there.

    Returns:
        Molecules and reports in the order of the input; with `stereo="enumerate"` a new molecule for each isomer of
        one whose stereochemistry is not defined. What `mols` raises, and a TypeError or OverflowError about
        one of its items, comes in that item's turn, after all that was before it.

    Raises:
        The errors of `EmbedMolecules` about anything but the molecules, before any work.
    """
    settings = _settings(params, keywords)
    crew = _workers(workers)
    if not callable(numConfs):
        numConfs = check_count(numConfs)
    return _stream(iter(mols), numConfs, settings, crew, params if isinstance(params, EBD) else None)


def default_workers() -> int:
    """The number of workers that `workers=None` means for a library: one per usable core, 0 where there is only one."""
    cores = usable_cores()
    return cores if SUPPORTED and cores > 1 else 0


def conformers_by_rotors(mol: Chem.Mol) -> int:
    """The usual number of conformers: 50, 200 or 300 for up to 7, up to 12, or more rotatable bonds.

    Source: Ebejer, Morris and Deane, J. Chem. Inf. Model. 2012, 52, 1146.
    """
    rotors = rdMolDescriptors.CalcNumRotatableBonds(mol)
    return 50 if rotors <= 7 else 200 if rotors <= 12 else 300


def _settings(params: Parameters | None, keywords: dict[str, Any]) -> EBD:
    """Parameters that are known to work with any molecule that can be treated at all."""
    settings = settings_of(params, keywords)
    settings.validate()
    settings.require_engines()
    settings.model = str(model_path(settings.model).resolve())  # the current folder may change before a worker starts
    load_model(settings.model, settings.device)
    return settings


def _workers(workers: int | None) -> int | None:
    if workers is None:
        return None
    if isinstance(workers, bool) or not hasattr(workers, "__index__"):
        raise TypeError(f"workers must be an integer or None, not {workers!r}")
    if workers < 0:
        raise ValueError(f"workers must be at least 0, not {workers}")
    if workers and not SUPPORTED:
        raise NotImplementedError("worker processes need a POSIX system: workers=0 does without them")
    return workers


def _molecules(mols: Any) -> Sequence[Chem.Mol | None]:
    if isinstance(mols, (str, bytes, Chem.Mol)) or not isinstance(mols, Iterable):
        raise TypeError(f"mols must be a sequence of molecules, not {mols!r}")
    found = [None if is_missing(mol) else mol for mol in mols]
    wrong = [f"mols[{i}] is {mol!r}" for i, mol in enumerate(found) if not isinstance(mol, (Chem.Mol, type(None)))]
    if wrong:
        raise TypeError(f"every item must be a Chem.Mol or None, but {', '.join(wrong)}")
    return found


def _counts(mols: Sequence[Chem.Mol | None], asked: Any, first: int = 0) -> list[int]:
    """Conformers wanted of each molecule, the first of which has this index; bad ones are told with theirs."""
    if callable(asked):
        counts = [asked(mol) if mol is not None and not _obstacle(mol) else UNKNOWN for mol in mols]
    elif isinstance(asked, (str, bytes)) or not isinstance(asked, Iterable):
        return [check_count(asked)] * len(mols)
    else:
        counts = list(asked)
    if len(counts) != len(mols):
        raise ValueError(f"numConfs has {len(counts)} entries for {len(mols)} molecules")
    return _checked(dict(enumerate(counts, first)))


def _checked(counts: dict[int, Any]) -> list[int]:
    """Counts by the index of their molecule as integers; all that are none are told."""
    good, errors = [], []
    for index, count in counts.items():
        try:
            good.append(check_count(count))
        except (TypeError, OverflowError) as error:
            errors.append(type(error)(f"molecule {index}: {error}"))
    if errors:
        raise type(errors[0])("; ".join(map(str, errors)))
    return good


def _obstacle(mol: Chem.Mol | None) -> str:
    """Why a molecule cannot even be looked at."""
    if mol is None:
        return "there is no molecule: None (a SMILES that could not be parsed?)"
    try:
        check_molecule(mol)
    except (ValueError, RuntimeError) as error:  # RuntimeError: RDKit's own checks
        return str(error)
    return ""


def _item(mol: Chem.Mol | None, count: int) -> Job | EmbedOutcome:
    obstacle = _obstacle(mol)
    if mol is None or obstacle:
        return failed(count, FailureCause.BAD_MOLECULE, obstacle)
    warn_of_missing_hydrogens(mol)
    return Job(mol, count)


def _stream(
    mols: Iterator[Chem.Mol | None], asked: int | CountOf, settings: EBD, workers: int | None, told: EBD | None
) -> Generator[tuple[Chem.Mol | None, EmbedReport], None, None]:
    read: dict[int, Chem.Mol | None] = {}
    number, stereo = itertools.count(), settings.stereo
    settings.stereo = "keep" if stereo == "enumerate" else stereo  # of isomers none is open but what nobody can tell

    def items() -> Iterator[Job | EmbedOutcome]:
        for i, item in enumerate(mols):
            mol = None if is_missing(item) else item
            if not isinstance(mol, (Chem.Mol, type(None))):
                raise TypeError(f"every item must be a Chem.Mol or None, but molecule {i} is {mol!r}")
            for isomer in _isomers(mol, stereo):
                [count] = _counts([isomer], asked, i)
                read[next(number)] = isomer
                yield _item(isomer, count)

    with closing(_outcomes(items(), settings, workers, LOOK_AHEAD)) as outcomes:
        for i, outcome in enumerate(outcomes):
            mol = read.pop(i)
            report = settle(mol, outcome, settings.clearConfs)
            if told is not None:
                told.record_failures(report.GetFailureCounts())
            yield mol, report


def _isomers(mol: Chem.Mol | None, stereo: str) -> list[Chem.Mol | None]:
    if stereo != "enumerate" or mol is None or _obstacle(mol):
        return [mol]
    return [*EnumerateStereo(mol)] if undefined_stereo(mol) else [mol]


def _outcomes(
    items: Iterator[Job | EmbedOutcome], settings: EBD, workers: int | None, ahead: int | None, served: bool = False
) -> Generator[EmbedOutcome, None, None]:
    """Outcomes in order, by workers where there are any.

    Args:
        items: Jobs, and outcomes of molecules that need no work.
        settings: Of every molecule.
        workers: As in `EmbedMolecules`.
        ahead: Molecules read ahead per worker; None: any number.
        served: Whether this process deblurs for its workers, also where the device is no GPU.
    """
    count, items = _peeked(items, default_workers() if workers is None else workers)
    workers = 0 if workers is None and count == 1 else count
    if not workers:
        yield from (outcome_of(item, settings) if isinstance(item, Job) else item for item in items)
        return
    model = load_model(settings.model, settings.device)
    queue = OrderedQueue(items, None if ahead is None else ahead * workers)
    with Pool(settings, workers, model if served or model.device.type == "cuda" else None) as pool:
        yield from pool.outcomes(queue)


def _peeked(items: Iterator[Job | EmbedOutcome], most: int) -> tuple[int, Iterator[Job | EmbedOutcome]]:
    """How many items there are, counted no further than `most`, and the same items again."""
    first: list[Job | EmbedOutcome] = []
    try:
        while len(first) < most:
            first.append(next(items))
    except StopIteration:
        pass
    except Exception as error:
        return len(first), chain(first, _raising(error))
    return len(first), chain(first, items)


def _raising(error: Exception) -> Iterator[Job | EmbedOutcome]:
    yield from ()
    raise error


def _bar(total: int, shown: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit="mol", disable=not shown)
