"""Which shapes does a saturated ring system have? Minima of its own, with what stands about it, drawn by energy.

Distance geometry leaves the torsions of saturated rings open, so that most six-membered ones become twisted boats,
which lie 5 to 6 kcal/mol above the chairs; no later stage turns one into the other. Ring systems are small, and few
molecules have new ones: each is cut out with the beginnings of its substituents, embedded with RDKit's torsions of
small rings, and minimised. Seeds are then given one of the shapes found, a lower one more often, and what hangs on the
ring follows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from rdkit_ebd.arrays.random_streams import ring_stream
from rdkit_ebd.chem.conformers import new_conformer
from rdkit_ebd.chem.stereo import centres_kept, stereo_labels
from rdkit_ebd.chem.torsions import dihedral_angles
from rdkit_ebd.generators.ebd.held import Held, Ties, ties_of
from rdkit_ebd.seeds.ring_systems import saturated_systems, surroundings
from rdkit_ebd.seeds.skeleton import skeleton_of, with_hydrogens_back

TRIES, MORE_TRIES, MOST_TRIES = 6, 3, 14  # at least, for each saturated ring, at most
FLOPPY, FLOPPY_TRIES = 7, 30  # rings of as many atoms have so many shapes that they take as many tries
TRIALS, FORCE_TOL = 20, 0.01
SEED, FIELD_STEPS = 20, 100
ABOVE = 3.0  # kcal/mol, beyond which a shape is none; twisted boats of cyclohexane are 5.5 above the chairs
SOFTNESS = 3.0  # kcal/mol, by which a shape is e times rarer: energies of parts are not those of molecules
BOAT = 2.0  # kcal/mol, added for a ring that is no chair: few tries seldom find the best rotamer of each shape
# One conformer in so many keeps the shape that RDKit gave it: what a part has no minimum for, a molecule may.
KEPT_EVERY = 10
FLAT = 0.2  # radians, below which the sign of a ring torsion says nothing
AXIAL = 2.2  # radians, below which what stands on a ring stands up or down

_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19)


@dataclass(frozen=True)
class RingShapes:
    """The shapes of one ring system.

    Attributes:
        atoms: (A,) the ring atoms and their neighbours, indices of the molecule.
        shapes: (S, A, 3) angstrom.
        chances: (S,) how often each is drawn; they sum to one.
        ties: How the rest of the molecule hangs on these atoms.
    """

    atoms: np.ndarray
    shapes: np.ndarray
    chances: np.ndarray
    ties: Ties


def ring_shapes(mol: Chem.Mol, but: Iterable[int] = ()) -> list[RingShapes]:
    """The shapes of all saturated ring systems of a molecule that can be given another.

    Args:
        mol: All hydrogens explicit.
        but: Atoms that stay where they are, and with them their ring systems.
    """
    kept = frozenset(but)
    found = (_shapes_of(mol, system) for system in saturated_systems(mol) if not system & kept)
    return [shapes for shapes in found if shapes is not None]


def with_ring_shapes(
    mol: Chem.Mol, systems: Sequence[RingShapes], coords: np.ndarray, base: int, numbers: Sequence[int]
) -> np.ndarray:
    """Conformers (K, N, 3) whose ring systems have shapes drawn for each of K numbers of a base."""
    x = torch.from_numpy(np.ascontiguousarray(coords))
    for system, drawn in zip(systems, drawn_shapes(systems, base, numbers), strict=True):
        rows = np.flatnonzero(drawn >= 0)
        held = Held(torch.from_numpy(system.atoms), torch.from_numpy(system.shapes[drawn[rows]]), system.ties)
        x[rows] = held.put(x[rows])
    return x.numpy()


def drawn_shapes(systems: Sequence[RingShapes], base: int, numbers: Sequence[int]) -> np.ndarray:
    """Which shape of each system each of K numbers of a base is given, (len(systems), K); -1: what it has is kept."""
    which = np.array(numbers, np.int64)
    found = np.full((len(systems), len(which)), -1)
    drawing = which % KEPT_EVERY != KEPT_EVERY - 1
    for place, system in enumerate(systems):
        start = np.random.default_rng(ring_stream(base, place)).random()
        # Steps of an irrational number visit all shapes, each as often as it should be, in few conformers.
        points = (start + which[drawing] * np.sqrt(_PRIMES[place % len(_PRIMES)])) % 1
        found[place, drawing] = np.searchsorted(np.cumsum(system.chances)[:-1], points, side="right")
    return found


def _shapes_of(mol: Chem.Mol, system: frozenset[int]) -> RingShapes | None:
    cut = surroundings(mol, system)
    if cut is None:
        return None
    part, numbers = cut
    near = {n.GetIdx() for index in system for n in mol.GetAtomWithIdx(index).GetNeighbors()}
    atoms = np.array(sorted(system | near))
    ties = ties_of(atoms, Chem.GetAdjacencyMatrix(mol).astype(bool), torch.zeros(1, dtype=torch.double))
    if len(ties.pairs):
        return None  # its substituents are joined, and cannot follow it each by itself
    smiles = Chem.MolToSmiles(part)
    order = json.loads(part.GetProp("_smilesAtomOutputOrder"))
    shapes, energies = _minima(smiles)
    if not len(energies) or shapes.shape[1] != len(numbers):
        return None
    places = {numbers[index]: place for place, index in enumerate(order)}
    shapes, right = _as_written(mol, atoms, shapes[:, [places[i] for i in atoms.tolist()]])
    if not right.any():
        return None
    chances = np.where(right, np.exp(-(energies - energies.min()) / SOFTNESS), 0.0)
    return RingShapes(atoms, shapes[right], chances[right] / chances.sum(), ties)


def _as_written(mol: Chem.Mol, atoms: np.ndarray, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shapes (S, A, 3) of some atoms with the written stereo, mirrored where need be; and which of them have it, (S,).

    Centres that are but relative to each other (cis-decalin, 1,4-disubstituted cyclohexanes) are the same molecule
    with all of them inverted, and its SMILES may be written that way.
    """
    labels = stereo_labels(mol)
    inside = np.isin(labels.centre_quads, atoms).all(-1)
    centres, quads, signs = (x[inside] for x in (labels.centre_atoms, labels.centre_quads, labels.centre_signs))
    own = replace(labels, centre_atoms=centres, centre_quads=quads, centre_signs=signs)
    whole = np.zeros((len(shapes), mol.GetNumAtoms(), 3))
    whole[:, atoms] = shapes
    kept, mirrored = (np.asarray(centres_kept(x, own).all(-1)) for x in (whole, -whole))
    return np.where(kept[:, None, None], shapes, -shapes), kept | mirrored


