"""How is a library made ready for docking? One folder, one file per ligand pucker, a manifest that can be resumed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rdkit import Chem

from rdkit_ebd.io import Entry, SDFWriter, read_molecules
from rdkit_ebd_docking.ligand import DockPrep, PreparedLigand, PrepareLigand

MANIFEST = "manifest.jsonl"  # settings first, then one line per entry of the library


@dataclass
class LibraryReport:
    """What became of a library.

    Attributes:
        ligands: Entries done, earlier runs included.
        skipped: Those of them that an earlier run had done.
        files: Files written in this run.
        failed: (number, name, reason) of each entry without a file, earlier runs included.
    """

    ligands: int = 0
    skipped: int = 0
    files: int = 0
    failed: list[tuple[int, str, str]] = field(default_factory=list)


def PrepareLibrary(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    settings: DockPrep | None = None,
    progress: Callable[[Entry], None] | None = None,
) -> LibraryReport:
    """Prepare every molecule of a SMILES or SD file; one that cannot be prepared is told and does not stop the others.

    An interrupted run is continued by the same call: what the manifest lists is not done again, and a file appears
    whole or not at all.

    Args:
        source: As `rdkit_ebd.io.read.read_molecules` takes it.
        out: Folder; made if it is missing.
        settings: None for the defaults.
        progress: Called with every entry when it is done.

    Raises:
        ValueError: The folder was made with other settings or from another file.
        ImportError: Meeko is missing and PDBQT was asked for.
    """
    settings, folder = settings or DockPrep(), Path(out)
    entries = read_molecules(source)
    folder.mkdir(parents=True, exist_ok=True)
    done = _open_manifest(folder / MANIFEST, {"settings": settings.to_dict(), "source": Path(source).name})
    report = LibraryReport()
    for entry in entries:
        line = done.get(entry.number)
        if line is not None and line["smiles"] != _smiles(entry):
            raise ValueError(f"{folder} was made from another file: entry {entry.number} was {line['smiles']!r}")
        if line is None:
            line = _prepare_entry(entry, folder, settings)
            _append(folder / MANIFEST, line)
            report.files += len(line["files"])
        else:
            report.skipped += 1
        report.ligands += 1
        if not line["files"]:
            report.failed.append((entry.number, entry.name, line["reason"]))
        if progress is not None:
            progress(entry)
    return report


def _prepare_entry(entry: Entry, folder: Path, settings: DockPrep) -> dict[str, Any]:
    line: dict[str, Any] = {"number": entry.number, "name": entry.name, "smiles": _smiles(entry), "files": []}
    if entry.mol is None:
        return {**line, "reason": entry.problem}
    ligand = PrepareLigand(entry.mol, settings, entry.name)
    told = {"puckers": ligand.puckers, "failures": dict(ligand.failures), "messages": ligand.messages}
    files = _write(ligand, folder, f"{entry.number:06d}_{_file_name(entry.name)}", settings) if ligand.ok else []
    return {**line, **told, "files": files, "reason": "" if files else "; ".join(ligand.messages)}


def _write(ligand: PreparedLigand, folder: Path, stem: str, settings: DockPrep) -> list[str]:
    if settings.format == "sdf":
        with SDFWriter(folder / f"{stem}.sdf") as writer:
            ordered = Chem.Mol(ligand.mol, False)
            ordered.RemoveAllConformers()
            for conf_id in ligand.conf_ids:
                ordered.AddConformer(ligand.mol.GetConformer(conf_id), assignId=True)
            writer.write(ordered, ligand.name)
        return [f"{stem}.sdf"]
    names = []
    for number, text in enumerate(ligand.pdbqts, start=1):
        path = folder / (f"{stem}.pdbqt" if len(ligand.pdbqts) == 1 else f"{stem}_p{number}.pdbqt")
        partial = path.with_suffix(".partial")
        partial.write_text(text)
        partial.replace(path)
        names.append(path.name)
    return names


def _open_manifest(path: Path, head: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Lines of an earlier run by entry number; a new manifest where there is none."""
    if not path.exists():
        path.write_text(json.dumps(head) + "\n")
        return {}
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:  # killed while it wrote a line
        path.write_text(whole)
    first, *lines = [json.loads(line) for line in whole.splitlines()] or [None]
    if first is None:
        path.write_text(json.dumps(head) + "\n")
    elif first != head:
        raise ValueError(f"{path.parent} was made with {first}, not with {head}: take another folder")
    return {line["number"]: line for line in lines}


def _append(path: Path, line: dict[str, Any]) -> None:
    with path.open("a") as stream:
        stream.write(json.dumps(line) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def _smiles(entry: Entry) -> str:
    return "" if entry.mol is None else str(Chem.MolToSmiles(entry.mol))


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("._")[:60] or "ligand"
