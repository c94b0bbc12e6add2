"""Which shapes has a molecule, and what do they cost? A picture of one conformer of each cluster, without a browser."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
from rdkit import Chem

from rdkit_ebd.chem.conformers import chosen_conformers
from rdkit_ebd.ensemble.rank import RankConformers, Ranking
from rdkit_ebd.ensemble.score import unscored_method
from rdkit_ebd.potentials import Potential
from rdkit_ebd.viz.energy_colours import ENERGY_COLOURS, energy_colour, energy_span
from rdkit_ebd.viz.page_data import DEFAULT_METHOD, aligned, rigid_core
from rdkit_ebd.viz.pictures import FAINT_INK, balls_and_sticks, label, panels_of, saved, telling

COLUMNS = 3
HEIGHT = 2.2  # inches of a panel


def draw_representatives(
    mol: Chem.Mol,
    file: str | os.PathLike[str],
    *,
    method: str | Potential | None = None,
    temperature: float = 298.15,
    clusterRmsd: float = 1.0,
    maxPanels: int = 12,
) -> Ranking:
    """Draw the lowest conformer of each cluster, all laid on the largest rigid part; carbon has the energy's colour.

    Of the hydrogens the polar ones are drawn. Clusters and weights are those of `RankConformers`.

    Args:
        mol: All hydrogens are explicit; it is not changed.
        file: Picture to write; its suffix is the format (.png, .pdf, .svg).
        method: Of the energies, as in `ScoreConformers`; None: those that the conformers have, else MMFF94s.
        temperature: Of the weights, kelvin.
        clusterRmsd: Conformers this near are of one cluster, angstrom, as in `RankConformers`.
        maxPanels: Clusters drawn at most, the lowest.

    Returns:
        The ranking that is drawn.

    Raises:
        ImportError: matplotlib, or the method's engine, is not installed.
        TypeError: `mol` is not a molecule.
        ValueError: `mol` has no conformers or lacks hydrogens, there is no such method, a number is out of range.

    Example:
        >>> from rdkit_ebd.viz import draw_representatives
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("OCCNC(=O)CCO"))
        >>> ids = EmbedMultipleConfs(mol, 6, randomSeed=1)
        >>> ranking = draw_representatives(mol, "clusters.png")
        >>> ranking.method, ranking.relative[0]
        ('MMFF94s', 0.0)
    """
    if maxPanels < 1:
        raise ValueError(f"maxPanels must be at least 1, not {maxPanels}")
    conformers = chosen_conformers(mol, None)
    wanted = unscored_method(conformers, method, DEFAULT_METHOD)
    ranking = RankConformers(Chem.Mol(mol), wanted, temperature=temperature, clusterRmsd=clusterRmsd)
    shown = ranking.representatives[:maxPanels]
    place = {index: k for k, index in enumerate(ranking.ids)}
    relative = [ranking.relative[place[index]] for index in shown]
    top = energy_span(relative)
    coords = aligned(mol, [mol.GetConformer(index) for index in shown], rigid_core(mol))
    drawn, kept = without_hydrogens(mol)
    coords = coords[:, kept]
    figure, panels = panels_of(coords, len(shown), HEIGHT, min(COLUMNS, len(shown)))
    sizes, weights = Counter(ranking.clusters), dict.fromkeys(ranking.clusters, 0.0)
    for cluster, weight in zip(ranking.clusters, ranking.weights, strict=True):
        weights[cluster] += weight
    for panel, index, x, energy in zip(panels, shown, coords, relative, strict=True):
        cluster = ranking.clusters[place[index]]
        balls_and_sticks(panel, drawn, x, energy_colour(energy, top))
        energy_words = "no energy" if np.isnan(energy) else f"{energy:.2f} kcal/mol"
        conformers_words = f"{sizes[cluster]} conformer{'s' * (sizes[cluster] != 1)}"
        label(panel, energy_words, f"cluster {cluster}: {conformers_words}, {_percent(weights[cluster])}")
    _scale(figure, top, ranking)
    saved(figure, Path(file))
    return ranking


def without_hydrogens(mol: Chem.Mol) -> tuple[Chem.Mol, list[int]]:
    """A molecule without the hydrogens on carbon, for drawing, and the atoms that are left."""
    kept = [atom.GetIdx() for atom in mol.GetAtoms() if telling(atom)]
    drawn = Chem.RWMol(mol)
    for index in sorted({*range(mol.GetNumAtoms())} - {*kept}, reverse=True):
        drawn.RemoveAtom(index)
    return drawn.GetMol(), kept


def _percent(weight: float) -> str:
    return f"{weight:.0%}" if weight >= 0.005 or weight == 0 else "< 1%"


def _scale(figure: object, top: float, ranking: Ranking) -> None:
    """The colours of the energies at the foot of the picture, and by what they are."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    assert isinstance(figure, Figure)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.5)
    share = 0.5 / (height + 0.5)
    figure.subplots_adjust(
        bottom=share + figure.subplotpars.bottom * (1 - share), top=share + figure.subplotpars.top * (1 - share)
    )
    bar = figure.add_axes((0.5 - 0.6 / width, 0.55 * share, 1.2 / width, 0.2 * share))
    colours = LinearSegmentedColormap.from_list("energy", [tuple(c / 255 for c in rgb) for rgb in ENERGY_COLOURS])
    bar.imshow(np.linspace(0, 1, 64)[None], aspect="auto", cmap=colours)
    bar.axis("off")
    words = f"0 to {top:.1f} kcal/mol above the lowest, {ranking.method or 'no energies'}"
    figure.text(0.5, 0.12 * share, words, ha="center", fontsize=8, color=FAINT_INK)
