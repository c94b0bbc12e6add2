"""How is GEOM read, in each of the forms in which it is passed around? Without running what a pickle may hold.

It is read in a process of its own, of bounded memory and time, which a damaged file may end; SMILES and coordinates
come from there, and RDKit's pickled molecules do not.

| form | path | made by |
|---|---|---|
| RDKit molecules | `rdkit_folder` or its `summary_drugs.json`, which names a pickle per molecule | GEOM's authors |
| bare coordinates | `drugs_crude.msgpack`: coordinates and energies by SMILES | GEOM's authors |
| PyTorch Geometric | `train_data_40k.pkl` and the like: a list of one `Data` per conformer | ConfGF, GeoDiff |

What comes out are records whose SMILES has all hydrogens and the order of the coordinates. Stereo that a SMILES leaves
open is that of the coordinates; conformers that contradict what it says are left out, as are those whose atoms are
bonded otherwise, and counted in a warning. Conformers of one molecule with different stereo become several records.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDetermineBonds

from rdkit_ebd.arrays.units import HARTREE
from rdkit_ebd.chem.stereo import stereo_kept, stereo_labels
from rdkit_ebd.data.record import Record, chosen, parse_smiles
from rdkit_ebd.data.safe_pickle import Plain, unpickled
from rdkit_ebd.runtime.apart import Place, generated_apart, limits_for

_STRETCHED = 1.3  # times the sum of the covalent radii is the longest bond, as in RDKit's DetermineConnectivity
_ATTRIBUTES = {"smiles", "pos", "atom_type"}  # of graph data
_MATCHES = 200  # of a skeleton, tried for one with the written stereo
_INSTALL = "pip install msgpack"


@dataclass(frozen=True)
class _Conformer:
    """A conformer as it was found: its molecule, stereo as written, coordinates (N, 3) and energy in kcal/mol."""

    mol: Chem.Mol
    coords: np.ndarray
    energy: float = np.nan


@dataclass
class _Molecule:
    """Conformers of one SMILES, and why others of them are not among these."""

    title: str
    conformers: list[_Conformer] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Lost:
    """Why conformers of a file are left out, and how many."""

    causes: Counter[str]


def read_geom(path: Path, limit: int | None = None, seed: int = 0, max_confs: int | None = None) -> Iterator[Record]:
    """Yield the records of GEOM.

    Args:
        path: File or folder as in the module's table.
        limit: Take a seeded random subset of this many molecules, in file order.
        seed: Of that subset.
        max_confs: Most conformers of a molecule, those of lowest energy; the paper takes 5.

    Raises:
        ValueError: The file is damaged, or a pickle asks for more than data; the message names what.
        ImportError: msgpack is needed and not installed.
    """
    largest = max(_summaries(path), key=lambda summary: summary.stat().st_size) if path.is_dir() else path
    parts: Iterator[_Found | _Lost]
    parts = generated_apart(partial(_found, path, limit, seed, max_confs), path, limits_for(largest))
    for found in parts:
        if isinstance(found, _Lost):
            causes = ", ".join(f"{count} {cause}" for cause, count in found.causes.most_common())
            rdBase.LogWarningMsg(f"{path}: conformers left out: {causes}")
        else:
            yield _record(found, path)


_Found = tuple[str, np.ndarray, np.ndarray, str]
"""SMILES, coordinates (R, N, 3), energies (R,) and title of a record."""


def _record(found: _Found, path: Path) -> Record:
    smiles, coords, energies, title = found
    mol = parse_smiles(smiles)
    if mol is None or mol.GetNumAtoms() != coords.shape[1]:
        raise ValueError(f"{path}: the coordinates of {title} are not those of {smiles}")
    return Record(smiles, mol, coords, energies, title)


def _found(path: Path, limit: int | None, seed: int, max_confs: int | None) -> Iterator[_Found | _Lost | Place]:
    """All records, and last why conformers were left out, if some were."""
    lost: Counter[str] = Counter()
    try:
        for molecule in _molecules(path, limit, seed):
            if isinstance(molecule, Place):
                yield molecule
            else:
                lost.update(molecule.lost)
                yield from _records(molecule, lost, max_confs)
    except (LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise ValueError(f"{path} is not of GEOM, or damaged: {type(error).__name__}: {error}") from error
    if lost:
        yield _Lost(lost)


def _molecules(path: Path, limit: int | None, seed: int) -> Iterator[_Molecule | Place]:
    if path.suffix == ".msgpack":
        yield from _from_msgpack(path, limit, seed)
    elif path.suffix in (".pkl", ".pickle"):
        yield from _from_data_objects(path, limit, seed)
    else:
        yield from _from_summaries(path, limit, seed)


def _summaries(path: Path) -> list[Path]:
    return sorted(path.glob("summary_*.json")) if path.is_dir() else [path]


def _from_summaries(path: Path, limit: int | None, seed: int) -> Iterator[_Molecule | Place]:
    entries = [(s.parent, *entry) for s in _summaries(path) for entry in _entries(s)]
    for i in chosen(len(entries), limit, seed):
        folder, smiles, place = entries[i]
        file = (folder / place).resolve()
        if not file.is_relative_to(folder.resolve()):
            raise ValueError(f"{place!r} of {smiles} lies outside {folder}")
        yield Place(str(file))
        molecule = _Molecule(smiles)
        for entry in _listed(unpickled(file), "conformers", file):
            mol = entry.get("rd_mol")
            if isinstance(mol, Chem.Mol) and mol.GetNumConformers():
                molecule.conformers.append(_Conformer(mol, mol.GetConformer().GetPositions(), _energy(entry)))
            else:
                molecule.lost["without a molecule"] += 1
        yield molecule


def _entries(summary: Path) -> list[tuple[str, str]]:
    """SMILES and pickles of a summary; molecules that GEOM could not treat have none."""
    content = json.loads(summary.read_text())
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
        raise ValueError(f"{summary} is not of GEOM: it does not map SMILES to what is known of them")
    return [(smiles, str(entry["pickle_path"])) for smiles, entry in content.items() if "pickle_path" in entry]


def _from_msgpack(path: Path, limit: int | None, seed: int) -> Iterator[_Molecule]:
    wanted = None
    if limit is not None:
        wanted = set(chosen(sum(len(chunk) for chunk in _chunks(path)), limit, seed))
    number = -1
    for chunk in _chunks(path):
        for smiles, entry in chunk.items():
            number += 1
            if wanted is None or number in wanted:
                conformers = ((c["xyz"], _energy(c)) for c in _listed(entry, "conformers", path))
                yield _placed(
                    smiles, ((np.array([r[0] for r in x]), np.array([r[1:] for r in x]), e) for x, e in conformers)
                )


def _chunks(path: Path) -> Iterator[dict[str, Any]]:
    try:
        msgpack: Any = import_module("msgpack")
    except ImportError as error:
        raise ImportError(f"{path.name} needs msgpack: {_INSTALL}") from error
    with path.open("rb") as stream:
        try:
            chunks = msgpack.Unpacker(stream, strict_map_key=False, **_no_longer_than(path))
            end = 0  # of what is complete; an unpacker that finds no more says nothing
            for chunk in chunks:
                end = chunks.tell()
                if not isinstance(chunk, dict) or not all(isinstance(smiles, str) for smiles in chunk):
                    raise ValueError("it does not map SMILES to what is known of them")
                yield chunk
            if end < path.stat().st_size:
                raise ValueError("it ends in the middle of a molecule")
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise ValueError(f"{path} is damaged: {error or type(error).__name__}") from error


def _no_longer_than(path: Path) -> dict[str, int]:
    """Bounds for msgpack: a list that is said to be longer than the file would be given its memory at once."""
    size = max(1, path.stat().st_size)
    kinds = ("str", "bin", "array", "map", "ext")
    return {"max_buffer_size": size, **{f"max_{kind}_len": size for kind in kinds}}


def _from_data_objects(path: Path, limit: int | None, seed: int) -> Iterator[_Molecule]:
    groups: dict[str, list[Any]] = {}
    found = unpickled(path)
    if not isinstance(found, list) or not all(
        isinstance(item, Plain) and set(vars(item)) >= _ATTRIBUTES for item in found
    ):
        raise ValueError(f"{path} is not a list of graph data with {', '.join(sorted(_ATTRIBUTES))}")
    for item in found:
        groups.setdefault(str(item.smiles), []).append(item)
    names = list(groups)
    for i in chosen(len(names), limit, seed):
        yield _of_data_objects(names[i], groups[names[i]])


def _of_data_objects(smiles: str, items: list[Any]) -> _Molecule:
    molecule = _Molecule(smiles)
    for item in items:
        coords = np.asarray(item.pos, dtype=np.float64)
        numbers = np.asarray(item.atom_type)
        energy = _energy(vars(item))
        mol = getattr(item, "rdmol", None)
        if isinstance(mol, Chem.Mol) and [a.GetAtomicNum() for a in mol.GetAtoms()] == numbers.tolist():
            molecule.conformers.append(_Conformer(mol, coords, energy))
        else:
            found = _placed(smiles, [(numbers, coords, energy)])
            molecule.conformers += found.conformers
            molecule.lost += found.lost
    return molecule


def _listed(entry: Any, name: str, path: Path) -> list[dict[str, Any]]:
    found = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ValueError(f"{path} is not of GEOM: there is no list {name!r} in it")
    return found


def _energy(entry: dict[str, Any]) -> float:
    """Energy in kcal/mol: relative where that is known, else total; NaN if neither is."""
    if entry.get("relativeenergy") is not None:
        return float(entry["relativeenergy"])
    return float(entry["totalenergy"]) * HARTREE if entry.get("totalenergy") is not None else float("nan")


def _placed(smiles: str, found: Iterable[tuple[np.ndarray, np.ndarray, float]]) -> _Molecule:
    """Conformers of a molecule of which there is but the SMILES, from (atomic numbers, coordinates, energy)."""
    molecule, mol = _Molecule(smiles), parse_smiles(smiles)
    mol = mol and Chem.AddHs(mol)
    for numbers, coords, energy in found:
        order = _order(mol, numbers.astype(int).tolist(), coords) if mol else None
        if mol is None or order is None:
            molecule.lost["bonded otherwise than the SMILES says"] += 1
        else:
            molecule.conformers.append(_Conformer(mol, coords[order], energy))
    return molecule


def _order(mol: Chem.Mol, numbers: list[int], coords: np.ndarray) -> list[int] | None:
    """Which of the coordinates is each atom's; None if they are of another molecule."""
    if numbers == [atom.GetAtomicNum() for atom in mol.GetAtoms()] and _holds_together(mol, coords):
        return list(range(len(numbers)))
    here, there = _skeleton(mol), _perceived(numbers, coords)
    if here.GetNumAtoms() != there.GetNumAtoms() or here.GetNumBonds() != there.GetNumBonds():
        return None
    matches = [list(match) for match in there.GetSubstructMatches(here, uniquify=False, maxMatches=_MATCHES)]
    labels = stereo_labels(mol)
    right = (match for match in matches if stereo_kept(coords[match], labels))
    return next(right, matches[0] if matches else None)


