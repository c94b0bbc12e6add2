"""What becomes of molecules at the hands of a teacher? Conformers, relaxed together, judged one by one, kept if new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDistGeom
from rdkit.Chem.rdMolDescriptors import CalcNumRotatableBonds

from rdkit_ebd.arrays.rmsd import best_rms
from rdkit_ebd.chem.stereo import stereo_labels
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.data.record import MILLIANGSTROM
from rdkit_ebd.ensemble.prune import most_diverse
from rdkit_ebd.potentials import Minimum, Potential
from rdkit_ebd.runtime.whole_file import whole_file
from rdkit_ebd.train.data_prep.identity import lost_identity

SAME_SHAPE, SAME_ENERGY = 0.1, 0.05  # angstrom of heavy atoms and kcal/mol; twins are alike in both
STEPS = 400  # of the minimiser; drugs take 40
_SYMMETRIES = 200  # orders of equivalent atoms that are tried
_SPARE = 2  # conformers more than are wanted, to choose from
_SEED_SECONDS = 60  # per molecule
_FARTHEST = np.iinfo(np.int16).max * MILLIANGSTROM  # angstrom from the centre that the format can hold

Embedder = Callable[[Chem.Mol, int, int], list[np.ndarray]]
"""(molecule with hydrogens, conformers, seed) -> so many coordinates (N, 3) in angstrom, or fewer."""


@dataclass(frozen=True)
class Entry:
    """The minima of one molecule; K of them, lowest first.

    Attributes:
        smiles: With every hydrogen; its atom order is the coordinates'.
        inchikey14: First InChIKey block.
        title: Its group.
        coords: (K, N, 3) angstrom, centred.
        energy: (K,) kcal/mol.
        force: (K,) largest force on an atom, kcal/mol/angstrom.
        starts: (K, N, 3) angstrom, centred, the conformers that the minimisations began with.
    """

    smiles: str
    inchikey14: str
    title: str
    coords: np.ndarray
    energy: np.ndarray
    force: np.ndarray
    starts: np.ndarray


def etkdg_conformers(mol: Chem.Mol, count: int, seed: int, small_rings: bool = True) -> list[np.ndarray]:
    """An `Embedder`: RDKit's ETKDGv3; without torsions of small rings, boats come as often as chairs."""
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed, parameters.timeout, parameters.useSmallRingTorsions = seed, _SEED_SECONDS, small_rings
    copy = Chem.Mol(mol, True)
    if not len(rdDistGeom.EmbedMultipleConfs(copy, count, parameters)):
        parameters.useRandomCoords = True
        rdDistGeom.EmbedMultipleConfs(copy, count, parameters)
    return [conformer.GetPositions() for conformer in copy.GetConformers()]


def starting_points(mol: Chem.Mol, count: int, seed: int, embed: Embedder) -> list[np.ndarray]:
    """Diverse conformers to begin with, one of a rigid molecule; rings that can flip are begun in other shapes, too."""
    flips = _has_flexible_ring(mol)
    wanted = count + 1 if flips else count
    if not flips and not CalcNumRotatableBonds(mol):
        wanted = 1
    made = embed(mol, wanted + _SPARE if wanted > 1 else 1, seed)
    if flips or not made:
        made += etkdg_conformers(mol, wanted + 1, seed, small_rings=False)
    if len(made) <= wanted:
        return made
    chosen = most_diverse(np.array(made), symmetry_mappings(mol, maxMatches=_SYMMETRIES), wanted)
    return [made[k] for k in chosen]


def relax_all(
    mols: Sequence[tuple[Chem.Mol, str, str]],
    starts: Sequence[Sequence[np.ndarray]],
    teacher: Potential,
    tolerance: float,
) -> tuple[list[Entry], Counter[str]]:
    """Relax the conformers of many molecules together and judge what comes out.

    Args:
        mols: Molecules whose atoms are in the order of their canonical SMILES, InChIKey blocks, titles.
        starts: Conformers of each, (N, 3) angstrom.
        teacher: What relaxes them.
        tolerance: Largest force left on an atom, kcal/mol/angstrom.

    Returns:
        Molecules of which something is kept, and how many conformers were lost by cause.
    """
    work = [(mol, x) for (mol, _, _), own in zip(mols, starts, strict=True) for x in own]
    found = dict(teacher.minimise_molecules(work, STEPS, tolerance))
    lost, entries, first = Counter[str](), [], 0
    for (mol, block, title), own in zip(mols, starts, strict=True):
        minima = [found[first + k] for k in range(len(own))]
        first += len(own)
        labels = stereo_labels(mol)
        verdicts = [_verdict(mol, labels, minimum) for minimum in minima]
        sound = [k for k, verdict in enumerate(verdicts) if not verdict]
        kept = [sound[k] for k in _new(mol, [minima[k] for k in sound])]
        lost.update(verdict for verdict in verdicts if verdict)
        lost["like another"] += len(sound) - len(kept)
        if kept:
            entries.append(_entry(mol, block, title, [minima[k] for k in kept], [own[k] for k in kept]))
    return entries, +lost


