"""What does blurring do to a conformer, and deblurring to its fragments? The figures of the paper, on any molecules.

`draw_spectra`: the power of a state along the eigenvectors of the molecular graph's Laplacian, bonds between fragments
being weak: low frequencies are the layout of the fragments, high ones what their atoms do not share. Blurring takes the
high frequencies and leaves the low ones until the end; a plain diffusion drowns all of them in noise, whose power is
the same at every frequency. (Were all bonds alike, the jumps from one small fragment to the next would themselves be of
high frequency, and blurring would even add to it, though far less than a diffusion does.)

`draw_fragment_scatter`: how far the fragments' layout is from the reference's, before and after deblurring.

Strips of a deblurring are `rdkit_ebd.viz.pictures.draw_deblurring`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rdkit import Chem

from rdkit_ebd.arrays.geometry import align
from rdkit_ebd.viz.pictures import DOTS_PER_INCH, FAINT_INK, INK

TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
BETWEEN = 0.01  # weight of a bond from one fragment to another
BANDS = 12  # of frequency, over which power is averaged
BLURRING_SIGMA = 0.01  # angstrom, the paper's


def graph_spectrum(mol: Chem.Mol, fragments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (N,), ascending, and eigenvectors (N, N), in columns, of the molecular graph's Laplacian.

    Bonds have weight 1 within a fragment (N,) and `BETWEEN` from one to another.
    """
    together = fragments[:, None] == fragments
    weights = Chem.GetAdjacencyMatrix(mol) * np.where(together, 1.0, BETWEEN)
    values, vectors = np.linalg.eigh(np.diag(weights.sum(0)) - weights)
    return np.maximum(values, 0), vectors


