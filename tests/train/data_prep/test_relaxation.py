"""Do seeds fall into sound minima, and is the reference of a basin found?"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import conformers, graph_of, rows, tiny_vocabulary, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdForceFieldHelpers

from rdkit_ebd.arrays.geometry import twist
from rdkit_ebd.chem.torsions import dihedral_angles
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import Record
from rdkit_ebd.generators.checkpoint import load_model
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.train.data_prep.prepare import PrepareConfig, inchikey_blocks, make_examples, prepare
from rdkit_ebd.train.data_prep.relaxation import after_rounds, basins, relax
from rdkit_ebd.train.data_prep.shards import load_shards


def relaxed(name: str, count: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Seeds, which of them were kept, and their minima."""
    mol, seeds = with_hydrogens(name), conformers(name, count).astype(np.float32)
    return seeds, *relax(mol, seeds, check_tables(mol))


@pytest.mark.parametrize("name", ["ibuprofen", "penicillin_v"])
def test_minima_are_minima_of_their_own_seed(name: str) -> None:
    seeds, kept, minima = relaxed(name)
    assert len(kept) >= 3
    for seed, minimum in zip(seeds[kept], minima, strict=True):
        assert largest_force(name, minimum) < 0.01 < 1 < largest_force(name, seed)
        assert np.abs(minimum.mean(0)).max() < 1e-4


def largest_force(name: str, coords: np.ndarray) -> float:
    """kcal/mol/angstrom."""
    mol = with_hydrogens(name)
    conformer = Chem.Conformer(len(coords))
    conformer.SetPositions(coords.astype(np.float64))
    mol.AddConformer(conformer)
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, "MMFF94s")
    field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties)
    field.Initialize()
    return float(np.abs(field.CalcGrad()).max())


def test_what_the_force_field_does_not_know_gives_nothing() -> None:
    mol = with_hydrogens("C[Si](C)(C)CB(O)O")
    seeds = np.zeros((2, mol.GetNumAtoms(), 3), np.float32)
    kept, minima = relax(mol, seeds, check_tables(mol))
    assert len(kept) == len(minima) == 0


def test_a_minimum_finds_the_reference_of_its_basin() -> None:
    graph = graph_of("ibuprofen")
    _, _, minima = relaxed("ibuprofen", 6)
    alone = minima[:1]
    assert basins(graph, alone, alone).tolist() == [0]
    batch = rows(graph, 1)

    def turned(degrees: float) -> np.ndarray:
        angles = torch.full(batch.torsions.shape[:2], math.radians(degrees))
        moved = twist(torch.from_numpy(alone), batch.torsions[..., 1:3], batch.far_side, angles)
        return moved.numpy()

    assert basins(graph, turned(20), alone).tolist() == [0]
    assert basins(graph, turned(90), alone).tolist() == [-1]
    distorted = turned(10) + np.random.default_rng(0).normal(0, 0.02, alone.shape).astype(np.float32)
    assert basins(graph, alone, np.concatenate([turned(90), distorted, alone])).tolist() == [2]
    assert basins(graph, alone, alone[:0]).tolist() == [-1]


def test_examples_of_seeds_and_their_minima() -> None:
    name = "nicotine"
    mol, seeds = with_hydrogens(name), conformers(name, 3).astype(np.float32)
    _, kept, minima = relaxed(name, 3)
    record = Record("", mol, minima[:1], np.zeros(1), name)
    basin, *natural = make_examples(record, tiny_vocabulary(), PrepareConfig(relaxed=3, relaxed_level=1), seeds)
    assert not basin.natural
    assert all(example.natural for example in natural)
    assert sum(len(example.pairs) for example in natural) == len(kept)
    home, *elsewhere = natural
    assert home.graph.level == 0  # the first minimum is its own reference
    assert np.array_equal(home.references[0], minima[0])
    assert all(example.graph.level == 1 for example in elsewhere)


def test_a_model_brings_minima_to_its_level_and_leaves_their_basins_alone() -> None:
    """MMFF94s has bonds of its own, which are not those that the model was trained on."""
    mol, graph, model = with_hydrogens("ibuprofen"), graph_of("ibuprofen"), load_model()
    tables = check_tables(mol)
    _, _, minima = relaxed("ibuprofen")
    found = after_rounds(mol, minima, tables, model, np.ones(len(minima), np.int64))
    assert found.dtype == np.float32
    assert np.abs(found.mean(1)).max() < 1e-4
    turned = dihedral_angles(found, graph.torsions) - dihedral_angles(minima, graph.torsions)
    assert np.abs((turned + math.pi) % (2 * math.pi) - math.pi).max() < math.radians(40)
    a, b = np.array([[bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()] for bond in mol.GetBonds()]).T
    longer = np.linalg.norm(found[:, a] - found[:, b], axis=2) - np.linalg.norm(minima[:, a] - minima[:, b], axis=2)
    assert 0.003 < np.abs(longer).mean() < 0.02


