"""Where does a force field take a seed? Relaxation pairs: a seed and the minimum it falls into, for any molecule.

No matching is needed, so no pair contradicts another, and there are as many as one cares to make. The network learns
from them how torsions and rings relax; bonds and angles it learns from the DFT references. What it learns of one level
of theory it need not do at another, though: minima that a model has corrected to its own level teach it at that level.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from rdkit import Chem

from rdkit_ebd.arrays.batch import collate
from rdkit_ebd.arrays.geometry import dihedrals, wrap_angle
from rdkit_ebd.arrays.molgraph import MolGraph
from rdkit_ebd.chem.featurise import mol_graph, unsupported
from rdkit_ebd.chem.fragments import Vocabulary
from rdkit_ebd.generators.checkpoint import LoadedModel
from rdkit_ebd.generators.ebd.sampler import deblur_times
from rdkit_ebd.generators.service import Request, deblur_requests
from rdkit_ebd.judge.tables import CheckTables
from rdkit_ebd.judge.verdict import judge
from rdkit_ebd.potentials.rdkit_ff import minimise_to_convergence
from rdkit_ebd.train.data_prep.pairing import torsion_matched_rmsd

LEVEL = "MMFF94s"
_SAME_BASIN = math.radians(40)  # largest difference of any torsion: a third of what staggered minima are apart
_SAME_RINGS = 0.35  # angstrom, once torsions are alike


def relax(mol: Chem.Mol, seeds: np.ndarray, tables: CheckTables) -> tuple[np.ndarray, np.ndarray]:
    """Minimise seeds with MMFF94s.

    Args:
        mol: The molecule, hydrogens explicit.
        seeds: (S, N, 3) angstrom.
        tables: Of `mol`.

    Returns:
        Indices (M,) of the seeds that converged to a sound minimum with their stereo, and the minima (M, N, 3) float32,
        centred. Both empty where MMFF94s has no parameters.
    """
    nothing = np.zeros(0, np.int64), np.zeros((0, mol.GetNumAtoms(), 3), np.float32)
    if not len(seeds):
        return nothing
    work = Chem.Mol(mol, True)
    for seed in seeds:
        conformer = Chem.Conformer(len(seed))
        conformer.SetPositions(seed.astype(np.float64))
        work.AddConformer(conformer, assignId=True)
    converged = minimise_to_convergence(work, name=LEVEL)
    if converged is None:
        return nothing
    minima = np.array([c.GetPositions() for c in work.GetConformers()])
    minima -= minima.mean(1, keepdims=True)
    kept = np.flatnonzero(converged & judge(minima, tables).ok)
    return kept, minima[kept].astype(np.float32)


def after_rounds(
    mol: Chem.Mol, seeds: np.ndarray, tables: CheckTables, model: LoadedModel, rounds: np.ndarray
) -> np.ndarray:
    """Where a model has brought seeds after some rounds of its own, a number of rounds for each.

    What a model meets on its way is what it should learn to continue from.

    Args:
        mol: The molecule, hydrogens explicit.
        seeds: (S, N, 3) angstrom.
        tables: Of `mol`.
        model: It takes atom-level seeds.
        rounds: (S,) rounds, 0 or more.

    Returns:
        (S, N, 3) float32, centred. Molecules that the model does not treat, and what fails the checks afterwards, stay
        as they were.
    """
    if not treats(model, mol):
        return seeds
    found, sound = _through_rounds(mol, seeds, tables, model, rounds)
    return np.where(sound[:, None, None], found, seeds).astype(np.float32)


def corrected(
    mol: Chem.Mol, minima: np.ndarray, tables: CheckTables, model: LoadedModel
) -> tuple[np.ndarray, np.ndarray]:
    """Minima of the force field as a model's first level of theory has them: one round, which leaves basins alone.

    Args:
        mol: The molecule, hydrogens explicit.
        minima: (M, N, 3) angstrom.
        tables: Of `mol`.
        model: It takes atom-level seeds.

    Returns:
        Indices (K,) of the minima that the model has corrected, and these (K, N, 3) float32, centred. None where it
        does not treat the molecule; those that fail the checks afterwards are no minima of its level either.
    """
    if not len(minima) or not treats(model, mol):
        return np.zeros(0, np.int64), minima[:0]
    found, sound = _through_rounds(mol, minima, tables, model, np.ones(len(minima), np.int64))
    kept = np.flatnonzero(sound)
    return kept, found[kept].astype(np.float32)


def treats(model: LoadedModel, mol: Chem.Mol) -> bool:
    """Whether a model was trained for molecules of this size and these elements."""
    config = model.config
    return mol.GetNumAtoms() >= config.min_atoms and not unsupported(mol, config.elements, config.max_atoms)


def _through_rounds(
    mol: Chem.Mol, seeds: np.ndarray, tables: CheckTables, model: LoadedModel, rounds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Seeds (S, N, 3) float64 after their rounds, centred, and which of them pass the checks (S,)."""
    graph = mol_graph(mol, Vocabulary.from_dict(model.config.vocabulary), tables.labels)
    times = deblur_times(model.config.sampling.steps)
    found = seeds.astype(np.float64)
    for done in range(int(rounds.max(initial=0))):
        rows = np.flatnonzero(rounds > done)
        noise = np.zeros((len(rows), len(times), *seeds.shape[1:]), np.float32)
        found[rows] = deblur_requests(model, [Request(graph, found[rows], noise, tuple(times))])[0].coords
    found -= found.mean(1, keepdims=True)
    return found, judge(found, tables).ok


def basins(graph: MolGraph, minima: np.ndarray, references: np.ndarray) -> np.ndarray:
    """The reference in whose basin each minimum lies, -1 where there is none: (M,).

    The same basin: every torsion within 40 degrees and rings alike. Atoms are taken in their order, so a minimum that
    differs by the turn of a phenyl is not found; a missed pair costs nothing, a wrong one does.
    """
    m, r = len(minima), len(references)
    if not m or not r:
        return np.full(m, -1)
    batch = collate([graph]).repeated(m * r)
    x = torch.from_numpy(minima).repeat_interleave(r, 0)
    y = torch.from_numpy(references).repeat(m, 1, 1)
    distance = torsion_matched_rmsd(x, y, batch)
    if batch.torsions.shape[1]:
        gap = wrap_angle(dihedrals(x, batch.torsions) - dihedrals(y, batch.torsions)).abs().amax(1)
        distance = torch.where(gap < _SAME_BASIN, distance, torch.inf)
    nearest = distance.view(m, r).numpy()
    return np.where(nearest.min(1) < _SAME_RINGS, nearest.argmin(1), -1)
