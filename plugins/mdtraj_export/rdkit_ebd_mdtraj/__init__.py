"""How do conformers become mdtraj trajectories and come back? In memory, in dcd, xtc, pdb and h5 files, in clusters."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rdkit_ebd_mdtraj.clusters import ClusterConformers as ClusterConformers
    from rdkit_ebd_mdtraj.clusters import Clusters as Clusters
    from rdkit_ebd_mdtraj.ensemble import AddConformers as AddConformers
    from rdkit_ebd_mdtraj.ensemble import Ensemble as Ensemble
    from rdkit_ebd_mdtraj.ensemble import MolToEnsemble as MolToEnsemble
    from rdkit_ebd_mdtraj.storage import LoadEnsemble as LoadEnsemble
    from rdkit_ebd_mdtraj.storage import SaveEnsemble as SaveEnsemble

# Loaded when first used: mdtraj and scipy are slow to import.
_HOMES = {
    "AddConformers": "ensemble",
    "ClusterConformers": "clusters",
    "Clusters": "clusters",
    "Ensemble": "ensemble",
    "LoadEnsemble": "storage",
    "MolToEnsemble": "ensemble",
    "SaveEnsemble": "storage",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mdtraj", "scipy"):
            raise
        raise ImportError(f'{name} needs mdtraj: pip install "rdkit_ebd[mdtraj]"') from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
