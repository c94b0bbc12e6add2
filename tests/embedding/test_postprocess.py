"""Are embedded conformers refined, judged again, scored, windowed and pruned, and is each step told?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdForceFieldHelpers
from rdkit.Geometry import Point3D
from spoiled import Spoiled, mirrored

from rdkit_ebd import EBD, EmbedReport, EmbedWithReport, PruneConformers, get_provenance
from rdkit_ebd.arrays.rmsd import best_rms
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.embedding import postprocess as finish
from rdkit_ebd.embedding.draft import ConformerDraft
from rdkit_ebd.potentials.rdkit_ff import RDKitForceField
from rdkit_ebd.runtime.deadline import Deadline

DRUG = "C[C@H](CS)C(=O)N1CCC[C@H]1C(=O)O"


def embed(count: int = 4, smiles: str = DRUG, **words: Any) -> tuple[Chem.Mol, EmbedReport]:
    mol = with_hydrogens(smiles)
    return mol, EmbedWithReport(mol, count, EBD(randomSeed=1, **words))


def positions(mol: Chem.Mol) -> np.ndarray:
    return np.array([c.GetPositions() for c in mol.GetConformers()])


def stored(mol: Chem.Mol, name: str) -> list[Any]:
    return [get_provenance(c).get(name) for c in mol.GetConformers()]


def test_refined_conformers_are_minima_with_their_energies() -> None:
    mol, report = embed(refine="MMFF94s")
    assert report.refined == 4
    assert report.unrefined == report.messages == []
    assert stored(mol, "ebd_stage") == ["refined"] * 4
    assert stored(mol, "ebd_converged") == [1] * 4
    again = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(Chem.Mol(mol), mmffVariant="MMFF94s")
    assert stored(mol, "ebd_energy") == pytest.approx([energy for _, energy in again], abs=1e-3)


def test_conformer_k_still_depends_on_k_alone() -> None:
    few, many = embed(2, refine="MMFF94s")[0], embed(4, refine="MMFF94s", batchAtoms=50)[0]
    assert np.abs(positions(few) - positions(many)[:2]).max() < 0.01


def test_what_refinement_breaks_is_kept_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = positions(embed()[0])
    monkeypatch.setattr(finish, "potential_of", lambda _: Spoiled(lambda done, m: mirrored(m) if done in (1, 3) else m))
    mol, report = embed(refine="MMFF94s")
    assert report.ids == [0, 1, 2, 3]
    assert (report.refined, report.unrefined) == (2, [(1, "CENTRE_INVERTED"), (3, "CENTRE_INVERTED")])
    assert report.messages == ["2 of 4 conformers not refined: CENTRE_INVERTED 2"]
    assert report.notes == ["spoiled"]
    assert np.array_equal(positions(mol)[1::2], plain[1::2])
    assert stored(mol, "ebd_stage") == ["refined", "deblurred"] * 2
    assert stored(mol, "ebd_refine_problem") == [None, "CENTRE_INVERTED"] * 2
    assert None not in stored(mol, "ebd_energy")  # these are scored where they are


def test_scores_are_of_one_method() -> None:
    mol, _ = embed(refine="MMFF94s", score="uff")
    assert stored(mol, "ebd_energy_method") == ["UFF"] * 4
    assert stored(mol, "ebd_refined") == ["MMFF94s"] * 4
    surface = RDKitForceField("UFF").surface(mol)
    assert stored(mol, "ebd_energy") == pytest.approx([surface.energy(x) for x in positions(mol)])


def test_the_window_is_counted_apart_from_pruning() -> None:
    mol, _ = embed(6, refine="MMFF94s")
    energies = np.array(stored(mol, "ebd_energy"))
    window = float(np.sort(energies)[3] - energies.min()) + 1e-4
    narrow, told = embed(6, refine="MMFF94s", energyWindow=window)
    assert told.above_window == 2
    assert told.pruned == 0
    assert told.ok
    assert "2 above the energy window" in told.summary()
    assert stored(narrow, "ebd_index") == np.flatnonzero(energies < np.sort(energies)[4]).tolist()


def test_pruning_keeps_the_lower_of_two() -> None:
    mol, _ = embed(8, refine="MMFF94s")
    pruned, report = embed(8, refine="MMFF94s", pruneRmsThresh=1.0)
    assert 0 < report.pruned < 8
    kept = PruneConformers(mol, 1.0, energies=stored(mol, "ebd_energy"))
    assert stored(pruned, "ebd_index") == sorted(kept)


def test_held_atoms_stay_exactly_in_place() -> None:
    reference, _ = embed(1)
    core = {i: reference.GetConformer().GetAtomPosition(i) + Point3D(5, 0, 0) for i in (5, 6, 7, 8, 9)}
    mol, report = embed(2, coordMap=core, refine="MMFF94s")
    assert report.refined == 2
    plain, _ = embed(2, coordMap=core)
    assert np.array_equal(positions(mol)[:, list(core)], positions(plain)[:, list(core)])
    assert np.abs(positions(mol) - positions(plain)).max() > 0.05


def test_a_molecule_without_parameters_is_written_unrefined_and_told() -> None:
    words = {"fallback": "ETKDGv3", "energyWindow": 0.1}
    mol, report = embed(3, "OB(O)c1ccccc1", refine="MMFF94s", **words)
    assert report.ids == [0, 1, 2]
    assert report.unrefined == [(k, "UNTREATABLE") for k in range(3)]
    assert sum("atoms 1 (B)" in message for message in report.messages) == 1
    assert stored(mol, "ebd_energy") == [None] * 3
    mol, report = embed(3, "C[Ge](C)(C)c1ccccc1", refine="UFF", **words)
    assert report.refined == 3
    assert stored(mol, "ebd_stage")[0] == "fallback"
    assert stored(mol, "ebd_refined")[0] == "UFF"


@pytest.mark.parametrize("smiles", ["O", "[Na+]", "CC(=O)[O-].[Na+]"])
def test_the_smallest_molecules_and_salts(smiles: str) -> None:
    mol, report = embed(2, smiles, refine="MMFF94s")
    assert report.refined == 2
    assert all(map(math.isfinite, stored(mol, "ebd_energy")))


def test_missing_hydrogens_are_there_while_refining() -> None:
    mol, bare = embed(2, refine="MMFF94s")[0], Chem.MolFromSmiles(DRUG)
    report = EmbedWithReport(bare, 2, EBD(randomSeed=1, refine="MMFF94s"))
    assert report.refined == 2
    assert stored(bare, "ebd_energy") == pytest.approx(stored(mol, "ebd_energy"), abs=1e-3)


def test_no_time_to_refine_is_reported() -> None:
    params, report = EBD(refine="MMFF94s"), EmbedReport()
    mol, _ = embed(2)
    found = [ConformerDraft(k, x, 0, "deblurred") for k, x in enumerate(positions(mol))]
    late = finish.Finish(mol, params, Deadline(-1.0), report)
    assert [c.stage for c in late.scored(late.refined(found))] == ["deblurred"] * 2
    assert report.unrefined == [(0, "EXCEEDED_TIMEOUT"), (1, "EXCEEDED_TIMEOUT")]
    assert "2 of 2 conformers have no MMFF94s energy" in report.messages


def nearest(x: np.ndarray) -> float:
    """Mean distance of a conformer from the one most like it, angstrom."""
    mappings = symmetry_mappings(with_hydrogens(DRUG))
    apart = np.array([best_rms(one, x, mappings) for one in x]) + 1e9 * np.eye(len(x))
    return float(apart.min(1).mean())


def test_of_more_conformers_the_most_diverse_are_kept() -> None:
    every = positions(embed(12)[0])
    mol, report = embed(4, overSample=3.0)
    kept = stored(mol, "ebd_index")
    assert report.ids == [0, 1, 2, 3]
    assert (report.requested, report.surplus, report.missing, report.ok) == (4, 8, 0, True)
    assert kept == sorted(kept)
    assert kept[0] == 0
    assert np.array_equal(positions(mol), every[kept])
    assert nearest(positions(mol)) > nearest(every[:4])


def test_of_more_conformers_those_far_up_are_never_kept() -> None:
    everything = embed(12, score="MMFF94s")[0]
    mol, _ = embed(6, overSample=2.0, score="MMFF94s")
    ranked = sorted(stored(everything, "ebd_energy"))
    energies = stored(mol, "ebd_energy")
    assert min(energies) == pytest.approx(ranked[0], abs=1e-6)
    assert max(energies) < ranked[9]


@pytest.mark.parametrize(("count", "over"), [(0, 2.0), (1, 2.5), (3, 1.01)])
def test_as_many_are_written_as_were_asked_for(count: int, over: float) -> None:
    mol, report = embed(count, overSample=over)
    assert mol.GetNumConformers() == count == len(report.ids)
    assert report.surplus == math.ceil(count * over) - count
    assert report.ok
