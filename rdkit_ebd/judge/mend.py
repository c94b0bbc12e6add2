"""How is a conformer mended that is a little off? By pulling what offends to what is usual, the rest held.

Damped Gauss-Newton steps on harmonic terms: bonds, angles, twists and heights that break a limit are pulled to what
the references show, all others are held as they are, and what is too near is pushed apart. Bonds that turn give way.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch

from rdkit_ebd.arrays.vectors import cross
from rdkit_ebd.judge.measures import angles_of, dihedrals_of, heights_of, lengths_of
from rdkit_ebd.judge.tables import CheckTables
from rdkit_ebd.judge.verdict import Judgement, judge
from rdkit_ebd.report import FailureCause

BEYOND_MENDING = {
    FailureCause.NOT_FINITE,
    FailureCause.CENTRE_INVERTED,
    FailureCause.DOUBLE_BOND_STEREO,
    FailureCause.ATROPISOMER_STEREO,
    FailureCause.RING_TOO_FLAT,
}
# What is further off than this is not mended: bonds and contacts in angstrom, angles in degrees.
WRONG_BOND, WRONG_CONTACT, WRONG_ANGLE = 0.35, 0.6, 30.0

STEPS, PASSES = 10, 2  # a second pass finds what the first one has pushed beyond its limits
STILL = 2e-3  # angstrom; a step that moves no atom further is the last
LONGEST_STEP = 0.3  # angstrom of an atom in one step
FARTHEST = 0.5  # angstrom RMS over all atoms; what has to move further becomes another conformer
# How stiff each kind of term is: the deviation that costs as much as one of any other.
BOND, ANGLE, TWIST, HEIGHT, CONTACT, PLACE = 0.01, 0.02, 0.1, 0.05, 0.03, 0.6  # angstrom; the twist radians
USUAL_END = 0.5  # share of the usual range beyond which a distance to what hangs on it is sooner wrong than unusual
SAFELY = 0.5  # share of a limit to which angles, twists and heights beyond it are brought
CONTACT_ROOM = 0.05  # angstrom beyond the least distance
NEAR = 0.6  # angstrom; contacts with more room than this are not watched


@dataclass(frozen=True)
class Pulls:
    """Harmonic terms of one conformer: groups of atoms, and what is wanted of each.

    Attributes:
        pairs: (P, 2) int64, bonds and 1-3 pairs.
        lengths: (P,) angstrom.
        stiffness: (P,) 1 / angstrom.
        quads: (Q, 4) int64, bonds that must be flat.
        dihedrals: (Q,) radians.
        planes: (H, 4) int64, an atom and its neighbours, where it is too high above them.
        heights: (H,) angstrom.
        contacts: (C, 2) int64, pairs that are pushed apart where they are too near.
        floors: (C,) angstrom.
    """

    pairs: np.ndarray
    lengths: np.ndarray
    stiffness: np.ndarray
    quads: np.ndarray
    dihedrals: np.ndarray
    planes: np.ndarray
    heights: np.ndarray
    contacts: np.ndarray
    floors: np.ndarray


def with_usual_ends(coords: np.ndarray, tables: CheckTables, held: Collection[int] = ()) -> np.ndarray:
    """Conformers (K, N, 3) in which what hangs on one bond alone has the usual distance, where it has an unusual one.

    Hydrogens of hydroxyls, above all, come out near the mean of their places, too near to their oxygen. To move an atom
    along its only bond changes no other bond, angle or torsion, and needs no mending.

    Args:
        coords: Angstrom; not changed.
        tables: What is asked of them.
        held: Atoms that stay where they are.
    """
    bonds = tables.bonds
    degrees = np.bincount(bonds.pairs.reshape(-1), minlength=coords.shape[1])
    degrees[list(held)] = 0
    ends = np.argwhere(degrees[bonds.pairs] == 1)
    rows, atoms, others = ends[:, 0], bonds.pairs[ends[:, 0], ends[:, 1]], bonds.pairs[ends[:, 0], 1 - ends[:, 1]]
    along = coords[:, atoms] - coords[:, others]
    lengths = np.sqrt((along**2).sum(-1))
    wanted, least, most = (limit[rows] for limit in (bonds.usual, bonds.least, bonds.most))
    near, far = wanted - USUAL_END * (wanted - least), wanted + USUAL_END * (most - wanted)
    off = ((lengths < near) | (lengths > far)) & (np.abs(lengths - wanted) < WRONG_BOND)
    if not off.any():
        return coords
    out = coords.copy()
    scale = np.where(off, wanted / np.where(off, lengths, 1.0), 1.0)
    out[:, atoms] = coords[:, others] + along * scale[..., None]
    return np.where(off.any(1)[:, None, None], out, coords)


def mend_failed(
    coords: np.ndarray,
    verdict: Judgement,
    tables: CheckTables,
    held: Collection[int] = (),
    excused: Collection[FailureCause] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Mend those of some conformers (K, N, 3) that are off in their geometry alone, as far as that helps.

    Args:
        coords: Angstrom; not changed.
        verdict: Of these.
        tables: What is asked of them.
        held: Atoms that stay where they are.
        excused: Causes that do not count.

    Returns:
        The conformers, and (K,) bool, which of them were mended and are believable now; the others are as they were.
    """
    counted = {cause: rows for cause, rows in verdict.causes.items() if cause not in excused}
    lost = np.any([rows for cause, rows in counted.items() if cause in BEYOND_MENDING], axis=0)
    off = np.any(list(counted.values()), axis=0) | unusual(coords, tables)
    out, better = coords, np.zeros(len(coords), dtype=bool)
    for row in np.flatnonzero(off & ~lost).tolist():
        found = _mended_to_pass(coords[row], tables, held, excused)
        if found is not None:
            out = out.copy() if out is coords else out
            out[row], better[row] = found, True
    return out, better


