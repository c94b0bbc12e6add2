"""Is QM9 read as it is, split as the paper splits it, and checked against its own SMILES?"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import embedded
from rdkit import Chem

from rdkit_ebd.data import qm9
from rdkit_ebd.data.molecule_arrays import MoleculeArrays, load_molecules, pack_records, save_molecules
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.train import edm_facts


@pytest.fixture(scope="module")
def some() -> MoleculeArrays:
    try:
        return qm9.read_qm9(limit=600)
    except ImportError:
        pytest.skip("needs qm9pack")


def place(molecules: MoleculeArrays, smiles: str) -> int:
    return molecules.smiles.index(smiles)


def test_benzene_is_benzene(some: MoleculeArrays) -> None:
    at = place(some, "C1=CC=CC=C1")
    atoms = slice(some.offsets[at], some.offsets[at + 1])
    assert some.numbers[atoms].tolist() == [6] * 6 + [1] * 6
    ring = some.coords[atoms][:6]
    sides = np.linalg.norm(ring - np.roll(ring, 1, axis=0), axis=1)
    assert sides == pytest.approx(1.393, abs=0.01)
    assert np.abs(some.coords[atoms].mean(0)).max() < 1e-5
    assert some.properties["mu"][at] == pytest.approx(0.0, abs=0.01)
    assert some.properties["gap"][at] == pytest.approx(
        some.properties["lumo"][at] - some.properties["homo"][at], abs=2e-4
    )


def test_water_has_its_dipole_and_heat_capacity(some: MoleculeArrays) -> None:
    at = place(some, "O")
    assert (some.properties["mu"][at], some.properties["cv"][at]) == pytest.approx((1.8511, 6.002))


def test_the_whole_set_is_split_in_the_paper_s_way() -> None:
    parts = qm9.standard_split(130_831)
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 100_000, "valid": 17_748, "test": 13_083}
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(130_831))
    # What NumPy's legacy generator draws with seed 0, whatever version of NumPy.
    assert np.array_equal(parts["train"][:5], np.random.RandomState(0).permutation(130_831)[:5])
    with pytest.raises(ValueError, match="600 molecules are not enough for 100000"):
        qm9.standard_split(600)


def test_the_split_is_the_published_one(some: MoleculeArrays) -> None:
    """The published code lists how many molecules of each size it trained on, of all and of the second half."""
    sizes: list[int] = []
    for part in (1, 2, 3):
        text = (qm9.data_folder() / f"qm9_part{part}.csv").read_bytes()
        sizes += map(int, re.findall(rb'"InChI=[^"]*",(\d+),', text))
    assert sizes[: len(some)] == some.sizes.tolist()
    train = qm9.standard_split(len(sizes))["train"]
    counted = np.array(sizes)
    assert Counter(counted[train].tolist()) == edm_facts.QM9_SIZES
    assert Counter(counted[qm9.halves(train)[1]].tolist()) == edm_facts.QM9_HALF_SIZES


def test_the_halves_share_nothing() -> None:
    train = qm9.standard_split(130_831)["train"]
    first, second = qm9.halves(train)
    assert len(first) == len(second) == 50_000
    assert np.array_equal(np.sort(np.concatenate([first, second])), np.sort(train))


def test_coordinates_agree_with_smiles_until_they_are_exchanged(some: MoleculeArrays) -> None:
    assert qm9.consistent(some.take(np.arange(200))).all()
    few = some.take(np.arange(100, 110))
    assert not qm9.consistent(replace(few, smiles=[*few.smiles[1:], few.smiles[0]])).any()
    stretched = replace(few, coords=few.coords * np.float32(1.6))
    assert not qm9.consistent(stretched).any()


def test_what_is_taken_is_what_was_there(some: MoleculeArrays) -> None:
    rows = np.array([5, 300, 2])
    few = some.take(rows)
    assert few.smiles == [some.smiles[row] for row in rows]
    for new, old in enumerate(rows):
        assert np.array_equal(
            few.coords[few.offsets[new] : few.offsets[new + 1]], some.coords[some.offsets[old] : some.offsets[old + 1]]
        )
    assert np.array_equal(few.properties["alpha"], some.properties["alpha"][rows])


def test_a_file_gives_back_what_was_saved(some: MoleculeArrays, tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    save_molecules(path, replace(some, splits=qm9.standard_split(len(some), 400)))
    back = load_molecules(path)
    assert back.smiles == some.smiles
    assert np.array_equal(back.coords, some.coords)
    assert np.array_equal(back.numbers, some.numbers)
    assert back.properties.keys() == some.properties.keys()
    assert len(back.splits["train"]) == 400
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"some\.safetensors holds no molecules"):
        load_molecules(path)


def test_molecules_of_ours_become_the_same_arrays(tmp_path: Path) -> None:
    path = tmp_path / "ours.sdf"
    with Chem.SDWriter(str(path)) as writer:
        for name in ("ibuprofen", "nicotine"):
            writer.write(embedded(name, 1))
    packed = pack_records(read_records(path), {"mass": np.array([206.0, 162.0])})
    assert len(packed) == 2
    assert packed.sizes.tolist() == [embedded(name, 1).GetNumAtoms() for name in ("ibuprofen", "nicotine")]
    assert packed.charges is not None
    assert not packed.charges.any()
    assert qm9.consistent(packed).all()
    with pytest.raises(ValueError, match="mass: not one value for each of 2"):
        pack_records(read_records(path), {"mass": np.zeros(3)})


def test_lists_of_indices(tmp_path: Path) -> None:
    path = tmp_path / "uncharacterized.txt"
    path.write_text("Index  SMILES\n=====\n   58  CC\n 21725 x\n3054 compounds\n")
    assert qm9.read_indices(path).tolist() == [58, 21725]
    path.write_text("nothing\n")
    with pytest.raises(ValueError, match="no line begins with an index"):
        qm9.read_indices(path)


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qm9, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'rdkit-ebd\[qm9\]'"):
        qm9.read_qm9()