def save_entries(path: Path, entries: Sequence[Entry], level: str, lost: str) -> None:
    """Write molecules as a data set that `read_records` reads; the file appears whole or not at all."""
    arrays = {
        "smiles": np.array([one.smiles for one in entries], dtype=np.str_),
        "inchikey14": np.array([one.inchikey14 for one in entries], dtype=np.str_),
        "title": np.array([one.title for one in entries], dtype=np.str_),
        "level": np.array([level] * len(entries), dtype=np.str_),
        "n_atoms": np.array([one.coords.shape[1] for one in entries], dtype=np.int32),
        "n_confs": np.array([len(one.energy) for one in entries], dtype=np.int32),
        "coords": _packed([one.coords for one in entries]),
        "start_coords": _packed([one.starts for one in entries]),
        "energy": np.concatenate([np.zeros(0), *(one.energy for one in entries)]),
        "max_force": np.concatenate([np.zeros(0), *(one.force for one in entries)]).astype(np.float32),
        "lost": np.array([lost], dtype=np.str_),
    }
    write_arrays(path, arrays)


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an .npz whole or not at all."""
    with whole_file(path) as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def distinct(coords: np.ndarray, energy: np.ndarray, mappings: np.ndarray) -> np.ndarray:
    """Rows of conformers (K, N, 3) with energies (K,) without twins of a lower one, lowest first."""
    kept: list[int] = []
    for row in np.argsort(energy, kind="stable").tolist():
        near = [other for other in kept if energy[row] - energy[other] < SAME_ENERGY]
        if not near or best_rms(coords[row], coords[near], mappings).min() >= SAME_SHAPE:
            kept.append(row)
    return np.array(kept, dtype=np.int64)


def _verdict(mol: Chem.Mol, labels: Any, minimum: Minimum) -> str:
    """Why a minimum is not kept; "" if it is."""
    if not (np.isfinite(minimum.coords).all() and np.isfinite(minimum.energy)):
        return "no energy"
    if not minimum.converged:
        return "not converged"
    if np.abs(minimum.coords - minimum.coords.mean(0)).max() >= _FARTHEST:
        return "too long for the format"
    return lost_identity(mol, labels, minimum.coords)


def _new(mol: Chem.Mol, minima: Sequence[Minimum]) -> list[int]:
    if not minima:
        return []
    coords, energy = np.array([one.coords for one in minima]), np.array([one.energy for one in minima])
    return distinct(coords, energy, symmetry_mappings(mol, maxMatches=_SYMMETRIES)).tolist()


def _entry(mol: Chem.Mol, block: str, title: str, minima: Sequence[Minimum], starts: Sequence[np.ndarray]) -> Entry:
    energy, force = np.array([one.energy for one in minima]), np.array([one.force for one in minima])
    coords = _centred(np.array([one.coords for one in minima]))
    return Entry(
        Chem.MolToSmiles(mol, canonical=False), block, title, coords, energy, force, _centred(np.array(starts))
    )


def _centred(coords: np.ndarray) -> np.ndarray:
    return np.asarray(coords - coords.mean(axis=1, keepdims=True))


def _packed(conformers: Sequence[np.ndarray]) -> np.ndarray:
    whole = [np.round(x / MILLIANGSTROM).astype(np.int16).reshape(-1, 3) for x in conformers]
    return np.concatenate([np.zeros((0, 3), np.int16), *whole])


def _has_flexible_ring(mol: Chem.Mol) -> bool:
    """Whether a ring of five atoms or more has three in a row that are saturated, so that it has other shapes."""
    sp3 = Chem.HybridizationType.SP3
    rings = [ring for ring in mol.GetRingInfo().AtomRings() if len(ring) >= 5]
    return any(sum(mol.GetAtomWithIdx(i).GetHybridization() == sp3 for i in ring) >= 3 for ring in rings)
