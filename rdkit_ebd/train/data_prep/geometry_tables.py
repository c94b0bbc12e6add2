"""How is the table made that conformers are judged by? From the extremes of the reference sets, trimmed and rounded."""

from __future__ import annotations

import gzip
import json
from array import array
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import Record
from rdkit_ebd.judge.environments import Environments
from rdkit_ebd.judge.reference import UNITS
from rdkit_ebd.train.data_prep.geometry_gather import Gathered
from rdkit_ebd.train.data_prep.geometry_minima import group_smiles, minima_of

# Share of the molecules at each end that are errors of a set rather than geometry; of twists, that cages force.
TRIM = {"bonds": 0.0005, "angles": 0.0005, "twists": 0.02, "heights": 0.0005, "contacts": 0.0005}
LONERS = 0.02  # share at each end that are errors, too, where a gap follows: protons that moved, bonds that broke
GAP = {"bonds": 60, "angles": 100, "twists": 150, "heights": 100, "contacts": 150}  # in units
ENOUGH = {"bonds": 3, "angles": 3, "twists": 5, "heights": 3}  # molecules that make a narrow name worth having
ENOUGH_CONTACTS = 60  # of fewer, the nearest seen says little of how near they may come
ENOUGH_DFT = 10  # molecules; what more have is not asked of GFN2-xTB
XTB_SLACK = {"bonds": 0.01, "angles": 2.0, "twists": 5.0, "heights": 0.02, "contacts": 0.1}  # what that is off by
# A narrow name that asks for the same as the wider one, to within so many units, is left out.
ALIKE = {"bonds": 12, "angles": 20, "twists": 40, "heights": 30}

# Kinds of atoms, as `Environments` names them, that no set for training has enough of: sulfur of SF5, and small ions.
ADMITTED: tuple[str, ...] = ("S6v6o", "P-16v6o", "As-16v6o", "Si-26v6o", "Sb-16v6o", "Cl+34v4t", "Cl+23v3t", "Cl+12v2t")
ADMITTED += ("Br+23v3t", "I+34v4t", "I+23v3t", "Al-14v4t", "Zn-24v4t")
FEW_ATOMS = 7  # of ions that are the only ones of their kind: perchlorate, hexafluorophosphate

Row = list[int]
"""Least, middle and greatest value, and the number of molecules."""


def make_table(data: list[Path], minima: Path, out: Path) -> dict[str, int]:
    """Read the sets, make what they lack, and write the table.

    Args:
        data: DFT minima, in the forms of `read_records`.
        minima: Where the GFN2-xTB minima of the listed groups are kept, or put if the file is missing.
        out: The table to write.

    Returns:
        How many names of each kind it holds.
    """
    gathered = Gathered()
    for path in data:
        gathered.take(read_records(path))
    others = Gathered()
    others.take(minima_of(group_smiles(), minima))
    gathered.supplement(others, ENOUGH_DFT, XTB_SLACK)
    table = summarised(gathered)
    out.write_bytes(packed(table))
    return {kind: len(names) for kind, names in table.items()}


def extend_table(table: Path, data: list[Path], new_atoms: Collection[str] = ADMITTED) -> dict[str, int]:
    """Add to a table the bonds and angles that it lacks, between atoms that it knows; what it says stays as it is.

    Args:
        table: The table, which is replaced.
        data: Minima, in the forms of `read_records`.
        new_atoms: Kinds of atoms that it is to know from now on.

    Returns:
        How many names of each kind were added.
    """
    gathered, before = Gathered(), json.loads(gzip.decompress(table.read_bytes()))
    for path in data:
        known = [record for record in read_records(path) if _of_known_atoms(record, {*before["atoms"], *new_atoms})]
        gathered.take(known)
        for _ in range(max(ENOUGH.values()) - 1):  # of an ion there is but one molecule: it says all of its kind
            gathered.take(record for record in known if _is_small_ion(record.mol))
    atoms = before["atoms"] | {name: gathered.atoms[name] for name in new_atoms if name in gathered.atoms}
    added = {kind: _additions(gathered, kind, before[kind]) for kind in ("bonds", "angles")}
    table.write_bytes(packed(before | {"atoms": atoms} | {kind: before[kind] | rows for kind, rows in added.items()}))
    return {kind: len(rows) for kind, rows in added.items()}


