"""The call end to end, with the shipped model and real drugs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import TINY, coords_of, embedded, tiny_vocabulary, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdMolAlign
from rdkit.Geometry import Point3D

import rdkit_ebd
from rdkit_ebd import (
    EBD,
    EmbedMolecule,
    EmbedMoleculeEBD,
    EmbedMultipleConfs,
    EmbedWithReport,
    get_provenance,
)
from rdkit_ebd.arrays.geometry import align
from rdkit_ebd.arrays.random_streams import coarse_base
from rdkit_ebd.chem.fragments import Vocabulary, assign_fragments
from rdkit_ebd.chem.stereo import stereo_kept, stereo_labels
from rdkit_ebd.embedding import attempts as pipeline
from rdkit_ebd.generators.checkpoint import load_model, save_model
from rdkit_ebd.generators.ebd.network import DeblurNetwork
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.judge.verdict import judge
from rdkit_ebd.train.recipes import recipe

# Stereocentres, a zwitterion, a sulfonamide, E/Z, bridged rings, a large ring.
STEREO_DRUGS = {
    "oseltamivir": "CCOC(=O)C1=C[C@@H](OC(CC)CC)[C@H](NC(C)=O)[C@@H](N)C1",
    "alanine zwitterion": "C[C@H]([NH3+])C(=O)[O-]",
    "celecoxib": "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F",
    "tamoxifen": "CC/C(=C(/c1ccccc1)c1ccc(OCCN(C)C)cc1)c1ccccc1",
    "morphine": "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
    "esomeprazole": "COc1ccc2[nH]c([S@](=O)Cc3ncc(C)c(OC)c3C)nc2c1",
    "exaltolide": "O=C1CCCCCCCCCCCCCCO1",
}
ACETAMINOPHEN = "CC(=O)Nc1ccc(O)cc1"


def molecule(smiles: str) -> Chem.Mol:
    return Chem.AddHs(Chem.MolFromSmiles(smiles))


def coords(mol: Chem.Mol, ids: Sequence[int] | None = None) -> np.ndarray:
    ids = [c.GetId() for c in mol.GetConformers()] if ids is None else ids
    return np.array([mol.GetConformer(i).GetPositions() for i in ids])


def written_and_seen(mol: Chem.Mol, confid: int) -> tuple[str, str]:
    """Isomeric SMILES of the graph, and of what RDKit perceives again from the coordinates alone."""
    seen = Chem.Mol(mol)
    Chem.AssignStereochemistryFrom3D(seen, confid)
    return Chem.MolToSmiles(Chem.RemoveHs(mol)), Chem.MolToSmiles(Chem.RemoveHs(seen))


@pytest.mark.parametrize("name", STEREO_DRUGS)
def test_twenty_conformers_with_the_written_stereo(name: str) -> None:
    mol = molecule(STEREO_DRUGS[name])
    before = Chem.MolToSmiles(mol)
    ids = EmbedMolecule(mol, numConfs=20, randomSeed=11)
    assert ids == list(range(20)) == [c.GetId() for c in mol.GetConformers()]
    assert Chem.MolToSmiles(mol) == before
    for confid in ids:
        written, seen = written_and_seen(mol, confid)
        assert written == seen


def test_conformers_differ_and_pass_posebusters() -> None:
    posebusters = pytest.importorskip("posebusters")
    mols = []
    for smiles in (ACETAMINOPHEN, STEREO_DRUGS["celecoxib"]):
        mol = molecule(smiles)
        ids = EmbedMultipleConfs(mol, 4, randomSeed=5)
        assert np.abs(np.diff(coords(mol), axis=0)).max((1, 2)).min() > 0.1
        mols += [Chem.Mol(mol, False, i) for i in ids]
    table = posebusters.PoseBusters("mol").bust(mols, None, None, full_report=False)
    judged = ["bond_lengths", "bond_angles", "internal_steric_clash", "aromatic_ring_flatness", "double_bond_flatness"]
    assert table[judged].to_numpy().all()


def test_the_same_call_twice_is_bit_identical() -> None:
    first, second = molecule(STEREO_DRUGS["oseltamivir"]), molecule(STEREO_DRUGS["oseltamivir"])
    for mol in (first, second):
        EmbedMultipleConfs(mol, 6, randomSeed=0)
    assert np.array_equal(coords(first), coords(second))


@pytest.mark.parametrize(
    ("count", "keywords"),
    [(6, {"batchAtoms": 1}), (6, {"batchAtoms": 100}), (6, {"numThreads": 2}), (12, {}), (12, {"batchAtoms": 300})],
    ids=str,
)
def test_conformer_k_depends_on_molecule_seed_and_k_alone(count: int, keywords: dict[str, int]) -> None:
    smiles = STEREO_DRUGS["tamoxifen"]
    alone, other = molecule(smiles), molecule(smiles)
    EmbedMultipleConfs(alone, 6, randomSeed=42)
    EmbedMultipleConfs(other, count, randomSeed=42, **keywords)
    assert np.abs(coords(alone) - coords(other)[:6]).max() < 0.01


def test_seeds_give_other_conformers_and_minus_one_gives_fresh_ones() -> None:
    ensembles = []
    for seed in (0, 1, 2**40, -1, -1):
        mol = molecule(ACETAMINOPHEN)
        EmbedMultipleConfs(mol, 3, randomSeed=seed)
        ensembles.append(coords(mol))
    for i, first in enumerate(ensembles):
        for second in ensembles[:i]:
            assert np.abs(first[:, None] - second[None]).max((2, 3)).min() > 1e-3


def test_provenance_makes_the_conformer_again() -> None:
    mol = molecule(STEREO_DRUGS["oseltamivir"])
    EmbedMultipleConfs(mol, 3)
    origin = get_provenance(mol.GetConformer(2))
    assert origin["ebd_index"] == 2
    assert origin["ebd_stage"] == "deblurred"
    again = molecule(STEREO_DRUGS["oseltamivir"])
    EmbedMultipleConfs(again, 3, randomSeed=origin["ebd_seed"])
    assert np.array_equal(coords(again), coords(mol))
    assert len(origin["ebd_weights"]) == 12
    assert origin["ebd_version"] == rdkit_ebd.__version__


def test_rdkits_parameters_and_positional_use() -> None:
    params = rdDistGeom.ETKDGv3()
    params.randomSeed, params.pruneRmsThresh, params.trackFailures = 7, 0.3, True
    first, second = molecule(ACETAMINOPHEN), molecule(ACETAMINOPHEN)
    ids = EmbedMultipleConfs(first, 10, params)
    assert EmbedMoleculeEBD(second, 10, randomSeed=7, pruneRmsThresh=0.3) == ids
    assert np.array_equal(coords(first), coords(second))
    assert 0 < len(ids) < 10  # a small molecule has few distinct shapes


def test_pruned_conformers_are_apart_and_counted() -> None:
    mol = molecule(STEREO_DRUGS["celecoxib"])
    report = EmbedWithReport(mol, 15, randomSeed=1, pruneRmsThresh=0.5)
    assert report.pruned + len(report.ids) == 15
    assert report.ok
    assert rdkit_ebd.PruneConformers(mol, 0.5) == report.ids


def test_conformers_are_added_when_not_cleared() -> None:
    mol = molecule(ACETAMINOPHEN)
    EmbedMultipleConfs(mol, 2, randomSeed=1)
    mol.GetConformer(1).SetId(9)
    kept = coords(mol)
    ids = EmbedMultipleConfs(mol, 2, randomSeed=2, clearConfs=False)
    assert ids == [10, 11]
    assert np.array_equal(coords(mol, [0, 9]), kept)


def test_zero_conformers_clear_as_in_rdkit() -> None:
    mol = molecule(ACETAMINOPHEN)
    EmbedMolecule(mol, randomSeed=1)
    assert EmbedMultipleConfs(mol, 0) == []
    assert mol.GetNumConformers() == 0


def test_without_hydrogens_there_is_a_warning_and_a_result(capfd: pytest.CaptureFixture[str]) -> None:
    mol = Chem.MolFromSmiles(STEREO_DRUGS["oseltamivir"])
    assert EmbedMolecule(mol, randomSeed=3) == 0
    assert capfd.readouterr().err.count("does not have explicit Hs") == 1
    assert mol.GetNumAtoms() == mol.GetNumHeavyAtoms() == mol.GetConformer().GetNumAtoms()
    written, seen = written_and_seen(mol, 0)
    assert written == seen


def test_components_stand_apart() -> None:
    mol = molecule("C[C@H](N)C(=O)[O-].[Na+].OCCO")
    report = EmbedWithReport(mol, 4, randomSeed=1)
    assert len(report.ids) == 4
    assert report.attempts == 4
    parts = [list(atoms) for atoms in Chem.GetMolFrags(mol)]
    for x in coords(mol):
        gaps = [np.linalg.norm(x[a][:, None] - x[b][None], axis=-1).min() for a in parts for b in parts if a < b]
        assert min(gaps) > 1.5


@pytest.mark.parametrize(("smiles", "atoms"), [("[H][H]", 2), ("O", 3), ("[Cl-]", 1), ("C", 5), ("Cl", 2)])
def test_the_smallest_molecules(smiles: str, atoms: int) -> None:
    mol = molecule(smiles)
    assert EmbedMultipleConfs(mol, 3, randomSeed=1) == [0, 1, 2]
    assert coords(mol).shape == (3, atoms, 3)
    assert np.isfinite(coords(mol)).all()


def test_what_is_too_small_for_the_model_keeps_its_seed() -> None:
    for smiles, stage in (("C=O", "seed"), (ACETAMINOPHEN, "deblurred")):
        mol = molecule(smiles)
        assert len(EmbedMultipleConfs(mol, 3, randomSeed=1)) == 3
        assert {get_provenance(c)["ebd_stage"] for c in mol.GetConformers()} == {stage}


def test_held_atoms_stay_exactly_in_place() -> None:
    reference = molecule(STEREO_DRUGS["celecoxib"])
    EmbedMolecule(reference, randomSeed=1)
    core = {i: reference.GetConformer().GetAtomPosition(i) + Point3D(10, -3, 2) for i in (7, 8, 9, 10, 11)}
    mol = molecule(STEREO_DRUGS["celecoxib"])
    ids = EmbedMultipleConfs(mol, 4, randomSeed=2, coordMap=core)
    assert ids
    for confid in ids:
        for atom, place in core.items():
            assert (mol.GetConformer(confid).GetAtomPosition(atom) - place).Length() < 1e-4


def test_the_path_of_deblurring_is_a_molecule() -> None:
    paths: dict[int, Chem.Mol] = {}
    mol = molecule(ACETAMINOPHEN)
    EmbedMultipleConfs(mol, 3, EBD(randomSeed=1, numSteps=5, numRounds=1, batchAtoms=30), callback=paths.__setitem__)
    assert sorted(paths) == [0, 1, 2]
    for index, path in paths.items():
        times = [c.GetDoubleProp("ebd_time") for c in path.GetConformers()]
        assert times == sorted(times, reverse=True)
        assert len(times) == 6
        assert np.allclose(coords(path)[-1], mol.GetConformer(index).GetPositions(), atol=1e-5)


@pytest.mark.parametrize(("smiles", "low", "high"), [("Ic1ccc(CCNC(C)=O)cc1", 2.05, 2.15), ("CCCCOCCI", 2.10, 2.22)])
def test_iodine_is_where_it_should_be(smiles: str, low: float, high: float) -> None:
    """Aryl iodides have 2.10 angstrom, alkyl iodides 2.16; no DFT reference of the training data had any."""
    mol = with_hydrogens(smiles)
    assert len(EmbedMultipleConfs(mol, 5, randomSeed=1)) == 5
    [(i, j)] = mol.GetSubstructMatches(Chem.MolFromSmarts("I[#6]"))
    lengths = np.linalg.norm(coords_of(mol)[:, i] - coords_of(mol)[:, j], axis=1)
    assert (lengths > low).all()
    assert (lengths < high).all()


def test_unknown_elements_are_named_and_the_fallback_stands_in() -> None:
    mol = molecule("OCC[Ge](C)(C)C")
    EmbedMolecule(molecule(ACETAMINOPHEN))
    with pytest.raises(ValueError, match=r"atom 3 is Ge \(atomic number 32\)"):
        EmbedMultipleConfs(mol, 2)
    report = EmbedWithReport(mol, 2, EBD(fallback="ETKDGv3", randomSeed=1))
    assert report.ids == [0, 1]
    assert {get_provenance(c)["ebd_stage"] for c in mol.GetConformers()} == {"fallback"}
    assert {get_provenance(c)["ebd_attempt"] for c in mol.GetConformers()} == {0}  # the model made none before


def none_passes(task: object, indices: list[int], coords: np.ndarray, _: object) -> tuple[np.ndarray, np.ndarray]:
    """A gate that is shut."""
    return coords, np.zeros(len(indices), bool)


def test_a_fallback_comes_after_the_attempts_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "judged", none_passes)
    mol = molecule(ACETAMINOPHEN)
    EmbedMultipleConfs(mol, 2, EBD(fallback="ETKDGv3", randomSeed=1, maxIterations=3, numRounds=1))
    assert [get_provenance(c)["ebd_attempt"] for c in mol.GetConformers()] == [3, 3]
    germane = molecule("OCC[Ge](C)(C)C")
    EmbedMultipleConfs(germane, 1, EBD(fallback="ETKDGv3", randomSeed=1))
    params = rdDistGeom.ETKDGv3()  # the same as it always was: the stream of attempt 100
    params.randomSeed, params.enableSequentialRandomSeeds = coarse_base(1, 100), True
    rdDistGeom.EmbedMultipleConfs(twin := molecule("OCC[Ge](C)(C)C"), 1, params)
    centred = [x.mean(0, keepdims=True) - x for x in (coords_of(germane)[0], coords_of(twin)[0])]
    np.testing.assert_allclose(*centred, atol=1e-6)


def test_stereo_that_nothing_here_can_judge_is_reported() -> None:
    square = Chem.MolFromSmiles("N[Pt@SP1](N)(Cl)Cl")
    report = EmbedWithReport(square, 1, EBD(fallback="ETKDGv3", randomSeed=1))
    [line] = [line for line in report.messages if "cannot be guaranteed" in line]
    assert "squareplanar atom 1 (Pt, 4 neighbours)" in line
    assert line in report.summary()
    plain = EmbedWithReport(molecule(STEREO_DRUGS["morphine"]), 1, randomSeed=1, numRounds=1)
    assert not any("guaranteed" in line for line in plain.messages)


def test_impossible_stereo_fails_with_its_cause_and_keeps_nothing_wrong() -> None:
    mol = molecule("C[C@]12CO[C@@](F)(C1)CC2")  # one bridgehead of the bicycle turned inside out
    report = EmbedWithReport(mol, 30, randomSeed=1, timeout=60)
    assert report.ids == []
    assert not report.ok
    assert report.failed == [(k, "NO_SEED") for k in range(30)]
    assert report.failures["CHECK_TETRAHEDRAL_CENTERS"] > 0
    [why] = report.messages
    assert why.startswith("the rings cannot be closed with the written stereochemistry of C1, C4")
    assert "check the written stereocentres" in report.summary()
    assert EmbedMolecule(mol, randomSeed=1, timeout=60) == -1
    assert EmbedMolecule(molecule("C[C@]12CO[C@](F)(C1)CC2"), randomSeed=1) == 0


def test_what_always_clashes_goes_half_of_the_way() -> None:
    """Flupentixol: the network presses the hydrogens of a double bond and of a ring beside it into one another."""
    mol = with_hydrogens("OCCN1CCN(CC/C=C2/c3ccccc3Sc3ccc(C(F)(F)F)cc32)CC1")
    report = EmbedWithReport(mol, 2, EBD(randomSeed=1))
    assert len(report.ids) == 2
    assert judge(np.array([c.GetPositions() for c in mol.GetConformers()]), check_tables(mol)).ok.all()


def test_a_retry_has_fewer_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[int] = []
    monkeypatch.setattr(pipeline, "judged", none_passes)
    params = EBD(randomSeed=1, numSteps=2, numRounds=3, maxIterations=4)
    EmbedWithReport(molecule(ACETAMINOPHEN), 1, params, callback=lambda _, path: states.append(path.GetNumConformers()))
    assert states == [7, 5, 3, 3]


def test_distance_geometry_makes_the_seeds_that_etkdg_cannot() -> None:
    mol = molecule("c1cc2ccc1CCc1ccc(cc1)CC2")  # [2.2]paracyclophane, its rings bent
    report = EmbedWithReport(mol, 2, randomSeed=1, timeout=60, maxIterations=3)
    assert report.failures["NO_SEED"] == 2  # in the first attempt alone
    assert report.attempts > 2
    assert "NO_SEED" not in dict(report.failed).values()


def test_wrong_stereo_is_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that mirrors every second conformer: those are rejected, counted and tried again."""
    real = pipeline.deblurred

    def mirrored(task: pipeline.Task, indices: Sequence[int], seeds: np.ndarray, attempt: int) -> np.ndarray:
        x = real(task, indices, seeds, attempt)
        flip = [(-1 if (k + attempt) % 2 else 1) for k in indices]
        return x * np.array(flip)[:, None, None]

    monkeypatch.setattr(pipeline, "deblurred", mirrored)
    mol = molecule(STEREO_DRUGS["morphine"])
    report = EmbedWithReport(mol, 6, randomSeed=1)
    assert len(report.ids) == 6
    assert report.failures["CENTRE_INVERTED"] >= 3
    assert report.stereo_yield is not None
    assert report.stereo_yield < 0.75
    for confid in report.ids:
        written, seen = written_and_seen(mol, confid)
        assert written == seen