@lru_cache(maxsize=1024)
def _minima(smiles: str) -> tuple[np.ndarray, np.ndarray]:
    """Shapes of a ring system's rings (S, n, 3), the lowest of each kind, and their energies (S,) kcal/mol."""
    mol = _parsed(smiles)
    nothing = np.zeros((0, 0, 3)), np.zeros(0)
    if mol is None:
        return nothing
    sizes = [len(ring) for ring in mol.GetRingInfo().AtomRings() if not mol.GetAtomWithIdx(ring[0]).GetIsAromatic()]
    tries = FLOPPY_TRIES if max(sizes, default=0) >= FLOPPY else min(TRIES + MORE_TRIES * len(sizes), MOST_TRIES)
    with rdBase.BlockLogs():  # missing hydrogens are put back, and what the force field lacks is another's question
        _embed(mol, tries)
    if not mol.GetNumConformers():
        return nothing
    with rdBase.BlockLogs():
        energies = _minimised(mol)
    coords = np.array([conformer.GetPositions() for conformer in mol.GetConformers()])
    if not any(atom.GetChiralTag() for atom in mol.GetAtoms()):  # then the mirror image of each is as good
        coords, energies = np.concatenate([coords, coords * [-1, 1, 1]]), np.tile(energies, 2)
    signs = [_torsion_signs(x, mol) for x in coords]
    energies = energies + BOAT * np.array([_boats(own) for own in signs])
    standing, kinds = _standing(coords, mol), dict[tuple[int, ...], int]()
    for row in np.argsort(energies, kind="stable").tolist():
        kinds.setdefault((*(sign for ring in signs[row] for sign in ring), *standing[row]), row)
    rows = [row for row in kinds.values() if energies[row] < energies.min() + ABOVE]
    return coords[rows], energies[rows]


