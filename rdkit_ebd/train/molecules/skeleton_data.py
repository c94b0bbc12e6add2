"""What do the networks learn from? Molecules as skeletons: heavy atoms with their hydrogens, by size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from rdkit import Chem, rdBase
from torch import Tensor

from rdkit_ebd.data.molecule_arrays import MoleculeArrays
from rdkit_ebd.generators.edm.hydrogens import SLOTS
from rdkit_ebd.generators.edm.model import PropertyScale, Size

Kinds = tuple[tuple[int, int], ...]
_RARE = 0.001  # share of the molecules beyond which a property is not asked for, at either end
_UNKNOWN = -1  # bond orders of a molecule whose SMILES does not fit its coordinates


@dataclass(frozen=True)
class Skeletons:
    """Molecules with the same number N of heavy atoms.

    Attributes:
        x: (M, N, 3) heavy atoms, angstrom, centred.
        kinds: (M, N) int64.
        hydrogens: (M, N, 4, 3) relative to their atoms; empty slots are zero.
        counts: (M,) hydrogens in all.
        bonds: (M, N, N) int8 Kekule orders; -1 throughout where they are not known.
        properties: (M, P) centred and scaled.
        labelled: (M,) bool, whether their properties may be learnt from.
    """

    x: Tensor
    kinds: Tensor
    hydrogens: Tensor
    counts: Tensor
    bonds: Tensor
    properties: Tensor
    labelled: Tensor

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class TrainingSet:
    """All that a model is to know of its data.

    Attributes:
        groups: Heavy atoms -> molecules.
        kinds: Atomic number and hydrogens of each kind of atom.
        sizes: What sizes there are.
        properties: What can be asked for.
    """

    groups: dict[int, Skeletons]
    kinds: Kinds
    sizes: tuple[Size, ...]
    properties: tuple[PropertyScale, ...]


def training_set(
    molecules: MoleculeArrays,
    units: Mapping[str, str],
    labelled: np.ndarray | None = None,
    like: TrainingSet | None = None,
    kinds: Kinds | None = None,
) -> TrainingSet:
    """Molecules as the networks learn from them; those without heavy atoms are left out.

    Args:
        molecules: Hydrogens are explicit; each belongs to the heavy atom it is nearest to.
        units: Property -> unit, of those that are learnt.
        labelled: (n,) bool, whose properties may be learnt from; None: all.
        like: Whose kinds and scales to take, as for a validation set.
        kinds: Those there are; None: those that are met.

    Raises:
        ValueError: An atom carries more hydrogens than there are slots, or is of a kind that `like` lacks.
    """
    values = np.stack([molecules.properties[name] for name in units], 1).astype(float) if units else None
    values = np.zeros((len(molecules), 0)) if values is None else values
    split = [_split(molecules, row) for row in range(len(molecules))]
    met = tuple(sorted({kind for part in split if part for kind in part.kinds}))
    kinds = like.kinds if like else kinds or met
    scales = like.properties if like else _scales(values, units)
    rows: dict[int, list[int]] = {}
    for row, part in enumerate(split):
        if part is not None:
            rows.setdefault(len(part.kinds), []).append(row)
    silence = rdBase.BlockLogs()
    groups = {
        size: _group(molecules, [split[row] for row in members], members, kinds, values, scales, labelled)
        for size, members in sorted(rows.items())
    }
    del silence
    return TrainingSet(groups, kinds, like.sizes if like else _sizes(groups, scales), scales)


@dataclass(frozen=True)
class _Split:
    heavy: np.ndarray  # (N, 3)
    kinds: list[tuple[int, int]]
    slots: np.ndarray  # (N, 4, 3)


def _split(molecules: MoleculeArrays, row: int) -> _Split | None:
    """A molecule's heavy atoms and the hydrogens of each."""
    start, end = int(molecules.offsets[row]), int(molecules.offsets[row + 1])
    numbers, x = molecules.numbers[start:end], molecules.coords[start:end].astype(float)
    heavy, light = x[numbers > 1], x[numbers == 1]
    if not len(heavy):
        return None
    owners = np.linalg.norm(light[:, None] - heavy[None], axis=-1).argmin(1)
    counts, slots = np.bincount(owners, minlength=len(heavy)), np.zeros((len(heavy), SLOTS, 3))
    if counts.max() > SLOTS:
        raise ValueError(f"{molecules.smiles[row]}: an atom carries {counts.max()} hydrogens, more than {SLOTS}")
    for atom in range(len(heavy)):
        slots[atom, : counts[atom]] = light[owners == atom] - heavy[atom]
    kinds = [(int(z), int(count)) for z, count in zip(numbers[numbers > 1], counts, strict=True)]
    return _Split(heavy - heavy.mean(0), kinds, slots)