def test_what_is_not_finite_is_counted_not_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        pipeline, "deblurred", lambda task, indices, start, attempt: np.full_like(start.coords[:, 0], np.nan)
    )
    mol = molecule(ACETAMINOPHEN)
    report = EmbedWithReport(mol, 2, randomSeed=1, maxIterations=3)
    assert report.ids == []
    assert report.failures["NOT_FINITE"] == 6
    assert report.failed == [(0, "NOT_FINITE"), (1, "NOT_FINITE")]


def test_an_interrupted_call_leaves_the_molecule_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    mol = molecule(ACETAMINOPHEN)
    EmbedMultipleConfs(mol, 2, randomSeed=1)
    kept = coords(mol)

    def interrupted(*_: object) -> np.ndarray:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "judged", interrupted)
    with pytest.raises(KeyboardInterrupt):
        EmbedMultipleConfs(mol, 5, randomSeed=2)
    assert np.array_equal(coords(mol), kept)


def test_a_timeout_is_kept_and_told() -> None:
    mol = molecule(
        "CC[C@H]1OC(=O)[C@H](C)[C@@H](O)[C@H](C)[C@@H](O)[C@](C)(O)C[C@@H](C)C(=O)[C@H](C)[C@@H](O)[C@]1(C)O"
    )
    report = EmbedWithReport(mol, 2000, randomSeed=1, timeout=2)
    assert sum(report.seconds.values()) < 20
    assert len(report.ids) < 2000
    assert len(report.ids) + len(report.failed) == 2000


