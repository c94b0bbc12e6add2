"""Are generated molecules measured as the paper measures them, and do worse ones score worse?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import call

from rdkit_ebd.data.molecule_arrays import MoleculeArrays, save_molecules
from rdkit_ebd.data.qm9 import data_folder, read_qm9
from rdkit_ebd.evaluation.generated import generated_table, judge_generated, known_molecules
from rdkit_ebd.evaluation.generated_shape import jensen_shannon, shape_distances


@pytest.fixture(scope="module")
def data() -> MoleculeArrays:
    try:
        data_folder()
    except ImportError:
        pytest.skip("needs qm9pack")
    return read_qm9(limit=2400)


def shaken(molecules: MoleculeArrays, amount: float) -> MoleculeArrays:
    noise = np.random.default_rng(1).normal(0, amount, molecules.coords.shape)
    return replace(molecules, coords=(molecules.coords + noise).astype(np.float32))


def test_the_data_are_good_and_noise_is_not(data: MoleculeArrays) -> None:
    good, bad = data.take(np.arange(1000, 1400)), shaken(data.take(np.arange(1000, 1400)), 0.15)
    known = known_molecules(data.smiles)
    one, other = (judge_generated(part, data, known, posebusters=1, strain=4) for part in (good, bad))
    assert one.valid > 0.9
    assert one.unique > 0.98
    assert one.valid_and_unique == pytest.approx(one.valid * one.unique)
    assert one.novel is not None
    assert one.novel < 0.05  # all are known, but for those whose tables' bonds are other ones
    assert one.posebusters == 1.0
    assert one.strain is not None
    assert 0 < one.strain < 30
    assert other.stable < 0.1 < one.stable
    assert other.valid < one.valid
    assert all(other.shapes[name] > one.shapes[name] for name in ("bonds", "angles"))
    assert sum(other.causes.values()) >= round((1 - other.valid) * 400)


def test_two_copies_are_not_unique(data: MoleculeArrays) -> None:
    quality = judge_generated(data.take(np.array([0, 0, 1, 2])))
    assert (quality.valid, quality.unique, quality.valid_and_unique) == (1.0, 0.75, 0.75)


def test_two_molecules_in_one_are_valid_and_not_connected(data: MoleculeArrays) -> None:
    pair = data.take(np.array([0, 1]))
    far = pair.coords + np.repeat([[0, 0, 0], [50.0, 0, 0]], pair.sizes, axis=0)
    both = MoleculeArrays(pair.numbers, far, np.array([0, len(pair.numbers)]), ["C.N"], np.zeros(1, np.int64))
    quality = judge_generated(both)
    assert (quality.valid, quality.connected) == (1.0, 0.0)


def test_jensen_shannon_distances(data: MoleculeArrays) -> None:
    same = shape_distances(data, data)
    assert max(same.values()) == 0.0
    a, b = (np.array([1, 2]), np.array([3, 1])), (np.array([4]), np.array([7]))
    assert jensen_shannon(a, b) == pytest.approx(1.0)
    one, other = (np.array([1, 2]), np.array([1, 1])), (np.array([1]), np.array([5]))
    assert jensen_shannon(one, other) ** 2 == pytest.approx(0.5 * np.log2(1 / 0.75) + 0.25 * np.log2(0.5 / 0.75) + 0.25)


def test_angles_are_angles(data: MoleculeArrays) -> None:
    methane = data.take(np.array([data.smiles.index("C")]))
    hidden = replace(methane, coords=methane.coords * np.float32(1.02))  # bonds longer, angles the same
    distances = shape_distances(methane, hidden)
    assert distances["angles"] == 0.0
    assert distances["bonds"] == pytest.approx(1.0)


def test_what_cannot_be_judged_is_said(data: MoleculeArrays) -> None:
    with pytest.raises(ValueError, match="no molecules to judge"):
        judge_generated(data.take(np.zeros(0, np.int64)))
    iron = replace(data.take(np.array([0])), numbers=np.array([26, 1, 1, 1, 1], np.int8))
    with pytest.raises(ValueError, match="atomic numbers 26"):
        judge_generated(iron)


def test_the_command_prints_a_row_and_writes_json(data: MoleculeArrays, tmp_path: Path) -> None:
    path, out = tmp_path / "some.safetensors", tmp_path / "rows.json"
    save_molecules(path, data.take(np.arange(100, 160)))
    done = call("judge-molecules", path, "--limit", 40, "-o", out)
    assert done.exit_code == 0, done.output
    row = json.loads(out.read_text())[str(path)]
    assert row["molecules"] == 40
    assert generated_table({}, published=True).splitlines()[-1].split("|")[4].strip() == "82.0 %"
    assert f"{row['stable']:.2%}" in done.stdout
    assert call("judge-molecules", "qm9:nothing").exit_code == 2
