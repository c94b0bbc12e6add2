"""What is asked of a molecule's conformers? The distances, planes and puckers that they must have.

Environments that the table of references knows are judged by what it says of them (`judge.ranges`). The criteria for
the rest are those of PoseBusters' `mol` configuration (Buttenschoen, Morris & Deane 2024), which rest on RDKit's
distance bounds, tightened a little and extended to hydrogens. Truths that PoseBusters rejects are let through: strained
double bonds that cannot be flat (trans-cyclooctene, the bridgehead alkene of paclitaxel), unbonded metals at the
distance of an ion pair, and what DFT shows.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from rdkit import Chem
from rdkit.Chem.rdDistGeom import GetMoleculeBoundsMatrix
from rdkit.Chem.rdMolDescriptors import CalcNumBridgeheadAtoms

from rdkit_ebd.chem.stereo import StereoLabels, stereo_labels
from rdkit_ebd.judge.octahedra import octahedra
from rdkit_ebd.judge.ranges import Ranges, geometry_ranges

# PoseBusters allows 25 %, 25 %, 30 % and 0.25 A, and wants 0.05 A of pucker; the margins absorb the rounding of file
# formats and bounds that shift a little when hydrogens are removed.
BOND_SLACK = 0.24


ANGLE_SLACK = 0.24


CLASH_SLACK = 0.29


# RDKit's bounds know the rings that bring heavy atoms together; what the references show of all rings does not.
CAGE_SLACK = 0.12


CONTACT_SHARE = 0.85  # of the sum of van der Waals radii, which no contact must keep


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


AROMATIC, DOUBLE, CONJUGATED = range(3)
"""What is kept flat: aromatic rings, double bonds, and what lies between them."""
_KINDS = {Chem.BondType.AROMATIC: AROMATIC, Chem.BondType.DOUBLE: DOUBLE}


@dataclass(frozen=True)
class Distances:
    """Atom pairs and the distances allowed between them.

    Attributes:
        pairs: (P, 2) int64, atom indices.
        lower: (P,) angstrom.
        upper: (P,) angstrom, infinite where only closeness matters.
        usual: (P,) angstrom, of bonds: what is usual.
        least: (P,) angstrom, of bonds: what is shorter is mended.
        most: (P,) angstrom, of bonds: what is longer is mended.
    """

    pairs: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    usual: np.ndarray
    least: np.ndarray
    most: np.ndarray

    def of(self, rows: np.ndarray) -> Distances:
        """Some of them, by (P,) bool."""
        return Distances(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class CheckTables:
    """What `judge` needs to know of a molecule.

    Attributes:
        labels: the written stereochemistry.
        bonds: 1-2 distances.
        angles: 1-3 distances whose angles the table of references does not know.
        corners: the angles that it knows, degrees.
        twists: how far torsions may be from flat, degrees.
        heights: how far a flat atom may be above its three neighbours, angstrom.
        twist_kinds: (T,) int64, of what each twist is: `AROMATIC`, `DOUBLE` or `CONJUGATED`.
        height_kinds: likewise of the heights, the second of these never.
        clashes: all other pairs, those of different fragments included.
        room: the same pairs with the distances that seeds should have, which the network may still change.
        aromatic: index arrays (R, 5) and (R, 6) of aromatic rings.
        flat_bonds: (F, 6) int64, carbon-carbon double bonds with their substituents.
        flat_bond_limits: (F,) angstrom, how far from their plane these may be.
        puckered: (S, 6) int64, saturated six-membered rings.
        octahedra: (O, 7) int64, as `judge.octahedra` has them.
        arms: (O,) angstrom, how long the bonds to their ends usually are.
    """

    labels: StereoLabels
    bonds: Distances
    angles: Distances
    corners: Ranges
    twists: Ranges
    heights: Ranges
    twist_kinds: np.ndarray
    height_kinds: np.ndarray
    clashes: Distances
    room: Distances
    aromatic: tuple[np.ndarray, ...]
    flat_bonds: np.ndarray
    flat_bond_limits: np.ndarray
    puckered: np.ndarray
    octahedra: np.ndarray
    arms: np.ndarray


def check_tables(mol: Chem.Mol) -> CheckTables:
    """Precompute what conformers of a sanitised molecule must satisfy. `mol` needs no conformer."""
    bonded, loose = _adjacency(mol)
    lower, upper = _bounds(mol)
    real = np.array([atom.GetAtomicNum() > 0 for atom in mol.GetAtoms()], dtype=bool)
    judged = np.triu(real[:, None] & real[None, :] & (lower > 0) & (lower <= upper), k=1)
    touching = bonded | loose
    clashes = judged & ~touching & ~_two_steps(touching)
    nearest = np.minimum(lower, _contacts(mol)) * (1 - CLASH_SLACK)
    known, labels, flat_bonds = geometry_ranges(mol), stereo_labels(mol), _matches(mol, FLAT_BOND_PATTERN)
    bridgeheads = _bridgeheads(mol)
    strained = _strained(mol, flat_bonds, labels, bridgeheads)
    angles = judged & _two_steps(bonded) & ~touching & ~_marked(known.angles.atoms[:, [0, 2]], len(real))
    twists = _without(known.twists, np.concatenate([flat_bonds[strained][:, [0, 3]], _bridged(mol, bridgeheads)]))
    heights = known.heights.of(~np.isin(known.heights.atoms[:, 0], bridgeheads))
    usual, apart = (lower + upper) / 2, np.full_like(upper, np.inf)
    bonds = _known_first(
        *(known.bonds, known.usual_bonds, judged & bonded),
        *(lower * (1 - BOND_SLACK), upper * (1 + BOND_SLACK), usual),
    )
    centres = octahedra(mol)
    return CheckTables(
        labels=labels,
        bonds=bonds,
        angles=_distances(angles, lower * (1 - ANGLE_SLACK), upper * (1 + ANGLE_SLACK), usual),
        corners=known.angles,
        twists=twists,
        heights=heights,
        twist_kinds=_bond_kinds(mol)[tuple(twists.atoms[:, 1:3].T)],
        height_kinds=np.where(np.isin(heights.atoms[:, 0], _aromatic(mol)), AROMATIC, CONJUGATED),
        clashes=_distances(clashes, _floors(mol, lower, nearest, known.contacts), apart, apart),
        room=_distances(clashes, nearest, apart, apart),
        aromatic=tuple(_matches(mol, pattern) for pattern in FLAT_PATTERNS),
        flat_bonds=flat_bonds,
        flat_bond_limits=np.where(strained, FLATNESS_STRAINED, FLATNESS),
        puckered=_matches(mol, PUCKERED_PATTERN),
        octahedra=centres,
        arms=np.array([bonds.usual[(bonds.pairs == sorted(row[1:3])).all(-1)].item() for row in centres.tolist()]),
    )


def _floors(mol: Chem.Mol, lower: np.ndarray, nearest: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The least distances (N, N): what the references show, but no more than any contact or a cage may need."""
    table = Chem.GetPeriodicTable()
    radii = np.array([table.GetRvdw(atom.GetAtomicNum()) for atom in mol.GetAtoms()])
    heavy = np.array([atom.GetAtomicNum() > 1 for atom in mol.GetAtoms()], dtype=bool)
    caged = np.where(heavy[:, None] & heavy[None, :], lower * (1 - CAGE_SLACK), np.inf)
    shown = np.minimum(known, CONTACT_SHARE * np.add.outer(radii, radii))
    return np.where(np.isnan(known), nearest, np.maximum(np.minimum(shown, caged), np.minimum(nearest, known)))