def _parsed(smiles: str) -> Chem.Mol | None:
    parameters: Any = Chem.SmilesParserParams()
    parameters.removeHs = False
    return Chem.MolFromSmiles(smiles, parameters)


def _embed(mol: Chem.Mol, count: int) -> None:
    """Give a molecule conformers, without its hydrogens at first, which is faster."""
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.useSmallRingTorsions, parameters.randomSeed, parameters.enableSequentialRandomSeeds = True, SEED, True
    parameters.maxIterations, parameters.optimizerForceTol = TRIALS, FORCE_TOL
    bare = skeleton_of(mol)
    if bare is None:
        rdDistGeom.EmbedMultipleConfs(mol, count, parameters)
        return
    rdDistGeom.EmbedMultipleConfs(bare.mol, count, parameters)
    coords = np.array([conformer.GetPositions() for conformer in bare.mol.GetConformers()])
    for x in with_hydrogens_back(bare, coords, range(len(coords))) if len(coords) else ():
        mol.AddConformer(new_conformer(x), assignId=True)


def _minimised(mol: Chem.Mol) -> np.ndarray:
    """Minimise all conformers; their energies, kcal/mol, all alike where there is no force field."""
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        # MMFF94s flattens nitrogen so much that N-aryl piperidines have boats 2 kcal/mol above the chairs, not 4.
        found = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, maxIters=FIELD_STEPS, mmffVariant="MMFF94")
    elif rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
        found = rdForceFieldHelpers.UFFOptimizeMoleculeConfs(mol, maxIters=FIELD_STEPS)
    else:
        return np.zeros(mol.GetNumConformers())
    return np.array([energy for _, energy in found])


def _torsion_signs(coords: np.ndarray, mol: Chem.Mol) -> list[list[int]]:
    """The signs of each ring's torsions; shapes that agree in them, and in what stands how, are one."""
    found = []
    for ring in mol.GetRingInfo().AtomRings():
        quads = [[ring[(start + k) % len(ring)] for k in range(4)] for start in range(len(ring))]
        angles = dihedral_angles(coords[None], np.array(quads))[0]
        found.append((np.sign(angles) * (np.abs(angles) > FLAT)).astype(int).tolist())
    return found


def _standing(coords: np.ndarray, mol: Chem.Mol) -> list[list[int]]:
    """How each atom on a saturated ring stands: up and down (axial), or away from it; of chairs alike, two kinds."""
    quads = []
    for ring in mol.GetRingInfo().AtomRings():
        for place, index in enumerate(ring):
            atom, following = mol.GetAtomWithIdx(index), [ring[(place + k) % len(ring)] for k in (1, 2)]
            if atom.GetHybridization() != Chem.HybridizationType.SP3:
                continue
            quads += [
                [other.GetIdx(), index, *following]
                for other in atom.GetNeighbors()
                if not mol.GetBondBetweenAtoms(index, other.GetIdx()).IsInRing()
                and (other.GetAtomicNum() > 1 or atom.GetAtomicNum() == 7)
            ]
    if not quads:
        return [[]] * len(coords)
    angles = dihedral_angles(coords, np.array(quads))
    return (np.sign(angles) * (np.abs(angles) < AXIAL)).astype(int).tolist()


def _boats(signs: list[list[int]]) -> int:
    """How many six-membered rings are no chairs, in which the signs alternate."""
    return sum(len(ring) == 6 and any(a * b >= 0 for a, b in pairwise(ring)) for ring in signs)
