"""Which conformers are the lowest, how populated are they, and which of them are alike? A ranking, with its table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdMolAlign
from rdkit.ML.Cluster import Butina

from rdkit_ebd.chem.conformers import chosen_conformers, positions
from rdkit_ebd.chem.undefined_stereo import isomers_shown
from rdkit_ebd.ensemble.score import BoltzmannWeights, RelativeEnergies, score, stored_energies
from rdkit_ebd.potentials import Potential
from rdkit_ebd.report.tabular import Tabular

MOST_SYMMETRIES = 1000  # mappings that are compared for a pair of conformers


@dataclass(frozen=True)
class Ranking(Tabular):
    """Conformers of one molecule, lowest energy first; what has no energy comes last.

    Attributes:
        method: Of the energies.
        temperature: Of the weights, kelvin.
        ids: Conformer ids.
        energies: kcal/mol; NaN where there is none.
        relative: kcal/mol above the lowest.
        weights: Populations at equilibrium, whose sum is 1.
        clusters: Number of the cluster each is in; 1 is that of the lowest.
        stereoisomers: The one that each shows, as SMILES without hydrogens.
        notes: What a reader must know of the energies.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("OCCNC(=O)CCO"))
        >>> ids = EmbedMultipleConfs(mol, 6, randomSeed=1, score="MMFF94s")
        >>> ranking = RankConformers(mol)
        >>> ranking.method, ranking.rows()[0]["relative_energy"]
        ('MMFF94s', 0.0)
        >>> ranking.to_csv("ranks.csv")
    """

    columns: ClassVar[Sequence[str]] = (
        "conformer",
        "energy",
        "relative_energy",
        "weight",
        "cluster",
        "representative",
        "stereoisomer",
        "method",
        "temperature",
    )

    method: str
    temperature: float
    ids: list[int]
    energies: list[float]
    relative: list[float]
    weights: list[float]
    clusters: list[int]
    stereoisomers: list[str]
    notes: tuple[str, ...] = ()

    @property
    def representatives(self) -> list[int]:
        """The lowest conformer of each cluster, by its id; clusters in the order of their lowest."""
        return [i for k, i in enumerate(self.ids) if self.clusters[k] not in self.clusters[:k]]

    def rows(self) -> list[dict[str, Any]]:
        """A row for each conformer, lowest first; energies in kcal/mol."""
        chosen = set(self.representatives)
        return [
            {
                "conformer": i,
                "energy": self.energies[k],
                "relative_energy": self.relative[k],
                "weight": self.weights[k],
                "cluster": self.clusters[k],
                "representative": i in chosen,
                "stereoisomer": self.stereoisomers[k],
                "method": self.method,
                "temperature": self.temperature,
            }
            for k, i in enumerate(self.ids)
        ]


def RankConformers(
    mol: Chem.Mol,
    method: str | Potential | None = None,
    confIds: Sequence[int] | None = None,
    *,
    temperature: float = 298.15,
    clusterRmsd: float = 1.0,
    numThreads: int = 1,
) -> Ranking:
    """Rank the conformers of a molecule by energy, with populations and clusters of those that are alike.

    Conformers that are the same count as many in the populations as they are: prune them before (`PruneConformers`).

    Args:
        mol: All hydrogens are explicit; energies are kept on the conformers as by `ScoreConformers`.
        method: Of the energies; None: those that the conformers have.
        confIds: Ids of the conformers; all of them if None.
        temperature: Kelvin.
        clusterRmsd: Butina's threshold on the heavy-atom RMSD after superposition, over symmetry, angstrom; different
            stereoisomers are different clusters.
        numThreads: As in `ScoreConformers`.

    Returns:
        The ranking; `to_frame()` and `to_csv(path)` give its table.

    Raises:
        TypeError: `mol` is not a molecule, or `method` neither a name nor a potential.
        ValueError: There is no such method or conformer, hydrogens or energies are missing, a number is out of range.
        ImportError: The method's engine is not installed; the message has the install line.

    Source: D. Butina, J. Chem. Inf. Comput. Sci. 1999, 39, 747.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("OCCNC(=O)CCO"))
        >>> ids = EmbedMultipleConfs(mol, 6, randomSeed=1)
        >>> ranking = RankConformers(mol, "MMFF94s")
        >>> ranking.relative[0], ranking.ids[0] == ranking.representatives[0]
        (0.0, True)
        >>> round(sum(ranking.weights), 6)
        1.0
    """
    if not 0 <= clusterRmsd < math.inf:
        raise ValueError(f"clusterRmsd must be at least 0 angstrom, not {clusterRmsd}")
    conformers = chosen_conformers(mol, confIds)
    ids, notes = [conformer.GetId() for conformer in conformers], []
    BoltzmannWeights([], temperature)  # a wrong temperature is known before any work
    if method is not None:
        _, obstacle, remarks = score(mol, method, ids, numThreads)
        notes = [*([obstacle] if obstacle else []), *remarks]
    energies, used = stored_energies(conformers)
    order = sorted(range(len(ids)), key=lambda k: (math.isnan(energies[k]), energies[k]))
    ranked = [energies[k] for k in order]
    chosen = [ids[k] for k in order]
    isomers = isomers_shown(mol, positions([conformers[k] for k in order]))
    return Ranking(
        method=used,
        temperature=float(temperature),
        ids=chosen,
        energies=ranked,
        relative=RelativeEnergies(ranked),
        weights=BoltzmannWeights(ranked, temperature),
        clusters=clusters_of(mol, chosen, clusterRmsd, isomers),
        stereoisomers=isomers,
        notes=tuple(notes),
    )


def clusters_of(mol: Chem.Mol, ids: Sequence[int], threshold: float, isomers: Sequence[str]) -> list[int]:
    """The cluster of each conformer by Butina's algorithm, numbered from 1 in the order of the first of each.

    Conformers that show different stereoisomers are never of one cluster, whatever their distance.
    """
    heavy = Chem.RemoveHs(Chem.Mol(mol, True), sanitize=False)
    source = Chem.RemoveHs(mol, sanitize=False)
    for i in ids:
        heavy.AddConformer(source.GetConformer(i), assignId=True)
    distances = np.zeros(0)
    if len(ids) > 1:
        distances = np.array(rdMolAlign.GetAllConformerBestRMS(heavy, maxMatches=MOST_SYMMETRIES))
        others = [isomers[j] != isomers[k] for k in range(len(ids)) for j in range(k)]
        distances[others] = math.inf
    found = Butina.ClusterData(distances, len(ids), threshold, isDistData=True, reordering=True)
    label = {member: number for number, members in enumerate(found) for member in members}
    numbers = {old: new for new, old in enumerate(dict.fromkeys(label[k] for k in range(len(ids))), start=1)}
    return [numbers[label[k]] for k in range(len(ids))]
