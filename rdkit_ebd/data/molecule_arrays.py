"""How are many molecules with one conformer each held? In a few long arrays, which one file keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rdkit import Chem
from safetensors import safe_open
from safetensors.numpy import save

from rdkit_ebd.data.record import Record
from rdkit_ebd.runtime.whole_file import write_whole

_PROPERTY, _SPLIT = "property.", "split."
_LONGEST = 1e4  # angstrom; beyond it the coordinates of a file are no molecule


@dataclass(frozen=True)
class MoleculeArrays:
    """Molecules with one conformer each; atoms of molecule i are `offsets[i]:offsets[i + 1]`.

    Attributes:
        numbers: (A,) int8, atomic numbers of all atoms.
        coords: (A, 3) float32, angstrom, each molecule centred on the mean of its atoms.
        offsets: (n + 1,) int64.
        smiles: n SMILES, as the source writes them.
        index: (n,) int64, the number of each in its source.
        charges: (A,) int8, formal charges; None where the source has none.
        properties: name -> (n,) float32, in the source's units.
        splits: name -> int64 positions in this table.
    """

    numbers: np.ndarray
    coords: np.ndarray
    offsets: np.ndarray
    smiles: list[str]
    index: np.ndarray
    charges: np.ndarray | None = None
    properties: dict[str, np.ndarray] = field(default_factory=dict)
    splits: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.smiles)

    @property
    def sizes(self) -> np.ndarray:
        """(n,) int64, atoms of each molecule."""
        return np.diff(self.offsets)

    def take(self, positions: np.ndarray) -> MoleculeArrays:
        """Some of the molecules, in the order of `positions` (a boolean mask will do); the splits are dropped."""
        rows = np.flatnonzero(positions) if np.asarray(positions).dtype == bool else np.asarray(positions, np.int64)
        sizes = self.sizes[rows]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        atoms = np.repeat(self.offsets[rows] - offsets[:-1], sizes) + np.arange(offsets[-1])
        return MoleculeArrays(
            self.numbers[atoms],
            self.coords[atoms],
            offsets,
            [self.smiles[row] for row in rows],
            self.index[rows],
            None if self.charges is None else self.charges[atoms],
            {name: values[rows] for name, values in self.properties.items()},
        )


def pack_records(records: Iterable[Record], properties: Mapping[str, np.ndarray] | None = None) -> MoleculeArrays:
    """Molecules of a data set or an SD file as arrays: of each record its first conformer.

    Args:
        records: As `read_records` yields them; one without a conformer is left out, and its properties with it.
        properties: name -> (number of records,) values.
    """
    numbers, coords, charges, smiles, kept, seen = [], [], [], [], [], 0
    for seen, record in enumerate(records, start=1):
        if not len(record.coords):
            continue
        atoms = list(record.mol.GetAtoms())
        numbers.append(np.array([atom.GetAtomicNum() for atom in atoms], np.int8))
        charges.append(np.array([atom.GetFormalCharge() for atom in atoms], np.int8))
        coords.append(record.coords[0].astype(np.float32))
        smiles.append(Chem.MolToSmiles(Chem.RemoveHs(record.mol)))
        kept.append(seen - 1)
    values = {name: np.asarray(array, np.float32) for name, array in (properties or {}).items()}
    if wrong := [name for name, array in values.items() if array.shape != (seen,)]:
        raise ValueError(f"{', '.join(wrong)}: not one value for each of {seen} records")
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in numbers], dtype=np.int64)])
    return MoleculeArrays(
        np.concatenate([np.zeros(0, np.int8), *numbers]),
        centred(np.concatenate([np.zeros((0, 3), np.float32), *coords]), offsets),
        offsets,
        smiles,
        np.array(kept, np.int64),
        np.concatenate([np.zeros(0, np.int8), *charges]),
        {name: array[kept] for name, array in values.items()},
    )


def centred(coords: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(A, 3) float32 coordinates with the mean of each molecule's atoms at the origin."""
    sizes = np.diff(offsets)
    if not len(sizes):
        return coords.astype(np.float32)
    means = np.add.reduceat(coords.astype(np.float64), offsets[:-1]) / sizes[:, None]
    return (coords - np.repeat(means, sizes, axis=0)).astype(np.float32)


def save_molecules(path: str | Path, molecules: MoleculeArrays) -> None:
    """Write molecules as one safetensors, which appears whole or not at all."""
    texts = "\n".join(molecules.smiles).encode()
    arrays = {name: getattr(molecules, name) for name in ("numbers", "coords", "offsets", "index")}
    arrays["smiles"] = np.frombuffer(texts, np.uint8)
    if molecules.charges is not None:
        arrays["charges"] = molecules.charges
    arrays |= {_PROPERTY + name: values for name, values in molecules.properties.items()}
    arrays |= {_SPLIT + name: values for name, values in molecules.splits.items()}
    write_whole(path, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def load_molecules(path: str | Path) -> MoleculeArrays:
    """Read what `save_molecules` wrote.

    Raises:
        ValueError: The file is not one of molecules, or damaged.
    """
    try:
        with safe_open(str(path), "np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dict
    except OSError:
        raise
    except Exception as error:  # safetensors has errors of its own
        raise ValueError(f"{path} holds no molecules: {error}") from error
    if missing := [name for name in ("numbers", "coords", "offsets", "index", "smiles") if name not in arrays]:
        raise ValueError(f"{path} holds no molecules: {', '.join(missing)} are missing")
    texts = arrays["smiles"].tobytes().decode()
    molecules = MoleculeArrays(
        arrays["numbers"],
        arrays["coords"],
        arrays["offsets"],
        texts.split("\n") if len(arrays["offsets"]) > 1 else [],
        arrays["index"],
        arrays.get("charges"),
        {name.removeprefix(_PROPERTY): array for name, array in arrays.items() if name.startswith(_PROPERTY)},
        {name.removeprefix(_SPLIT): array for name, array in arrays.items() if name.startswith(_SPLIT)},
    )
    _check(path, molecules)
    return molecules


def _check(path: str | Path, molecules: MoleculeArrays) -> None:
    count, atoms = len(molecules), len(molecules.numbers)
    offsets = molecules.offsets
    if offsets.shape != (count + 1,) or offsets[0] != 0 or offsets[-1] != atoms or (np.diff(offsets) < 1).any():
        raise ValueError(f"{path}: offsets are not those of {count} molecules with {atoms} atoms")
    if molecules.coords.shape != (atoms, 3) or not (np.abs(molecules.coords) < _LONGEST).all():
        raise ValueError(f"{path}: coordinates are not those of {atoms} atoms")
    if wrong := [name for name, values in molecules.properties.items() if values.shape != (count,)]:
        raise ValueError(f"{path}: {', '.join(wrong)}: not one value for each of {count} molecules")
    if wrong := [name for name, rows in molecules.splits.items() if ((rows < 0) | (rows >= count)).any()]:
        raise ValueError(f"{path}: splits {', '.join(wrong)} name molecules that are not there")
