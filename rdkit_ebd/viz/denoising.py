"""How does a molecule come out of noise, and how does it change with a property? Pictures of drawn molecules."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rdkit import Chem

from rdkit_ebd.viz.pictures import balls_and_sticks, label, oriented, panels_of, saved

_WORTH_SEEING = 2.5  # angstrom from the end, root mean square: beyond it all that is seen is a cloud


def draw_denoising(path_mol: Chem.Mol, file: str | os.PathLike[str], max_panels: int = 6) -> Path:
    """Draw states on the way of a molecule out of noise side by side; bonds are those of the finished molecule.

    Args:
        path_mol: As `GeneratePath` gives it: a conformer for each step, the finished molecule last.
        file: Picture to write; its suffix is the format (.png, .pdf, .svg).
        max_panels: Most states drawn; of more, those between which the molecule moves alike.

    Returns:
        The file.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: `path_mol` has no conformers.

    Example:
        >>> draw_denoising(GeneratePath(randomSeed=7, numSteps=20), "denoising.png").name
        'denoising.png'
    """
    coords = np.stack(_positions(path_mol))
    away = np.sqrt(np.square(coords - coords[-1]).sum(-1).mean(-1))
    near = np.flatnonzero(away <= max(_WORTH_SEEING, float(away.min())))
    marks = np.linspace(away[near[0]], 0, min(max_panels, len(near)))
    rows = sorted({int(near[np.abs(away[near] - mark).argmin()]) for mark in marks} | {len(coords) - 1})
    seen = oriented(coords[rows], coords_row=-1)[:, :, [1, 0, 2]]
    figure, panels = panels_of(seen, len(rows), height=3.4)
    for panel, row, x in zip(panels, rows, seen, strict=True):
        balls_and_sticks(panel, path_mol, x)
        last = row == rows[-1]
        label(panel, "molecule" if last else f"step {row + 1}", "" if last else f"{away[row]:.2f} Å away")
    return saved(figure, file)


def draw_molecules(mols: Sequence[Chem.Mol], file: str | os.PathLike[str], labels: Sequence[str] = ()) -> Path:
    """Draw molecules side by side at one scale, such as those drawn for rising values of a property.

    Args:
        mols: Each with a 3D conformer, the first of which is drawn.
        file: Picture to write; its suffix is the format (.png, .pdf, .svg).
        labels: A line above each; none where there are none.

    Returns:
        The file.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: There are no molecules, one has no conformers, or labels are not as many.

    Example:
        >>> mols = [Chem.AddHs(Chem.MolFromSmiles(smiles)) for smiles in ("OCCO", "OCCCO")]
        >>> ids = [EmbedMolecule(mol, randomSeed=1) for mol in mols]
        >>> draw_molecules(mols, "two.png", ["glycol", "propanediol"]).name
        'two.png'
    """
    if not mols or (labels and len(labels) != len(mols)):
        raise ValueError(f"there must be molecules, and a label for each or none: {len(mols)} and {len(labels)}")
    places = [oriented(_positions(mol)[0][None], coords_row=0)[0][:, [1, 0, 2]] for mol in mols]
    figure, panels = panels_of(np.concatenate(places)[None], len(mols), height=3.0)
    for number, (panel, mol, x) in enumerate(zip(panels, mols, places, strict=True)):
        balls_and_sticks(panel, mol, x)
        label(panel, labels[number] if labels else "", "")
    return saved(figure, file)


def _positions(mol: Chem.Mol) -> list[np.ndarray]:
    if not mol.GetNumConformers():
        raise ValueError("there is nothing to draw: the molecule has no conformers")
    return [conformer.GetPositions() for conformer in mol.GetConformers()]
