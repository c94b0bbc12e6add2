"""Which energy surface is nearest to DFT, and what does it cost? Engines on the minima of a reference data set."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rdkit_ebd.arrays.rmsd import best_rms
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.data.record import Record, lowest
from rdkit_ebd.potentials import get_potential

STEPS = 5000
MOST_CONFORMERS = 10  # of a molecule whose relative energies are compared
_MOST_ORDERS = 200  # of equivalent atoms


@dataclass(frozen=True)
class Finding:
    """What one engine makes of one molecule.

    Attributes:
        obstacle: Why it cannot treat the molecule, or "".
        drift: Heavy-atom RMSD, angstrom, of its minimum from the DFT minimum that it was started from.
        released: Energy that goes on the way, kcal/mol.
        error: Mean absolute error of energies relative to their mean over the DFT conformers, kcal/mol; NaN where a
            molecule has one conformer, or DFT energies are unknown.
        minimise_seconds: CPU time of that minimisation.
        energy_seconds: CPU time of an energy.
        converged: Whether the minimisation did.
    """

    obstacle: str = ""
    drift: float = float("nan")
    released: float = float("nan")
    error: float = float("nan")
    minimise_seconds: float = float("nan")
    energy_seconds: float = float("nan")
    converged: bool = False


def examine(record: Record, method: str) -> Finding:
    """Start an engine from a molecule's lowest DFT minimum, and score its DFT conformers.

    Raises:
        ImportError: The engine is not installed; the message has the install line.
        ValueError: There is no such engine.
    """
    potential = get_potential(method)
    if obstacle := potential.obstacle(record.mol):
        return Finding(obstacle)
    kept = lowest(record, MOST_CONFORMERS)
    coords = [x.astype(np.float64) for x in kept.coords]
    surface = potential.surface(record.mol)
    surface.energy(coords[0])  # what is done once is not the price of each
    begin = time.process_time()
    energies = np.array([energy for _, energy in sorted(surface.energy_many(coords))])
    after = time.process_time()
    minimum = surface.minimise(coords[0], STEPS)
    end = time.process_time()
    drift = float(best_rms(coords[0], minimum.coords[None], symmetry_mappings(record.mol, maxMatches=_MOST_ORDERS))[0])
    return Finding(
        drift=drift,
        released=float(energies[0] - minimum.energy),
        error=_relative_error(energies, kept.energy),
        minimise_seconds=end - after,
        energy_seconds=(after - begin) / len(coords),
        converged=minimum.converged,
    )


def _relative_error(energies: np.ndarray, references: np.ndarray) -> float:
    known = np.isfinite(energies) & np.isfinite(references)
    if known.sum() < 2:
        return float("nan")
    gaps = (energies - references)[known]
    return float(np.abs(gaps - gaps.mean()).mean())


def row(method: str, findings: Sequence[Finding]) -> str:
    """One line of the table: medians over molecules, and the 90th percentile of drift and error in brackets."""
    done = [one for one in findings if not one.obstacle]
    cells = [method, f"{len(done)} of {len(findings)}"]
    for name, digits in (("drift", 3), ("error", 2)):
        values = [value for one in done if np.isfinite(value := getattr(one, name))]
        cells.append(
            f"{statistics.median(values):.{digits}f} ({np.percentile(values, 90):.{digits}f})" if values else ""
        )
    for name, digits in (("released", 1), ("minimise_seconds", 2), ("energy_seconds", 3)):
        values = [value for one in done if np.isfinite(value := getattr(one, name))]
        cells.append(f"{statistics.median(values):.{digits}f}" if values else "")
    cells.append(str(sum(not one.converged for one in done)))
    return f"| {' | '.join(cells)} |"


def table(findings: dict[str, list[Finding]]) -> Iterator[str]:
    """The lines of the table."""
    yield (
        "| engine | molecules | drift of DFT minima, A | error of relative energies, kcal/mol "
        "| released, kcal/mol | CPU s / minimum | CPU s / energy | not converged |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for method, found in findings.items():
        yield row(method, found)
