"""Molecular conformers from Equivariant Blurring Diffusion, written straight into RDKit molecules."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdkit_ebd._version import __version__ as __version__

if TYPE_CHECKING:
    from rdkit_ebd.api import EmbedMolecule as EmbedMolecule
    from rdkit_ebd.api import EmbedMoleculeEBD as EmbedMoleculeEBD
    from rdkit_ebd.api import EmbedMultipleConfs as EmbedMultipleConfs
    from rdkit_ebd.api import EmbedWithReport as EmbedWithReport
    from rdkit_ebd.chem.provenance import get_provenance as get_provenance
    from rdkit_ebd.chem.undefined_stereo import EnumerateStereo as EnumerateStereo
    from rdkit_ebd.ensemble.prune import AlignConformers as AlignConformers
    from rdkit_ebd.ensemble.prune import PruneConformers as PruneConformers
    from rdkit_ebd.ensemble.refine import RefineConformers as RefineConformers
    from rdkit_ebd.ensemble.refine import RefineReport as RefineReport
    from rdkit_ebd.ensemble.refine import RefineWithReport as RefineWithReport
    from rdkit_ebd.ensemble.score import BoltzmannWeights as BoltzmannWeights
    from rdkit_ebd.ensemble.score import FilterEnergyWindow as FilterEnergyWindow
    from rdkit_ebd.ensemble.score import RelativeEnergies as RelativeEnergies
    from rdkit_ebd.ensemble.score import ScoreConformers as ScoreConformers
    from rdkit_ebd.ensemble.score import SortConformers as SortConformers
    from rdkit_ebd.generators.checkpoint import available_models as available_models
    from rdkit_ebd.library.embed_molecules import EmbedMolecules as EmbedMolecules
    from rdkit_ebd.library.embed_molecules import LibraryReport as LibraryReport
    from rdkit_ebd.library.embed_molecules import StreamMolecules as StreamMolecules
    from rdkit_ebd.library.embed_molecules import conformers_by_rotors as conformers_by_rotors
    from rdkit_ebd.params import EBD as EBD
    from rdkit_ebd.report import EmbedReport as EmbedReport
    from rdkit_ebd.report import FailureCause as FailureCause

__path__.append(str(Path(__file__).parent / "_moved"))  # modules under their names of 0.1, for one release

# Loaded when first used: `import rdkit_ebd` costs nothing, and the training loop runs where there is no RDKit.
_HOMES = {
    "EmbedMolecule": "api",
    "EmbedMoleculeEBD": "api",
    "EmbedMultipleConfs": "api",
    "EmbedWithReport": "api",
    "EmbedMolecules": "library.embed_molecules",
    "LibraryReport": "library.embed_molecules",
    "StreamMolecules": "library.embed_molecules",
    "conformers_by_rotors": "library.embed_molecules",
    "EBD": "params",
    "AlignConformers": "ensemble.prune",
    "PruneConformers": "ensemble.prune",
    "RefineConformers": "ensemble.refine",
    "RefineReport": "ensemble.refine",
    "RefineWithReport": "ensemble.refine",
    "EnumerateStereo": "chem.undefined_stereo",
    "EmbedReport": "report",
    "FailureCause": "report",
    "get_provenance": "chem.provenance",
    "BoltzmannWeights": "ensemble.score",
    "FilterEnergyWindow": "ensemble.score",
    "RelativeEnergies": "ensemble.score",
    "ScoreConformers": "ensemble.score",
    "SortConformers": "ensemble.score",
    "available_models": "generators.checkpoint",
}

__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rdkit_ebd' has no attribute {name!r}")
    return getattr(import_module(f"rdkit_ebd.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
