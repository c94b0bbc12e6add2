"""How do conformers survive in a trajectory file? The molecule, ids and provenance are kept in a file beside it.

`run.dcd` comes with `run.dcd.mol.json`: trajectory formats know neither bond orders, charges and stereochemistry nor
energies. Both files appear whole or not at all.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mdtraj as md
import numpy as np
from rdkit import Chem

from rdkit_ebd_mdtraj.ensemble import ANGSTROM, Ensemble, MolToEnsemble
from rdkit_ebd_mdtraj.topology import mismatches, mol_to_topology

FORMAT = "rdkit_ebd ensemble 1"

_Reader = Callable[[str, md.Topology], md.Trajectory]
_READERS: dict[str, _Reader] = {
    ".dcd": lambda path, topology: md.load_dcd(path, top=topology),
    ".xtc": lambda path, topology: md.load_xtc(path, top=topology),
    ".pdb": lambda path, topology: md.load_pdb(path, standard_names=False),
    ".h5": lambda path, topology: md.load_hdf5(path),
}
PRECISION = {".dcd": 1e-5, ".xtc": 6e-3, ".pdb": 6e-4, ".h5": 1e-5}
"""Farthest that a coordinate of a drug-sized molecule moves on its way through a file, angstrom."""


def SaveEnsemble(
    source: Ensemble | Chem.Mol, path: str | os.PathLike[str], confIds: Sequence[int] | None = None
) -> Path:
    """Write conformers as a trajectory file, and the molecule beside it.

    The file is read back before it replaces what was there, so that what was saved can be loaded.

    Args:
        source: An ensemble, or a molecule with conformers.
        path: A file name that ends in .dcd, .xtc, .pdb or .h5; see `PRECISION` for what each format keeps.
        confIds: Of a molecule, the conformers to save; None for all.

    Returns:
        The path of the file beside it.

    Raises:
        ImportError: .h5 without PyTables.
        FileNotFoundError: There is no such folder.
        ValueError: Another suffix, nothing to save, or the format cannot hold these conformers.
    """
    target = Path(path)
    _check_suffix(target)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"no such folder: {str(target.parent)!r}")
    if isinstance(source, Ensemble) and confIds is not None:
        raise ValueError("confIds is for molecules; of an ensemble take ensemble[frames]")
    ensemble = source if isinstance(source, Ensemble) else MolToEnsemble(source, confIds)
    if not len(ensemble):
        raise ValueError("no conformers to save")
    partial, beside = _partial(target), _partial(sidecar(target))
    try:
        ensemble.trajectory.save(str(partial))
        _check_written(ensemble, partial)
        beside.write_text(json.dumps(_record(ensemble), indent=1), encoding="utf-8")
        beside.replace(sidecar(target))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
        beside.unlink(missing_ok=True)
    return sidecar(target)


def LoadEnsemble(path: str | os.PathLike[str]) -> Ensemble:
    """Read what `SaveEnsemble` wrote; `.to_mol()` is the molecule with its conformers again.

    To add them to a molecule that you have, `AddConformers(mol, LoadEnsemble(path))`; to read a trajectory from
    elsewhere, `AddConformers(mol, mdtraj.load(...))`.

    Raises:
        ImportError: .h5 without PyTables.
        FileNotFoundError: The trajectory or the file beside it is missing.
        ValueError: Another suffix, or the two files do not belong together.
    """
    source = Path(path)
    _check_suffix(source)
    missing = [str(file) for file in (source, sidecar(source)) if not file.is_file()]
    if missing:
        raise FileNotFoundError(f"no such file: {', '.join(missing)}")
    record = json.loads(sidecar(source).read_text(encoding="utf-8"))
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"{str(sidecar(source))!r} is not a {FORMAT!r}")
    mol = Chem.Mol(base64.b64decode(record["mol"]))  # type: ignore[call-overload]  # RDKit's stubs say str
    trajectory = _read(source, mol)
    problems = mismatches(mol, trajectory.topology)
    if not problems and trajectory.n_frames != len(record["ids"]):
        problems = [f"{trajectory.n_frames} frames instead of {len(record['ids'])}"]
    if problems:
        raise ValueError(f"{str(source)!r} and the file beside it do not belong together: {'; '.join(problems)}")
    whole = md.Trajectory(trajectory.xyz, mol_to_topology(mol), time=trajectory.time)
    return Ensemble(whole, mol, tuple(record["ids"]), tuple(record["provenance"]))


def sidecar(path: str | os.PathLike[str]) -> Path:
    """The file beside a trajectory file."""
    return Path(f"{os.fspath(path)}.mol.json")


def _record(ensemble: Ensemble) -> dict[str, Any]:
    # RDKit's own binary form keeps atom order, stereo, properties and PDB names; later versions read earlier ones.
    binary = ensemble.mol.ToBinary(int(Chem.PropertyPickleOptions.AllProps))
    return {
        "format": FORMAT,
        "smiles": Chem.MolToSmiles(ensemble.mol),  # for people; its atoms are in another order
        "mol": base64.b64encode(binary).decode("ascii"),
        "ids": list(ensemble.ids),
        "provenance": list(ensemble.provenance),
        "units": {"ebd_energy": "kcal/mol"},
    }


def _read(path: Path, mol: Chem.Mol) -> md.Trajectory:
    trajectory = _READERS[path.suffix.lower()](str(path), mol_to_topology(mol))
    if path.suffix.lower() == ".pdb":  # CONECT records stop at 99999, and mdtraj leaves some out
        trajectory.topology._bonds = []
    return trajectory


def _check_written(ensemble: Ensemble, path: Path) -> None:
    """Formats have limits (columns of a PDB file, names of four letters): better found now than when it is needed."""
    trajectory = _read(path, ensemble.mol)
    problems = mismatches(ensemble.mol, trajectory.topology)
    if not problems:
        moved = np.abs(trajectory.xyz - ensemble.trajectory.xyz)
        allowed = ANGSTROM * PRECISION[path.suffix.lower()] + 3e-7 * np.abs(ensemble.trajectory.xyz)  # and float32's
        problems = ["coordinates change"] * bool((~(moved <= allowed)).any())
    if problems:
        raise ValueError(f"a {path.suffix} file cannot hold these conformers: {'; '.join(problems)}")


def _check_suffix(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise ValueError(f"{str(path)!r} must end in {', '.join(_READERS)}")
    if suffix == ".h5" and importlib.util.find_spec("tables") is None:
        raise ImportError("mdtraj needs PyTables for .h5 files: pip install tables")


def _partial(path: Path) -> Path:
    # mdtraj tells formats by the last suffix
    return path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