def _group(
    molecules: MoleculeArrays,
    parts: list[_Split | None],
    rows: list[int],
    kinds: Kinds,
    values: np.ndarray,
    scales: tuple[PropertyScale, ...],
    labelled: np.ndarray | None,
) -> Skeletons:
    found = [part for part in parts if part is not None]
    places = {kind: place for place, kind in enumerate(kinds)}
    if strange := {kind for part in found for kind in part.kinds} - set(places):
        raise ValueError(f"atoms of kinds (atomic number, hydrogens) that the model lacks: {sorted(strange)}")
    means = np.array([scale.mean for scale in scales])
    deviations = np.array([scale.deviation for scale in scales])
    bonds = [_bonds(molecules.smiles[row], part) for row, part in zip(rows, found, strict=True)]
    return Skeletons(
        torch.tensor(np.stack([part.heavy for part in found]), dtype=torch.float32),
        torch.tensor([[places[kind] for kind in part.kinds] for part in found]),
        torch.tensor(np.stack([part.slots for part in found]), dtype=torch.float32),
        torch.tensor([sum(count for _, count in part.kinds) for part in found]),
        torch.tensor(np.stack(bonds)),
        torch.tensor((values[rows] - means) / deviations, dtype=torch.float32),
        torch.ones(len(rows), dtype=torch.bool) if labelled is None else torch.tensor(labelled[rows]),
    )


def _bonds(smiles: str, part: _Split) -> np.ndarray:
    """(N, N) Kekule orders of the SMILES, where its atoms are those of the coordinates in the same order."""
    count = len(part.kinds)
    mol = Chem.MolFromSmiles(smiles) if smiles else None
    if mol is None or [(a.GetAtomicNum(), a.GetTotalNumHs()) for a in mol.GetAtoms()] != part.kinds:
        return np.full((count, count), _UNKNOWN, np.int8)
    Chem.Kekulize(mol)
    orders = np.zeros((count, count), np.int8)
    for bond in mol.GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        orders[i, j] = orders[j, i] = int(bond.GetBondTypeAsDouble())
    return orders


def _scales(values: np.ndarray, units: Mapping[str, str]) -> tuple[PropertyScale, ...]:
    found = []
    for column, (name, unit) in zip(values.T, units.items(), strict=True):
        mean = float(column.mean())
        low, high = (float(np.quantile(column, share)) for share in (_RARE, 1 - _RARE))
        found.append(PropertyScale(name, unit, mean, float(np.abs(column - mean).mean()), low, high))
    return tuple(found)


def _sizes(groups: Mapping[int, Skeletons], scales: tuple[PropertyScale, ...]) -> tuple[Size, ...]:
    means, deviations = (np.array([getattr(scale, name) for scale in scales]) for name in ("mean", "deviation"))
    found = []
    for heavy, group in groups.items():
        for hydrogens in group.counts.unique().tolist():
            values = group.properties[group.counts == hydrogens].double().numpy()
            mean, spread = values.mean(0) * deviations + means, values.std(0) * deviations
            found.append(Size(heavy, hydrogens, len(values), tuple(mean.tolist()), tuple(spread.tolist())))
    return tuple(found)
