"""Do examples survive the journey to the training machine?"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from helpers import conformers, graph_of

from rdkit_ebd.arrays.molgraph import MolGraph
from rdkit_ebd.train.data_prep.shards import Example, load_shard, load_shards, save_shard

ROUNDING = 0.5e-3 + 1e-6  # angstrom


def example(smiles: str, references: int, seeds: int, symmetries: int = 0) -> Example:
    """An example with sizes of its own."""
    graph = graph_of(smiles)
    x = conformers(smiles, references + seeds).astype(np.float32)
    pairs = np.array([(r, -1) for r in range(references)], np.int16).reshape(-1, 2)
    orders = np.tile(np.arange(3, dtype=np.int16), (symmetries, 1)) if symmetries else np.zeros((0, 0), np.int16)
    return Example(graph, x[:references], x[references:], pairs, orders)


def mixed() -> list[Example]:
    return [
        example("penicillin_v", 2, 3),
        example("C=C", 1, 1),  # no stereo, no torsions
        example("C[C@H](N)C(=O)O", 3, 1, symmetries=4),
        example("tamoxifen", 1, 2),
        example("O", 1, 1, symmetries=1),
    ]


def assert_same(found: Example, expected: Example) -> None:
    for field in fields(MolGraph):
        ours, theirs = getattr(found.graph, field.name), getattr(expected.graph, field.name)
        assert np.array_equal(ours, theirs), field.name
        assert getattr(ours, "dtype", None) == getattr(theirs, "dtype", None), field.name
    assert np.array_equal(found.graph.dihedrals, expected.graph.dihedrals)
    for name in ("references", "seeds"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert ours.dtype == np.float32
        assert np.allclose(ours, theirs, rtol=0, atol=ROUNDING)
    assert np.array_equal(found.pairs, expected.pairs)
    assert np.array_equal(found.symmetries, expected.symmetries)


def test_examples_come_back(tmp_path: Path) -> None:
    save_shard(tmp_path / "a.shard", mixed())
    found = load_shard(tmp_path / "a.shard")
    for ours, theirs in zip(found, mixed(), strict=True):
        assert_same(ours, theirs)
    with pytest.raises(AssertionError):
        assert_same(found[0], mixed()[3])


def test_the_level_comes_back(tmp_path: Path) -> None:
    ethanol = example("CCO", 1, 1)
    graph = MolGraph(**{f.name: getattr(ethanol.graph, f.name) for f in fields(MolGraph) if f.name != "level"}, level=1)
    save_shard(tmp_path / "a.shard", [Example(graph, ethanol.references, ethanol.seeds, ethanol.pairs)])
    assert load_shard(tmp_path / "a.shard")[0].graph.level == 1


def test_saving_again_changes_nothing(tmp_path: Path) -> None:
    first, second = tmp_path / "a.shard", tmp_path / "b.shard"
    save_shard(first, mixed())
    save_shard(second, load_shard(first))
    assert first.read_bytes() == second.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.shard", "b.shard"]  # nothing half-written is left


def test_several_shards_are_read_in_order(tmp_path: Path) -> None:
    whole = mixed()
    save_shard(tmp_path / "a.shard", whole[:2])
    save_shard(tmp_path / "b.shard", whole[2:])
    found = load_shards([tmp_path / "b.shard", tmp_path / "a.shard"])
    for ours, theirs in zip(found, whole[2:] + whole[:2], strict=True):
        assert_same(ours, theirs)


def test_an_example_without_seeds_or_pairs_comes_back(tmp_path: Path) -> None:
    ethanol = example("CCO", 1, 1)
    bare = Example(ethanol.graph, ethanol.references, ethanol.seeds[:0], ethanol.pairs[:0])
    save_shard(tmp_path / "a.shard", [bare, ethanol])
    found = load_shard(tmp_path / "a.shard")
    assert_same(found[0], bare)
    assert_same(found[1], ethanol)
