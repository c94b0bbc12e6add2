"""What is done with a file of a stranger: what the commands do, and how that ended."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rdkit import Chem, rdBase

from rdkit_ebd import EBD, EmbedMolecules
from rdkit_ebd.data.geom import _found
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.untrusted import settings_in, tensors_in
from rdkit_ebd.ensemble.refine import RefineWithReport
from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.io import SDFWriter, entry_isomers, read_molecules
from rdkit_ebd.io.conformer_runs import conformer_runs
from rdkit_ebd.runtime.apart import Place
from rdkit_ebd.runtime.journal import read_entries

CLEAR = (ValueError, OSError, ImportError)
load_model(device="cpu")  # with all that torch imports for the first one, before memory is bounded
MADE = 20  # heavy atoms of a molecule that is embedded: it must not last


def outcomes(cases: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, str] | Place]:
    """For each file "read", or "rejected" with the message, or "raised" with the traceback."""
    with rdBase.BlockLogs():
        for kind, path in cases:
            yield Place(str(path))
            yield outcome(kind, path)


def outcome(kind: str, path: Path) -> tuple[str, str]:
    try:
        TARGETS[kind](path)
    except MemoryError:
        return "rejected", f"{path}: out of memory"
    except CLEAR as error:
        return ("rejected" if str(error).strip() else "raised"), str(error)
    except BaseException:
        return "raised", traceback.format_exc()
    return "read", ""


def _embedded(path: Path) -> None:
    entries = list(read_molecules(path))
    assert entries
    assert all(entry.mol is not None or entry.problem for entry in entries)
    parts = [part for entry in entries for part in entry_isomers(entry, "enumerate")[:2] if part.mol is not None]
    small = [part.mol for part in parts if part.mol is not None and part.mol.GetNumHeavyAtoms() <= MADE][:1]
    EmbedMolecules([Chem.AddHs(mol) for mol in small], 1, EBD(randomSeed=1, timeout=2, maxIterations=1), workers=0)


def _rewritten(path: Path) -> None:
    groups, told = list(conformer_runs(read_molecules(path))), list[str]()
    with SDFWriter(os.devnull) as writer:
        for entry in (entry for group in groups for entry in group):
            if entry.mol is None:
                assert entry.problem
                continue
            try:
                RefineWithReport(Chem.Mol(entry.mol), "MMFF94s", maxIters=5, timeout=2)
            except ValueError as error:
                told.append(str(error))
            try:
                writer.write(entry.mol)
            except ValueError as error:
                told.append(str(error))
    assert all(told)
    assert any(entry.mol is not None for group in groups for entry in group)  # the sound one behind it


TARGETS: dict[str, Callable[[Path], object]] = {
    "smiles": _embedded,
    "sdf": _rewritten,
    "geom": lambda path: list(_found(path, None, 0, None)),
    "msgpack": lambda path: list(_found(path, None, 0, None)),
    "settings": settings_in,
    "checkpoint": tensors_in,
    "npz": lambda path: list(read_records(path)),
    "safetensors": lambda path: load_model(str(path), "cpu"),
    "manifest": read_entries,
}
