"""Molecular conformers from Equivariant Blurring Diffusion, written straight into RDKit molecules.

It answers RDKit's own call, so that in a script one import changes:

    from rdkit import Chem
    from rdkit_ebd import EmbedMultipleConfs

    mol = Chem.AddHs(Chem.MolFromSmiles("CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O"))
    ids = EmbedMultipleConfs(mol, 20, randomSeed=42)

What there is:

    one molecule        EmbedMolecule, EmbedMultipleConfs, EmbedWithReport; EBD are the parameters
    many molecules      EmbedMolecules, StreamMolecules
    out of noise        GenerateMolecules, StreamGenerated, GeneratePath
    energies            RefineConformers, ScoreConformers, RankConformers, FilterEnergyWindow, BoltzmannWeights
    alike conformers    PruneConformers, AlignConformers
    what happened       EmbedReport, RefineReport, FailureCause; get_provenance tells where a conformer comes from
    stereochemistry     EnumerateStereo for what is not written
    a drawn shape       FragmentLayout
    a known core        MatchCore, or core=... where conformers are made
    files               rdkit_ebd.io: read_molecules, SDFWriter
    a page to look at   show
    likelihood          LogLikelihood of molecules, by an imported EDM
    pictures            rdkit_ebd.viz: draw_ensemble, draw_deblurring, draw_denoising, draw_molecules

Coordinates are in angstrom and energies in kcal/mol. Examples in docstrings take `from rdkit import Chem` and
`from rdkit_ebd import *` for granted. On the command line it is `rdkit-ebd`, or `python -m rdkit_ebd`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rdkit_ebd._version import __version__ as __version__
from rdkit_ebd.runtime.lazy_names import lazy_names

if TYPE_CHECKING:
    from rdkit_ebd.api import EmbedMolecule as EmbedMolecule
    from rdkit_ebd.api import EmbedMoleculeEBD as EmbedMoleculeEBD
    from rdkit_ebd.api import EmbedMultipleConfs as EmbedMultipleConfs
    from rdkit_ebd.api import EmbedWithReport as EmbedWithReport
    from rdkit_ebd.chem.core_match import CoreMatch as CoreMatch
    from rdkit_ebd.chem.core_match import MatchCore as MatchCore
    from rdkit_ebd.chem.provenance import get_provenance as get_provenance
    from rdkit_ebd.chem.provenance import set_provenance as set_provenance
    from rdkit_ebd.chem.stereo import stereo_kept as stereo_kept
    from rdkit_ebd.chem.stereo import stereo_labels as stereo_labels
    from rdkit_ebd.chem.symmetry import symmetry_mappings as symmetry_mappings
    from rdkit_ebd.chem.undefined_stereo import EnumerateStereo as EnumerateStereo
    from rdkit_ebd.data.readers import read_records as read_records
    from rdkit_ebd.ensemble.prune import AlignConformers as AlignConformers
    from rdkit_ebd.ensemble.prune import PruneConformers as PruneConformers
    from rdkit_ebd.ensemble.rank import RankConformers as RankConformers
    from rdkit_ebd.ensemble.rank import Ranking as Ranking
    from rdkit_ebd.ensemble.refine import RefineConformers as RefineConformers
    from rdkit_ebd.ensemble.refine import RefineReport as RefineReport
    from rdkit_ebd.ensemble.refine import RefineWithReport as RefineWithReport
    from rdkit_ebd.ensemble.score import BoltzmannWeights as BoltzmannWeights
    from rdkit_ebd.ensemble.score import FilterEnergyWindow as FilterEnergyWindow
    from rdkit_ebd.ensemble.score import RelativeEnergies as RelativeEnergies
    from rdkit_ebd.ensemble.score import ScoreConformers as ScoreConformers
    from rdkit_ebd.ensemble.score import SortConformers as SortConformers
    from rdkit_ebd.generators.checkpoint import available_models as available_models
    from rdkit_ebd.io.read import read_molecules as read_molecules
    from rdkit_ebd.io.sdf import SDFWriter as SDFWriter
    from rdkit_ebd.library.embed_molecules import EmbedMolecules as EmbedMolecules
    from rdkit_ebd.library.embed_molecules import LibraryReport as LibraryReport
    from rdkit_ebd.library.embed_molecules import StreamMolecules as StreamMolecules
    from rdkit_ebd.library.embed_molecules import conformers_by_rotors as conformers_by_rotors
    from rdkit_ebd.molecules.generate import GenerateMolecules as GenerateMolecules
    from rdkit_ebd.molecules.generate import StreamGenerated as StreamGenerated
    from rdkit_ebd.molecules.generate_report import Generated as Generated
    from rdkit_ebd.molecules.generate_report import GenerateReport as GenerateReport
    from rdkit_ebd.molecules.likelihood import LogLikelihood as LogLikelihood
    from rdkit_ebd.molecules.path import GeneratePath as GeneratePath
    from rdkit_ebd.params import EBD as EBD
    from rdkit_ebd.report import EmbedReport as EmbedReport
    from rdkit_ebd.report import FailureCause as FailureCause
    from rdkit_ebd.seeds.fragment_layout import FragmentLayout as FragmentLayout
    from rdkit_ebd.viz.page import show as show

__path__.append(str(Path(__file__).parent / "_moved"))  # modules under their names of 0.1, for one release

# Loaded when first used: `import rdkit_ebd` costs nothing, and the training loop runs where there is no RDKit.
_HOMES = {
    # embed one molecule
    "EmbedMolecule": "api",
    "EmbedMultipleConfs": "api",
    "EmbedMoleculeEBD": "api",
    "EmbedWithReport": "api",
    "EBD": "params",
    "FragmentLayout": "seeds.fragment_layout",
    "CoreMatch": "chem.core_match",
    "MatchCore": "chem.core_match",
    "EnumerateStereo": "chem.undefined_stereo",
    # embed many molecules
    "EmbedMolecules": "library.embed_molecules",
    "StreamMolecules": "library.embed_molecules",
    "conformers_by_rotors": "library.embed_molecules",
    "read_molecules": "io.read",
    "SDFWriter": "io.sdf",
    # whole molecules out of noise
    "GenerateMolecules": "molecules.generate",
    "StreamGenerated": "molecules.generate",
    "GeneratePath": "molecules.path",
    "GenerateReport": "molecules.generate_report",
    "Generated": "molecules.generate_report",
    # refine, score, rank
    "RefineConformers": "ensemble.refine",
    "RefineWithReport": "ensemble.refine",
    "ScoreConformers": "ensemble.score",
    "RankConformers": "ensemble.rank",
    "Ranking": "ensemble.rank",
    "RelativeEnergies": "ensemble.score",
    "BoltzmannWeights": "ensemble.score",
    "SortConformers": "ensemble.score",
    "FilterEnergyWindow": "ensemble.score",
    # compare
    "AlignConformers": "ensemble.prune",
    "PruneConformers": "ensemble.prune",
    "symmetry_mappings": "chem.symmetry",
    "stereo_labels": "chem.stereo",
    "stereo_kept": "chem.stereo",
    # whole molecules
    "LogLikelihood": "molecules.likelihood",
    # reports and provenance
    "EmbedReport": "report",
    "LibraryReport": "library.embed_molecules",
    "RefineReport": "ensemble.refine",
    "FailureCause": "report",
    "get_provenance": "chem.provenance",
    "set_provenance": "chem.provenance",
    # look
    "show": "viz.page",
    # models and data
    "available_models": "generators.checkpoint",
    "read_records": "data.readers",
}

__all__ = sorted([*_HOMES, "__version__"])

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
