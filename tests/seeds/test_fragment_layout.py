"""Is a layout one point per fragment, and does the model build the molecule around the points?"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import embedded, with_hydrogens
from rdkit import Chem

from rdkit_ebd import EmbedWithReport, FragmentLayout
from rdkit_ebd.arrays.batch import collate, fragment_points
from rdkit_ebd.chem.featurise import mol_graph
from rdkit_ebd.chem.fragments import Vocabulary
from rdkit_ebd.chem.stereo import stereo_kept, stereo_labels
from rdkit_ebd.generators.checkpoint import load_model


def test_points_are_those_that_the_model_sees() -> None:
    mol, layout = embedded("ibuprofen", 3), FragmentLayout(with_hydrogens("ibuprofen"))
    points = layout.points(mol)
    assert points.shape == (3, len(layout), 3)
    graph = mol_graph(mol, Vocabulary.from_dict(load_model("ebd-c2f").config.vocabulary))
    np.testing.assert_array_equal(layout.fragments, graph.fragments)
    coords = torch.from_numpy(np.array([c.GetPositions() for c in mol.GetConformers()]))
    seen = fragment_points(coords, collate([graph]).repeated(3))
    np.testing.assert_allclose(points[:, layout.fragments], seen.numpy(), atol=1e-6)
    assert "[H]c1cc([H])c([H])cc1[H]" in layout.smiles  # the phenylene


def test_conformers_are_built_around_the_points() -> None:
    rough = embedded("ibuprofen", 2)
    layout = FragmentLayout(rough)
    drawn = layout.with_points(points := layout.points(rough))
    assert np.ptp(drawn.GetConformer(0).GetPositions()[layout.fragments == 0], axis=0).max() == 0
    report = EmbedWithReport(drawn, 2, model=layout.model, coarse="conformers", randomSeed=1)
    assert len(report.ids) == 2
    coords = np.array([c.GetPositions() for c in drawn.GetConformers()])
    assert stereo_kept(coords, stereo_labels(drawn)).all()
    spread = np.linalg.norm(points - points.mean(1, keepdims=True), axis=-1).mean()
    built = layout.points(drawn)
    assert np.linalg.norm(built - built.mean(1, keepdims=True), axis=-1).mean() == pytest.approx(spread, rel=0.15)


def test_what_is_no_layout_is_an_error() -> None:
    layout = FragmentLayout(with_hydrogens("ibuprofen"))
    for points in (np.zeros((len(layout) + 1, 3)), np.zeros((0, len(layout), 3)), np.full((len(layout), 3), np.nan)):
        with pytest.raises(ValueError, match=rf"\({len(layout)}, 3\)"):
            layout.with_points(points)
    with pytest.raises(ValueError, match="starts from atoms"):
        FragmentLayout(layout.mol, "default").with_points(np.zeros((len(layout), 3)))
    with pytest.raises(ValueError, match="no conformers"):
        layout.points(layout.mol)
    with pytest.raises(ValueError, match="other atoms"):
        layout.points(embedded("aspirin"))
    with pytest.raises(ValueError, match="AddHs"):
        FragmentLayout(Chem.MolFromSmiles("CCO"))
    with pytest.raises(TypeError, match="NoneType"):
        FragmentLayout(None)  # type: ignore[arg-type]
