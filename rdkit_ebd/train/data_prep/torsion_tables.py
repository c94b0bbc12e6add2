"""How is the library of torsions made? From the angles of reference ensembles, each molecule's bond counting once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from rdkit_ebd.chem.torsion_environments import turning_bonds
from rdkit_ebd.chem.torsions import dihedral_angles
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import Record
from rdkit_ebd.seeds.torsion_library import BINS, UNIT
from rdkit_ebd.train.data_prep.geometry_tables import packed

ENOUGH = (12, 12, 8, 8)  # bonds that make a name worth having, from the narrowest on
BLUR = 6.0  # degrees by which what was met is spread
ALIKE = 0.12  # of all: what differs less from the next wider name's is left out


def make_library(data: list[Path], out: Path) -> int:
    """Read the sets and write the table; returns how many surroundings it holds.

    Args:
        data: Reference ensembles, in the forms of `read_records`.
        out: The table to write, .json.gz.
    """
    library = gathered(record for path in data for record in read_records(path))
    out.write_bytes(packed(library))
    return len(library)


def gathered(records: Iterable[Record]) -> dict[str, str]:
    """The histograms of names that were met often enough and say more than the next wider one, as hexadecimal bytes."""
    sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(BINS))
    counts: dict[str, int] = defaultdict(int)
    levels: dict[str, tuple[int, str | None]] = {}
    for record in records:
        coords = np.asarray(record.coords, dtype=float)
        for bond in turning_bonds(record.mol):
            own = _histogram(np.abs(dihedral_angles(coords, np.array(bond.alike))))
            for level, name in enumerate(bond.names):
                sums[name] += own
                counts[name] += 1
                levels[name] = level, bond.names[level + 1] if level + 1 < len(bond.names) else None
    kept: dict[str, np.ndarray] = {}
    for name in sorted(sums, key=lambda name: (-levels[name][0], name)):
        level, wider = levels[name]
        own = _blurred(sums[name])
        known = kept.get(wider) if wider else None
        if counts[name] >= ENOUGH[level] and (known is None or np.abs(own - known).sum() / 2 > ALIKE):
            kept[name] = own
        elif known is not None and counts[name] >= ENOUGH[level]:
            kept[name] = known  # so that narrower names are compared with what they would be given
    return {name: _packed(row) for name, row in kept.items() if not _repeats(name, kept, levels)}


def _repeats(name: str, kept: dict[str, np.ndarray], levels: dict[str, tuple[int, str | None]]) -> bool:
    wider = levels[name][1]
    return wider is not None and kept.get(wider) is kept[name]


def _histogram(angles: np.ndarray) -> np.ndarray:
    found, _ = np.histogram(angles, BINS, (0.0, np.pi))
    return found / max(found.sum(), 1)


def _blurred(counts: np.ndarray) -> np.ndarray:
    """Spread over the neighbouring angles, mirrored at both ends; sums to one."""
    mirrored = np.concatenate([counts[::-1], counts, counts[::-1]])
    offsets = np.arange(-BINS, BINS + 1) * (180.0 / BINS)
    kernel = np.exp(-((offsets / BLUR) ** 2) / 2)
    spread = np.convolve(mirrored, kernel / kernel.sum(), mode="same")[BINS : 2 * BINS]
    return np.asarray(spread / spread.sum())


def _packed(row: np.ndarray) -> str:
    return np.round(row / row.max() * UNIT).astype(np.uint8).tobytes().hex()