def test_two_calls_at_once_do_not_disturb_each_other() -> None:
    alone = molecule(STEREO_DRUGS["oseltamivir"])
    EmbedMultipleConfs(alone, 4, randomSeed=3)
    mols = [molecule(STEREO_DRUGS["oseltamivir"]) for _ in range(2)]
    threads = [threading.Thread(target=EmbedMultipleConfs, args=(m, 4), kwargs={"randomSeed": 3}) for m in mols]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mol in mols:
        assert np.abs(coords(mol) - coords(alone)).max() < 0.01


def test_the_report_of_a_good_call() -> None:
    report = EmbedWithReport(molecule(STEREO_DRUGS["morphine"]), 5, randomSeed=1)
    assert report.ok
    assert report.requested == len(report.ids) == 5
    assert report.stereo_yield == 1.0
    assert {"coarse", "deblur", "judge"} <= set(report.seconds)
    assert "5 of 5 conformers" in report.summary()


@pytest.fixture
def coarse_to_fine(tmp_path: Path) -> Path:
    """An untrained model with the paper's prior: it predicts nothing of use, by the same code path."""
    config = recipe("ebd-c2f", tiny_vocabulary(), [1, 6, 7, 8], ["none"]).model
    config = replace(config, network=replace(TINY, levels=2))
    torch.manual_seed(0)
    path = tmp_path / "ebd-c2f.safetensors"
    save_model(path, config, DeblurNetwork(config.network).state_dict())
    return path


