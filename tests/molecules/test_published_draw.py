"""Do imported EDM models draw through the public verb, the same molecules for the same seed?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from rdkit_ebd import GenerateMolecules, GeneratePath, LogLikelihood, StreamGenerated
from rdkit_ebd.generators.edm.published.egnn import Egnn, EgnnConfig
from rdkit_ebd.generators.edm.published.model import PublishedConfig, save_published
from rdkit_ebd.train.edm_facts import CONDITIONS


@pytest.fixture
def model(tmp_path: Path) -> str:
    torch.manual_seed(2)
    config = PublishedConfig("tiny", EgnnConfig(6, 1, 8, 1), sizes={4: 1, 6: 2}, conditions=(CONDITIONS["alpha"],))
    save_published(tmp_path / "tiny.safetensors", config, Egnn(config.network).state_dict())
    return str(tmp_path / "tiny.safetensors")


def test_an_imported_model_draws(model: str) -> None:
    asked: dict[str, Any] = {"model": model, "conditions": {"alpha": 60.0}, "randomSeed": 3, "numSteps": 5}
    made, again = list(StreamGenerated(5, **asked)), list(StreamGenerated(3, **asked, batchSize=2))
    assert [one.index for one in made] == [0, 1, 2, 3, 4]
    assert {one.mol.GetNumAtoms() for one in made} <= {4, 6}
    assert all(one.mol.GetProp("wanted_alpha") == "60" for one in made)
    for one, other in zip(again, made, strict=False):
        assert positions(one.mol) == pytest.approx(positions(other.mol), abs=1e-3)
    assert [one.mol.GetNumAtoms() for one in StreamGenerated(2, **asked, numAtoms=4)] == [4, 4]
    report = GenerateMolecules(2, **asked)
    assert len(report.mols) + len(report.failed) == 2


def positions(mol: Chem.Mol) -> np.ndarray:
    return np.asarray(mol.GetConformer().GetPositions())


def test_what_it_cannot_do_is_said(model: str) -> None:
    with pytest.raises(ValueError, match="conditioned on alpha, and conditions are none"):
        GenerateMolecules(1, model)
    with pytest.raises(ValueError, match="trained on 4 to 6 atoms"):
        GenerateMolecules(1, model, numAtoms=9, conditions={"alpha": 60.0})
    with pytest.raises(ValueError, match="is an imported EDM, with which GenerateMolecules"):
        GeneratePath(0, model, conditions={"alpha": 60.0})
    with pytest.raises(ValueError, match=r"the published EDM has no guidance$"):
        GenerateMolecules(1, model, conditions={"alpha": 60.0}, guidance=3.0)
    with pytest.raises(ValueError, match=r"must be from 9\.46 to 132\.5, where tiny has seen molecules, not 1000"):
        GenerateMolecules(1, model, conditions={"alpha": 1000})
    with pytest.raises(TypeError, match="conditions must map properties"):
        GenerateMolecules(1, model, conditions=[("alpha", 60.0)])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="numThreads must be an integer"):
        GenerateMolecules(1, model, conditions={"alpha": 60.0}, numThreads="all")
    with pytest.raises(ValueError, match="2 values for 1 molecule"):
        LogLikelihood([methane()], model, conditions={"alpha": [60.0, 70.0]})


def test_where_sizes_are_not_known_they_are_bounded(tmp_path: Path) -> None:
    config = PublishedConfig("sizeless", EgnnConfig(6, 0, 8, 1))
    save_published(tmp_path / "sizeless.safetensors", config, Egnn(config.network).state_dict())
    with pytest.raises(ValueError, match="numAtoms must be at most 1000, not 1001"):
        StreamGenerated(1, str(tmp_path / "sizeless.safetensors"), numAtoms=(5, 1001))
    drawn = StreamGenerated(20, str(tmp_path / "sizeless.safetensors"), numAtoms=range(3), numSteps=1, randomSeed=1)
    assert {one.mol.GetNumAtoms() for one in drawn} == {1, 2}


def methane() -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles("C"))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    return mol
