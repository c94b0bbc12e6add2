"""How is a whole data set judged? Molecules spread over processes, all methods of a molecule in the same one.

A molecule's methods follow one another in one process of one thread, in turns, so that a machine that is busier now
than later is so for all of them alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import rdkit
from rdkit import Chem, rdBase
from tqdm import tqdm

from rdkit_ebd import __version__
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import Record
from rdkit_ebd.evaluation.bioactive import COUNTS, BioactiveJob
from rdkit_ebd.evaluation.busters import require_posebusters
from rdkit_ebd.evaluation.ensemble import EnsembleJob, Row
from rdkit_ebd.evaluation.ledger import Ledger
from rdkit_ebd.evaluation.method import Method
from rdkit_ebd.evaluation.methods import generate, parse_method, parse_methods
from rdkit_ebd.evaluation.report import Result, summarise
from rdkit_ebd.evaluation.strain import require_potential
from rdkit_ebd.runtime.process_map import in_processes

Job = EnsembleJob | BioactiveJob

WARM_UP = "CC(=O)NCc1ccccc1"


def evaluate(
    data: Path,
    methods: Sequence[str],
    *,
    limit: int | None = None,
    seed: int = 0,
    workers: int = 2,
    factor: int = 2,
    posebusters: int = 0,
    xtb: int = 0,
    coverage: bool = False,
    partial: Path | None = None,
) -> list[Result]:
    """Judge methods by how well they find references, and by how true what they generate is.

    A molecule for which a method makes nothing scores as missed and is counted. What is measured is said in
    `rdkit_ebd.evaluation.measures`.

    Args:
        data: References, `.npz` or `.sdf` (`rdkit_ebd.data.readers.read_records`).
        methods: Names (`rdkit_ebd.evaluation.methods`).
        limit: Seeded random subset of so many molecules.
        seed: Of the subset, of the conformers and of the samples, at least 0.
        workers: Processes, one thread each.
        factor: Conformers generated per reference.
        posebusters: Conformers per molecule, a seeded sample, that PoseBusters tests.
        xtb: Molecules, a seeded sample, one conformer each of which GFN2-xTB relaxes.
        coverage: Take COV at all of the paper's thresholds, too (`rdkit_ebd.evaluation.coverage`).
        partial: File for finished rows, with which the same call continues after it was killed; yours to remove.

    Returns:
        One result per method.

    Raises:
        ValueError: Something of the above is not right; raised before any work.
        ImportError: PoseBusters or tblite is needed and missing.
    """
    known = _known(methods, seed=(seed, 0), workers=(workers, 1), factor=(factor, 1))
    require_at_least(posebusters=(posebusters, 0), xtb=(xtb, 0))
    if posebusters:
        require_posebusters()
    if xtb:
        require_potential()
    records = read_references(data, limit, seed)
    chosen = np.random.default_rng(seed).permutation(len(records))[:xtb]
    job = EnsembleJob(seed, factor, posebusters, tuple(sorted(chosen.tolist())), coverage)
    return _judge_all(data, records, known, job, limit, workers, partial)


def evaluate_bioactive(
    data: Path,
    methods: Sequence[str],
    *,
    counts: Sequence[int] = COUNTS,
    prune: float = 0.5,
    limit: int | None = None,
    seed: int = 0,
    workers: int = 2,
    partial: Path | None = None,
) -> list[Result]:
    """Judge methods by how near the best of n conformers comes to a protein-bound one.

    Args:
        data: As in `evaluate`; of several references the nearest counts.
        methods: As there.
        counts: Numbers of conformers n; the largest is generated.
        prune: Also with conformers nearer than this to one another pruned, angstrom.
        limit: As there.
        seed: As there.
        workers: As there.
        partial: As there.

    Returns:
        One result per method.

    Raises:
        ValueError: Something of the above is not right; raised before any work.
    """
    known = _known(
        methods, seed=(seed, 0), workers=(workers, 1), **{f"counts[{i}]": (n, 1) for i, n in enumerate(counts)}
    )
    if not counts:
        raise ValueError("counts is empty")
    if not 0 < prune < float("inf"):
        raise ValueError(f"prune must be a distance greater than 0, not {prune}")
    job = BioactiveJob(seed, tuple(sorted(set(counts))), prune)
    return _judge_all(data, read_references(data, limit, seed), known, job, limit, workers, partial)


def _known(methods: Sequence[str], **numbers: tuple[int, int]) -> list[Method]:
    require_at_least(**numbers)
    return parse_methods(methods)


def require_at_least(**numbers: tuple[int, int]) -> None:
    """Raise a ValueError that names every number below its least value."""
    wrong = [
        f"{name} must be at least {least}, not {value}" for name, (value, least) in numbers.items() if value < least
    ]
    if wrong:
        raise ValueError("; ".join(wrong))


def read_references(data: Path, limit: int | None, seed: int) -> list[Record]:
    """The molecules of a data set, each with its references; a ValueError names those that have none."""
    records = list(read_records(data, limit, seed))
    bare = [record.title for record in records if not len(record.coords)]
    if bare or not records:
        named = [*bare[:5], "others"] if len(bare) > 5 else bare
        raise ValueError(f"{data} has no reference conformers" + (f" of {', '.join(named)}" if named else ""))
    return records


def _judge_all(
    data: Path,
    records: Sequence[Record],
    methods: Sequence[Method],
    job: Job,
    limit: int | None,
    workers: int,
    partial: Path | None,
) -> list[Result]:
    settings = {"data": data.stem, "limit": limit, **job.settings()}
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    versions = {"sha256": digest, "rdkit_ebd": __version__, "rdkit": rdkit.__version__}
    with Ledger(partial, settings | versions) as ledger:
        _fill(ledger, records, methods, job, workers)
        return [summarise(method.name, ledger.rows(method), settings | versions) for method in methods]


def _fill(ledger: Ledger, records: Sequence[Record], methods: Sequence[Method], job: Job, workers: int) -> None:
    """Judge what the ledger lacks; rows are kept as they come."""
    lacking = {i: ledger.missing(methods, i) for i in range(len(records))}
    identities = {method.name: method.identity for method in methods}
    todo = [(i, records[i], [m.name for m in lacking[i]], job) for i in lacking if lacking[i]]
    if not todo:
        return
    with tqdm(total=len(records), initial=len(records) - len(todo), unit=" mol") as bar:
        for _, rows in in_processes(partial(_judge_after_warm_up, list(identities)), todo, workers):
            for row in rows:
                ledger.add(identities[row["method"]], row)
            bar.update()


def _judge(task: tuple[int, Record, list[str], Job]) -> list[Row]:
    index, record, names, job = task
    turn = index % len(names)
    with rdBase.BlockLogs():
        try:
            return job.judge(index, record, [parse_method(name) for name in [*names[turn:], *names[:turn]]])
        except Exception as error:  # an unforeseen failure, which can only be mended with the molecule known
            raise RuntimeError(f"molecule {index} ({record.title}, {record.smiles}): {error!r}") from error


def _judge_after_warm_up(names: Sequence[str]) -> Callable[[tuple[int, Record, list[str], Job]], list[Row]]:
    """Load models and libraries before any clock runs; what is done then."""
    import torch

    torch.set_num_threads(1)
    with rdBase.BlockLogs():
        for name in names:
            generate(Chem.AddHs(Chem.MolFromSmiles(WARM_UP)), parse_method(name), 2, 0)
    return _judge