def unusual(coords: np.ndarray, tables: CheckTables) -> np.ndarray:
    """(K,) bool, which conformers (K, N, 3) have a bond that is to be mended, though it may pass."""
    lengths = lengths_of(np.nan_to_num(coords), tables.bonds.pairs)
    return np.asarray(((lengths < tables.bonds.least) | (lengths > tables.bonds.most)).any(axis=-1))


def _mended_to_pass(
    coords: np.ndarray, tables: CheckTables, held: Collection[int], excused: Collection[FailureCause]
) -> np.ndarray | None:
    found: np.ndarray | None = coords
    for _ in range(PASSES):
        found = None if found is None else mended(found, tables, held)
        if found is None or _believed(found, tables, excused):
            return found
    return None


def _believed(coords: np.ndarray, tables: CheckTables, excused: Collection[FailureCause]) -> bool:
    return not any(rows[0] for cause, rows in judge(coords[None], tables).causes.items() if cause not in excused)


def far_off(coords: np.ndarray, tables: CheckTables) -> bool:
    """Whether a conformer (N, 3) has a bond, an angle or a contact that is altogether wrong."""
    x, bonds, corners, clashes = coords[None], tables.bonds, tables.corners, tables.clashes
    lengths, bends = lengths_of(x, bonds.pairs)[0], angles_of(x, corners.atoms)[0]
    too_near = clashes.lower - lengths_of(x, clashes.pairs)[0] > WRONG_CONTACT
    torn = np.maximum(bonds.lower - lengths, lengths - bonds.upper) > WRONG_BOND
    bent = np.maximum(corners.lower - bends, bends - corners.upper) > WRONG_ANGLE
    return bool(too_near.any() or torn.any() or bent.any())


def mended(coords: np.ndarray, tables: CheckTables, held: Collection[int] = ()) -> np.ndarray | None:
    """Pull what is off in one conformer (N, 3) to what is usual.

    Args:
        coords: Angstrom, finite; not changed.
        tables: What is asked of it.
        held: Atoms that stay where they are.

    Returns:
        (N, 3) angstrom, to be judged again; None where it is far off, or would have to become another conformer.
    """
    if far_off(coords, tables):
        return None
    pulls, x = pulls_of(coords, tables), coords.copy()
    free = np.setdiff1d(np.arange(len(coords)), sorted(held))
    pushed = np.zeros(len(pulls.floors), dtype=bool)
    for _ in range(STEPS):
        # What was pushed once is held at its distance, or it would fall back and be pushed again.
        pushed |= lengths_of(x[None], pulls.contacts)[0] < pulls.floors
        step = _step(x, coords, pulls, pushed, free)
        longest = float(np.linalg.norm(step, axis=-1).max(initial=0.0))
        if not longest < np.inf:
            return None
        x[free] += step * min(1.0, LONGEST_STEP / max(longest, STILL))
        if longest < STILL:
            break
    return x if np.sqrt(((x - coords) ** 2).sum(-1).mean()) <= FARTHEST else None


def pulls_of(coords: np.ndarray, tables: CheckTables) -> Pulls:
    """What is pulled where in a conformer (N, 3)."""
    x, bonds, corners, twists = coords[None], tables.bonds, tables.corners, tables.twists
    lengths = lengths_of(x, bonds.pairs)[0]
    lengths = np.where((lengths < bonds.least) | (lengths > bonds.most), bonds.usual, lengths)
    wanted = np.linalg.norm(coords[:, None] - coords[None], axis=-1)
    wanted[bonds.pairs[:, 0], bonds.pairs[:, 1]] = wanted[bonds.pairs[:, 1], bonds.pairs[:, 0]] = lengths
    i, j, k = corners.atoms.T
    bends = np.radians(_within(angles_of(x, corners.atoms)[0], corners.lower, corners.upper, corners.middle))
    across = np.sqrt(wanted[i, j] ** 2 + wanted[j, k] ** 2 - 2 * wanted[i, j] * wanted[j, k] * np.cos(bends))
    dihedrals = dihedrals_of(x, twists.atoms)[0]
    flat = np.where(np.abs(dihedrals) > 90.0, np.copysign(180.0, dihedrals), 0.0)
    twisted = _within(dihedrals - flat, -twists.upper, twists.upper, np.zeros(len(twists)))
    high = heights_of(x, tables.heights.atoms)[0] > tables.heights.upper
    near = lengths_of(x, tables.clashes.pairs)[0] < tables.clashes.lower + NEAR
    return Pulls(
        pairs=np.concatenate([bonds.pairs, corners.atoms[:, [0, 2]]]),
        lengths=np.concatenate([lengths, across]),
        stiffness=np.repeat([1 / BOND, 1 / ANGLE], [len(bonds.pairs), len(corners)]),
        quads=twists.atoms,
        dihedrals=np.radians(flat + twisted),
        planes=tables.heights.atoms[high],
        heights=SAFELY * tables.heights.upper[high],
        contacts=tables.clashes.pairs[near],
        floors=tables.clashes.lower[near] + CONTACT_ROOM,
    )


