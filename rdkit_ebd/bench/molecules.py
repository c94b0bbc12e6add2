"""Which molecules are timed? Those of a file, or what comes with the package: twenty drugs, and five sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rdkit import Chem

from rdkit_ebd.data.readers import chosen
from rdkit_ebd.data.record import Record
from rdkit_ebd.io.read import place, read_molecules

DRUGS = Path(__file__).with_name("drugs.smi")
"""Twenty drugs of 47 to 68 atoms, hydrogens included."""

SIZES = Path(__file__).with_name("sizes.smi")
"""Molecules of 21, 38, 61, 98 and 146 atoms, hydrogens included."""


def read_targets(path: Path, limit: int | None = None, seed: int = 0) -> list[Record]:
    """Molecules to make conformers of, hydrogens added, as records without references.

    Args:
        path: SMILES or SD file (`rdkit_ebd.io.read.read_molecules`).
        limit: Seeded random subset of so many molecules, in file order.
        seed: Of that subset.

    Raises:
        ValueError: The file is of no known kind, or some of its molecules cannot be read; all these are named.
        FileNotFoundError: There is no such file.
    """
    records, problems, word = [], [], place(path)
    for entry in read_molecules(path):
        if entry.mol is None:
            problems.append(f"{word} {entry.number}: {entry.problem}")
            continue
        mol = Chem.AddHs(Chem.Mol(entry.mol, True))
        bare = np.zeros((0, mol.GetNumAtoms(), 3), np.float32)
        records.append(Record(Chem.MolToSmiles(mol), mol, bare, np.zeros(0), entry.name))
    if problems or not records:
        raise ValueError(f"{path}: {'; '.join(problems) or 'no molecules'}")
    return [records[i] for i in chosen(len(records), limit, seed)]
