"""Within what limits does the table of references want a molecule's bonds, angles, flat groups and contacts?

What molecules show, and a margin beyond: for what the methods behind the table differ by, for what molecules that are
not in it may show, the more so the fewer are, and for what a force field's minimum may be off by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from rdkit_ebd.judge.environments import (
    Environments,
    Terms,
    is_heteroatom_to_hydrogen,
    is_stiff,
    within_ring,
)
from rdkit_ebd.judge.reference import GREATEST, LEAST, MIDDLE, MOLECULES, Reference, reference

# Beyond what molecules show; of few molecules, n, that and FEW / sqrt(n) times as much.
BOND_MARGIN, STIFF_BOND_MARGIN = 0.05, 0.03  # angstrom; multiple bonds are stiff
ANGLE_MARGIN = 6.0  # degrees
SPIRO_ANGLE = (131.0, 143.0)  # degrees, between two three-membered rings: 137 in spiropentane; few references have any
TWIST_MARGIN, CHAIN_TWIST_MARGIN = 15.0, 25.0  # degrees, within rings, and about what no ring holds
HEIGHT_MARGIN = 0.12  # angstrom
CONTACT_MARGIN = 0.1  # angstrom
FEW = 1.4
FEW_CONTACTS = 3.0  # there are few kinds of contacts, and rings bring atoms nearer in many ways
# Bonds are mended sooner than they are rejected where the network has seen few of their kind, and errs most.
RARE = 300  # molecules
RARE_BOND_MARGIN, HYDROGEN_BOND_MARGIN = 0.02, 0.035  # angstrom; the second of N-H, O-H and S-H
FREE_TWIST = 55.0  # degrees; what twists further, margin included, is not flat
# Amides do, in one molecule of a thousand, and are flat all the same: half of a well-known kind shows what it is.
FLAT_MIDDLE, KNOWN_WELL, KNOWN_FREE_TWIST = 20.0, 300, 85.0  # degrees, molecules, degrees
FREE_HEIGHT = 0.42  # angstrom; what is higher, margin included, is a pyramid
ENOUGH_FOR_TWISTS = 8  # molecules; of fewer, bonds that turn freely may look flat


@dataclass(frozen=True)
class Ranges:
    """Groups of atoms, and between what values they must be.

    Attributes:
        atoms: (T, n) int64.
        lower: (T,).
        upper: (T,).
        middle: (T,) what is usual.
    """

    atoms: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    middle: np.ndarray

    def __len__(self) -> int:
        return len(self.atoms)

    def of(self, rows: np.ndarray) -> Ranges:
        """Some of them, by (T,) bool."""
        return Ranges(self.atoms[rows], self.lower[rows], self.upper[rows], self.middle[rows])


@dataclass(frozen=True)
class GeometryRanges:
    """What the table asks of one molecule, as far as it knows the environments.

    Attributes:
        bonds: Pairs, angstrom.
        usual_bonds: The same with the narrower limits beyond which a bond is mended.
        angles: Triples i-j-k, degrees.
        twists: Torsions a-b-c-d of bonds that are flat, degrees from flat.
        heights: A flat atom and its three neighbours, angstrom of the first above the plane of the others.
        contacts: (N, N) angstrom, the least distance of pairs three bonds apart or more; NaN where it is unknown.
    """

    bonds: Ranges
    usual_bonds: Ranges
    angles: Ranges
    twists: Ranges
    heights: Ranges
    contacts: np.ndarray


def geometry_ranges(mol: Chem.Mol, known: Reference | None = None) -> GeometryRanges:
    """Look up all that is known of a molecule's environments."""
    known, environments = known or reference(), Environments(mol)
    bonds = environments.bonds()
    rejected, mended = _bonds(known, bonds)
    return GeometryRanges(
        bonds=rejected,
        usual_bonds=mended,
        angles=_angles(known, environments),
        twists=_twists(known, environments.twists()),
        heights=_one_sided(known, "heights", environments.heights(), HEIGHT_MARGIN, FREE_HEIGHT),
        contacts=_contacts(known, environments),
    )


def _bonds(known: Reference, terms: Terms) -> tuple[Ranges, Ranges]:
    """The limits beyond which bonds are rejected, and those beyond which they are mended."""
    stiff = np.array([is_stiff(names[-1]) for names in terms.names], dtype=bool)
    to_h = np.array([is_heteroatom_to_hydrogen(names[-1]) for names in terms.names], dtype=bool)
    margin, counts = np.where(stiff, STIFF_BOND_MARGIN, BOND_MARGIN), known.rows("bonds", terms.names)[:, MOLECULES]
    wide = _two_sided(known, "bonds", terms, margin * (1 + FEW / np.sqrt(counts)))
    usual = np.where(to_h, HYDROGEN_BOND_MARGIN, np.where(counts < RARE, RARE_BOND_MARGIN, margin))
    return wide, _two_sided(known, "bonds", terms, usual)


def _angles(known: Reference, environments: Environments) -> Ranges:
    terms = environments.angles()
    counts = known.rows("angles", terms.names)[:, MOLECULES]
    found = _two_sided(known, "angles", terms, ANGLE_MARGIN * (1 + FEW / np.sqrt(counts)))
    spiro = environments.between_small_rings(found.atoms)
    least, most = SPIRO_ANGLE
    return Ranges(
        found.atoms,
        np.where(spiro, least - ANGLE_MARGIN, found.lower),
        np.where(spiro, most + ANGLE_MARGIN, found.upper),
        np.where(spiro, (least + most) / 2, found.middle),
    )


def _two_sided(known: Reference, kind: str, terms: Terms, margin: np.ndarray) -> Ranges:
    rows = known.rows(kind, terms.names)
    found = np.isfinite(rows[:, MIDDLE])
    rows, slack = rows[found], margin[found]
    return Ranges(terms.atoms[found], rows[:, LEAST] - slack, rows[:, GREATEST] + slack, rows[:, MIDDLE])


def _twists(known: Reference, terms: Terms) -> Ranges:
    inside = np.array([within_ring(names[0]) for names in terms.names], dtype=bool)
    margin = np.where(inside, TWIST_MARGIN, CHAIN_TWIST_MARGIN)
    rows = known.rows("twists", terms.names)
    flat = (rows[:, MIDDLE] < FLAT_MIDDLE) & (rows[:, MOLECULES] >= KNOWN_WELL)
    free = np.where(flat, KNOWN_FREE_TWIST, FREE_TWIST)
    return _one_sided(known, "twists", terms, margin, free, ENOUGH_FOR_TWISTS)


def _one_sided(
    known: Reference, kind: str, terms: Terms, margin: np.ndarray | float, free: np.ndarray | float, enough: int = 1
) -> Ranges:
    rows = known.rows(kind, terms.names)
    upper = rows[:, GREATEST] + margin * (1 + FEW / np.sqrt(rows[:, MOLECULES]))
    bound = (upper < free) & (rows[:, MOLECULES] >= enough)
    nothing = np.zeros(int(bound.sum()))
    return Ranges(terms.atoms[bound], nothing, upper[bound], nothing)


def _contacts(known: Reference, environments: Environments) -> np.ndarray:
    codes, names = environments.contacts()
    present = np.unique(codes[codes >= 0])
    rows = known.rows("contacts", [(names[code],) for code in present.tolist()])
    floors = rows[:, LEAST] - CONTACT_MARGIN * (1 + FEW_CONTACTS / np.sqrt(rows[:, MOLECULES]))
    out = np.full(codes.shape, np.nan)
    places = np.searchsorted(present, codes[codes >= 0])
    out[codes >= 0] = floors[places]
    return out
