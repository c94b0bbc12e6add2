"""Which conformers are new? Greedy pruning by the symmetry-corrected RMSD, and alignment.

The first of several alike conformers stays; give energies to make that the lowest. Every RMSD is over proper rotations
and over atom mappings; RDKit's `GetBestRMS` on copies without hydrogens gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdMolAlign

from rdkit_ebd.arrays.rmsd import best_rms
from rdkit_ebd.chem.symmetry import compared_atoms, symmetry_mappings


def PruneConformers(
    mol: Chem.Mol,
    rmsThresh: float,
    confIds: Sequence[int] | None = None,
    *,
    onlyHeavyAtoms: bool = True,
    useSymmetry: bool = True,
    maxMatches: int = 1000,
    energies: Sequence[float] | None = None,
) -> list[int]:
    """Remove from `mol` every conformer that lies within `rmsThresh` of one that is kept.

    Args:
        mol: changed in place; conformers outside `confIds` are neither compared nor removed.
        rmsThresh: angstrom; zero or less keeps everything.
        confIds: conformer ids, in the order in which they have precedence; all conformers if None.
        onlyHeavyAtoms: leave hydrogens out of the RMSD (unless there is nothing else).
        useSymmetry: take the best RMSD over the symmetry of the graph.
        maxMatches: how many atom mappings are tried at most.
        energies: one per conformer compared; the lowest has precedence, NaN the least.

    Returns:
        The ids kept, in order of precedence.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("OCCCN"))
        >>> len(EmbedMultipleConfs(mol, 20, randomSeed=1))
        20
        >>> kept = PruneConformers(mol, 0.5)
        >>> len(kept) == mol.GetNumConformers() < 20
        True
    """
    ids = [conf.GetId() for conf in mol.GetConformers()] if confIds is None else [int(index) for index in confIds]
    if energies is not None:
        if len(energies) != len(ids):
            raise ValueError(f"{len(energies)} energies for {len(ids)} conformers")
        ids = [ids[rank] for rank in np.argsort(np.asarray(energies, dtype=float), kind="stable")]
    ids = list(dict.fromkeys(ids))
    if rmsThresh <= 0 or len(ids) < 2:
        return ids
    coords = np.array([mol.GetConformer(index).GetPositions() for index in ids])
    mappings = symmetry_mappings(mol, onlyHeavyAtoms, useSymmetry, maxMatches)
    kept = [ids[row] for row in keep_diverse(coords, mappings, rmsThresh)]
    for index in set(ids) - set(kept):
        mol.RemoveConformer(index)
    return kept


def AlignConformers(mol: Chem.Mol, confIds: Sequence[int] | None = None, *, onlyHeavyAtoms: bool = True) -> list[float]:
    """Move conformers onto the first of them, in place.

    Args:
        mol: Changed in place: the coordinates of its conformers alone.
        confIds: Ids of the conformers to align; all of them if None.
        onlyHeavyAtoms: Align the heavy atoms, and let hydrogens follow.

    Returns:
        The RMS distance (angstrom) of each later conformer from the first, without symmetry.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("OCCCN"))
        >>> ids = EmbedMultipleConfs(mol, 3, randomSeed=1)
        >>> len(AlignConformers(mol))
        2
    """
    rms: list[float] = []
    atoms = [int(index) for index in compared_atoms(mol, onlyHeavyAtoms)]
    ids = [] if confIds is None else [int(index) for index in confIds]
    if len(ids) == 1 or mol.GetNumConformers() < 2:
        return rms
    rdMolAlign.AlignMolConformers(mol, atomIds=atoms, confIds=ids, RMSlist=rms)
    return rms


def keep_diverse(coords: np.ndarray, mappings: np.ndarray, threshold: float) -> list[int]:
    """Rows of `coords` (K, N, 3) at least `threshold` angstrom from every earlier row kept: first come, first kept.

    A conformer that is not finite is unlike every other.
    """
    kept, waiting = [], np.arange(len(coords))
    while len(waiting):
        first, waiting = waiting[0], waiting[1:]
        kept.append(int(first))
        waiting = waiting[~(best_rms(coords[first], coords[waiting], mappings) < threshold)]
    return kept


def most_diverse(coords: np.ndarray, mappings: np.ndarray, count: int) -> list[int]:
    """`count` rows of `coords` (K, N, 3), the first and then again and again the one furthest from all those chosen."""
    chosen, nearest = [0], np.full(len(coords), np.inf)
    while len(chosen) < min(count, len(coords)):
        nearest = np.fmin(nearest, best_rms(coords[chosen[-1]], coords, mappings))
        nearest[chosen] = -1.0
        chosen.append(int(nearest.argmax()))
    return chosen