def power(coords: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Mean power of states along each eigenvector: (K, N, 3) angstrom and (N, N) -> (N,) square angstrom."""
    centred = coords - coords.mean(1, keepdims=True)
    return np.asarray(np.square(vectors.T @ centred).sum(-1).mean(0))


def blurred(coords: np.ndarray, fragments: np.ndarray, t: float, random: np.random.Generator) -> np.ndarray:
    """The paper's forward process towards the conformers' own fragment centres: (K, N, 3) and (N,) -> (K, N, 3)."""
    centres = fragment_layout(coords, fragments)[:, fragments]
    return np.asarray((1 - t) * coords + t * centres + BLURRING_SIGMA * random.standard_normal(coords.shape))


def diffused(coords: np.ndarray, t: float, random: np.random.Generator) -> np.ndarray:
    """A plain diffusion that ends in a Gaussian as wide as the conformers are: (K, N, 3) -> (K, N, 3)."""
    centred = coords - coords.mean(1, keepdims=True)
    noise = centred.std() * random.standard_normal(coords.shape)
    return np.asarray(math.cos(0.5 * math.pi * t) * centred + math.sin(0.5 * math.pi * t) * noise)


def fragment_layout(coords: np.ndarray, fragments: np.ndarray) -> np.ndarray:
    """Centres of the fragments: (K, N, 3) and (N,) -> (K, F, 3)."""
    members = np.eye(int(fragments.max()) + 1)[fragments]
    return np.asarray((members / members.sum(0)).T @ coords)


def fragment_rmsd(coords: np.ndarray, references: np.ndarray, fragments: np.ndarray) -> np.ndarray:
    """RMSD of where the fragments lie, each pair superposed.

    Args:
        coords: (K, N, 3) angstrom.
        references: (R, N, 3) angstrom.
        fragments: (N,) the fragment of each atom, as `FragmentLayout` has it.

    Returns:
        (K, R) angstrom.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> ids = EmbedMultipleConfs(mol, 4, randomSeed=1)
        >>> coords = np.array([conformer.GetPositions() for conformer in mol.GetConformers()])
        >>> fragments = FragmentLayout(mol).fragments
        >>> fragment_rmsd(coords, coords[:2], fragments).shape
        (4, 2)
    """
    here, there = (torch.from_numpy(fragment_layout(x, fragments)) for x in (coords, references))
    k, r = len(here), len(there)
    x, y = here.repeat_interleave(r, 0), there.repeat(k, 1, 1)
    gap = align(x, y, torch.ones(x.shape[:2], dtype=torch.bool)) - y
    return np.asarray(gap.square().sum(-1).mean(-1).sqrt().view(k, r))


def draw_spectra(
    molecules: Sequence[tuple[Chem.Mol, np.ndarray, np.ndarray]],
    file: str | os.PathLike[str],
    times: Sequence[float] = TIMES,
    seed: int = 0,
) -> Path:
    """Draw the power spectra of blurring and of plain diffusion at several times, side by side.

    Args:
        molecules: Molecule, conformers (K, N, 3) in angstrom and fragment of each atom (N,); averaged over.
        file: Picture to write; its suffix is the format.
        times: Between 0 (conformer) and 1.
        seed: Of the noise.

    Returns:
        The file.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: There are no molecules.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> ids = EmbedMultipleConfs(mol, 4, randomSeed=1)
        >>> coords = np.array([conformer.GetPositions() for conformer in mol.GetConformers()])
        >>> fragments = FragmentLayout(mol).fragments
        >>> draw_spectra([(mol, coords, fragments)], "spectra.png").name
        'spectra.png'
    """
    if not molecules:
        raise ValueError("there is nothing to draw: no molecules")
    figure, panels = _figure(2, "graph frequency (eigenvalue of the Laplacian)")
    random = np.random.default_rng(seed)
    for panel, title in zip(panels, ("blurring", "diffusion"), strict=True):
        for t, colour in zip(times, _shades(len(times)), strict=True):
            states = [
                (mol, fragments, blurred(x, fragments, t, random) if title == "blurring" else diffused(x, t, random))
                for mol, x, fragments in molecules
            ]
            frequencies, powers = mean_spectrum(states)
            panel.loglog(frequencies, powers, color=colour, marker="o", markersize=3, label=f"t = {t:g}")
        panel.set_title(title, color=INK, fontsize=11)
    panels[0].set_ylabel("power, Å²", color=INK)
    panels[0].legend(frameon=False, fontsize=8)
    panels[1].set_ylim(panels[0].get_ylim())
    return _saved(figure, file)


def mean_spectrum(states: Sequence[tuple[Chem.Mol, np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean power in bands of frequency over molecules, with fragments and states: frequencies (B,) and powers (B,).

    Frequency zero, where the molecule lies as a whole, is left out.
    """
    spectra = [(*graph_spectrum(mol, fragments), coords) for mol, fragments, coords in states]
    frequencies = np.concatenate([values for values, _, _ in spectra])
    powers = np.concatenate([power(coords, vectors) for _, vectors, coords in spectra])
    present = frequencies > 1e-6
    frequencies, powers = frequencies[present], powers[present]
    edges = np.unique(np.quantile(frequencies, np.linspace(0, 1, BANDS + 1)).round(6))  # many hydrogens: many at 1
    band = np.clip(np.searchsorted(edges, frequencies, side="right") - 1, 0, max(0, len(edges) - 2))
    filled = np.unique(band)
    means = [(frequencies[band == b].mean(), powers[band == b].mean()) for b in filled]
    return np.array([f for f, _ in means]), np.array([p for _, p in means])


def draw_fragment_scatter(distances: Mapping[str, tuple[np.ndarray, np.ndarray]], file: str | os.PathLike[str]) -> Path:
    """Draw the fragment RMSD from the reference before and after deblurring, a point for each conformer.

    Args:
        distances: By molecule, (K,) of the seeds and (K,) of the deblurred conformers, angstrom.
        file: Picture to write; its suffix is the format.

    Returns:
        The file.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: There are no conformers.

    Example:
        >>> distances = {"aspirin": (np.array([0.9, 0.7]), np.array([0.4, 0.5]))}  # of two conformers, before and after
        >>> draw_fragment_scatter(distances, "fragments.png").name
        'fragments.png'
    """
    if not any(len(before) for before, _ in distances.values()):
        raise ValueError("there is nothing to draw: no conformers")
    figure, (panel,) = _figure(1, "fragment RMSD of the seed, Å")
    most = 1.05 * max(float(np.max(x, initial=0.0)) for pair in distances.values() for x in pair)
    panel.plot([0, most], [0, most], color=FAINT_INK, linewidth=0.8)
    for (name, (before, after)), colour in zip(distances.items(), _shades(len(distances)), strict=True):
        panel.scatter(before, after, s=14, color=colour, label=name, alpha=0.8, linewidths=0)
    before, after = (np.concatenate([pair[i] for pair in distances.values()]) for i in (0, 1))
    panel.set(xlim=(0, most), ylim=(0, most), aspect="equal")
    panel.set_ylabel("fragment RMSD of the conformer, Å", color=INK)
    panel.set_title(f"{(after < before).mean():.0%} nearer to the reference than their seeds", color=INK, fontsize=11)
    panel.legend(frameon=False, fontsize=8)
    return _saved(figure, file)


def _figure(count: int, label: str) -> tuple[Any, list[Any]]:
    try:
        from matplotlib.figure import Figure  # not pyplot: no backend is chosen, no global state touched
    except ImportError as error:
        raise ImportError("drawing needs matplotlib: pip install 'rdkit-ebd[draw]'") from error

    figure = Figure(figsize=(4.6 * count, 4.4), facecolor="white", layout="constrained")
    panels = figure.subplots(1, count, squeeze=False)[0].tolist()
    for panel in panels:
        panel.set_xlabel(label, color=INK)
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(colors=FAINT_INK)
    return figure, panels


def _shades(count: int) -> list[Any]:
    from matplotlib import colormaps

    return [colormaps["viridis"](share) for share in np.linspace(0.1, 0.85, count)]


def _saved(figure: Any, file: str | os.PathLike[str]) -> Path:
    figure.savefig(file, dpi=DOTS_PER_INCH, facecolor="white")
    return Path(file)