def _known_first(known: Ranges, usual: Ranges, judged: np.ndarray, *bounds: np.ndarray) -> Distances:
    """Bonds that the table knows, and by RDKit's bounds (N, N) the others that are judged (N, N)."""
    others = _distances(judged & ~_marked(known.atoms, len(judged)), *bounds)
    theirs = tuple(getattr(others, field.name) for field in fields(others))
    ours = (known.atoms, known.lower, known.upper, known.middle, usual.lower, usual.upper)
    return Distances(*(np.concatenate(columns) for columns in zip(ours, theirs, strict=True)))


def _marked(pairs: np.ndarray, count: int) -> np.ndarray:
    """Which pairs of so many atoms are among these, symmetric (N, N) bool."""
    found = np.zeros((count, count), dtype=bool)
    found[pairs[:, 0], pairs[:, 1]] = found[pairs[:, 1], pairs[:, 0]] = True
    return found


def _without(twists: Ranges, bonds: np.ndarray) -> Ranges:
    """The twists but for those about these bonds (B, 2)."""
    left_out = {frozenset(pair) for pair in bonds.tolist()}
    kept = np.array([frozenset(pair) not in left_out for pair in twists.atoms[:, 1:3].tolist()], dtype=bool)
    return twists.of(kept)


def _bond_kinds(mol: Chem.Mol) -> np.ndarray:
    """`AROMATIC`, `DOUBLE` or `CONJUGATED` for each bond, symmetric (N, N) int64."""
    kinds = np.full((mol.GetNumAtoms(), mol.GetNumAtoms()), CONJUGATED)
    for bond in mol.GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        kinds[i, j] = kinds[j, i] = _KINDS.get(bond.GetBondType(), CONJUGATED)
    return kinds


