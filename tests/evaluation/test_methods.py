"""Does every method make what its name says, and does a wrong name fail before any work?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdForceFieldHelpers

from rdkit_ebd.evaluation.measures import positions
from rdkit_ebd.evaluation.methods import RECIPES, EBDMethod, Generated, generate, minimise, parse_method, parse_methods
from rdkit_ebd.generators.checkpoint import model_path


def made(smiles: str, method: str, count: int = 3, seed: int = 0) -> Generated:
    return generate(with_hydrogens(smiles), parse_method(method), count, seed)


def parameters(name: str) -> dict[str, object]:
    method = parse_method(name)
    assert isinstance(method, EBDMethod)
    return method.params.changed()


@pytest.mark.parametrize("method", [*RECIPES, "EBD"])
def test_seed_zero_gives_every_method_different_conformers(method: str) -> None:
    found = made("salbutamol", method)
    coords = positions(found.mol)
    assert found.embedding.indices == [0, 1, 2]
    assert min(np.abs(coords[i] - coords[j]).max() for i in range(3) for j in range(i)) > 0.01
    assert np.isfinite(coords).all()
    assert found.seconds > 0 < found.cpu_seconds


@pytest.mark.parametrize("method", ["ETKDGv3", "ETKDGv4+ICE"])
def test_the_first_of_many_are_the_few(method: str) -> None:
    few, many, others = made("captopril", method, 2), made("captopril", method, 4), made("captopril", method, 2, 50)
    assert np.array_equal(positions(few.mol), positions(many.mol)[:2])
    assert not np.allclose(positions(few.mol), positions(others.mol), atol=0.01)


def test_recipes_differ() -> None:
    names = set(RECIPES) - {"ETKDGv2", "ETKDGv3+SR"}  # they are ETKDGv3 but for macrocycles and small rings
    coords = [positions(made("paracetamol", name, 1).mol) for name in sorted(names)]
    assert min(np.abs(a - b).max() for i, a in enumerate(coords) for b in coords[:i]) > 1e-3
    plain, small_rings = (positions(made("OC1CCCCC1CO", name, 1).mol) for name in ("ETKDGv3", "ETKDGv3+SR"))
    assert np.abs(plain - small_rings).max() > 1e-3


def test_minimising_goes_on_until_it_converges() -> None:
    found = made("fluoxetine", "ETKDGv3+MMFF94s", 2)
    assert not any(cause.startswith("MMFF94S") for cause in found.embedding.failures)
    before = found.mol.GetConformer(0).GetPositions()
    [(code, _), _] = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(found.mol, mmffVariant="MMFF94s")
    assert code == 0
    assert np.abs(found.mol.GetConformer(0).GetPositions() - before).max() < 0.01


def test_what_has_no_force_field_stays_and_is_counted() -> None:
    borane = made("B(c1ccccc1)c1ccccc1", "ETKDGv3+MMFF94s", 2)
    assert borane.mol.GetNumConformers() == borane.embedding.failures["NO_MMFF94S_PARAMETERS"] == 2
    assert minimise(Chem.Mol(borane.mol)) == {"NO_MMFF94S_PARAMETERS": 2}


def test_a_rejection_is_a_result() -> None:
    found = made("C[Te]CCCCc1ccccc1", "EBD")
    assert found.mol.GetNumConformers() == 0
    assert found.embedding.failures == {"UNSUPPORTED": 1}
    assert "Te" in found.embedding.problem


def test_ebd_takes_any_parameter() -> None:
    path = str(model_path("default"))
    assert parameters("EBD") == {}
    assert parameters("EBD:ebd-f2f:2") == {"model": "ebd-f2f", "numRounds": 2}
    assert parameters(f"EBD:{path}+MMFF94s") == {"model": path}
    assert parameters("EBD:coarse=dg,numRounds=1,noiseScale=0.5") == {
        "coarse": "dg",
        "numRounds": 1,
        "noiseScale": 0.5,
    }
    assert parameters("EBD:ebd-f2f,useRandomCoords=True") == {"model": "ebd-f2f", "useRandomCoords": True}


def test_settings_of_ebd_are_used() -> None:
    found = made("ibuprofen", "EBD:pruneRmsThresh=50,numRounds=1", 3)
    assert (found.mol.GetNumConformers(), found.embedding.dropped) == (1, 2)
    assert found.embedding.before_gate["stereo"] == 1
    refined = made("ibuprofen", "EBD:refine=MMFF94s", 1)
    loose = made("ibuprofen", "EBD", 1)
    assert _mmff(refined.mol) < _mmff(loose.mol) - 1


def _mmff(mol: Chem.Mol) -> float:
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, "MMFF94s")
    return float(rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties).CalcEnergy())


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("OMEGA", "OMEGA"),
        ("ETKDGv3+UFF", "ETKDGv3"),
        ("CONFORGE:5", "CONFORGE"),
        ("EBD:no-such-model", "no-such-model"),
        ("EBD:coarze=dg", "coarse"),
        ("EBD:coarse=etk", "etk"),
        ("EBD:randomSeed=3", "randomSeed"),
        ("EBD:numRounds=2,numRounds=3", "twice"),
        ("EBD:refine=AMBER", "AMBER"),
    ],
)
def test_wrong_names_are_rejected(name: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_method(name)


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"OMEGA.*EBD:x"):
        parse_methods(["ETKDGv3", "OMEGA", "EBD:x"])
    with pytest.raises(ValueError, match="no method"):
        parse_methods([])
    assert [m.name for m in parse_methods(["DG", "EBD", "DG"])] == ["DG", "EBD"]


def test_identity_tells_weights_and_versions_apart() -> None:
    identities = {parse_method(name).identity for name in ("EBD", "EBD:ebd-f2f", "ETKDGv3", "ETKDGv3+MMFF94s")}
    assert len(identities) == 4
    assert all(any(character.isdigit() for character in identity) for identity in identities)