def _holds_together(mol: Chem.Mol, coords: np.ndarray) -> bool:
    """Whether no bond is longer than a bond can be."""
    radius = Chem.GetPeriodicTable().GetRcovalent
    ends = [(b.GetBeginAtom(), b.GetEndAtom()) for b in mol.GetBonds()]
    most = np.array([_STRETCHED * (radius(a.GetAtomicNum()) + radius(b.GetAtomicNum())) for a, b in ends])
    i, j = np.array([(a.GetIdx(), b.GetIdx()) for a, b in ends]).reshape(-1, 2).T
    return bool((np.linalg.norm(coords[i] - coords[j], axis=-1) <= most).all())


def _skeleton(mol: Chem.Mol) -> Chem.Mol:
    """Elements and what is bonded to what."""
    plain = _atoms(atom.GetAtomicNum() for atom in mol.GetAtoms())
    for bond in mol.GetBonds():
        plain.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), Chem.BondType.SINGLE)
    return plain.GetMol()


def _perceived(numbers: list[int], coords: np.ndarray) -> Chem.Mol:
    plain = _atoms(numbers)
    _set_positions(plain, coords)
    rdDetermineBonds.DetermineConnectivity(plain)
    return plain.GetMol()


def _atoms(numbers: Iterable[int]) -> Chem.RWMol:
    plain = Chem.RWMol()
    for number in numbers:
        plain.AddAtom(Chem.Atom(int(number)))
    return plain


