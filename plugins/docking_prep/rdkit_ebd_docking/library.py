"""How is a library made ready for docking? One folder, one file per ligand pucker, a manifest that can be resumed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rdkit import Chem

from rdkit_ebd.io import Entry, Journal, SDFWriter, entry_isomers, read_molecules, whole_file
from rdkit_ebd_docking.ligand import DockPrep, PreparedLigand, PrepareLigand

MANIFEST = "manifest.jsonl"  # settings first, then one line per entry of the library


@dataclass
class LibraryReport:
    """What became of a library.

    Attributes:
        ligands: Entries done, earlier runs included.
        skipped: Those of them that an earlier run had done.
        files: Files written in this run.
        failed: (number, name, reason) of each entry with a ligand that has no file, earlier runs included.
        isomers: (number, name, what its stereochemistry leaves open and how many ligands it became), likewise.
    """

    ligands: int = 0
    skipped: int = 0
    files: int = 0
    failed: list[tuple[int, str, str]] = field(default_factory=list)
    isomers: list[tuple[int, str, str]] = field(default_factory=list)


def PrepareLibrary(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    settings: DockPrep | None = None,
    progress: Callable[[Entry], None] | None = None,
) -> LibraryReport:
    """Prepare every molecule of a SMILES or SD file; one that cannot be prepared is reported and stops no other.

    An interrupted run is continued by the same call: what the manifest lists, and is still what was written by its
    SHA-256, is not done again, and a file appears whole or not at all.

    Args:
        source: As `rdkit_ebd.io.read.read_molecules` takes it.
        out: Folder; made if it is missing.
        settings: None for the defaults.
        progress: Called with every entry when it is done.

    Raises:
        ValueError: The folder was made with other settings or from another file, or its manifest is something else.
        ImportError: Meeko is missing and PDBQT was asked for.
        OSError: A file cannot be read or written, or another run is at work on the folder.
    """
    settings, folder = settings or DockPrep(), Path(out)
    entries = read_molecules(source)
    folder.mkdir(parents=True, exist_ok=True)
    report = LibraryReport()
    head = {"settings": settings.to_dict(), "source": Path(source).name}
    with Journal(folder / MANIFEST, head, "take another folder") as manifest:
        done = {line["number"]: line for line in manifest.entries}
        for entry in entries:
            line = done.get(entry.number)
            if line is not None and line["smiles"] != _smiles(entry):
                raise ValueError(f"{folder} was made from another file: entry {entry.number} was {line['smiles']!r}")
            if line is None:
                line = _prepare_entry(entry, folder, settings)
                manifest.add(line, [folder / name for name in line["files"]])
                report.files += len(line["files"])
            else:
                report.skipped += 1
            report.ligands += 1
            if "isomers" in line:
                what, count = line.get("open", ""), len(line["isomers"])
                told = f"stereochemistry is not defined: {what}; {count} isomers, a ligand each"
                report.isomers.append((entry.number, entry.name, told))
            if line["reason"]:
                report.failed.append((entry.number, entry.name, line["reason"]))
            if progress is not None:
                progress(entry)
    return report


def _prepare_entry(entry: Entry, folder: Path, settings: DockPrep) -> dict[str, Any]:
    """The manifest's line of an entry, whose ligands are its isomers where its stereochemistry is open."""
    line: dict[str, Any] = {"number": entry.number, "name": entry.name, "smiles": _smiles(entry)}
    parts = entry_isomers(entry, settings.stereo)
    stem = f"{entry.number:06d}_{_file_name(entry.name)}"
    stems = [stem] if len(parts) == 1 else [f"{stem}_s{number}" for number in range(1, len(parts) + 1)]
    made = [_prepare_isomer(part, folder / name, settings) for part, name in zip(parts, stems, strict=True)]
    files = [name for part in made for name in part["files"]]
    if len(parts) == 1:
        return {**line, **made[0]}
    reasons = [f"{part.name}: {one['reason']}" for part, one in zip(parts, made, strict=True) if one["reason"]]
    isomers = {part.name: one for part, one in zip(parts, made, strict=True)}
    what = parts[0].mol.GetProp("ebd_open_stereo") if parts[0].mol else ""
    return {**line, "open": what, "isomers": isomers, "files": files, "reason": "; ".join(reasons)}


def _prepare_isomer(entry: Entry, stem: Path, settings: DockPrep) -> dict[str, Any]:
    if entry.mol is None:
        return {"files": [], "reason": entry.problem}
    try:
        ligand = PrepareLigand(entry.mol, settings, entry.name)
        files = _write(ligand, stem.parent, stem.name, settings) if ligand.ok else []
    except (OSError, ImportError):  # a full disk, no Meeko: it would be the same with every ligand
        raise
    except Exception as error:  # whatever RDKit or Meeko raise, it is about this ligand
        return {"files": [], "reason": " ".join(str(error).split()) or repr(error)}
    report = {"puckers": ligand.puckers, "failures": dict(ligand.failures), "messages": ligand.messages}
    return {**report, "files": files, "reason": "" if files else "; ".join(ligand.messages)}


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
        with whole_file(path) as stream:
            stream.write(text.encode())
        names.append(path.name)
    return names


def _smiles(entry: Entry) -> str:
    try:
        return "" if entry.mol is None else str(Chem.MolToSmiles(entry.mol))
    except RuntimeError:  # RDKit's own checks; preparing it says more
        return ""


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("._")[:60] or "ligand"
