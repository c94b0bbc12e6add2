"""How is a prepared ligand docked? Vina over its puckers, the poses back as conformers of the ligand."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rdkit import Chem

from rdkit_ebd_docking.ligand import PreparedLigand
from rdkit_ebd_docking.pdbqt import INSTALL, poses_to_mol

AFFINITY, PUCKER = "vina_affinity", "vina_pucker"  # properties of a docked conformer: kcal/mol, index into conf_ids


@dataclass(frozen=True)
class Box:
    """Where to dock: centre and edge lengths, angstrom."""

    centre: tuple[float, float, float]
    size: tuple[float, float, float] = (20.0, 20.0, 20.0)

    def __post_init__(self) -> None:
        for name in ("centre", "size"):
            values = getattr(self, name)
            if len(values) != 3 or not np.isfinite(values).all() or (name == "size" and min(values) <= 0):
                raise ValueError(f"{name} must be three finite numbers in angstrom, sizes above 0, not {values!r}")


def DockLigand(
    ligand: PreparedLigand,
    receptor: str | os.PathLike[str],
    box: Box,
    exhaustiveness: int = 8,
    numPoses: int = 9,
    seed: int = 42,
    numThreads: int = 1,
) -> Chem.Mol:
    """Dock every pucker of a ligand with AutoDock Vina and merge the poses.

    Args:
        ligand: From `PrepareLigand` with the format "pdbqt".
        receptor: Rigid receptor, PDBQT.
        box: Search space.
        exhaustiveness: As in Vina.
        numPoses: Most poses kept, over all puckers.
        seed: As in Vina; the same seed and numThreads give the same poses.
        numThreads: CPU threads; 0 for all.

    Returns:
        A copy of the ligand's molecule whose conformers are the poses, best first, in the receptor's frame, with the
        properties "vina_affinity" (kcal/mol) and "vina_pucker".

    Raises:
        ImportError: Vina is missing.
        FileNotFoundError: There is no such receptor.
        ValueError: There is nothing to dock.
    """
    if not ligand.pdbqts:
        raise ValueError(f"{ligand.name} has no PDBQT: {'; '.join(ligand.messages) or 'it was prepared as SDF'}")
    if not Path(receptor).is_file():
        raise FileNotFoundError(f"no receptor {os.fspath(receptor)!r}")
    try:
        from vina import Vina
    except ImportError as error:
        raise ImportError(f"docking needs Vina: {INSTALL}") from error
    found: list[tuple[float, int, np.ndarray]] = []
    for pucker, text in enumerate(ligand.pdbqts):
        engine = Vina(cpu=numThreads, seed=seed, verbosity=0)
        engine.set_receptor(os.fspath(receptor))
        engine.set_ligand_from_string(text)
        engine.compute_vina_maps(center=list(box.centre), box_size=list(box.size))
        engine.dock(exhaustiveness=exhaustiveness, n_poses=numPoses)
        poses = poses_to_mol(engine.poses(n_poses=numPoses), ligand.mol)
        affinities = engine.energies(n_poses=numPoses)[:, 0]
        found += [(float(e), pucker, c.GetPositions()) for e, c in zip(affinities, poses.GetConformers(), strict=True)]
    return _merged(ligand.mol, sorted(found, key=lambda pose: pose[:2])[:numPoses])


def _merged(mol: Chem.Mol, poses: list[tuple[float, int, np.ndarray]]) -> Chem.Mol:
    docked = Chem.Mol(mol, False)
    docked.RemoveAllConformers()
    for affinity, pucker, coords in poses:
        conformer = Chem.Conformer(len(coords))
        conformer.Set3D(True)
        conformer.SetPositions(coords)
        conformer.SetDoubleProp(AFFINITY, affinity)
        conformer.SetIntProp(PUCKER, pucker)
        docked.AddConformer(conformer, assignId=True)
    return docked
