"""Does a coarse seed depend on molecule, base and index alone, and is one that cannot be made said to be missing?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import angle_pairs, bond_pairs, coords_of, lengths, with_hydrogens
from rdkit import rdBase
from rdkit.Chem import rdDistGeom
from rdkit.Geometry import Point3D

from rdkit_ebd.chem.stereo import stereo_kept, stereo_labels
from rdkit_ebd.params import EBD
from rdkit_ebd.report import CAUSES
from rdkit_ebd.runtime.deadline import Deadline
from rdkit_ebd.seeds.rdkit_seeds import Seeds, coarse_seeds

MOLECULES = ["ibuprofen", "penicillin_v", "tamoxifen"]
IMPOSSIBLE = "C1C[C@H]2C[C@H]1CC2"  # a norbornane with one bridgehead inside out
BASE = 12345


def recipe(trials: int = 0, **settings: Any) -> Callable[[int], Any]:
    def make(seed: int) -> Any:
        parameters: Any = EBD(**settings).coarse_parameters(seed)
        parameters.maxIterations = trials or parameters.maxIterations
        return parameters

    return make


def seeds(smiles: str, indices: Any, base: int = BASE, **settings: Any) -> Seeds:
    return coarse_seeds(with_hydrogens(smiles), indices, base, recipe(**settings))


@pytest.mark.parametrize("coarse", ["etkdg", "dg"])
@pytest.mark.parametrize("name", MOLECULES)
def test_the_first_six_of_twelve_are_the_six(name: str, coarse: str) -> None:
    twelve, six = seeds(name, range(12), coarse=coarse), seeds(name, range(6), coarse=coarse)
    assert twelve.made.all()
    assert np.array_equal(twelve.first[:6], six.first)
    assert len({x.tobytes() for x in twelve.first}) == 12


@pytest.mark.parametrize("name", MOLECULES)
def test_any_choice_of_indices_gives_those_of_the_whole(name: str) -> None:
    whole = seeds(name, range(8)).first
    for indices in ([0], [5], [3, 4, 5], [7, 2], [6, 6]):
        assert np.array_equal(seeds(name, indices).first, whole[indices])


def test_the_base_shifts_the_index_and_nothing_else() -> None:
    shifted = seeds("ibuprofen", range(3), BASE + 3)
    assert np.array_equal(seeds("ibuprofen", range(3, 6)).first, shifted.first)
    assert not np.allclose(seeds("ibuprofen", range(3), BASE + 100).first, shifted.first, atol=0.1)


@pytest.mark.parametrize("name", MOLECULES)
def test_threads_do_not_matter(name: str) -> None:
    assert np.array_equal(seeds(name, range(6), numThreads=2).first, seeds(name, range(6), numThreads=1).first)


def test_one_seed_is_rdkits_own() -> None:
    mol = with_hydrogens("ibuprofen")
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed, parameters.enableSequentialRandomSeeds = BASE, True
    rdDistGeom.EmbedMolecule(mol, parameters)
    assert np.allclose(seeds("ibuprofen", [0]).first, coords_of(mol), rtol=0, atol=1e-12)


@pytest.mark.parametrize("coarse", ["etkdg", "dg"])
@pytest.mark.parametrize("name", MOLECULES)
def test_seeds_are_rough_molecules_with_the_written_stereo(name: str, coarse: str) -> None:
    mol = with_hydrogens(name)
    found = seeds(name, range(4), coarse=coarse)
    assert found.first.shape == (4, mol.GetNumAtoms(), 3)
    assert np.abs(found.first.mean(1)).max() < 1e-9
    assert stereo_kept(found.first, stereo_labels(mol)).all()
    for pairs, shortest, longest in ((bond_pairs(mol), 0.8, 2.2), (angle_pairs(mol), 1.3, 3.6)):
        distances = lengths(found.first, pairs)
        assert distances.min() > shortest
        assert distances.max() < longest


def test_the_paper_s_seeds_know_less_than_etkdg() -> None:
    parameters: Any = EBD(coarse="dg").coarse_parameters(1)
    assert not parameters.useExpTorsionAnglePrefs
    assert not parameters.useBasicKnowledge
    flatness = {}
    for coarse in ("etkdg", "dg"):
        ring = seeds("c1ccccc1", range(6), coarse=coarse).first[:, :6]
        flatness[coarse] = np.linalg.svd(ring - ring.mean(1, keepdims=True), compute_uv=False)[:, 2].mean()
    assert flatness["etkdg"] < 0.1 < flatness["dg"]


def test_the_molecule_is_left_alone() -> None:
    mol = with_hydrogens("ibuprofen")
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    before = mol.ToBinary()
    coarse_seeds(mol, range(3), BASE, recipe())
    assert mol.ToBinary() == before


@pytest.mark.parametrize("coarse", ["etkdg", "dg"])
def test_what_cannot_be_made_is_missing_and_its_causes_are_counted(coarse: str) -> None:
    with rdBase.BlockLogs():
        found = seeds(IMPOSSIBLE, [0, 1, 4], trials=5, coarse=coarse)
    assert not found.made.any()
    assert np.isnan(found.first).all()
    assert sum(found.failures.values()) >= 3 * 2 * 5  # seeds, starts, trials
    assert set(found.failures) <= set(CAUSES)


def test_one_missing_seed_does_not_take_the_others_along() -> None:
    def first_broken(seed: int) -> Any:
        parameters = recipe()(seed)
        if seed == BASE:  # also the seed of the call for all, so that single calls must follow
            parameters.SetCoordMap({i: Point3D(30.0 * i, 0, 0) for i in range(4)})
        return parameters

    with rdBase.BlockLogs():
        found = coarse_seeds(with_hydrogens("ibuprofen"), range(4), BASE, first_broken)
    assert found.made.tolist() == [False, True, True, True]
    assert np.array_equal(found.first[1:], seeds("ibuprofen", range(4)).first[1:])


def test_missing_seeds_are_found_without_making_all_again() -> None:
    calls: list[int] = []

    def counted(seed: int) -> Any:
        calls.append(seed)
        return recipe(trials=12)(seed)

    indinavir = with_hydrogens("CC(C)(C)NC(=O)[C@@H]1CN(Cc2cccnc2)CCN1C[C@@H](O)C[C@@H](Cc1ccccc1)C(=O)N")
    whole = coarse_seeds(indinavir, range(16), BASE, counted)
    several, calls[:] = len(calls), []
    alone = [coarse_seeds(indinavir, [k], BASE, counted).first[0] for k in range(16)]
    assert np.array_equal(whole.first, alone)
    assert len(calls) > 16  # some needed random coordinates, so that the ensemble's call cannot have made them
    assert 1 < several < 16


@pytest.mark.parametrize("indices", [[0, 1, 2], [0, 2]])
def test_nothing_is_started_after_the_deadline(indices: list[int]) -> None:
    def never(seed: int) -> Any:
        raise AssertionError("a seed was started")

    found = coarse_seeds(with_hydrogens("ibuprofen"), indices, BASE, never, deadline=Deadline(0.0))
    assert not found.made.any()
    assert found.failures == {"EXCEEDED_TIMEOUT": len(indices)}


def test_the_deadline_ends_what_would_not_end() -> None:
    with rdBase.BlockLogs():
        found = coarse_seeds(
            with_hydrogens(IMPOSSIBLE), range(3), BASE, recipe(trials=10**8), deadline=Deadline.after(0.2)
        )
    assert not found.made.any()
    assert found.failures["EXCEEDED_TIMEOUT"] > 0