def test_the_fragment_prior_starts_from_fragment_points(coarse_to_fine: Path) -> None:
    paths: dict[int, Chem.Mol] = {}
    mol = molecule(ACETAMINOPHEN)
    params = EBD(model=str(coarse_to_fine), randomSeed=1, maxIterations=1, noiseScale=0.0)
    report = EmbedWithReport(mol, 2, params, callback=paths.__setitem__)
    assert report.attempts == 2
    assert len(report.failed) == 2 - len(report.ids)
    fragments = assign_fragments(mol, tiny_vocabulary())
    first = coords(paths[0])[0]
    for fragment in range(fragments.max() + 1):
        inside = first[fragments == fragment]
        assert np.abs(inside - inside.mean(0)).max() < 1e-4
    assert len(np.unique(np.round(first, 3), axis=0)) == fragments.max() + 1


def test_the_own_conformers_can_be_the_seeds() -> None:
    mol = embedded("ibuprofen", 2)
    given = coords_of(mol)
    ids = EmbedMultipleConfs(mol, 5, coarse="conformers", numRounds=1, randomSeed=3)
    assert len(ids) == 5
    made = coords_of(mol)
    for k in range(5):
        own, other = (heavy_rms(mol, made[k], given[j % 2]) for j in (k, k + 1))
        assert 1e-3 < own < 0.6
        assert own < other
    assert np.allclose(made[0], made[2], atol=1e-4)  # the same seed, and no noise
    assert not np.allclose(made[0], made[1], atol=0.1)


