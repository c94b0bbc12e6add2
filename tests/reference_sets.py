"""Small data sets of references for the tests of evaluation, and records as they are read from them."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from helpers import with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from rdkit_ebd.data.record import Record
from rdkit_ebd.evaluation.methods import minimise


@lru_cache
def minima(smiles: str, count: int = 3) -> tuple[Chem.Mol, np.ndarray]:
    """A molecule and its MMFF94s minima (K, N, 3), centred, from another seed than the methods under test use.

    Where MMFF94s has no parameters they are ETKDG conformers.
    """
    mol = with_hydrogens(smiles)
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = 99
    assert len(rdDistGeom.EmbedMultipleConfs(mol, count, parameters)) == count
    assert "MMFF94S_NOT_CONVERGED" not in minimise(mol)
    return mol, np.array([c.GetPositions() - c.GetPositions().mean(0) for c in mol.GetConformers()])


def record(smiles: str, count: int = 3) -> Record:
    mol, coords = minima(smiles, count)
    bare = Chem.Mol(mol, True)
    return Record(Chem.MolToSmiles(mol), bare, coords.astype(np.float32), np.full(count, np.nan), smiles)


def write_references(path: Path, names: list[str], count: int = 3) -> Path:
    """Write an .npz of molecules, in the atom order of their SMILES."""
    smiles, coords = [], []
    for mol, xyz in (minima(name, count) for name in names):
        smiles.append(Chem.MolToSmiles(mol))
        order = json.loads(mol.GetProp("_smilesAtomOutputOrder"))
        coords.append(np.round(xyz[:, order] * 1000).astype(np.int16).reshape(-1))
    np.savez(
        path,
        smiles=np.array(smiles),
        title=np.array(names),
        n_atoms=np.array([minima(name, count)[0].GetNumAtoms() for name in names], np.int32),
        n_confs=np.full(len(names), count, np.int32),
        coords=np.concatenate(coords),
        energy=np.full(count * len(names), np.nan),
    )
    return path
