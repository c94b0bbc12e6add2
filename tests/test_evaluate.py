"""The yardstick: real methods on a small data set, failures counted, the table complete."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from typer.testing import CliRunner

from rdkit_ebd import cli
from rdkit_ebd.evaluate import evaluate, format_table, generate, minimise, write_results
from rdkit_ebd.train.dataset import read_records


def references(smiles: str, count: int) -> tuple[Chem.Mol, np.ndarray]:
    """MMFF94s minima, found by another seed than the methods use."""
    mol = with_hydrogens(smiles)
    rdDistGeom.EmbedMultipleConfs(mol, count, randomSeed=99)
    assert minimise(mol) == 0
    return mol, np.array([c.GetPositions() - c.GetPositions().mean(0) for c in mol.GetConformers()])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "small.npz"
    sets = [references(name, 3) for name in ("paracetamol", "salbutamol", "morphine")]
    smiles = []
    coords = []
    for mol, xyz in sets:
        text = Chem.MolToSmiles(mol)
        order = json.loads(mol.GetProp("_smilesAtomOutputOrder"))
        smiles.append(text)
        coords.append(np.round(xyz[:, order] * 1000).astype(np.int16).reshape(-1))
    np.savez(
        path,
        smiles=np.array(smiles),
        title=np.array(["a", "b", "c"]),
        n_atoms=np.array([mol.GetNumAtoms() for mol, _ in sets], np.int32),
        n_confs=np.array([3, 3, 3], np.int32),
        coords=np.concatenate(coords),
        energy=np.full(9, np.nan),
    )
    return path


def test_the_force_field_that_made_the_references_is_nearest_to_them(data: Path, tmp_path: Path) -> None:
    raw, minimised, ours = evaluate(data, ["ETKDGv3", "ETKDGv3+MMFF94s", "EBD"], workers=1)
    assert raw.molecules == minimised.molecules == ours.molecules == 3
    assert raw.conformers == minimised.conformers == ours.conformers == 18
    assert minimised.table["mat_p"] < raw.table["mat_p"]
    assert minimised.table["bond"] < 0.2 * raw.table["bond"]
    assert 0 < ours.table["mat_r"] < 2
    assert ours.table["stereo"] == 1.0
    assert minimised.failures["NOT_CONVERGED"] == 0
    table = format_table([raw, minimised, ours]).splitlines()
    assert len(table) == 5
    assert len({line.count("|") for line in table}) == 1
    write_results([raw, ours], tmp_path / "out.json")
    stored = json.loads((tmp_path / "out.json").read_text())
    assert [len(r["rows"]) for r in stored] == [3, 3]


def test_subsets_are_seeded(data: Path) -> None:
    titles = [[r.title for r in read_records(data, limit=2, seed=seed)] for seed in (1, 1, 2, 3, 4)]
    assert titles[0] == titles[1]
    assert len({tuple(t) for t in titles}) > 1


def test_unknown_methods_are_refused_before_any_work(data: Path) -> None:
    with pytest.raises(ValueError, match="OMEGA"):
        evaluate(data, ["ETKDGv3", "OMEGA"])
    result = CliRunner().invoke(cli.app, ["evaluate", str(data), "-m", "OMEGA"])
    assert result.exit_code == 2
    assert "OMEGA" in result.output


@pytest.mark.parametrize("method", ["ETKDGv3", "ETKDGv4", "EBD"])
def test_seed_zero_gives_every_method_different_conformers(method: str) -> None:
    mol, _, _ = generate(with_hydrogens("salbutamol"), method, 4, 0)
    coords = np.array([c.GetPositions() for c in mol.GetConformers()])
    assert len(coords) == 4
    assert min(np.abs(coords[i] - coords[j]).max() for i in range(4) for j in range(i)) > 0.01


def test_minimising_goes_on_until_it_converges() -> None:
    mol, _, failures = generate(with_hydrogens("fluoxetine"), "ETKDGv3+MMFF94s", 2, 3)
    assert failures == {"NOT_CONVERGED": 0}
    before = mol.GetConformer(0).GetPositions()
    [(code, _), _] = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, mmffVariant="MMFF94s")
    assert code == 0
    assert np.abs(mol.GetConformer(0).GetPositions() - before).max() < 0.01


def test_sd_files_are_data_sets_too(tmp_path: Path) -> None:
    path = tmp_path / "refs.sdf"
    with Chem.SDWriter(str(path)) as writer:
        for name in ("morphine", "salbutamol"):
            mol, _ = references(name, 2)
            mol.SetProp("_Name", name)
            for conformer in mol.GetConformers():
                writer.write(mol, conformer.GetId())
    records = list(read_records(path))
    assert [(r.title, len(r.coords)) for r in records] == [("morphine", 2), ("salbutamol", 2)]
    for record in records:
        assert Chem.MolToSmiles(record.mol) == Chem.MolToSmiles(with_hydrogens(record.title))
        assert np.abs(record.coords.mean(1)).max() < 1e-4
