"""What may be asked for a library? Every argument, known to work before any molecule is, and every offender named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rdkit import Chem

from rdkit_ebd.api import Parameters, check_count, check_molecule, is_missing, settings_of
from rdkit_ebd.chem.core_match import CoreMatch
from rdkit_ebd.embedding.pipeline import EmbedOutcome, warn_of_missing_hydrogens
from rdkit_ebd.generators.checkpoint import load_model, model_path
from rdkit_ebd.library.cores import CoreOf
from rdkit_ebd.library.job import Job, failed
from rdkit_ebd.params import EBD
from rdkit_ebd.report import FailureCause

UNKNOWN = 1  # conformers asked of what no function can be asked about, so that its report is not ok

CountOf = Callable[[Chem.Mol], int]


def settings_for_all(params: Parameters | None, keywords: dict[str, Any]) -> EBD:
    """Parameters that are known to work with any molecule that can be treated at all."""
    settings = settings_of(params, keywords)
    settings.validate()
    settings.require_engines()
    settings.model = str(model_path(settings.model).resolve())  # the current folder may change before a worker starts
    load_model(settings.model, settings.device)
    return settings


def molecules_of(mols: Any) -> Sequence[Chem.Mol | None]:
    """The molecules as a list; a TypeError names all items that are none."""
    if isinstance(mols, (str, bytes, Chem.Mol)) or not isinstance(mols, Iterable):
        raise TypeError(f"mols must be a sequence of molecules, not {mols!r}")
    found = [None if is_missing(mol) else mol for mol in mols]
    wrong = [f"mols[{i}] is {mol!r}" for i, mol in enumerate(found) if not isinstance(mol, (Chem.Mol, type(None)))]
    if wrong:
        raise TypeError(f"every item must be a Chem.Mol or None, but {', '.join(wrong)}")
    return found


def counts_of(mols: Sequence[Chem.Mol | None], asked: Any, first: int = 0) -> list[int]:
    """Conformers wanted of each molecule, the first of which has this index; an error names all bad ones by theirs."""
    if callable(asked):
        counts = [asked(mol) if mol is not None and not obstacle_of(mol) else UNKNOWN for mol in mols]
    elif isinstance(asked, (str, bytes)) or not isinstance(asked, Iterable):
        return [check_count(asked)] * len(mols)
    else:
        counts = list(asked)
    if len(counts) != len(mols):
        raise ValueError(f"numConfs has {len(counts)} entries for {len(mols)} molecules")
    return _checked(dict(enumerate(counts, first)))


def _checked(counts: dict[int, Any]) -> list[int]:
    """Counts by the index of their molecule as integers; an error names all that are none."""
    good, errors = [], []
    for index, count in counts.items():
        try:
            good.append(check_count(count))
        except (TypeError, OverflowError, ValueError) as error:
            errors.append(type(error)(f"molecule {index}: {error}"))
    if errors:
        raise type(errors[0])("; ".join(map(str, errors)))
    return good


def obstacle_of(mol: Chem.Mol | None) -> str:
    """Why a molecule cannot even be looked at."""
    if mol is None:
        return "there is no molecule: None (a SMILES that could not be parsed?)"
    try:
        check_molecule(mol)
    except (ValueError, RuntimeError) as error:  # RuntimeError: RDKit's own checks
        return str(error)
    return ""


def item_of(
    mol: Chem.Mol | None, count: int, core: CoreOf | None = None
) -> tuple[Job | EmbedOutcome, CoreMatch | None]:
    """A molecule as a job, with its core, or the outcome of one that cannot even be looked at or has no such core."""
    obstacle = obstacle_of(mol)
    if mol is None or obstacle:
        return failed(count, FailureCause.BAD_MOLECULE, obstacle), None
    try:
        match = core(mol) if core else None
    except (ValueError, RuntimeError) as error:  # RuntimeError: RDKit's own checks
        return failed(count, FailureCause.NO_CORE, str(error)), None
    warn_of_missing_hydrogens(mol)
    return Job(mol, count, match.coordMap if match else {}), match
