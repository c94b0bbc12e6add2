"""How does a generated pose lie among the conformers that EBD makes of the same molecule?"""

from __future__ import annotations

from rdkit import Chem
from rdkit.Chem import rdMolAlign

from rdkit_ebd.api import EmbedMultipleConfs
from rdkit_ebd.ensemble.rank import RankConformers
from rdkit_ebd.molecules.generate_report import Ensemble

METHOD = "MMFF94s"
_MOST_MATCHES = 10_000  # mappings of equivalent atoms that are compared


def ensemble_of(mol: Chem.Mol, count: int, seed: int) -> Ensemble:
    """Embed a generated molecule anew, rank its conformers, and look where its own pose lies.

    Args:
        mol: With its one conformer; it is not changed.
        count: Conformers to make.
        seed: Of the conformers.
    """
    fresh = Chem.Mol(mol)
    try:
        if not len(EmbedMultipleConfs(fresh, count, randomSeed=seed, fallback="ETKDGv3")):
            return Ensemble(problem="EBD made no conformer")
        ranking = RankConformers(fresh, METHOD)
    except (ValueError, RuntimeError) as error:
        return Ensemble(problem=" ".join(str(error).split()))
    pose, others = Chem.RemoveHs(mol), Chem.RemoveHs(fresh)
    distances = [rdMolAlign.GetBestRMS(Chem.Mol(pose), others, -1, i, maxMatches=_MOST_MATCHES) for i in ranking.ids]
    return Ensemble(fresh, ranking, min(distances), distances[0])
