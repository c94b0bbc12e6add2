"""How near are the properties of an ensemble to those of its references? Energies and HOMO-LUMO gaps by GFN2-xTB.

As in the paper's table (after Axelrod & Gomez-Bombarelli and GeoMol): mean and minimum of the energy, mean, minimum and
maximum of the gap, each against that of the reference ensemble; medians of the absolute errors over molecules. The
paper asks Psi4, this GFN2-xTB, which takes a thousandth of the time; its gaps are smaller than those of hybrid DFT.

    python -m rdkit_ebd.evaluation.properties references.npz -m ETKDGv3 -m EBD --limit 30 --confs 50
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rdkit import Chem

from rdkit_ebd.arrays.units import ELECTRONVOLT
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import Record
from rdkit_ebd.evaluation.measures import positions
from rdkit_ebd.evaluation.methods import generate, parse_methods
from rdkit_ebd.potentials.xtb import XTB

METHOD = "GFN2-xTB"
PROPERTIES = ("energy mean", "energy min", "gap mean", "gap min", "gap max")
UNITS = {"energy": "kcal/mol", "gap": "eV"}


def electronic(mol: Chem.Mol, coords: np.ndarray, method: str = METHOD) -> tuple[np.ndarray, np.ndarray]:
    """Energy and HOMO-LUMO gap of conformers.

    Args:
        mol: With explicit hydrogens; its own conformers do not matter.
        coords: (K, N, 3) angstrom.
        method: "GFN2-xTB" or "GFN1-xTB".

    Returns:
        Energies (K,) in kcal/mol and gaps (K,) in eV; NaN where the electrons find no self-consistent state.

    Raises:
        ValueError: The method cannot treat the molecule; the message says why.
        ImportError: tblite is not installed.
    """
    potential = XTB(method)
    if obstacle := potential.obstacle(mol):
        raise ValueError(obstacle)
    surface = potential.surface(mol)
    found = np.full((len(coords), 2), np.nan)
    for row, x in enumerate(np.asarray(coords, dtype=np.float64)):
        try:
            energy, _, result = surface.solve(x)
        except RuntimeError:
            continue
        found[row] = energy, frontier_gap(result.get("orbital-energies"), result.get("orbital-occupations"))
    return found[:, 0], found[:, 1]


def frontier_gap(energies: np.ndarray, occupations: np.ndarray) -> float:
    """Gap in eV between the highest occupied and the lowest empty orbital, from orbital energies in hartree.

    Electrons are at 300 K: an orbital counts as occupied if it holds an electron or more. NaN where none is empty.
    """
    filled = occupations > 1 - 1e-6
    if not filled.any() or filled.all():
        return float("nan")
    return float(energies[~filled].min() - energies[filled].max()) * ELECTRONVOLT


def ensemble_properties(energies: np.ndarray, gaps: np.ndarray) -> dict[str, float]:
    """`PROPERTIES` of an ensemble, without the conformers that have none; NaN for an empty one."""
    out = dict.fromkeys(PROPERTIES, float("nan"))
    for name in PROPERTIES:
        what, how = name.split()
        values = energies if what == "energy" else gaps
        values = values[np.isfinite(values)]
        if len(values):
            out[name] = float(getattr(np, how)(values))
    return out


def property_errors(found: Mapping[str, float], wanted: Mapping[str, float]) -> dict[str, float]:
    """Absolute errors of properties by name, in kcal/mol and eV; NaN where one of the ensembles has none."""
    return {name: abs(found[name] - wanted[name]) for name in PROPERTIES}


def median_errors(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Medians over molecules; those that have no such error are left out. NaN where none has."""
    table = {}
    for name in PROPERTIES:
        values = np.array([row[name] for row in rows])
        values = values[np.isfinite(values)]
        table[name] = float(np.median(values)) if len(values) else float("nan")
    return table


def compare_properties(
    records: Sequence[Record], methods: Sequence[str], confs: int = 50, seed: int = 0
) -> dict[str, list[dict[str, float]]]:
    """Errors of every method's ensembles for every molecule.

    Args:
        records: Molecules with reference conformers.
        methods: Names (`rdkit_ebd.evaluation.methods`).
        confs: Conformers generated per molecule; the paper makes 50, of 30 molecules.
        seed: Of the conformers.

    Returns:
        By method, a row for each molecule (`property_errors`).

    Raises:
        ValueError: A method is unknown, or molecules have no references or cannot be treated.
    """
    known = parse_methods(methods)
    if bare := [record.title for record in records if not len(record.coords)]:
        raise ValueError(f"no reference conformers: {', '.join(bare)}")
    rows: dict[str, list[dict[str, float]]] = {method.name: [] for method in known}
    for record in records:
        there = ensemble_properties(*electronic(record.mol, record.coords))
        for method in known:
            made = positions(generate(record.mol, method, confs, seed).mol)
            here = ensemble_properties(*electronic(record.mol, made))
            rows[method.name].append(property_errors(here, there))
    return rows


def format_properties(rows: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """A Markdown table of the medians, one line per method."""
    headings = [f"{name}, {UNITS[name.split()[0]]}" for name in PROPERTIES]
    lines = [f"| method | {' | '.join(headings)} |", "|" + "---|" * (1 + len(headings))]
    for method, errors in rows.items():
        lines.append(f"| {method} | " + " | ".join(f"{value:.3f}" for value in median_errors(errors).values()) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the comparison."""
    parser = argparse.ArgumentParser(
        prog="rdkit_ebd.evaluation.properties", description="Properties of ensembles by GFN2-xTB."
    )
    parser.add_argument("data", type=Path, help="references, as `rdkit-ebd evaluate` takes them")
    parser.add_argument("-m", "--method", action="append", help="as there; repeat for several")
    parser.add_argument("--limit", type=int, default=30, help="seeded random subset of so many molecules")
    parser.add_argument("--confs", type=int, default=50, help="conformers generated per molecule")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.limit < 1 or options.confs < 1:
        parser.error("--limit and --confs must be at least 1")
    records = list(read_records(options.data, options.limit, options.seed))
    methods = options.method or ["ETKDGv3", "ETKDGv3+MMFF94s", "EBD"]
    print(f"{options.data.stem}, {len(records)} molecules, {options.confs} conformers each, median absolute errors\n")
    print(format_properties(compare_properties(records, methods, options.confs, options.seed)))


if __name__ == "__main__":
    main()
