"""What is asked of a molecule's conformers? The distances, planes and puckers that they must have.

The criteria are those of PoseBusters' `mol` configuration (Buttenschoen, Morris & Deane 2024), which rest on RDKit's
distance bounds, tightened a little and extended to hydrogens: what passes here passes there. Two truths that
PoseBusters rejects are let through: strained double bonds that cannot be flat (trans-cyclooctene, the bridgehead alkene
of paclitaxel) and unbonded metals at the distance of an ion pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rdkit import Chem
from rdkit.Chem.rdDistGeom import GetMoleculeBoundsMatrix
from rdkit.Chem.rdMolDescriptors import CalcNumBridgeheadAtoms

from rdkit_ebd.chem.stereo import StereoLabels, stereo_labels

# PoseBusters allows 25 %, 25 %, 30 % and 0.25 A, and wants 0.05 A of pucker; the margins absorb the rounding of file
# formats and bounds that shift a little when hydrogens are removed.
BOND_SLACK = 0.24


ANGLE_SLACK = 0.24


CLASH_SLACK = 0.29


FLATNESS = 0.24  # angstrom


FLATNESS_STRAINED = 0.5  # angstrom; MMFF has 0.34 in trans-cyclooctene and in paclitaxel


LARGEST_STRAINED_RING = 11


PUCKER = 0.055  # angstrom


FLAT_PATTERNS = (
    "[ar5^2]1[ar5^2][ar5^2][ar5^2][ar5^2]1",
    "[ar6^2]1[ar6^2][ar6^2][ar6^2][ar6^2][ar6^2]1",
)


FLAT_BOND_PATTERN = "[C;X3;^2](*)(*)=[C;X3;^2](*)(*)"


# PoseBusters asks pucker of rings with sp2 atoms too, which rejects the flat truth of barbiturates.
PUCKERED_PATTERN = "[C,O,S,N;R1;^3]1[C,O,S,N;R1;^3][C,O,S,N;R1;^3][C,O,S,N;R1;^3][C,O,S,N;R1;^3][C,O,S,N;R1;^3]1"


# How close an H may come, before the slack: RDKit's bounds for its 1-4 and 1-5 contacts are narrower than nature, and
# take no hydrogen bond for one that is shorter than 1.8 A.
H_TO_H, H_TO_CARBON, H_TO_OTHER = 2.4, 2.7, 1.8  # angstrom


NON_METALS = (0, 1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 32, 33, 34, 35, 36, 51, 52, 53, 54)


# Contacts these stand for have no length in RDKit's bounds; they are neither bonds nor clashes.
LOOSE_BONDS = (Chem.BondType.ZERO, Chem.BondType.HYDROGEN, Chem.BondType.IONIC, Chem.BondType.UNSPECIFIED)


@dataclass(frozen=True)
class Distances:
    """Atom pairs and the distances allowed between them.

    Attributes:
        pairs: (P, 2) int64, atom indices.
        lower: (P,) angstrom.
        upper: (P,) angstrom, infinite where only closeness matters.
    """

    pairs: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True)
class CheckTables:
    """What `judge` needs to know of a molecule.

    Attributes:
        labels: the written stereochemistry.
        bonds: 1-2 distances.
        angles: 1-3 distances.
        clashes: all other pairs, those of different fragments included.
        aromatic: index arrays (R, 5) and (R, 6) of aromatic rings.
        flat_bonds: (F, 6) int64, carbon-carbon double bonds with their substituents.
        flat_bond_limits: (F,) angstrom, how far from their plane these may be.
        puckered: (S, 6) int64, saturated six-membered rings.
    """

    labels: StereoLabels
    bonds: Distances
    angles: Distances
    clashes: Distances
    aromatic: tuple[np.ndarray, ...]
    flat_bonds: np.ndarray
    flat_bond_limits: np.ndarray
    puckered: np.ndarray


def check_tables(mol: Chem.Mol) -> CheckTables:
    """Precompute what conformers of a sanitised molecule must satisfy. `mol` needs no conformer."""
    bonded, loose = _adjacency(mol)
    lower, upper = _bounds(mol)
    real = np.array([atom.GetAtomicNum() > 0 for atom in mol.GetAtoms()], dtype=bool)
    judged = np.triu(real[:, None] & real[None, :] & (lower > 0) & (lower <= upper), k=1)
    touching = bonded | loose
    angles = _two_steps(bonded) & ~touching
    clashes = judged & ~touching & ~_two_steps(touching)
    nearest = np.minimum(lower, _contacts(mol))
    labels, flat_bonds = stereo_labels(mol), _matches(mol, FLAT_BOND_PATTERN)
    return CheckTables(
        labels=labels,
        bonds=_distances(judged & bonded, lower * (1 - BOND_SLACK), upper * (1 + BOND_SLACK)),
        angles=_distances(judged & angles, lower * (1 - ANGLE_SLACK), upper * (1 + ANGLE_SLACK)),
        clashes=_distances(clashes, nearest * (1 - CLASH_SLACK), np.full_like(upper, np.inf)),
        aromatic=tuple(_matches(mol, pattern) for pattern in FLAT_PATTERNS),
        flat_bonds=flat_bonds,
        flat_bond_limits=np.where(_strained(mol, flat_bonds, labels), FLATNESS_STRAINED, FLATNESS),
        puckered=_matches(mol, PUCKERED_PATTERN),
    )


def _adjacency(mol: Chem.Mol) -> tuple[np.ndarray, np.ndarray]:
    """Covalent (dative included) and loose neighbours, two symmetric (N, N) bool matrices."""
    matrices = np.zeros((2, mol.GetNumAtoms(), mol.GetNumAtoms()), dtype=bool)
    for bond in mol.GetBonds():
        i, j, loose = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), int(bond.GetBondType() in LOOSE_BONDS)
        matrices[loose, i, j] = matrices[loose, j, i] = True
    return matrices[0], matrices[1]


def _two_steps(adjacent: np.ndarray) -> np.ndarray:
    """Pairs with a common neighbour, (N, N) bool."""
    counts = adjacent.astype(np.float32)
    return counts @ counts > 0


def _bounds(mol: Chem.Mol) -> tuple[np.ndarray, np.ndarray]:
    """RDKit's lower and upper distance bounds, symmetric (N, N) angstrom; zero, judging nothing, where it has none."""
    for smoothing in (True, False):
        try:
            bounds = GetMoleculeBoundsMatrix(
                mol, set15bounds=True, scaleVDW=True, doTriangleSmoothing=smoothing, useMacrocycle14config=False
            )
        except (RuntimeError, ValueError):
            continue
        return np.tril(bounds, -1) + np.tril(bounds, -1).T, np.triu(bounds, 1) + np.triu(bounds, 1).T
    nothing = np.zeros((mol.GetNumAtoms(), mol.GetNumAtoms()))
    return nothing, nothing


