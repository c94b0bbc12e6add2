"""Do the figures show what they claim: that blurring takes high frequencies first, and noise none in particular?"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import conformers, embedded, rotations, tiny_vocabulary, with_hydrogens
from rdkit import Chem

from rdkit_ebd.chem.fragments import assign_fragments
from rdkit_ebd.viz import paper_figures as figures

NAMES = ("ibuprofen", "fluoxetine")


def molecule(name: str) -> tuple[Chem.Mol, np.ndarray, np.ndarray]:
    mol = embedded(name, 4)
    return mol, conformers(name, 4), assign_fragments(mol, tiny_vocabulary())


def share_left(coords: np.ndarray, states: np.ndarray, mol: Chem.Mol, fragments: np.ndarray) -> tuple[float, float]:
    """Power of the states in shares of that of the conformers: of the fragments' layout, and of the rest."""
    _, vectors = figures.graph_spectrum(mol, fragments)
    layout = int(fragments.max()) + 1
    before, after = (figures.power(x, vectors) for x in (coords, states))
    return float(after[:layout].sum() / before[:layout].sum()), float(after[layout:].sum() / before[layout:].sum())


def test_the_spectrum_is_that_of_the_graph() -> None:
    values, vectors = figures.graph_spectrum(with_hydrogens("CC"), np.zeros(8, int))
    assert values[0] == pytest.approx(0, abs=1e-9)
    assert values[-1] == pytest.approx(3 + np.sqrt(7))  # two centres of degree 4 that move against each other
    assert np.allclose(vectors.T @ vectors, np.eye(8), atol=1e-9)
    mol, x, fragments = molecule("ibuprofen")
    values, vectors = figures.graph_spectrum(mol, fragments)
    layout = int(fragments.max()) + 1
    assert values[layout - 1] < 0.1 < values[layout]
    power = figures.power(x + 5, vectors)
    assert power[0] == pytest.approx(0, abs=1e-9)  # where the molecule lies does not count
    assert power.sum() == pytest.approx(np.square(x).sum((1, 2)).mean())


@pytest.mark.parametrize("name", NAMES)
def test_blurring_takes_high_frequencies_first_and_noise_does_not(name: str) -> None:
    mol, x, fragments = molecule(name)
    random = np.random.default_rng(0)
    low, high = share_left(x, figures.blurred(x, fragments, 0.9, random), mol, fragments)
    assert high < 0.1 < 0.95 < low
    low, high = share_left(x, figures.diffused(x, 0.9, random), mol, fragments)
    assert high > 1 > low


def test_both_processes_begin_at_the_conformer() -> None:
    _, x, fragments = molecule("ibuprofen")
    random = np.random.default_rng(0)
    assert np.abs(figures.blurred(x, fragments, 0.0, random) - x).max() < 0.06
    assert np.allclose(figures.diffused(x, 0.0, random), x)
    end = figures.blurred(x, fragments, 1.0, random)
    assert np.abs(end - figures.fragment_layout(x, fragments)[:, fragments]).max() < 0.06


def test_fragment_rmsd_knows_no_frame_and_no_inside() -> None:
    _, x, fragments = molecule("fluoxetine")
    moved = x @ rotations(4).numpy() + 3
    distances = figures.fragment_rmsd(x, moved, fragments)
    assert np.allclose(np.diag(distances), 0, atol=1e-6)
    assert distances[~np.eye(4, dtype=bool)].min() > 1e-3
    centres = figures.fragment_layout(x, fragments)[:, fragments]
    assert np.allclose(np.diag(figures.fragment_rmsd(centres, x, fragments)), 0, atol=1e-6)


def test_pictures_are_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    spectra = figures.draw_spectra([molecule(name) for name in NAMES], tmp_path / "spectra.png")
    distances = {name: (np.array([1.0, 2.0]), np.array([0.5, 2.5])) for name in NAMES}
    scatter = figures.draw_fragment_scatter(distances, tmp_path / "scatter.png")
    assert [path.read_bytes()[:4] for path in (spectra, scatter)] == [b"\x89PNG"] * 2
    assert figures.draw_fragment_scatter(distances, tmp_path / "scatter.svg").read_text().startswith("<?xml")


def test_nothing_to_draw_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no molecules"):
        figures.draw_spectra([], tmp_path / "x.png")
    with pytest.raises(ValueError, match="no conformers"):
        figures.draw_fragment_scatter({"a": (np.zeros(0), np.zeros(0))}, tmp_path / "x.png")


def test_without_matplotlib_there_is_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"rdkit-ebd\[draw\]"):
        figures.draw_fragment_scatter({"a": (np.ones(1), np.ones(1))}, tmp_path / "x.png")
