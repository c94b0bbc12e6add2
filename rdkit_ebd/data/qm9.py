"""What is in QM9? 130,831 molecules with coordinates and properties, read from the files of the package `qm9pack`."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
from rdkit import Chem, rdBase

from rdkit_ebd.data.molecule_arrays import MoleculeArrays, centred, load_molecules, save_molecules
from rdkit_ebd.data.record import parse_smiles
from rdkit_ebd.runtime.whole_file import write_whole

# Name here -> column there. Units: bohr^3, hartree three times, debye, cal/(mol K).
PROPERTIES = {
    "alpha": "Polarizability_bohr3",
    "gap": "HOMO_LUMO_gap_au",
    "homo": "HOMO_au",
    "lumo": "LUMO_au",
    "mu": "Dipole_debye",
    "cv": "Heatcapacity_Cv_cal_mol_K",
}
UNITS = {"alpha": "bohr^3", "gap": "hartree", "homo": "hartree", "lumo": "hartree", "mu": "D", "cv": "cal/(mol K)"}
ELEMENTS = (1, 6, 7, 8, 9)  # the order of the published model's classes
TRAIN_SIZE = 100_000
INSTALL = "QM9 comes from the package qm9pack: pip install 'rdkit-ebd[qm9]'"

_FILES = ("qm9_part1.csv", "qm9_part2.csv", "qm9_part3.csv")
_SYMBOLS = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}
_FIELD_LIMIT = 1 << 20
_REACH = 1.14  # bonds reach this times the covalent radii; 1.3 would join the far corners of small cages
_CACHE, _MASK = "qm9-v1.safetensors", "qm9-v1-consistent.npy"


def load_qm9(
    cache: str | Path | None = None, excluded: str | Path | None = None, clean: bool = False
) -> MoleculeArrays:
    """All of QM9 with the standard split into train, valid and test.

    `qm9pack` itself has left out 3,054 of the 133,885 molecules, as many as failed the data set's own consistency
    check, so that the split is the paper's without further ado. Reading takes about ten seconds, from a cache less than
    one; `clean` a few minutes at the first time.

    Args:
        cache: Folder to keep the arrays in, made if need be.
        excluded: A text file whose first integers in each line are QM9 indices (from 1) to leave out.
        clean: Leave out the molecules that `consistent` finds at odds with their SMILES, too.

    Raises:
        ImportError: `qm9pack` is not installed.
        ValueError: So many are left out that there are no 100,000 to train on.
    """
    molecules = _cached(None if cache is None else Path(cache))
    keep = np.ones(len(molecules), bool)
    if excluded is not None:
        keep &= ~np.isin(molecules.index, read_indices(excluded))
    if clean:
        keep &= _cached_mask(None if cache is None else Path(cache), molecules)
    kept = molecules if keep.all() else molecules.take(keep)
    kept.splits.update(standard_split(len(kept)))
    return kept


def read_qm9(limit: int | None = None) -> MoleculeArrays:
    """QM9 as `qm9pack`'s files have it, without splits; the first `limit` molecules.

    Raises:
        ImportError: `qm9pack` is not installed.
        ValueError: A file is not what it was.
    """
    smiles, index, sizes, symbols, places, values = [], [], [], [], [], []
    for row in islice(_rows(data_folder()), limit):
        smiles.append(row["SMILES"])
        index.append(int(row["Index"]))
        sizes.append(int(row["N_atoms"]))
        symbols.append(row["Elements"])
        places.append(row["XYZ_Ang"])
        values.append([float(row[column]) for column in PROPERTIES.values()])
    offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    numbers = np.array([_SYMBOLS[symbol] for symbol in re.findall("[A-Z][a-z]?", "".join(symbols))], np.int8)
    coords = np.fromstring(",".join(places).translate(str.maketrans("[]", "  ")), sep=",")
    if len(numbers) != offsets[-1] or len(coords) != 3 * offsets[-1]:
        raise ValueError(f"{data_folder()}: {offsets[-1]} atoms, {len(numbers)} elements, {len(coords)} coordinates")
    columns = np.array(values, np.float32).reshape(-1, len(PROPERTIES)).T
    return MoleculeArrays(
        numbers,
        centred(coords.reshape(-1, 3), offsets),
        offsets,
        smiles,
        np.array(index, np.int64),
        properties=dict(zip(PROPERTIES, np.ascontiguousarray(columns), strict=True)),
    )


def data_folder() -> Path:
    """The folder of `qm9pack`'s files, found without importing it: it asks for what setuptools no longer has.

    Raises:
        ImportError: It is not installed.
    """
    spec = find_spec("qm9pack")
    folder = None if spec is None or spec.origin is None else Path(spec.origin).parent / "data"
    if folder is None or not all((folder / name).is_file() for name in _FILES):
        raise ImportError(INSTALL)
    return folder


def standard_split(count: int, train: int = TRAIN_SIZE) -> dict[str, np.ndarray]:
    """The paper's split of `count` molecules in QM9's order: a permutation of NumPy's seed 0.

    Returns:
        int64 positions: "train", then "valid" (what the others leave), then "test" (a tenth of all).

    Raises:
        ValueError: There are not enough.
    """
    test = count // 10
    if count < train + test:
        raise ValueError(f"{count} molecules are not enough for {train} to train on and {test} to test on")
    order = np.random.RandomState(0).permutation(count).astype(np.int64)
    return dict(zip(("train", "valid", "test"), np.split(order, [train, count - test]), strict=True))


def halves(train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The training molecules of the property classifier and those of the conditional generator, half of them each."""
    ordered = np.sort(train)[
        np.random.RandomState(42).permutation(len(train))
    ]  # the published files are in QM9's order
    return ordered[: len(train) // 2], ordered[len(train) // 2 :]


def consistent(molecules: MoleculeArrays) -> np.ndarray:
    """(n,) bool: whether bonds perceived from the coordinates are those of the SMILES, orders and charges apart."""
    silence = rdBase.BlockLogs()
    found = [
        _skeleton_of_smiles(smiles) == _skeleton_of_coords(molecules.numbers[start:end], molecules.coords[start:end])
        for smiles, start, end in zip(molecules.smiles, molecules.offsets[:-1], molecules.offsets[1:], strict=True)
    ]
    del silence
    return np.array(found, bool)


def read_indices(path: str | Path) -> np.ndarray:
    """The integers that begin the lines of a file, such as the data set's own list of what failed its check."""
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    found = [int(match[1]) for line in lines if (match := re.match(r"\s*(\d+)\b(?! compounds)", line))]
    if not found:
        raise ValueError(f"{path}: no line begins with an index of QM9")
    return np.array(found, np.int64)


def _cached(folder: Path | None) -> MoleculeArrays:
    if folder is None:
        return read_qm9()
    path = folder / _CACHE
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        save_molecules(path, read_qm9())
    return load_molecules(path)


def _cached_mask(folder: Path | None, molecules: MoleculeArrays) -> np.ndarray:
    if folder is None:
        return consistent(molecules)
    path = folder / _MASK
    if not path.is_file():
        write_whole(path, np.packbits(consistent(molecules)).tobytes())
    return np.unpackbits(np.frombuffer(path.read_bytes(), np.uint8))[: len(molecules)].astype(bool)


def _rows(folder: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(_FIELD_LIMIT)
    for name in _FILES:
        with open(folder / name, newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            missing = {"SMILES", "Index", "N_atoms", "Elements", "XYZ_Ang", *PROPERTIES.values()} - {
                *(reader.fieldnames or ())
            }
            if missing:
                raise ValueError(f"{folder / name}: no columns {', '.join(sorted(missing))}")
            yield from reader


def _skeleton_of_smiles(smiles: str) -> str:
    mol = parse_smiles(smiles)
    if mol is None:
        return ""
    full = Chem.AddHs(mol)
    numbers = np.array([atom.GetAtomicNum() for atom in full.GetAtoms()])
    return _skeleton(numbers, [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in full.GetBonds()])


def _skeleton_of_coords(numbers: np.ndarray, coords: np.ndarray) -> str:
    radii = np.array([Chem.GetPeriodicTable().GetRcovalent(int(number)) for number in numbers])
    distances = np.linalg.norm(coords[:, None] - coords[None], axis=-1)
    pairs = np.argwhere(np.triu(distances < _REACH * (radii[:, None] + radii[None]), 1))
    return _skeleton(numbers, pairs.tolist())


def _skeleton(numbers: np.ndarray, bonds: Iterable[Sequence[int]]) -> str:
    """Canonical text of atoms and bonds alone."""
    bare = Chem.RWMol()
    for number in numbers:
        atom = Chem.Atom(int(number))
        atom.SetNoImplicit(True)
        bare.AddAtom(atom)
    for begin, end in bonds:
        bare.AddBond(int(begin), int(end), Chem.BondType.SINGLE)
    return str(Chem.MolToSmiles(bare))