@pytest.mark.parametrize("smiles", ["C=O", "C[Ge](C)(C)CCCCO"])
def test_what_the_model_does_not_treat_stays_as_it_was(smiles: str) -> None:
    mol, minima = with_hydrogens(smiles), conformers(smiles, 2).astype(np.float32)
    assert np.array_equal(after_rounds(mol, minima, check_tables(mol), load_model(), np.array([1, 2])), minima)


def test_each_seed_goes_through_its_own_number_of_rounds() -> None:
    mol, model = with_hydrogens("ibuprofen"), load_model()
    tables, seeds = check_tables(mol), conformers("ibuprofen", 3).astype(np.float32)
    seeds -= seeds.mean(1, keepdims=True)
    found = after_rounds(mol, seeds, tables, model, np.array([2, 0, 1]))
    assert np.abs(found[1] - seeds[1]).max() < 1e-5
    once = after_rounds(mol, seeds, tables, model, np.ones(3, np.int64))
    assert np.abs(found[2] - once[2]).max() < 1e-4
    again = after_rounds(mol, once, tables, model, np.array([1, 0, 0]))
    assert np.abs(found[0] - again[0]).max() < 1e-4
    assert np.abs(once[0] - again[0]).max() > 0.01


def test_pairs_may_begin_where_the_models_rounds_end() -> None:
    """What is learnt is where the force field goes from there, not from the seed."""
    name = "ibuprofen"
    mol, seeds = with_hydrogens(name), conformers(name, 4).astype(np.float32)
    record = Record("", mol, seeds[:0], np.zeros(0), name)
    config = PrepareConfig(relaxed=4, corrected_by="ebd-f2f", own_rounds=3, random_seed=1)
    [natural] = make_examples(record, tiny_vocabulary(), config, seeds)
    tables, model = check_tables(mol), load_model()
    rounds = np.random.default_rng(1).integers(4, size=4)
    assert len(set(rounds.tolist())) > 1
    begun = after_rounds(mol, seeds, tables, model, rounds)
    kept, minima = relax(mol, begun, tables)
    assert np.abs(natural.seeds - begun[kept]).max() < 1e-4
    assert np.sqrt(np.square(natural.references - minima).sum(-1).mean(-1)).max() < 0.5


def test_corrected_minima_are_learnt_at_the_models_level() -> None:
    name = "nicotine"
    mol, seeds = with_hydrogens(name), conformers(name, 3).astype(np.float32)
    _, kept, minima = relaxed(name, 3)
    record = Record("", mol, minima[:0], np.zeros(0), name)
    [natural] = make_examples(record, tiny_vocabulary(), PrepareConfig(relaxed=3, corrected_by="ebd-f2f"), seeds)
    assert natural.natural
    assert natural.graph.level == 0
    assert np.array_equal(natural.seeds, seeds[kept])
    moved = np.sqrt(np.square(natural.references - minima).sum(-1).mean(-1))
    assert (moved > 0.005).all()
    assert (moved < 0.5).all()


def test_bulk_molecules_come_from_smiles(tmp_path: Path) -> None:
    source, held = tmp_path / "bulk.smi", tmp_path / "held.smi"
    source.write_text("smiles name\nCCO a\nCC(=O)NC b\nC[Si](C)C c\nOCCO d\n")
    held.write_text("OCCO\n")
    assert [r.mol.GetNumAtoms() for r in read_records(source)] == [9, 12, 13, 10]
    settings = PrepareConfig(seeds=2, relaxed=2, relaxed_level=2, elements=(1, 6, 7, 8))
    paths = prepare(source, tmp_path / "out", tiny_vocabulary(), settings, workers=1, kept_back=inchikey_blocks([held]))
    examples = load_shards(paths)
    assert sorted(e.graph.num_atoms for e in examples) == [9, 12]  # no silicon, nothing kept back
    assert all(e.natural and e.graph.level == 2 for e in examples)