def _contacts(mol: Chem.Mol) -> np.ndarray:
    """The closest contacts of hydrogens and of unbonded metals, (N, N) angstrom; infinite for all other pairs."""
    table = Chem.GetPeriodicTable()
    z = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.int64)
    to_h = np.select([z == 1, z == 6], [H_TO_H, H_TO_CARBON], H_TO_OTHER)
    nearest = np.where(z[:, None] == 1, to_h[None, :], np.where(z[None, :] == 1, to_h[:, None], np.inf))
    metal, radii = ~np.isin(z, NON_METALS), np.array([table.GetRcovalent(int(number)) for number in z])
    return np.where(metal[:, None] | metal[None, :], np.add.outer(radii, radii), nearest)


def _strained(mol: Chem.Mol, flat_bonds: np.ndarray, labels: StereoLabels) -> np.ndarray:
    """Which double bonds the ring system keeps from being flat, (F,) bool: bridgehead ones, trans ones in rings."""
    bridgeheads: list[int] = []
    CalcNumBridgeheadAtoms(mol, atoms=bridgeheads)  # type: ignore[arg-type]  # filled by RDKit; its stub errs
    rings = [set(ring) for ring in mol.GetRingInfo().AtomRings() if len(ring) <= LARGEST_STRAINED_RING]
    trans = {
        frozenset((b, c))
        for (a, b, c, d), cis in zip(labels.double_bonds.tolist(), labels.double_bond_cis.tolist(), strict=True)
        if any({b, c} <= ring and cis == ((a in ring) != (d in ring)) for ring in rings)
    }
    ends = flat_bonds[:, [0, 3]]
    in_trans = np.array([frozenset(pair) in trans for pair in ends.tolist()], dtype=bool)
    return np.isin(ends, bridgeheads).any(axis=-1) | in_trans


def _distances(mask: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Distances:
    pairs = np.argwhere(mask)
    return Distances(pairs, lower[mask], upper[mask])


def _matches(mol: Chem.Mol, smarts: str) -> np.ndarray:
    """Atom groups that match a pattern, (R, n) int64."""
    pattern = _pattern(smarts)
    found = mol.GetSubstructMatches(pattern, maxMatches=100_000)
    return np.array(found, dtype=np.int64).reshape(-1, pattern.GetNumAtoms())


@lru_cache
def _pattern(smarts: str) -> Chem.Mol:
    return Chem.MolFromSmarts(smarts)
