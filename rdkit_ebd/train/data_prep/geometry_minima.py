"""Where do geometries come from of groups that no reference set has? From GFN2-xTB minima of small molecules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from tqdm import tqdm

from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import MILLIANGSTROM, Record, parse_smiles
from rdkit_ebd.judge.connectivity import Connectivity
from rdkit_ebd.potentials import get_potential

METHOD = "GFN2-xTB"
CONFORMERS = 2
ITERATIONS = 1000


def group_smiles() -> list[str]:
    """The molecules that this package lists, in `geometry_groups.smi`."""
    text = files("rdkit_ebd.train.data_prep").joinpath("geometry_groups.smi").read_text()
    return [smiles for line in text.splitlines() if not line.startswith("#") for smiles in line.split()]


def minima_of(smiles: Sequence[str], cache: Path) -> Iterator[Record]:
    """GFN2-xTB minima of molecules, from a data set in which they are kept, or made and put there.

    Args:
        smiles: Molecules; those without a minimum of the same bonds are left out.
        cache: An `.npz` as `read_records` takes it; made if it is missing.

    Raises:
        ImportError: tblite is missing.
    """
    if not cache.exists():
        with rdBase.BlockLogs():
            found = [minima(one) for one in tqdm(smiles, METHOD, unit=" molecules")]
        _write(cache, [record for record in found if len(record.coords)])
    yield from read_records(cache)


def minima(smiles: str, conformers: int = CONFORMERS) -> Record:
    """Minima of ETKDG conformers of one molecule that have its bonds; perhaps none."""
    explicit = Chem.MolToSmiles(Chem.AddHs(Chem.MolFromSmiles(smiles)))
    mol = parse_smiles(explicit)
    assert mol is not None
    potential = get_potential(METHOD)
    coords: list[np.ndarray] = []
    if mol.GetNumAtoms() > 1 and potential.obstacle(mol) is None:
        surface, work = potential.surface(mol), Chem.Mol(mol)
        parameters: Any = rdDistGeom.ETKDGv3()
        parameters.randomSeed = 1
        if not len(rdDistGeom.EmbedMultipleConfs(work, conformers, parameters)):
            parameters.useRandomCoords = True
            rdDistGeom.EmbedMultipleConfs(work, conformers, parameters)
        # From a force field's minimum it takes half the steps.
        if work.GetNumConformers() and rdForceFieldHelpers.MMFFHasAllMoleculeParams(work):
            rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(work)
        made = [surface.minimise(conformer.GetPositions(), ITERATIONS) for conformer in work.GetConformers()]
        coords = [one.coords for one in made if one.converged and same_bonds(mol, one.coords)]
    found = np.array(coords, dtype=np.float32).reshape(-1, mol.GetNumAtoms(), 3)
    found = found - found.mean(1, keepdims=True)
    return Record(explicit, mol, found, np.full(len(found), np.nan), smiles)


def same_bonds(mol: Chem.Mol, coords: np.ndarray) -> bool:
    """Whether every bond of a molecule is there in coordinates (N, 3), and no other."""
    return not Connectivity.of(mol).changed(coords).any()


def _write(path: Path, records: Sequence[Record]) -> None:
    np.savez_compressed(
        path,
        smiles=np.array([record.smiles for record in records]),
        title=np.array([record.title for record in records]),
        n_atoms=np.array([record.mol.GetNumAtoms() for record in records], np.int32),
        n_confs=np.array([len(record.coords) for record in records], np.int32),
        coords=np.concatenate(
            [np.round(record.coords / MILLIANGSTROM).astype(np.int16).reshape(-1, 3) for record in records]
        ),
        energy=np.concatenate([record.energy for record in records]),
    )