def _set_positions(mol: Chem.Mol, coords: np.ndarray) -> None:
    conformer = Chem.Conformer(len(coords))
    conformer.Set3D(True)
    conformer.SetPositions(np.ascontiguousarray(coords, dtype=np.float64))
    mol.RemoveAllConformers()
    mol.AddConformer(conformer)


def _records(molecule: _Molecule, lost: Counter[str], max_confs: int | None) -> Iterator[_Found]:
    """Records of a molecule, lowest energy first; what is left out is counted in `lost`."""
    groups: dict[str, list[tuple[np.ndarray, float]]] = {}
    kept = 0
    for conformer in sorted(molecule.conformers, key=lambda c: (np.isnan(c.energy), c.energy)):
        if kept == max_confs:
            break
        if conformer.coords.shape != (conformer.mol.GetNumAtoms(), 3) or not np.isfinite(conformer.coords).all():
            lost["without a position for every atom"] += 1
            continue
        if not stereo_kept(conformer.coords, stereo_labels(conformer.mol)):
            lost["with other stereo than written"] += 1
            continue
        smiles, order = _with_stereo(conformer)
        groups.setdefault(smiles, []).append((conformer.coords[order], conformer.energy))
        kept += 1
    for smiles, found in groups.items():
        mol = parse_smiles(smiles)
        coords = np.stack([x - x.mean(0) for x, _ in found]).astype(np.float32)
        if mol is None or mol.GetNumAtoms() != coords.shape[1]:
            lost["that RDKit does not read back"] += len(found)
        else:
            yield smiles, coords, np.array([energy for _, energy in found]), molecule.title


def _with_stereo(conformer: _Conformer) -> tuple[str, list[int]]:
    """Explicit-hydrogen SMILES with the stereo of the coordinates, and the order in which it has the atoms."""
    mol = Chem.Mol(conformer.mol)
    _set_positions(mol, conformer.coords)
    Chem.AssignStereochemistryFrom3D(mol)
    smiles = Chem.MolToSmiles(mol)
    return smiles, list(mol.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
