"""What does a conformer data set hold? Molecules with reference conformers, from `.npz`, from SDF or from GEOM."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from rdkit_ebd.data.geom import read_geom
from rdkit_ebd.data.record import MILLIANGSTROM, Record, chosen, lowest, parse_smiles

_ARRAYS = ("smiles", "title", "n_atoms", "n_confs", "coords", "energy")
_STARTS = "start_coords"  # of data made by a teacher: where each minimisation began
_ROOM, _PACKED = 64 << 20, 200  # bytes that any .npz may hold, and how often as long as itself (titles pack well)
_SMILES_SUFFIXES = (".smi", ".smiles", ".tsv", ".txt")


def read_records(
    path: str | Path, limit: int | None = None, seed: int = 0, max_confs: int | None = None
) -> Iterator[Record]:
    """Yield the records of a data set.

    Args:
        path: An `.npz` with arrays smiles, title, n_atoms, n_confs, coords (int16 milliangstrom), energy; or an SDF
            with explicit hydrogens in which the conformers of a molecule follow one another; or SMILES in the first
            column of a text file (.smi, .tsv, also .gz), which become records without conformers, hydrogens added;
            or GEOM in one of its forms (`rdkit_ebd.data.geom`). An `.npz` may have start_coords like its coords: the
            conformers that were minimised (`rdkit-ebd train make-data`).
        limit: Take a seeded random subset of this many molecules, in file order.
        seed: Of that subset.
        max_confs: Most conformers of a molecule, those of lowest energy where energies are known.

    Raises:
        ValueError: A molecule does not parse or disagrees with its atom count; the message names it.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> ids = EmbedMultipleConfs(mol, 3, randomSeed=1)
        >>> with SDFWriter("references.sdf") as writer:
        ...     written = writer.write(mol)
        >>> [record.coords.shape for record in read_records("references.sdf")]
        [(3, 20, 3)]
    """
    if _is_geom(Path(path)):
        yield from read_geom(Path(path), limit, seed, max_confs)
        return
    for record in _read_others(path, limit, seed):
        yield record if max_confs is None else lowest(record, max_confs)


def _is_geom(path: Path) -> bool:
    """Whether a path is GEOM: its folder, the summary in it, or a file of the other forms."""
    if path.is_dir():
        return any(path.glob("summary_*.json"))
    return path.suffix in (".msgpack", ".pkl", ".pickle") or path.match("summary_*.json")


def _read_others(path: str | Path, limit: int | None, seed: int) -> Iterator[Record]:
    if str(path).endswith(".sdf"):
        records = list(_read_sdf(path))
        yield from (records[i] for i in chosen(len(records), limit, seed))
        return
    if str(path).removesuffix(".gz").endswith(_SMILES_SUFFIXES):
        yield from _read_smiles(Path(path), limit, seed)
        return
    arrays = _read_arrays(Path(path))
    smiles, titles, energies = arrays["smiles"], arrays["title"], arrays["energy"]
    n_atoms, n_confs = arrays["n_atoms"].astype(np.int64), arrays["n_confs"].astype(np.int64)
    coords = arrays["coords"].reshape(-1, 3)
    starts = arrays[_STARTS].reshape(-1, 3) if _STARTS in arrays else None
    atom_ends, conf_ends = np.cumsum(n_atoms * n_confs), np.cumsum(n_confs)
    for i in chosen(len(smiles), limit, seed):
        mol = parse_smiles(str(smiles[i]))
        if mol is None or mol.GetNumAtoms() != n_atoms[i]:
            raise ValueError(f"{path}: molecule {i} ({titles[i]}, {smiles[i]}) does not match its {n_atoms[i]} atoms")
        span, shape = slice(atom_ends[i] - n_atoms[i] * n_confs[i], atom_ends[i]), (n_confs[i], n_atoms[i], 3)
        yield Record(
            str(smiles[i]),
            mol,
            _angstrom(coords[span], shape),
            energies[conf_ends[i] - n_confs[i] : conf_ends[i]],
            str(titles[i]),
            None if starts is None else _angstrom(starts[span], shape),
        )


def _angstrom(span: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    return span.reshape(shape).astype(np.float32) * np.float32(MILLIANGSTROM)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an `.npz`, once its sizes are known to be possible and to fit together.

    Raises:
        ValueError: It is damaged, lacks an array, or says to hold far more than it is long.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > _ROOM + _PACKED * path.stat().st_size:
            raise ValueError(f"{size} bytes from a file of {path.stat().st_size}")
        with np.load(path) as data:
            arrays = {name: data[name] for name in (*_ARRAYS, *({_STARTS} & set(data.files)))}
        _check_arrays(arrays)
    except OSError:
        raise
    except MemoryError:
        raise ValueError(f"{path} is no data set: it asks for more memory than there is") from None
    except Exception as error:  # whatever zipfile, zlib and NumPy raise of damaged bytes
        raise ValueError(f"{path} is no data set: {' '.join(str(error).split())[:500]}") from error
    return arrays


def _check_arrays(arrays: dict[str, np.ndarray]) -> None:
    kinds = {"smiles": "U", "title": "U", "n_atoms": "iu", "n_confs": "iu", "coords": "iuf", "energy": "f"}
    if wrong := [name for name, kind in kinds.items() if arrays[name].dtype.kind not in kind]:
        raise ValueError(f"{', '.join(wrong)} hold other things than they should")
    for name in ("smiles", "title"):
        if _invalid_letters(arrays[name]):
            raise ValueError(f"{name} hold what are no letters")
    counts = [arrays[name].astype(np.int64) for name in ("n_atoms", "n_confs")]
    if len({arrays[name].shape for name in ("smiles", "title", "n_atoms", "n_confs")}) > 1 or counts[0].ndim != 1:
        raise ValueError("smiles, title, n_atoms and n_confs are not as many as one another")
    if any(((count < 0) | (count > 1 << 30)).any() for count in counts):
        raise ValueError("n_atoms or n_confs are no counts")
    if 3 * int((counts[0] * counts[1]).sum()) != arrays["coords"].size or counts[1].sum() != arrays["energy"].size:
        raise ValueError("there are not as many coordinates and energies as n_atoms and n_confs say")
    starts = arrays.get(_STARTS)
    if starts is not None and (starts.dtype.kind not in "iuf" or starts.size != arrays["coords"].size):
        raise ValueError(f"{_STARTS} are not what coords are")


def _invalid_letters(texts: np.ndarray) -> bool:
    """Whether texts hold numbers that stand for no letter, which NumPy makes strings of all the same."""
    codes = np.frombuffer(texts.tobytes(), np.dtype(np.uint32).newbyteorder(texts.dtype.byteorder))
    return bool(((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any())


def _read_sdf(path: str | Path) -> Iterator[Record]:
    mols = (mol for mol in Chem.SDMolSupplier(str(path), removeHs=False) if mol is not None)
    for smiles, group in groupby(mols, key=Chem.MolToSmiles):
        conformers = list(group)
        first = conformers[0]
        orders = [_order(mol, first) for mol in conformers]
        coords = np.stack([m.GetConformer().GetPositions()[list(o)] for m, o in zip(conformers, orders, strict=True)])
        coords -= coords.mean(1, keepdims=True)
        title = first.GetProp("_Name") if first.HasProp("_Name") else smiles
        yield Record(smiles, Chem.Mol(first, True), coords.astype(np.float32), np.full(len(coords), np.nan), title)


def _read_smiles(path: Path, limit: int | None, seed: int) -> Iterator[Record]:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        lines = [line.split() for line in stream if line.strip()]
    lines = lines[1:] if lines and lines[0][0].lower() == "smiles" else lines
    for i in chosen(len(lines), limit, seed):
        mol = Chem.MolFromSmiles(lines[i][0])
        if mol is None:
            raise ValueError(f"{path}: molecule {i} ({lines[i][0]}) does not parse")
        mol = Chem.AddHs(mol)
        nothing = np.zeros((0, mol.GetNumAtoms(), 3), np.float32)
        yield Record(Chem.MolToSmiles(mol), mol, nothing, np.zeros(0), lines[i][0])


def _order(mol: Chem.Mol, first: Chem.Mol) -> list[int]:
    """Atoms of `mol` in the order of `first`: a file may list them differently from conformer to conformer."""
    if [a.GetAtomicNum() for a in mol.GetAtoms()] == [a.GetAtomicNum() for a in first.GetAtoms()] and _bonds(
        mol
    ) == _bonds(first):
        return list(range(mol.GetNumAtoms()))
    return list(mol.GetSubstructMatch(first, useChirality=True))


def _bonds(mol: Chem.Mol) -> set[frozenset[int]]:
    return {frozenset((b.GetBeginAtomIdx(), b.GetEndAtomIdx())) for b in mol.GetBonds()}