def _within(values: np.ndarray, lower: np.ndarray, upper: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Values (T,), those beyond a limit brought well inside of it."""
    safe = np.where(values > upper, middle + SAFELY * (upper - middle), values)
    return np.where(values < lower, middle + SAFELY * (lower - middle), safe)


def _step(x: np.ndarray, start: np.ndarray, pulls: Pulls, pushed: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The Gauss-Newton step (F, 3) of the free atoms from coordinates (N, 3)."""
    size = 3 * len(x)
    normal, downhill = np.zeros(size * size), (x - start).reshape(-1) * PLACE**-2
    for groups, slopes, misses in (
        _distances(x, pulls.pairs, pulls.lengths, pulls.stiffness),
        _distances(x, pulls.contacts[pushed], pulls.floors[pushed], np.full(int(pushed.sum()), 1 / CONTACT)),
        _turns(x, pulls),
        _lifts(x, pulls),
    ):
        # A term touches few coordinates: adding its own small square is far cheaper than a product of whole rows.
        at = (3 * groups[:, :, None] + np.arange(3)).reshape(len(groups), 3 * groups.shape[1])
        slope = slopes.reshape(len(groups), 3 * groups.shape[1])
        squares = slope[:, :, None] * slope[:, None, :]
        cells = at[:, :, None] * size + at[:, None, :]
        normal += np.bincount(cells.reshape(-1), squares.reshape(-1), size * size)
        downhill += np.bincount(at.reshape(-1), (slope * misses[:, None]).reshape(-1), size)
    kept = (3 * free[:, None] + np.arange(3)).reshape(-1)
    matrix = normal.reshape(size, size)[np.ix_(kept, kept)]
    matrix[np.diag_indices(len(kept))] += PLACE**-2
    # Symmetric and positive; by torch, whose threads are this call's own: NumPy's library takes all cores.
    factor, _ = torch.linalg.cholesky_ex(torch.from_numpy(matrix))
    step = torch.cholesky_solve(torch.from_numpy(-downhill[kept])[:, None], factor)
    return step.numpy().reshape(-1, 3)


def _distances(
    x: np.ndarray, pairs: np.ndarray, wanted: np.ndarray, stiffness: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups (P, 2), slopes (P, 2, 3) and misses (P,) of distances."""
    apart = x[pairs[:, 0]] - x[pairs[:, 1]]
    length = np.maximum(np.linalg.norm(apart, axis=-1), 1e-6)
    along = apart * (stiffness / length)[:, None]
    return pairs, np.stack([along, -along], axis=1), (length - wanted) * stiffness


def _turns(x: np.ndarray, pulls: Pulls) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups (Q, 4), slopes and misses of dihedral angles (Blondel & Karplus 1996)."""
    a, b, c, d = (x[column] for column in pulls.quads.T)
    first, axis, last = a - b, b - c, d - c
    m, n = cross(first, axis), cross(last, axis)
    length = np.maximum(np.linalg.norm(axis, axis=-1), 1e-6)[:, None]
    mm, nn = (np.maximum((v * v).sum(-1), 1e-3)[:, None] for v in (m, n))
    at_a, at_d = -length / mm * m, length / nn * n
    ahead = ((first * axis).sum(-1)[:, None] / (mm * length)) * m
    behind = ((last * axis).sum(-1)[:, None] / (nn * length)) * n
    at_b = -at_a + ahead - behind
    at_c = -at_d - ahead + behind
    now = np.radians(dihedrals_of(x[None], pulls.quads)[0])
    miss = np.remainder(now - pulls.dihedrals + np.pi, 2 * np.pi) - np.pi
    return pulls.quads, np.stack([at_a, at_b, at_c, at_d], axis=1) / TWIST, miss / TWIST


def _lifts(x: np.ndarray, pulls: Pulls) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups (H, 4), slopes and misses of atoms that are too high above their neighbours' plane, taken as it is."""
    top, a, b, c = (x[column] for column in pulls.planes.T)
    normal = cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1), 1e-6)[:, None]
    height = ((top - (a + b + c) / 3) * normal).sum(-1)
    wanted = np.copysign(pulls.heights, height)
    third = -normal / 3
    return pulls.planes, np.stack([normal, third, third, third], axis=1) / HEIGHT, (height - wanted) / HEIGHT
