"""What do the networks learn from, other than QM9? Data sets of ours: of each molecule one conformer, if it is neutral.

Charges are told to no network; those of N-oxides and nitro groups follow from the bonds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from rdkit import Chem

from rdkit_ebd.data.molecule_arrays import MoleculeArrays, centred
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import Record
from rdkit_ebd.train.molecules.skeleton_data import TrainingSet, training_set

ELEMENTS = (1, 6, 7, 8, 9, 16, 17, 35)
_N_OXIDE = Chem.MolFromSmarts("[#7+]-[OX1-]")


def training_set_of(paths: Iterable[Path], atoms: tuple[int, int], elements: Sequence[int] = ELEMENTS) -> TrainingSet:
    """The molecules of some files that a model of drugs can learn from.

    Args:
        paths: In the forms of `read_records`.
        atoms: Fewest and most, hydrogens included.
        elements: That they may have.

    Raises:
        ValueError: None of the molecules will do.
    """
    met: set[str] = set()
    found = []
    for path in paths:
        for numbers, coords, smiles in _usable(read_records(path), atoms, frozenset(elements)):
            if smiles not in met:
                met.add(smiles)
                found.append((numbers, coords, smiles))
    if not found:
        raise ValueError(f"no neutral molecule of {atoms[0]} to {atoms[1]} atoms of the elements {tuple(elements)}")
    offsets = np.concatenate([[0], np.cumsum([len(numbers) for numbers, _, _ in found])]).astype(np.int64)
    coords = centred(np.concatenate([x for _, x, _ in found]), offsets)
    numbers, written = np.concatenate([z for z, _, _ in found]), [smiles for _, _, smiles in found]
    return training_set(MoleculeArrays(numbers, coords, offsets, written, np.arange(len(found))), {})


def spread_of(data: TrainingSet) -> float:
    """Standard deviation of the heavy atoms' coordinates, angstrom, each molecule centred."""
    squares = [group.x.square().mean((1, 2)) for group in data.groups.values()]
    return float(np.sqrt(np.concatenate([part.numpy() for part in squares]).mean()))


def _usable(
    records: Iterable[Record], atoms: tuple[int, int], elements: frozenset[int]
) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """Atomic numbers, coordinates and SMILES of molecules that will do, heavy atoms in the order of the SMILES."""
    for record in records:
        mol = record.mol
        fits = atoms[0] <= mol.GetNumAtoms() <= atoms[1] and {a.GetAtomicNum() for a in mol.GetAtoms()} <= elements
        if fits and len(record.coords) and len(Chem.GetMolFrags(mol)) == 1 and _is_neutral(mol):
            yield _in_order(mol, record.coords[0])


def _is_neutral(mol: Chem.Mol) -> bool:
    paired = {index for pair in mol.GetSubstructMatches(_N_OXIDE) for index in pair}
    return not any(a.GetFormalCharge() and a.GetIdx() not in paired for a in mol.GetAtoms()) and not any(
        a.GetNumRadicalElectrons() for a in mol.GetAtoms()
    )


def _in_order(mol: Chem.Mol, coords: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    numbered = Chem.Mol(mol)
    for atom in numbered.GetAtoms():
        atom.SetIntProp("place", atom.GetIdx())
    bare = Chem.RemoveHs(numbered)
    smiles = Chem.MolToSmiles(bare)
    order = json.loads(bare.GetProp("_smilesAtomOutputOrder"))
    heavy = [bare.GetAtomWithIdx(index).GetIntProp("place") for index in order]
    light = sorted(set(range(mol.GetNumAtoms())) - set(heavy))
    numbers = np.array([mol.GetAtomWithIdx(i).GetAtomicNum() for i in (*heavy, *light)], np.int8)
    return numbers, np.asarray(coords, np.float32)[[*heavy, *light]], smiles
