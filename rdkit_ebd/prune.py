"""Which conformers are new? Greedy pruning by the symmetry-corrected RMSD, and alignment.

The first of several alike conformers stays; give energies to make that the lowest. Every RMSD is over proper rotations
and over atom mappings; RDKit's `GetBestRMS` on copies without hydrogens gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdMolAlign

# The two O or N ends of a conjugated group (carboxyl, nitro, amidinium, ...), as RDKit's embedder takes them for equal.
TERMINAL = Chem.MolFromSmarts("[O,N;D1;$([O,N;D1]-[*]=[O,N;D1]),$([O,N;D1]=[*]-[O,N;D1])]~[*]")
SINGLE_OR_DOUBLE = Chem.MolFromSmarts("*-,=*")

# Relative error of the closed form, with a margin of ten.
ESTIMATE_ERROR = 1e-3

# Conformer-mapping pairs compared at a time: ~100 MB.
CHUNK = 2**19


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

    Returns:
        The RMS distance (angstrom) of each later conformer from the first, without symmetry.
    """
    rms: list[float] = []
    atoms = [int(index) for index in _compared_atoms(mol, onlyHeavyAtoms)]
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


def symmetry_mappings(
    mol: Chem.Mol, onlyHeavyAtoms: bool = True, useSymmetry: bool = True, maxMatches: int = 1000
) -> np.ndarray:
    """Equivalent orders of the atoms compared, (P, n) atom indices; the first is the order they have in `mol`.

    Capped at `maxMatches`, which keeps fullerenes and molecules full of CF3 and tBu affordable (rdkit#1511): beyond it
    a conformer may count as new although it is not.
    """
    atoms = _compared_atoms(mol, onlyHeavyAtoms)
    if not useSymmetry or len(atoms) < 2:
        return atoms[None, :]
    target = _submolecule(mol, atoms)
    found = target.GetSubstructMatches(_symmetrised(target), uniquify=False, maxMatches=maxMatches)
    orders = np.array(found, dtype=np.int64).reshape(-1, len(atoms))
    changed = (orders != np.arange(len(atoms))).any(axis=1)
    return np.concatenate([atoms[None, :], atoms[orders[changed]]])[:maxMatches]


def best_rms(coords_a: np.ndarray, coords_b: np.ndarray, mappings: np.ndarray) -> np.ndarray:
    """Lowest RMSD over proper rotations and atom mappings, in angstrom.

    Args:
        coords_a: (N, 3) angstrom.
        coords_b: (M, N, 3) angstrom.
        mappings: (P, n) atom indices, each row a reordering of the first.

    Returns:
        (M,) angstrom; NaN where coordinates are not finite.
    """
    a, b = coords_a[mappings[0]], coords_b[:, mappings[0]]
    rms = np.full(len(b), np.nan)
    finite = np.isfinite(b).all(axis=(1, 2)) & np.isfinite(a).all()
    a, b = a - a.mean(axis=0), b[finite] - b[finite].mean(axis=1, keepdims=True)
    step = max(1, CHUNK // len(mappings))
    overlaps = [_best_overlap(a, b[start : start + step], _permutations(mappings)) for start in range(0, len(b), step)]
    squares = (a**2).sum() + (b**2).sum(axis=(1, 2)) - 2 * np.concatenate([np.zeros(0), *overlaps])
    rms[finite] = np.sqrt(np.maximum(squares, 0) / len(a))
    return rms


def _best_overlap(a: np.ndarray, b: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Greatest sum of a.(R b) over rotations R and reorderings: (n, 3), (M, n, 3) centred and (P, n) -> (M,)."""
    # mapping b by an order is mapping a by its inverse, and a is but one: a single matrix product serves all
    reordered = a[np.argsort(orders, axis=1)].transpose(0, 2, 1).reshape(-1, len(a))
    covariances = (reordered @ b).reshape(len(b), len(orders), 3, 3)
    estimates = _overlap_estimate(covariances)
    rows, columns = np.nonzero(estimates >= estimates.max(axis=1, keepdims=True) * (1 - ESTIMATE_ERROR))
    u, stretches, vt = np.linalg.svd(covariances[rows, columns])
    # det(U V^T), not the sign of det(covariance): the latter is noise for planar and linear molecules
    stretches[:, 2] *= np.sign(np.linalg.det(u @ vt))
    best = np.zeros(len(b))
    np.maximum.at(best, rows, stretches.sum(axis=1))
    return best


def _overlap_estimate(matrices: np.ndarray) -> np.ndarray:
    """Sum of signed singular values of (..., 3, 3), in closed form.

    Good to ~1e-8, to ~1e-4 for linear molecules: enough to choose which of many mappings deserve a real one.
    """
    gram = np.swapaxes(matrices, -1, -2) @ matrices
    mean = np.trace(gram, axis1=-2, axis2=-1)[..., None, None] / 3
    rest = gram - mean * np.eye(3)
    spread = np.sqrt((rest**2).sum(axis=(-2, -1)) / 6)
    cosine = _determinant(rest) / np.maximum(2 * spread**3, np.finfo(float).tiny)
    angle = np.arccos(np.clip(cosine, -1, 1))[..., None] / 3 + np.array([0, -2, 2]) * np.pi / 3
    values = np.sqrt(np.maximum(mean[..., 0] + 2 * spread[..., None] * np.cos(angle), 0))
    return values[..., 0] + values[..., 1] + np.sign(_determinant(matrices)) * values[..., 2]


def _determinant(m: np.ndarray) -> np.ndarray:
    return (m[..., 0, :] * np.cross(m[..., 1, :], m[..., 2, :])).sum(axis=-1)


def _permutations(mappings: np.ndarray) -> np.ndarray:
    """Mappings as positions within their own first row, (P, n)."""
    order = np.argsort(mappings[0])
    return order[np.searchsorted(mappings[0], mappings, sorter=order)]


def _compared_atoms(mol: Chem.Mol, only_heavy: bool) -> np.ndarray:
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() != 1]
    return np.array(heavy if only_heavy and heavy else range(mol.GetNumAtoms()), dtype=np.int64)


def _submolecule(mol: Chem.Mol, atoms: np.ndarray) -> Chem.RWMol:
    """A copy of the atoms compared, in their order, without conformers."""
    part = Chem.RWMol(mol)
    part.RemoveAllConformers()
    part.BeginBatchEdit()
    for index in set(range(mol.GetNumAtoms())) - set(atoms.tolist()):
        part.RemoveAtom(index)
    part.CommitBatchEdit()
    return part


def _symmetrised(mol: Chem.Mol) -> Chem.RWMol:
    """A pattern that matches `mol` with the ends of conjugated terminal groups interchangeable."""
    pattern = Chem.RWMol(mol)
    for end, centre in mol.GetSubstructMatches(TERMINAL):
        pattern.GetAtomWithIdx(end).SetFormalCharge(0)
        bond = pattern.GetBondBetweenAtoms(end, centre)
        pattern.ReplaceBond(bond.GetIdx(), SINGLE_OR_DOUBLE.GetBondWithIdx(0))
    return pattern
