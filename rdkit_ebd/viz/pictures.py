"""What does a deblurring, and what does an ensemble look like? Pictures of conformers, with matplotlib."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from rdkit_ebd.ensemble.prune import AlignConformers
from rdkit_ebd.viz.states import state_names

# CPK colours, muted so that neighbours stay apart in print; carbon is grey.
COLOURS = {
    1: "#f4f4f4",
    5: "#e8a58c",
    6: "#646a73",
    7: "#3d6fd6",
    8: "#dd3b34",
    9: "#62c04a",
    14: "#d9b98a",
    15: "#ee8b1f",
    16: "#e3bb1b",
    17: "#2fae3a",
    35: "#9c3324",
    53: "#7b2d9e",
}
OTHER_COLOUR = "#d67ab1"
INK, FAINT_INK, SHADOW = "#26292e", "#7a808a", "#dfe2e7"
BALL_SHARE = 0.23  # of the van der Waals radius
STICK = 0.10  # angstrom, half the width
HAZE = 0.35  # how much of the white background the furthest atom takes
MARGIN = 0.8  # angstrom around the atoms
DOTS_PER_INCH = 200


def draw_deblurring(path_mol: Chem.Mol, file: str | os.PathLike[str], max_panels: int = 6) -> Path:
    """Draw the states of one deblurring side by side, each over the shadow of the finished conformer.

    Args:
        path_mol: What the callback of `EmbedMoleculeEBD` is given: conformers x_t with their time in the property
            `ebd_time`, the finished one last. They are named by the round of the network that has made them.
        file: Picture to write; its suffix is the format (.png, .pdf, .svg).
        max_panels: Most states drawn; of more, the first, the last and some between.

    Returns:
        The file.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: `path_mol` has no conformers.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> paths = {}
        >>> ids = EmbedMultipleConfs(mol, 1, randomSeed=1, callback=paths.__setitem__)
        >>> draw_deblurring(paths[0], "deblurring.png").name
        'deblurring.png'
    """
    conformers = _conformers(path_mol)
    rows = np.linspace(0, len(conformers) - 1, min(max_panels, len(conformers))).round().astype(int).tolist()
    # upright, so that panels stand close together
    coords = oriented(np.stack([conformers[row].GetPositions() for row in rows]), coords_row=-1)[:, :, [1, 0, 2]]
    names = state_names(conformers)
    figure, panels = panels_of(coords, len(rows), height=3.4)
    for panel, row, x in zip(panels, rows, coords, strict=True):
        _shadow(panel, path_mol, coords[-1])
        balls_and_sticks(panel, path_mol, x)
        away = float(np.sqrt(((x - coords[-1]) ** 2).sum(-1).mean()))
        if row == rows[-1]:
            label(panel, "conformer", "")
        else:
            label(panel, names[row], f"{away:.2f} Å away")
    return saved(figure, file)


def draw_ensemble(mol: Chem.Mol, file: str | os.PathLike[str]) -> Path:
    """Draw all conformers on top of each other, aligned on the heavy atoms; of the hydrogens only the polar ones.

    Args:
        mol: A molecule with conformers; it is not changed.
        file: Picture to write; its suffix is the format (.png, .pdf, .svg).

    Returns:
        The file.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: `mol` has no conformers.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> ids = EmbedMultipleConfs(mol, 5, randomSeed=1)
        >>> draw_ensemble(mol, "ensemble.png").name
        'ensemble.png'
    """
    count = len(_conformers(mol))
    aligned = Chem.Mol(mol)
    AlignConformers(aligned)
    coords = oriented(np.stack([c.GetPositions() for c in aligned.GetConformers()]), coords_row=0)
    drawn = [atom.GetIdx() for atom in mol.GetAtoms() if telling(atom)]
    figure, (panel,) = panels_of(coords[:, drawn], 1, height=4.2)
    bonds = [(i, j) for i, j in _bonds(mol) if i in drawn and j in drawn]
    _thin_lines(panel, mol, coords, bonds)
    name = mol.GetProp("_Name") if mol.HasProp("_Name") else ""
    label(panel, name, "1 conformer" if count == 1 else f"{count} conformers")
    return saved(figure, file)


def _conformers(mol: Chem.Mol) -> list[Chem.Conformer]:
    conformers = list(mol.GetConformers())
    if not conformers:
        raise ValueError("there is nothing to draw: the molecule has no conformers")
    return conformers


def oriented(coords: np.ndarray, coords_row: int) -> np.ndarray:
    """Turn (K, N, 3) so that one of them is seen at its broadest: longest extent along x, shortest along the view."""
    middle = coords[coords_row].mean(axis=0)
    _, _, axes = np.linalg.svd(coords[coords_row] - middle, full_matrices=True)
    axes[2] *= np.linalg.det(axes)  # a rotation: a mirror image would show the other enantiomer
    return (coords - middle) @ axes.T


def _bonds(mol: Chem.Mol) -> list[tuple[int, int]]:
    return [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()]


def _colours(mol: Chem.Mol) -> list[str]:
    return [COLOURS.get(atom.GetAtomicNum(), OTHER_COLOUR) for atom in mol.GetAtoms()]


def telling(atom: Chem.Atom) -> bool:
    """Whether an atom is drawn where hydrogens on carbon are not."""
    return atom.GetAtomicNum() != 1 or any(n.GetAtomicNum() in (7, 8, 16) for n in atom.GetNeighbors())


def panels_of(coords: np.ndarray, count: int, height: float, columns: int | None = None) -> tuple[Any, list[Any]]:
    """A figure with panels that all show the same part of space at the same scale.

    Args:
        coords: (..., 3) angstrom, what must be seen.
        count: Panels.
        height: Of one, inches.
        columns: Panels in a row; None: all of them.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # not pyplot: no backend is chosen, no global state touched
    except ImportError as error:
        raise ImportError("drawing needs matplotlib: pip install 'rdkit-ebd[draw]'") from error

    low, high = coords[..., :2].min(axis=(0, 1)) - MARGIN, coords[..., :2].max(axis=(0, 1)) + MARGIN
    width = height * float((high[0] - low[0]) / (high[1] - low[1]))
    columns = columns or count
    rows = -(-count // columns)
    whole = rows * (height + 0.7)
    figure = Figure(figsize=(width * columns, whole), facecolor="white")
    inside = {"left": 0, "right": 1, "wspace": 0, "bottom": 0.35 / whole, "top": 1 - 0.35 / whole}
    inside["hspace"] = 0.7 / height
    panels = figure.subplots(rows, columns, squeeze=False, gridspec_kw=inside).ravel().tolist()
    for panel in panels[count:]:
        panel.remove()
    panels = panels[:count]
    for panel in panels:
        panel.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        panel.axis("off")
    return figure, panels


def balls_and_sticks(panel: Any, mol: Chem.Mol, x: np.ndarray, carbon: str | None = None) -> None:
    """One state (N, 3), what is nearer painted over what is further; `carbon` is the colour of carbon, else grey."""
    from matplotlib.collections import PatchCollection

    colours = _colours(mol) if carbon is None else [carbon if c == COLOURS[6] else c for c in _colours(mol)]
    painted = sorted([*_sticks(mol, x, colours), *_balls(mol, x, colours)], key=lambda part: part[0])
    _, patches, faces, edges = zip(*painted, strict=True)
    panel.add_collection(PatchCollection(patches, facecolors=faces, edgecolors=edges, linewidths=0.5, zorder=2))


Part = tuple[float, Any, Any, Any]
"""Depth (angstrom, towards the reader), patch, its colour, its outline's colour."""


def _balls(mol: Chem.Mol, x: np.ndarray, colours: list[str]) -> Iterator[Part]:
    from matplotlib.patches import Circle

    for radius, colour, (u, v, depth), near in zip(_radii(mol), colours, x.tolist(), _nearness(x), strict=True):
        yield depth, Circle((u, v), radius), _hazy(colour, near), _hazy(INK, near)
        glint = Circle((u - 0.32 * radius, v + 0.32 * radius), 0.3 * radius)
        yield depth + 1e-6, glint, (1.0, 1.0, 1.0, 0.55), (1.0, 1.0, 1.0, 0.0)


def _sticks(mol: Chem.Mol, x: np.ndarray, colours: list[str]) -> Iterator[Part]:
    from matplotlib.patches import Polygon

    radii, near = _radii(mol), _nearness(x)
    for i, j in _bonds(mol):
        along = (x[j] - x[i]) / max(float(np.linalg.norm(x[j] - x[i])), 1e-6)
        across = STICK * np.array([-along[1], along[0]]) / max(float(np.hypot(*along[:2])), 1e-6)
        middle = (x[i] + x[j]) / 2
        for end, sign in ((i, 1), (j, -1)):  # half a bond in the colour of each of its atoms
            start = x[end] + sign * 0.9 * radii[end] * along  # from its surface, so that it never crosses the ball
            corners = np.stack([start[:2] + across, middle[:2] + across, middle[:2] - across, start[:2] - across])
            yield (
                float(start[2] + middle[2]) / 2,
                Polygon(corners),
                _hazy(colours[end], near[end]),
                _hazy(INK, near[end]),
            )


def _radii(mol: Chem.Mol) -> list[float]:
    table = Chem.GetPeriodicTable()
    return [BALL_SHARE * table.GetRvdw(atom.GetAtomicNum()) for atom in mol.GetAtoms()]


def _nearness(x: np.ndarray) -> np.ndarray:
    """0 for the furthest and 1 for the nearest atom, (N,)."""
    depth = x[:, 2]
    return np.asarray((depth - depth.min()) / max(float(np.ptp(depth)), 1e-6))


def _hazy(colour: str, nearness: float) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    share = HAZE * (1 - nearness)
    return tuple(c + share * (1 - c) for c in to_rgb(colour))


def _shadow(panel: Any, mol: Chem.Mol, x: np.ndarray) -> None:
    for i, j in _bonds(mol):
        panel.plot(*x[[i, j], :2].T, color=SHADOW, linewidth=2.2, solid_capstyle="round", zorder=0)


def _thin_lines(panel: Any, mol: Chem.Mol, coords: np.ndarray, bonds: list[tuple[int, int]]) -> None:
    """Half a bond in the colour of each of its atoms, all conformers (K, N, 3) sorted by depth."""
    from matplotlib.collections import LineCollection

    parts = []
    near = _nearness(coords.reshape(-1, 3)).reshape(len(coords), -1)
    for x, share, carbon in zip(coords, near, _carbon_shades(len(coords)), strict=True):
        own = {COLOURS[6]: carbon, COLOURS[1]: SHADOW}  # a conformer can be followed by the shade of its carbons
        colours = [own.get(colour, colour) for colour in _colours(mol)]
        for i, j in bonds:
            middle = (x[i] + x[j]) / 2
            parts += [(x[end, 2], [x[end, :2], middle[:2]], _hazy(colours[end], share[end])) for end in (i, j)]
    parts.sort(key=lambda part: part[0])
    _, lines, shades = zip(*parts, strict=True) if parts else ((), (), ())
    panel.add_collection(LineCollection(lines, colors=shades, linewidths=1.1, alpha=0.85, capstyle="round"))


def _carbon_shades(count: int) -> list[str]:
    """Hex colours from dark blue over teal to light green, as many as there are conformers."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["viridis"](share)) for share in np.linspace(0.15, 0.8, count)]


def label(panel: Any, above: str, below: str) -> None:
    """Words over and under a panel."""
    place = {"transform": panel.transAxes, "ha": "center"}
    panel.text(0.5, 1.01, above, va="bottom", fontsize=11, color=INK, **place)
    panel.text(0.5, -0.01, below, va="top", fontsize=9, color=FAINT_INK, **place)


def saved(figure: Any, file: str | os.PathLike[str]) -> Path:
    """Write a picture in the format of its suffix; the file."""
    figure.savefig(file, dpi=DOTS_PER_INCH, facecolor="white")
    return Path(file)