def _aromatic(mol: Chem.Mol) -> list[int]:
    return [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetIsAromatic()]


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


def _bridgeheads(mol: Chem.Mol) -> list[int]:
    found: list[int] = []
    CalcNumBridgeheadAtoms(mol, atoms=found)  # type: ignore[arg-type]  # filled by RDKit; its stub errs
    return found


def _bridged(mol: Chem.Mol, bridgeheads: list[int]) -> np.ndarray:
    """Single bonds of rings at a bridgehead (B, 2): the amide of quinuclidone is as far from flat as it can be."""
    bonds = [
        (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
        for bond in mol.GetBonds()
        if bond.IsInRing() and bond.GetBondType() == Chem.BondType.SINGLE
    ]
    return np.array([bond for bond in bonds if set(bond) & set(bridgeheads)], dtype=np.int64).reshape(-1, 2)


def _strained(mol: Chem.Mol, flat_bonds: np.ndarray, labels: StereoLabels, bridgeheads: list[int]) -> np.ndarray:
    """Which double bonds the ring system keeps from being flat, (F,) bool: bridgehead ones, trans ones in rings."""
    rings = [set(ring) for ring in mol.GetRingInfo().AtomRings() if len(ring) <= LARGEST_STRAINED_RING]
    trans = {
        frozenset((b, c))
        for (a, b, c, d), cis in zip(labels.double_bonds.tolist(), labels.double_bond_cis.tolist(), strict=True)
        if any({b, c} <= ring and cis == ((a in ring) != (d in ring)) for ring in rings)
    }
    ends = flat_bonds[:, [0, 3]]
    in_trans = np.array([frozenset(pair) in trans for pair in ends.tolist()], dtype=bool)
    return np.isin(ends, bridgeheads).any(axis=-1) | in_trans


def _distances(mask: np.ndarray, lower: np.ndarray, upper: np.ndarray, usual: np.ndarray) -> Distances:
    return Distances(np.argwhere(mask), lower[mask], upper[mask], usual[mask], lower[mask], upper[mask])


def _matches(mol: Chem.Mol, smarts: str) -> np.ndarray:
    """Atom groups that match a pattern, (R, n) int64."""
    pattern = _pattern(smarts)
    found = mol.GetSubstructMatches(pattern, maxMatches=100_000)
    return np.array(found, dtype=np.int64).reshape(-1, pattern.GetNumAtoms())


@lru_cache
def _pattern(smarts: str) -> Chem.Mol:
    return Chem.MolFromSmarts(smarts)
