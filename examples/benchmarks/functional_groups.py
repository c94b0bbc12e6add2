"""Are the bonds of functional groups as long as in the minima of a potential of DFT quality? By group.

python examples/benchmarks/functional_groups.py [--data training_data/aimnet2_functional_groups.npz] [--method EBD]

The data are 63 groups of five molecules, one AIMNet2 minimum each; no model has been trained on them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rdkit import Chem, rdBase

from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import Record
from rdkit_ebd.evaluation.measures import positions
from rdkit_ebd.evaluation.methods import generate, parse_method

DATA = Path(__file__).parents[2] / "training_data" / "aimnet2_functional_groups.npz"
MEAN, WORST = 0.03, 0.08  # angstrom, within which the bonds of a group should be


@dataclass(frozen=True)
class Errors:
    """How far one molecule's conformers are from its minimum.

    Attributes:
        group: Its group.
        bonds: Absolute errors of bonds between heavy atoms, angstrom.
        worst: The largest error of any bond, angstrom.
        angles: Absolute errors of all angles, degrees.
    """

    group: str
    bonds: np.ndarray
    worst: float
    angles: np.ndarray


def errors_of(record: Record, method: str, count: int, seed: int) -> Errors | None:
    """Make conformers of a molecule and compare them with its minimum; None where there are none."""
    found = positions(generate(record.mol, parse_method(method), count, seed).mol)
    if not len(found):
        return None
    return compared(record.mol, found, record.coords[0].astype(np.float64), record.title)


def compared(mol: Chem.Mol, found: np.ndarray, minimum: np.ndarray, group: str) -> Errors:
    """Bonds and angles of conformers (K, N, 3) against those of a minimum (N, 3)."""
    pairs = np.array([(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()])
    heavy = np.array([all(mol.GetAtomWithIdx(int(i)).GetAtomicNum() > 1 for i in pair) for pair in pairs])
    bonds = np.abs(_lengths(found, pairs) - _lengths(minimum[None], pairs))
    triples = np.array(list(_angles(mol))).reshape(-1, 3)
    angles = np.abs(_degrees(found, triples) - _degrees(minimum[None], triples))
    return Errors(group, bonds[:, heavy].ravel(), float(bonds.max()), angles.ravel())


def table(errors: Sequence[Errors]) -> Iterator[str]:
    """Lines of a table by group, the worst first, and a last line with all."""
    groups = sorted({e.group for e in errors}, key=lambda g: -_mean(errors, g))
    yield f"{'group':28s} {'bonds':>6s} {'worst':>6s} {'angles':>6s}"
    beyond = 0
    for group in groups:
        own = [e for e in errors if e.group == group]
        mean, worst = _mean(errors, group), max(e.worst for e in own)
        misses = mean > MEAN or worst > WORST
        beyond += misses
        angles = float(np.concatenate([e.angles for e in own]).mean())
        yield f"{group.removeprefix('suite:'):28s} {mean:6.3f} {worst:6.3f} {angles:6.2f}{' *' if misses else ''}"
    everything = np.concatenate([e.bonds for e in errors]).mean()
    beyond_in_words = f"{beyond} of {len(groups)} groups beyond {MEAN} or {WORST} A"
    yield f"{len(errors)} molecules: bonds {everything:.4f} A; {beyond_in_words}"


def main() -> None:
    """Print the table of a method."""
    parser = argparse.ArgumentParser(description="Bonds and angles of functional groups.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--method", default="EBD", help="as `rdkit-ebd evaluate -m` takes it")
    parser.add_argument("--confs", type=int, default=3)
    parser.add_argument("--limit", type=int)
    asked = parser.parse_args()
    rdBase.DisableLog("rdApp.*")
    found = [errors_of(record, asked.method, asked.confs, 7) for record in read_records(asked.data, asked.limit)]
    for line in table([e for e in found if e]):
        print(line)
    print(f"{found.count(None)} molecules without a conformer")


def _mean(errors: Sequence[Errors], group: str) -> float:
    return float(np.concatenate([e.bonds for e in errors if e.group == group]).mean())


def _lengths(x: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(x[:, pairs[:, 0]] - x[:, pairs[:, 1]], axis=-1))


def _angles(mol: Chem.Mol) -> Iterator[tuple[int, int, int]]:
    for atom in mol.GetAtoms():
        around = [neighbour.GetIdx() for neighbour in atom.GetNeighbors()]
        yield from ((i, atom.GetIdx(), k) for n, i in enumerate(around) for k in around[:n])


def _degrees(x: np.ndarray, triples: np.ndarray) -> np.ndarray:
    u, v = (x[:, triples[:, end]] - x[:, triples[:, 1]] for end in (0, 2))
    cosines = (u * v).sum(-1) / (np.linalg.norm(u, axis=-1) * np.linalg.norm(v, axis=-1))
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


if __name__ == "__main__":
    main()