def _of_known_atoms(record: Record, atoms: Collection[str]) -> bool:
    return all(name in atoms for name in Environments(record.mol).atoms)


def _is_small_ion(mol: Chem.Mol) -> bool:
    return mol.GetNumAtoms() <= FEW_ATOMS and Chem.GetFormalCharge(mol) != 0


def _additions(gathered: Gathered, kind: str, known: Mapping[str, Row]) -> dict[str, Row]:
    """Rows of names that nothing known is wider than, and of the narrowest that say something else than what is.

    A wide name of few odd molecules must not stand in for all that it covers, and a name that is not known may have
    been left out for saying the same as a wider one.
    """
    wider = gathered.wider[kind]
    rows = {name: _row(low, gathered.highs[kind][name], kind) for name, low in gathered.lows[kind].items()}
    added = {name: row for name, row in _thinned({**rows, **known}, wider, kind).items() if name not in known}
    parents, narrowest = {name: _nearest(name, known, wider) for name in added}, set(wider) - set(wider.values())
    return {
        name: row
        for name, row in added.items()
        if (parent := parents[name]) is None or (name in narrowest and abs(row[1] - known[parent][1]) >= ALIKE[kind])
    }


def summarised(gathered: Gathered) -> dict[str, Mapping[str, Any]]:
    """The table, by kind and name."""
    table: dict[str, Mapping[str, Any]] = {"atoms": dict(sorted(gathered.atoms.items()))}
    for kind in ENOUGH:
        rows = {name: _row(low, gathered.highs[kind][name], kind) for name, low in gathered.lows[kind].items()}
        table[kind] = _thinned(rows, gathered.wider[kind], kind)
    contacts = {name: _row(low, low, "contacts") for name, low in gathered.lows["contacts"].items()}
    table["contacts"] = {name: row for name, row in sorted(contacts.items()) if row[3] >= ENOUGH_CONTACTS}
    return table


def packed(table: Mapping[str, Any]) -> bytes:
    """The table as it is shipped; the same table gives the same bytes."""
    text = json.dumps(table, separators=(",", ":"), sort_keys=True)
    return gzip.compress(text.encode(), 9, mtime=0)


def _row(lows: array, highs: array, kind: str) -> Row:
    unit, middle = UNITS[kind], np.median((np.asarray(lows) + np.asarray(highs)) / 2)
    ends = (np.sort(np.array(lows) / unit), np.sort(-np.array(highs) / unit))
    low, high = (_extreme(values, GAP[kind], TRIM[kind]) for values in ends)
    return [int(np.floor(low)), round(float(middle) / unit), int(np.ceil(-high)), len(lows)]


def _extreme(ascending: np.ndarray, gap: float, trim: float) -> float:
    """The least of some values that is no error."""
    cut, most = int(trim * len(ascending)), int(max(trim, LONERS) * len(ascending) + 0.8)  # one of ten
    gaps = np.flatnonzero(np.diff(ascending[cut : most + 1]) > gap)
    return float(ascending[cut + (gaps[-1] + 1 if len(gaps) else 0)])


def _thinned(rows: dict[str, Row], wider: Mapping[str, str], kind: str) -> dict[str, Row]:
    """The widest names, and the narrower ones that are known well enough and say more."""
    kept: dict[str, Row] = {}
    for name in sorted(rows, key=lambda name: _depth(name, wider)):
        low, middle, high, count = rows[name]
        parent = _nearest(name, kept, wider)
        if parent is None:
            kept[name] = rows[name]
            continue
        least, usual, most, _ = kept[parent]
        alike = max(abs(low - least), abs(most - high), abs(middle - usual)) < ALIKE[kind]
        if count >= ENOUGH[kind] and not alike:
            kept[name] = [low, middle, high, count]
    return dict(sorted(kept.items()))


def _depth(name: str, wider: Mapping[str, str]) -> int:
    depth = 0
    while name in wider:
        name, depth = wider[name], depth + 1
    return depth


def _nearest(name: str, kept: Mapping[str, Row], wider: Mapping[str, str]) -> str | None:
    """The narrowest of the names wider than this one that was kept."""
    while name in wider:
        name = wider[name]
        if name in kept:
            return name
    return None
