"""Are molecules made as the verb promises: whole, by number, streamed, with provenance, with what fell out counted?"""

from __future__ import annotations

import tracemalloc
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import embedded
from rdkit import Chem
from rdkit.Chem import rdDistGeom
from tiny_generator import tiny_generator

from rdkit_ebd import GenerateMolecules, GeneratePath, StreamGenerated, get_provenance
from rdkit_ebd.molecules.ensemble import ensemble_of
from rdkit_ebd.molecules.generate_report import GenerateReport

N = 16


@pytest.fixture(scope="module")
def report() -> GenerateReport:
    return GenerateMolecules(N, randomSeed=7, numAtoms=range(12, 20), keepInvalid=True)


def test_molecules_are_whole(report: GenerateReport) -> None:
    assert report.requested == N == len(report.mols) + len(report.failed)
    assert len(report.mols) >= 2
    assert len(report.invalid) == len(report.failed) == sum(report.failures.values())
    for index, mol in zip(report.indices, report.mols, strict=True):
        assert mol.GetNumConformers() == 1
        assert 12 <= mol.GetNumAtoms() <= 19
        assert len(Chem.GetMolFrags(mol)) == 1
        assert sum(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()) == 0
        origin = get_provenance(mol.GetConformer())
        assert (origin["ebd_seed"], origin["ebd_index"], origin["ebd_stage"]) == (7, index, "generated")
        again = Chem.AddHs(Chem.MolFromSmiles(Chem.MolToSmiles(Chem.RemoveHs(mol))))
        assert again.GetNumAtoms() == mol.GetNumAtoms()


def test_molecules_depend_on_seed_and_number(report: GenerateReport) -> None:
    few = {one.index: one for one in StreamGenerated(6, randomSeed=7, numAtoms=range(12, 20), batchSize=2) if one.ok}
    assert few.keys() == {index for index in report.indices if index < 6}
    for index, one in few.items():
        whole = report.mols[report.indices.index(index)]
        assert Chem.MolToSmiles(one.mol) == Chem.MolToSmiles(whole)
        assert np.allclose(one.mol.GetConformer().GetPositions(), whole.GetConformer().GetPositions(), atol=1e-2)


def test_table_and_summary(report: GenerateReport) -> None:
    rows = report.rows()
    assert [row["index"] for row in rows] == list(range(N))
    assert [row["index"] for row in rows if row["ok"]] == report.indices
    assert report.summary().startswith(f"{len(report.mols)} of {N} molecules in ")


def test_a_stream_takes_no_more_memory_for_more(tmp_path: Path) -> None:
    model = tiny_generator(tmp_path)
    tracemalloc.start()
    stream = StreamGenerated(10_000_000, model, randomSeed=1, batchSize=8)
    assert [one.index for one in islice(stream, 20)] == list(range(20))
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_bad_input_is_refused_before_any_work() -> None:
    for arguments, message in (
        ({"n": 0}, "n must be at least 1"),
        ({"n": 1, "model": "edm-zinc"}, "no model 'edm-zinc'.*edm-qm9"),
        ({"n": 1, "conditions": {"gap": 25}}, "gap must be from .* hartree"),
        ({"n": 1, "numAtoms": 300}, "it knows 3 to 29"),
    ):
        with pytest.raises(ValueError, match=message):
            GenerateMolecules(**arguments)  # type: ignore[arg-type]


def test_a_fragment_grows_where_it_is() -> None:
    furan = Chem.AddHs(Chem.MolFromSmiles("c1ccoc1"))
    rdDistGeom.EmbedMolecule(furan, randomSeed=7)
    core = Chem.RemoveHs(furan)
    report = GenerateMolecules(8, core=core, randomSeed=3, keepInvalid=True)
    assert report.mols
    assert all(mol.HasSubstructMatch(core) for mol in report.mols)
    for mol in report.mols + report.invalid:
        assert mol.GetNumHeavyAtoms() > 5
        assert np.abs(mol.GetConformer().GetPositions()[:5] - core.GetConformer().GetPositions()).max() < 1e-4


def test_an_ensemble_says_where_a_pose_lies() -> None:
    found = ensemble_of(embedded("paracetamol", 1), 3, 1)
    assert found.problem == ""
    assert found.mol is not None
    assert found.mol.GetNumConformers() == 3
    assert 0 <= found.nearest <= found.lowest < 3


def test_a_path_ends_with_the_molecule(report: GenerateReport) -> None:
    index = report.indices[0]
    path = GeneratePath(index, randomSeed=7, numAtoms=range(12, 20))
    assert path.GetNumConformers() > 20
    places = [conformer.GetPositions() for conformer in path.GetConformers()]
    assert np.allclose(places[-1], report.mols[0].GetConformer().GetPositions(), atol=1e-2)
    assert get_provenance(path.GetConformer(path.GetNumConformers() - 1))["ebd_index"] == index


def test_a_path_is_asked_for_as_a_molecule_is() -> None:
    furan = Chem.AddHs(Chem.MolFromSmiles("c1ccoc1"))
    rdDistGeom.EmbedMolecule(furan, randomSeed=7)
    core = Chem.RemoveHs(furan)
    core.GetConformer().SetPositions(np.add(core.GetConformer().GetPositions(), [20.0, 0.0, 0.0]))
    asked: dict[str, Any] = {
        "conditions": {"alpha": 80.0},
        "randomSeed": 3,
        "numSteps": 12,
        "numRestarts": 1,
        "core": core,
    }
    [one] = StreamGenerated(1, **asked)
    path = GeneratePath(**asked)
    assert path.GetProp("wanted_alpha") == one.mol.GetProp("wanted_alpha") == "80"
    places = [conformer.GetPositions() for conformer in path.GetConformers()]
    assert np.allclose(places[-1], one.mol.GetConformer().GetPositions(), atol=1e-2)
    assert np.abs(places[-2][:5] - core.GetConformer().GetPositions()).max() < 1e-3
    with pytest.raises(TypeError, match="embed"):
        GeneratePath(randomSeed=3, embed=5)  # type: ignore[call-arg]
    assert np.abs(places[0] - places[-1]).max() > 2
