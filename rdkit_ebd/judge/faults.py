"""What exactly is wrong with a conformer? The worst offence of each kind, its atoms and by how much, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rdkit import Chem

from rdkit_ebd.judge.measures import angles_of, heights_of, lengths_of, twists_of
from rdkit_ebd.judge.tables import AROMATIC, CONJUGATED, DOUBLE, CheckTables
from rdkit_ebd.report import FailureCause as Cause

_FLAT_CAUSES = {
    AROMATIC: Cause.AROMATIC_NOT_FLAT,
    DOUBLE: Cause.DOUBLE_BOND_NOT_FLAT,
    CONJUGATED: Cause.GROUP_NOT_FLAT,
}


def faults(
    coords: np.ndarray, mol: Chem.Mol, tables: CheckTables, numbers: Sequence[int] | None = None
) -> dict[Cause, str]:
    """The worst bond, angle, contact and flat group of a conformer that is not as it must be.

    Args:
        coords: (N, 3) angstrom, finite.
        mol: The molecule.
        tables: What is asked of it.
        numbers: What to call its atoms, where it is part of a larger molecule.

    Returns:
        By cause, such as "CLASH: C12...H31 1.52 A, at least 1.90"; stereo and whole rings are not among them.
    """
    symbols = [atom.GetSymbol() for atom in mol.GetAtoms()]
    names = [f"{symbol}{i if numbers is None else numbers[i]}" for i, symbol in enumerate(symbols)]
    found = _off_distances(coords[None], tables, names)
    for kind, cause in _FLAT_CAUSES.items():
        words = _off_flat(coords[None], tables, kind, names)
        if words:
            found[cause] = f"{cause}: {words}"
    return found


def _off_distances(x: np.ndarray, tables: CheckTables, names: Sequence[str]) -> dict[Cause, str]:
    """The worst bond, angle and contact of a conformer (1, N, 3)."""
    bonds, corners, clashes = tables.bonds, tables.corners, tables.clashes
    bends, found = angles_of(x, corners.atoms)[0], {}
    for cause, atoms, joint, values, lower, upper, unit in (
        (Cause.BOND_LENGTH, bonds.pairs, "-", lengths_of(x, bonds.pairs)[0], bonds.lower, bonds.upper, "A"),
        (Cause.BOND_ANGLE, corners.atoms, "-", bends, corners.lower, corners.upper, "degrees"),
        (Cause.CLASH, clashes.pairs, "...", lengths_of(x, clashes.pairs)[0], clashes.lower, clashes.upper, "A"),
    ):
        worst = _worst(values, lower, upper, unit)
        if worst:
            found[cause] = f"{cause}: {joint.join(names[i] for i in atoms[worst[0]].tolist())} {worst[1]}"
    return found


def _off_flat(x: np.ndarray, tables: CheckTables, kind: int, names: Sequence[str]) -> str:
    """The worst torsion of a kind in a conformer (1, N, 3), or else the worst of its flat atoms; "" where none is."""
    twists = tables.twists.of(tables.twist_kinds == kind)
    worst = _worst(twists_of(x, twists.atoms)[0], twists.lower, twists.upper, "degrees from flat")
    if worst:
        return f"{'-'.join(names[i] for i in twists.atoms[worst[0]].tolist())} {worst[1]}"
    heights = tables.heights.of(tables.height_kinds == kind)
    worst = _worst(heights_of(x, heights.atoms)[0], heights.lower, heights.upper, "A above its neighbours")
    return f"{names[heights.atoms[worst[0], 0]]} {worst[1]}" if worst else ""


def _worst(values: np.ndarray, lower: np.ndarray, upper: np.ndarray, unit: str) -> tuple[int, str] | None:
    """The place of the value that is furthest beyond its limits, and value and limit in words; None if none is."""
    beyond = np.maximum(lower - values, values - upper)
    if not len(beyond) or beyond.max() <= 0:
        return None
    worst = int(beyond.argmax())
    low = values[worst] < lower[worst]
    digits = 0 if unit.startswith("degrees") else 2
    limit = f"at least {lower[worst]:.{digits}f}" if low else f"at most {upper[worst]:.{digits}f}"
    return worst, f"{values[worst]:.{digits}f} {unit}, {limit}"