def test_seeds_of_the_other_hand_are_refused() -> None:
    mol = embedded("ibuprofen", 1)
    conformer = mol.GetConformer()
    conformer.SetPositions(-conformer.GetPositions())
    report = EmbedWithReport(mol, 2, coarse="conformers")
    assert report.ids == []
    assert report.failures["SEED_STEREO"] >= 2
    with pytest.raises(ValueError, match="has none"):
        EmbedMultipleConfs(with_hydrogens("aspirin"), 1, coarse="conformers")


def test_a_layout_of_fragments_is_all_that_the_fragment_model_needs() -> None:
    """Every atom where its fragment is: the atoms find their places about it, and the written hand."""
    mol, config = embedded("ibuprofen", 3), load_model("ebd-c2f").config
    fragments, given = assign_fragments(mol, Vocabulary.from_dict(config.vocabulary)), coords_of(mol)
    members = np.eye(fragments.max() + 1)[fragments]
    centroids = (members / members.sum(0)).T
    for conformer, own in zip(mol.GetConformers(), given, strict=True):
        conformer.SetPositions(members @ centroids @ own)
    report = EmbedWithReport(mol, 6, EBD(model="ebd-c2f", coarse="conformers", randomSeed=1))
    made = coords_of(mol)
    assert len(report.ids) >= 5
    assert stereo_kept(made, stereo_labels(mol)).all()
    every = torch.ones(1, len(centroids), dtype=torch.bool)
    for conformer, x in zip(mol.GetConformers(), made, strict=True):
        drawn = get_provenance(conformer)["ebd_index"] % 3
        for layout, own in enumerate(given):
            here, there = (torch.from_numpy(centroids @ y)[None] for y in (x, own))
            there = there - there.mean(1, keepdim=True)
            off = (align(here - here.mean(1, keepdim=True), there, every) - there).square().sum(-1).mean().sqrt()
            assert off < 0.6 if layout == drawn else off > 0.9


def test_own_seeds_of_a_salt_and_without_hydrogens() -> None:
    mol = with_hydrogens("CC(=O)[O-].C[NH2+]Cc1ccccc1")
    EmbedMultipleConfs(mol, 2, randomSeed=1)
    assert len(EmbedMultipleConfs(mol, 3, coarse="conformers")) == 3
    bare = Chem.RemoveHs(embedded("salbutamol", 1))
    before = bare.GetConformer().GetPositions()
    assert EmbedMultipleConfs(bare, 1, coarse="conformers", clearConfs=False) == [1]
    assert np.array_equal(bare.GetConformer(0).GetPositions(), before)
    rms = rdMolAlign.AlignMol(bare, bare, 1, 0)
    assert rms < 1.5


def heavy_rms(mol: Chem.Mol, x: np.ndarray, y: np.ndarray) -> float:
    heavy = torch.tensor([[atom.GetAtomicNum() > 1 for atom in mol.GetAtoms()]])
    a, b = (torch.from_numpy(z)[None] for z in (x, y))
    gap = ((align(a, b, heavy) - b * heavy[..., None]) ** 2).sum() / heavy.sum()
    return float(gap.sqrt())
