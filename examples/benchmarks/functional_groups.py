"""Are the bonds of functional groups as long as in the minima of a potential of DFT quality? By group.

python examples/benchmarks/functional_groups.py [--data training_data/aimnet2_functional_groups.npz] [--method EBD]

The data are 63 groups of five molecules, one AIMNet2 minimum each; no model has been trained on them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom

from rdkit_ebd import EBD, EmbedMultipleConfs

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


def read(path: Path) -> Iterator[tuple[str, Chem.Mol, np.ndarray]]:
    """Group, molecule and minimum (N, 3) in angstrom of each molecule of a data set."""
    with np.load(path) as data:
        arrays = {name: data[name] for name in ("title", "smiles", "n_atoms", "n_confs", "coords")}
    parameters = Chem.SmilesParserParams()
    parameters.removeHs = False
    first = 0
    for title, smiles, atoms, confs in zip(
        *(arrays[n] for n in ("title", "smiles", "n_atoms", "n_confs")), strict=True
    ):
        yield str(title), Chem.MolFromSmiles(str(smiles), parameters), arrays["coords"][first : first + atoms] / 1000
        first += int(atoms) * int(confs)


def conformers(mol: Chem.Mol, method: str, count: int, seed: int) -> np.ndarray:
    """Conformers (K, N, 3) by "EBD" or "ETKDGv3", K may be 0; angstrom."""
    work = Chem.Mol(mol, True)
    if method == "ETKDGv3":
        parameters = rdDistGeom.ETKDGv3()
        parameters.randomSeed = seed
        rdDistGeom.EmbedMultipleConfs(work, count, parameters)
    else:
        try:
            EmbedMultipleConfs(work, count, EBD(randomSeed=seed))
        except ValueError:  # a molecule that the model does not treat
            return np.zeros((0, mol.GetNumAtoms(), 3))
    return np.array([c.GetPositions() for c in work.GetConformers()]).reshape(-1, mol.GetNumAtoms(), 3)


def compared(mol: Chem.Mol, found: np.ndarray, minimum: np.ndarray, group: str) -> Errors:
    """Bonds and angles of conformers (K, N, 3) against those of a minimum (N, 3)."""
    pairs = np.array([(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()])
    heavy = np.array([all(mol.GetAtomWithIdx(int(i)).GetAtomicNum() > 1 for i in pair) for pair in pairs])
    bonds = np.abs(_lengths(found, pairs) - _lengths(minimum[None], pairs))
    triples = np.array(list(_angles(mol))).reshape(-1, 3)
    angles = np.abs(
        _in_order(mol, triples, _degrees(found, triples)) - _in_order(mol, triples, _degrees(minimum[None], triples))
    )
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
    parser.add_argument("--method", choices=["EBD", "ETKDGv3"], default="EBD")
    parser.add_argument("--confs", type=int, default=3)
    parser.add_argument("--limit", type=int, help="of the molecules, the first")
    asked = parser.parse_args()
    rdBase.DisableLog("rdApp.*")
    found, without = [], 0
    for group, mol, minimum in islice(read(asked.data), asked.limit):
        made = conformers(mol, asked.method, asked.confs, 7)
        without += not len(made)
        found += [compared(mol, made, minimum, group)] if len(made) else []
    for line in table(found):
        print(line)
    print(f"{without} molecules without a conformer")


def _mean(errors: Sequence[Errors], group: str) -> float:
    return float(np.concatenate([e.bonds for e in errors if e.group == group]).mean())


def _lengths(x: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(x[:, pairs[:, 0]] - x[:, pairs[:, 1]], axis=-1))


def _in_order(mol: Chem.Mol, triples: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Angles (K, T), those about atoms with more than four neighbours sorted: which fluorine is where is no matter."""
    out = degrees.copy()
    for atom in mol.GetAtoms():
        if atom.GetDegree() > 4:
            rows = triples[:, 1] == atom.GetIdx()
            out[:, rows] = np.sort(degrees[:, rows], axis=1)
    return out


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
