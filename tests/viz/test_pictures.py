"""Pictures show what they should, in white, without touching matplotlib's global state or the molecule."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from rdkit_ebd.viz.pictures import draw_deblurring, draw_ensemble, oriented

image = pytest.importorskip("matplotlib.image")


@pytest.fixture
def mol() -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles("C[C@H](N)C(=O)OCc1ccc(F)cc1"))
    assert len(rdDistGeom.EmbedMultipleConfs(mol, 4, randomSeed=1)) == 4
    mol.SetProp("_Name", "an alanine ester")
    return mol


@pytest.fixture
def path_mol(mol: Chem.Mol) -> Chem.Mol:
    """The first conformer, less and less shaken."""
    noise = np.random.default_rng(0).normal(size=(mol.GetNumAtoms(), 3))
    path = Chem.Mol(mol, True)
    for number, time in enumerate((1.0, 0.75, 0.5, 0.25, 0.0)):
        state = Chem.Conformer(mol.GetConformer(0))
        state.SetPositions(mol.GetConformer(0).GetPositions() + time * noise)
        state.SetId(number)
        state.SetDoubleProp("ebd_time", time)
        path.AddConformer(state)
    return path


def pixels(path: Path) -> np.ndarray:
    return np.asarray(image.imread(path))[..., :3]


def share(picture: np.ndarray, colour: tuple[float, float, float]) -> float:
    """Share of pixels whose hue is near a colour's."""
    return float((np.abs(picture - np.array(colour)).max(-1) < 0.12).mean())


OXYGEN, BLUE, WHITE = (0.87, 0.23, 0.20), (0.24, 0.44, 0.84), (1.0, 1.0, 1.0)


def test_deblurring_shows_elements_on_white(path_mol: Chem.Mol, tmp_path: Path) -> None:
    path = draw_deblurring(path_mol, tmp_path / "deblurring.png")
    assert path == tmp_path / "deblurring.png"
    picture = pixels(path)
    assert (picture[0] == 1).all()
    assert (picture[:, 0] == 1).all()
    assert 0.4 < share(picture, WHITE) < 0.97
    assert share(picture, OXYGEN) > 1e-3
    assert share(picture, BLUE) > 5e-4


def test_deblurring_has_a_panel_per_state_up_to_the_most(path_mol: Chem.Mol, tmp_path: Path) -> None:
    five, three = (pixels(draw_deblurring(path_mol, tmp_path / f"{n}.png", n)) for n in (6, 3))
    assert 5 * three.shape[1] == pytest.approx(3 * five.shape[1], rel=0.1)
    assert all(0.4 < share(panel, WHITE) < 0.97 for panel in np.array_split(three, 3, axis=1))


def test_ensemble_shows_more_with_more_conformers(mol: Chem.Mol, tmp_path: Path) -> None:
    before = [c.GetPositions().copy() for c in mol.GetConformers()]
    many = pixels(draw_ensemble(mol, tmp_path / "many.png"))
    assert all((a == c.GetPositions()).all() for a, c in zip(before, mol.GetConformers(), strict=True))
    one = pixels(draw_ensemble(Chem.Mol(mol, False, 0), tmp_path / "one.png"))
    assert share(many, WHITE) < share(one, WHITE) < 1


def test_other_formats_follow_the_suffix(mol: Chem.Mol, tmp_path: Path) -> None:
    assert b"<svg" in draw_ensemble(mol, str(tmp_path / "ensemble.svg")).read_bytes()


@pytest.mark.parametrize("smiles", ["[Na+].[Cl-]", "O"])
def test_the_smallest_can_be_drawn(smiles: str, tmp_path: Path) -> None:
    small = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDistGeom.EmbedMultipleConfs(small, 2, randomSeed=1)
    assert draw_ensemble(small, tmp_path / "a.png").exists()
    assert draw_deblurring(small, tmp_path / "b.png").exists()


def test_the_view_is_a_rotation(mol: Chem.Mol) -> None:
    coords = np.stack([c.GetPositions() for c in mol.GetConformers()])
    for view in (coords, coords * [1, 1, -1]):
        seen = oriented(view, 0)
        for a, b in zip(view, seen, strict=True):
            # four atoms around the stereocentre span a volume whose sign is the enantiomer
            assert np.linalg.det(a[[0, 2, 3]] - a[1]) == pytest.approx(np.linalg.det(b[[0, 2, 3]] - b[1]))
        assert seen[0].std(0)[0] > seen[0].std(0)[1] > seen[0].std(0)[2]


def test_without_conformers_there_is_nothing_to_draw(tmp_path: Path) -> None:
    for draw in (draw_deblurring, draw_ensemble):
        with pytest.raises(ValueError, match="no conformers"):
            draw(Chem.MolFromSmiles("CCO"), tmp_path / "none.png")


def test_without_matplotlib_the_install_line_is_told(
    mol: Chem.Mol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'rdkit-ebd\[draw\]'"):
        draw_ensemble(mol, tmp_path / "none.png")


def test_no_backend_is_chosen(mol: Chem.Mol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    draw_ensemble(mol, tmp_path / "a.png")
    assert "matplotlib.pyplot" not in sys.modules
