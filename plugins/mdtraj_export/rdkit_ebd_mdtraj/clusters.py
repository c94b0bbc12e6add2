"""Which conformers are alike to mdtraj? Hierarchical clusters by RMSD, which knows no symmetry.

mdtraj compares atom i with atom i: a phenyl ring or a CF3 turned by one place is another conformer to it. Where that
matters, prune with `rdkit_ebd.PruneConformers` first, or cluster on atoms that are not equivalent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mdtraj as md
import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from rdkit_ebd_mdtraj.ensemble import ANGSTROM, Ensemble

METHODS = ("average", "complete", "single")


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters, the largest first.

    Attributes:
        labels: (K,) cluster of each frame, from 0.
        medoids: (C,) frame of each cluster that is nearest to the others of it.
        distances: (K, K) RMSD in angstrom.
    """

    labels: np.ndarray
    medoids: np.ndarray
    distances: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """(C,) frames in each cluster."""
        return np.bincount(self.labels)


def ClusterConformers(
    frames: Ensemble | md.Trajectory,
    cutoff: float,
    *,
    method: str = "average",
    atoms: Sequence[int] | None = None,
) -> Clusters:
    """Cluster frames by their RMSD after superposition, without symmetry; the frames are not moved.

    Args:
        frames: Conformers.
        cutoff: Distance at which two clusters stay apart, angstrom.
        method: How clusters are compared: by the "average", the largest ("complete") or the smallest ("single") RMSD
            between their frames. With "complete" no two frames of a cluster are farther apart than the cutoff.
        atoms: Atoms compared; None for the heavy ones, or all where there are none.

    Raises:
        ValueError: No frames, a cutoff that is not positive, an unknown method, or atoms that do not exist.
    """
    trajectory = frames.trajectory if isinstance(frames, Ensemble) else frames
    compared = _atoms(trajectory, atoms)
    if not trajectory.n_frames or not cutoff > 0 or method not in METHODS:
        raise ValueError(
            f"need frames ({trajectory.n_frames}), a cutoff above 0 ({cutoff}) and a method of {METHODS} ({method!r})"
        )
    distances = rmsd_matrix(trajectory, compared)
    if trajectory.n_frames == 1:
        return Clusters(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), distances)
    tree = linkage(squareform(distances, checks=False), method)
    labels = _largest_first(fcluster(tree, cutoff, criterion="distance"))
    medoids = [_medoid(distances, np.flatnonzero(labels == label)) for label in range(labels.max() + 1)]
    return Clusters(labels, np.array(medoids), distances)


def rmsd_matrix(trajectory: md.Trajectory, atoms: np.ndarray) -> np.ndarray:
    """(K, K) float64 RMSD in angstrom over atoms of the same number, each pair superposed."""
    rows = [md.rmsd(trajectory, trajectory, k, atom_indices=atoms) for k in range(trajectory.n_frames)]
    distances = np.array(rows, dtype=np.float64) / ANGSTROM
    distances = (distances + distances.T) / 2  # single precision makes the two a little different
    np.fill_diagonal(distances, 0.0)
    return distances


def _atoms(trajectory: md.Trajectory, atoms: Sequence[int] | None) -> np.ndarray:
    if atoms is None:
        heavy = [atom.index for atom in trajectory.topology.atoms if atom.element.atomic_number != 1]
        return np.array(heavy or range(trajectory.n_atoms))
    unknown = [int(i) for i in atoms if not 0 <= i < trajectory.n_atoms]
    if unknown or not len(atoms):
        raise ValueError(f"atoms {unknown} do not exist" if unknown else "atoms must not be empty")
    return np.asarray(atoms, dtype=np.int64)


def _largest_first(labels: np.ndarray) -> np.ndarray:
    names, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    rank = {names[place]: number for number, place in enumerate(order)}
    return np.array([rank[label] for label in labels], dtype=np.int64)


def _medoid(distances: np.ndarray, members: np.ndarray) -> int:
    return int(members[distances[np.ix_(members, members)].sum(axis=1).argmin()])
