"""What are conformers outside RDKit? An mdtraj trajectory, the molecule, and where each frame came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mdtraj as md
import numpy as np
from rdkit import Chem

from rdkit_ebd import get_provenance, set_provenance, stereo_kept, stereo_labels
from rdkit_ebd_mdtraj.topology import mismatches, mol_to_topology

ANGSTROM = 0.1  # nanometres, mdtraj's unit


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Conformers as frames, each with its id and its provenance.

    `ensemble[2]`, `ensemble[3:7]`, `ensemble[labels == 0]` and `ensemble[[4, 0]]` are ensembles of these frames.

    Attributes:
        trajectory: mdtraj's view, (K, N, 3) float32 in nanometres; atom i is atom i of `mol`.
        mol: The molecule without conformers.
        ids: Id that each frame's conformer had.
        provenance: What `rdkit_ebd.get_provenance` said of it, energies in kcal/mol.
    """

    trajectory: md.Trajectory
    mol: Chem.Mol
    ids: tuple[int, ...]
    provenance: tuple[dict[str, Any], ...]

    def __post_init__(self) -> None:
        frames = (self.trajectory.n_frames, len(self.ids), len(self.provenance))
        if len(set(frames)) > 1:
            raise ValueError("{} frames, {} ids and {} provenances: there must be as many of each".format(*frames))

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, frames: int | slice | Sequence[int] | np.ndarray) -> Ensemble:
        chosen = np.atleast_1d(np.arange(len(self))[frames])
        ids, provenance = (tuple(values[k] for k in chosen) for values in (self.ids, self.provenance))
        return Ensemble(self.trajectory.slice(chosen), self.mol, ids, provenance)

    @property
    def energies(self) -> np.ndarray:
        """(K,) float64, kcal/mol; NaN where none is known."""
        return np.array([row.get("ebd_energy", np.nan) for row in self.provenance], dtype=np.float64)

    def to_mol(self) -> Chem.Mol:
        """A new molecule with the frames as conformers, which have their ids and provenance again."""
        mol = Chem.Mol(self.mol, True)
        _write(mol, self.ids, self)
        return mol


def MolToEnsemble(mol: Chem.Mol, confIds: Sequence[int] | None = None) -> Ensemble:
    """Copy conformers into an mdtraj trajectory; the molecule is not changed.

    Args:
        mol: Its atoms keep their order; hydrogens that are not explicit have no coordinates to copy.
        confIds: Conformer ids, in the order the frames shall have; None for all.

    Raises:
        TypeError: `mol` is not a molecule.
        ValueError: It has no conformers, or not all of those asked for.
    """
    if not isinstance(mol, Chem.Mol):
        raise TypeError(f"mol must be a Chem.Mol, not {type(mol).__name__}")
    conformers = {conformer.GetId(): conformer for conformer in mol.GetConformers()}
    ids = tuple(conformers) if confIds is None else tuple(int(index) for index in confIds)
    missing = [index for index in ids if index not in conformers]
    if missing or not ids:
        raise ValueError(f"mol has no conformers {missing}" if missing else "no conformers to copy")
    frames = np.array([conformers[index].GetPositions() for index in ids]) * ANGSTROM
    trajectory = md.Trajectory(frames.astype(np.float32), mol_to_topology(mol))
    return Ensemble(trajectory, Chem.Mol(mol, True), ids, tuple(get_provenance(conformers[index]) for index in ids))


def AddConformers(mol: Chem.Mol, frames: Ensemble | md.Trajectory, *, checkStereo: bool = True) -> list[int]:
    """Add frames to a molecule as conformers; those it has stay as they are.

    Args:
        mol: Changed in place, once all is checked.
        frames: An ensemble, whose provenance comes along, or any trajectory of these atoms in this order.
        checkStereo: Refuse frames whose coordinates have other stereochemistry than `mol` has written.

    Returns:
        The new ids, in the order of the frames.

    Raises:
        ValueError: The atoms are others or in another order, coordinates are not finite, or the stereochemistry is
            another; the message names every atom, bond or frame concerned.
    """
    trajectory = frames.trajectory if isinstance(frames, Ensemble) else frames
    problems = mismatches(mol, trajectory.topology)
    problems = problems or _bad_frames(mol, trajectory.xyz.astype(np.float64), checkStereo)
    if problems:
        raise ValueError(f"these frames are not of this molecule: {'; '.join(problems)}")
    first = max((conformer.GetId() for conformer in mol.GetConformers()), default=-1) + 1
    ids = range(first, first + trajectory.n_frames)
    _write(mol, ids, frames)
    return list(ids)


def _bad_frames(mol: Chem.Mol, coords: np.ndarray, check_stereo: bool) -> list[str]:
    finite = np.isfinite(coords).all(axis=(1, 2))
    kept = stereo_kept(coords, stereo_labels(mol)) if check_stereo else finite
    problems = {"coordinates that are not finite": ~finite, "other stereochemistry than is written": finite & ~kept}
    return [f"frames {np.flatnonzero(bad).tolist()} have {what}" for what, bad in problems.items() if bad.any()]


def _write(mol: Chem.Mol, ids: Sequence[int], frames: Ensemble | md.Trajectory) -> None:
    known = isinstance(frames, Ensemble)
    trajectory, provenance = (frames.trajectory, frames.provenance) if known else (frames, ({},) * len(ids))
    for frame, index in enumerate(ids):
        conformer = Chem.Conformer(mol.GetNumAtoms())
        conformer.Set3D(True)
        conformer.SetPositions(trajectory.xyz[frame].astype(np.float64) / ANGSTROM)
        conformer.SetId(index)
        set_provenance(conformer, **provenance[frame])
        mol.AddConformer(conformer, assignId=False)
