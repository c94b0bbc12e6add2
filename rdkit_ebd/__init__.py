"""Molecular conformers from Equivariant Blurring Diffusion, written straight into RDKit molecules."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rdkit_ebd.api import EmbedMolecule as EmbedMolecule
    from rdkit_ebd.api import EmbedMoleculeEBD as EmbedMoleculeEBD
    from rdkit_ebd.api import EmbedMultipleConfs as EmbedMultipleConfs
    from rdkit_ebd.api import EmbedWithReport as EmbedWithReport
    from rdkit_ebd.library import EmbedMolecules as EmbedMolecules
    from rdkit_ebd.library import LibraryReport as LibraryReport
    from rdkit_ebd.library import StreamMolecules as StreamMolecules
    from rdkit_ebd.library import conformers_by_rotors as conformers_by_rotors
    from rdkit_ebd.params import EBD as EBD
    from rdkit_ebd.prune import AlignConformers as AlignConformers
    from rdkit_ebd.prune import PruneConformers as PruneConformers
    from rdkit_ebd.refine import RefineConformers as RefineConformers
    from rdkit_ebd.refine import RefineReport as RefineReport
    from rdkit_ebd.refine import RefineWithReport as RefineWithReport
    from rdkit_ebd.report import EmbedReport as EmbedReport
    from rdkit_ebd.report import get_provenance as get_provenance
    from rdkit_ebd.score import BoltzmannWeights as BoltzmannWeights
    from rdkit_ebd.score import FilterEnergyWindow as FilterEnergyWindow
    from rdkit_ebd.score import RelativeEnergies as RelativeEnergies
    from rdkit_ebd.score import ScoreConformers as ScoreConformers
    from rdkit_ebd.score import SortConformers as SortConformers
    from rdkit_ebd.weights import available_models as available_models

__version__ = "0.1.0"

# Loaded when first used: `import rdkit_ebd` costs nothing, and the training loop runs where there is no RDKit.
_HOMES = {
    "EmbedMolecule": "api",
    "EmbedMoleculeEBD": "api",
    "EmbedMultipleConfs": "api",
    "EmbedWithReport": "api",
    "EmbedMolecules": "library",
    "LibraryReport": "library",
    "StreamMolecules": "library",
    "conformers_by_rotors": "library",
    "EBD": "params",
    "AlignConformers": "prune",
    "PruneConformers": "prune",
    "RefineConformers": "refine",
    "RefineReport": "refine",
    "RefineWithReport": "refine",
    "EmbedReport": "report",
    "get_provenance": "report",
    "BoltzmannWeights": "score",
    "FilterEnergyWindow": "score",
    "RelativeEnergies": "score",
    "ScoreConformers": "score",
    "SortConformers": "score",
    "available_models": "weights",
}

__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rdkit_ebd' has no attribute {name!r}")
    return getattr(import_module(f"rdkit_ebd.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
