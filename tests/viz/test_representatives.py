"""Does the picture of clusters show each of them, in the colours of its energy, and leave the molecule as it is?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import call
from helpers import embedded
from rdkit import Chem

from rdkit_ebd import RankConformers
from rdkit_ebd.io import SDFWriter
from rdkit_ebd.viz import draw_representatives
from rdkit_ebd.viz.energy_colours import energy_colour, energy_span

image = pytest.importorskip("matplotlib.image")


def share(picture: np.ndarray, colour: str) -> float:
    rgb = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    return float((np.abs(picture[..., :3] - np.array(rgb)).max(-1) < 0.05).mean())


def state(mol: Chem.Mol) -> list[object]:
    """What a user would see of a molecule; its bytes also hold what RDKit has looked up on the way."""
    conformers = [(c.GetId(), c.GetPositions().tolist(), sorted(c.GetPropNames())) for c in mol.GetConformers()]
    return [Chem.MolToSmiles(mol), sorted(mol.GetPropNames()), *conformers]


def test_a_panel_for_each_cluster(tmp_path: Path) -> None:
    mol = embedded("captopril", 8)
    before = state(mol)
    ranking = draw_representatives(mol, tmp_path / "all.png", method="UFF", clusterRmsd=0.8)
    expected = RankConformers(Chem.Mol(mol), "UFF", clusterRmsd=0.8)
    assert ranking == expected
    assert state(mol) == before
    assert len(ranking.representatives) > 2
    picture = np.asarray(image.imread(tmp_path / "all.png"))
    top = energy_span(ranking.relative[ranking.ids.index(i)] for i in ranking.representatives)
    low, high = energy_colour(0.0, top), energy_colour(top, top)
    assert share(picture, low) > 1e-3
    in_all = share(picture, high)
    draw_representatives(mol, tmp_path / "one.png", method="UFF", clusterRmsd=0.8, maxPanels=1)
    one = np.asarray(image.imread(tmp_path / "one.png"))
    assert one.shape[1] < picture.shape[1]
    assert share(one, low) > 5e-3
    assert picture[..., 0].size * in_all > 3 * one[..., 0].size * share(one, high)  # of one, in the scale alone


def test_what_cannot_be_drawn_says_why(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no conformers"):
        draw_representatives(Chem.AddHs(Chem.MolFromSmiles("CCO")), tmp_path / "x.png")
    with pytest.raises(ValueError, match="maxPanels"):
        draw_representatives(embedded("aspirin", 1), tmp_path / "x.png", maxPanels=0)
    assert not list(tmp_path.iterdir())


def test_from_the_command_line(tmp_path: Path) -> None:
    source, picture = tmp_path / "in.sdf", tmp_path / "out.svg"
    with SDFWriter(source) as writer:
        writer.write(embedded("captopril", 4), "captopril")
    result = call("show", source, "-o", picture)
    assert result.exit_code == 0, result.output
    assert "4 conformers in " in result.stderr
    text = picture.read_text()
    assert text.startswith("<?xml")
    assert "0.00 kcal/mol" in text.replace("<!-- ", "").replace(" -->", "")
    with SDFWriter(source) as writer:
        writer.write(embedded("captopril", 1), "captopril")
        writer.write(embedded("aspirin", 1), "aspirin")
    result = call("show", source, "-o", picture)
    assert result.exit_code == 2
    assert "a picture is of one molecule, and INPUT has 2" in " ".join(result.stderr.split())
