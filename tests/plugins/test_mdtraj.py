"""Do conformers come back from mdtraj as they went: atoms, coordinates, energies, and nothing of the user's lost?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import embedded, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdMolAlign

from rdkit_ebd.chem.provenance import get_provenance, set_provenance

md = pytest.importorskip("mdtraj")

from rdkit_ebd_mdtraj import AddConformers, ClusterConformers, LoadEnsemble, MolToEnsemble, SaveEnsemble  # noqa: E402
from rdkit_ebd_mdtraj.storage import PRECISION, sidecar  # noqa: E402
from rdkit_ebd_mdtraj.topology import mol_to_topology  # noqa: E402

SUFFIXES = [suffix for suffix in PRECISION if suffix != ".h5" or find_spec("tables")]


def captopril() -> Chem.Mol:
    """Four conformers with gaps in their ids, and energies."""
    mol = embedded("captopril", 5)
    mol.RemoveConformer(2)
    for rank, conformer in enumerate(mol.GetConformers()):
        set_provenance(conformer, seed=7, model="etkdg", energy=1.5 * rank, energy_method="none")
    mol.SetProp("_Name", "captopril")
    return mol


def tripeptide() -> Chem.Mol:
    """Residues from PDB information, whose hydrogens all stand at the end."""
    mol = Chem.AddHs(Chem.MolFromSequence("AFC"))
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=1) == 0
    return mol


def salt() -> Chem.Mol:
    return embedded("[NH3+]CC(=O)[O-].[Na+].[Cl-]")


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, rdkit_ebd_mdtraj; assert not {'mdtraj', 'scipy', 'numpy', 'rdkit'} & set(sys.modules)"
    missing = "sys.modules['mdtraj'] = None\ntry: rdkit_ebd_mdtraj.MolToEnsemble\nexcept ImportError as e: print(e)"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{missing}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 'pip install "rdkit_ebd[mdtraj]"' in done.stdout


def test_topology_is_the_molecule() -> None:
    mol = with_hydrogens("C[N+](C)(C)CC#CC=Cc1ccccc1.[Cl-]")
    topology = mol_to_topology(mol)
    atoms, bonds = list(topology.atoms), list(topology.bonds)
    assert [a.element.symbol for a in atoms] == [a.GetSymbol() for a in mol.GetAtoms()]
    assert [a.formal_charge for a in atoms] == [a.GetFormalCharge() for a in mol.GetAtoms()]
    assert len({a.name for a in atoms}) == mol.GetNumAtoms()
    for ours, theirs in zip(mol.GetBonds(), bonds, strict=True):
        assert {a.index for a in theirs} == {ours.GetBeginAtomIdx(), ours.GetEndAtomIdx()}
        assert float(theirs.type) == ours.GetBondTypeAsDouble()
    ring = [bond.order for ours, bond in zip(mol.GetBonds(), bonds, strict=True) if ours.GetIsAromatic()]
    assert sorted(ring) == [1, 1, 1, 2, 2, 2]


def test_residues_and_names_are_those_of_the_pdb() -> None:
    mol = tripeptide()
    topology = mol_to_topology(mol)
    for atom, theirs in zip(mol.GetAtoms(), topology.atoms, strict=True):
        info = atom.GetPDBResidueInfo() or atom.GetNeighbors()[0].GetPDBResidueInfo()
        assert (theirs.residue.name, theirs.residue.resSeq) == (info.GetResidueName(), info.GetResidueNumber())
    assert topology.select("name CA").size == 3
    # mdtraj writes residue by residue: atoms must already be in that order
    assert [a.index for residue in topology.residues for a in residue.atoms] == list(range(mol.GetNumAtoms()))


def test_ensemble_round_trip() -> None:
    mol = captopril()
    ensemble = MolToEnsemble(mol)
    assert ensemble.ids == (0, 1, 3, 4)
    np.testing.assert_allclose(ensemble.trajectory.xyz[2] * 10, mol.GetConformer(3).GetPositions(), atol=1e-5)
    np.testing.assert_array_equal(ensemble.energies, [0, 1.5, 3, 4.5])
    back = ensemble.to_mol()
    assert [c.GetId() for c in back.GetConformers()] == [0, 1, 3, 4]
    assert [get_provenance(c) for c in back.GetConformers()] == [get_provenance(c) for c in mol.GetConformers()]
    assert Chem.MolToMolBlock(Chem.Mol(back, True)) == Chem.MolToMolBlock(Chem.Mol(mol, True))
    assert ensemble.mol.GetNumConformers() == 0


def test_frames_are_chosen_as_numpy_does() -> None:
    ensemble = MolToEnsemble(captopril(), [4, 0, 3])
    assert ensemble.ids == (4, 0, 3)
    for chosen in (slice(1, None), [1, 2], [-2, -1], ensemble.energies < 4):
        part = ensemble[chosen]
        assert part.ids == (0, 3)
        np.testing.assert_array_equal(part.trajectory.xyz, ensemble.trajectory.xyz[1:])
        np.testing.assert_array_equal(part.energies, [0, 3])
    assert ensemble[0].ids == (4,)
    with pytest.raises(IndexError):
        ensemble[3]
    with pytest.raises(ValueError, match=r"\[2, 9\]"):
        MolToEnsemble(captopril(), [2, 0, 9])
    with pytest.raises(ValueError, match="no conformers"):
        MolToEnsemble(with_hydrogens("CCO"))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("make", [captopril, tripeptide, salt])
def test_files_keep_everything(make: Callable[[], Chem.Mol], suffix: str, tmp_path: Path) -> None:
    mol, path = make(), tmp_path / f"run{suffix}"
    assert SaveEnsemble(mol, path) == sidecar(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"run{suffix}", f"run{suffix}.mol.json"]
    back = LoadEnsemble(path)
    assert back.trajectory.topology == mol_to_topology(mol)
    again = back.to_mol()
    assert Chem.MolToMolBlock(Chem.Mol(again, True)) == Chem.MolToMolBlock(Chem.Mol(mol, True))
    assert again.GetPropsAsDict() == mol.GetPropsAsDict()
    for ours, theirs in zip(mol.GetConformers(), again.GetConformers(), strict=True):
        np.testing.assert_allclose(theirs.GetPositions(), ours.GetPositions(), rtol=0, atol=PRECISION[suffix])
        assert theirs.GetId() == ours.GetId()
        assert get_provenance(theirs) == get_provenance(ours)


def test_conformers_are_added_and_none_is_lost() -> None:
    mol = captopril()
    before = {c.GetId(): c.GetPositions() for c in mol.GetConformers()}
    assert AddConformers(mol, MolToEnsemble(mol)[1:3]) == [5, 6]
    assert AddConformers(mol, md.Trajectory(np.zeros((0, 29, 3)), mol_to_topology(mol))) == []
    for index, coords in before.items():
        np.testing.assert_array_equal(mol.GetConformer(index).GetPositions(), coords)
    assert get_provenance(mol.GetConformer(6)) == get_provenance(mol.GetConformer(3))
    plain = MolToEnsemble(mol, [0]).trajectory  # any trajectory will do, also one without bonds
    plain.topology._bonds = []
    assert AddConformers(mol, plain) == [7]


def test_other_atoms_are_refused_by_name() -> None:
    frames = MolToEnsemble(embedded("CCO"))
    turned = Chem.RenumberAtoms(embedded("CCO"), [0, 2, 1, *range(3, 9)])
    with pytest.raises(ValueError, match="atom 1 is C instead of O; atom 2 is O instead of C"):
        AddConformers(turned, frames)
    swapped = Chem.RenumberAtoms(embedded("CCO"), [1, 0, *range(2, 9)])
    with pytest.raises(ValueError, match=r"atoms 0-2 are not bonded.*atoms 1-2 are bonded"):
        AddConformers(swapped, frames)
    with pytest.raises(ValueError, match="9 atoms instead of 3"):
        AddConformers(Chem.MolFromSmiles("CCO"), frames)


def test_mirror_images_and_nan_are_refused() -> None:
    mol, frames = captopril(), MolToEnsemble(captopril())
    frames.trajectory.xyz[1] *= -1
    frames.trajectory.xyz[3, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"frames \[3\] .* not finite; frames \[1\] have other stereo"):
        AddConformers(mol, frames)
    assert mol.GetNumConformers() == 4
    assert AddConformers(mol, frames[1], checkStereo=False) == [5]


def test_bad_files_are_refused_and_the_old_ones_stay(tmp_path: Path) -> None:
    path = tmp_path / "run.pdb"
    SaveEnsemble(captopril(), path)
    old = path.read_bytes(), sidecar(path).read_bytes()
    far = MolToEnsemble(captopril())
    far.trajectory.xyz += 1e5  # more digits than a PDB file has columns
    with pytest.raises(ValueError, match=r"a \.pdb file cannot hold these conformers: coordinates change"):
        SaveEnsemble(far, path)
    assert (path.read_bytes(), sidecar(path).read_bytes()) == old
    assert len(list(tmp_path.iterdir())) == 2
    for name, error in (("run.sdf", ValueError), ("nowhere/run.dcd", FileNotFoundError)):
        with pytest.raises(error, match=name.split("/")[0]):
            SaveEnsemble(captopril(), tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"run\.dcd, .*run\.dcd\.mol\.json"):
        LoadEnsemble(tmp_path / "run.dcd")


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.dcd"
    SaveEnsemble(captopril(), path)
    MolToEnsemble(captopril())[:2].trajectory.save(str(path))
    with pytest.raises(ValueError, match="2 frames instead of 4"):
        LoadEnsemble(path)
    sidecar(path).write_text(json.dumps({"format": "another"}))
    with pytest.raises(ValueError, match="is not a 'rdkit_ebd ensemble 1'"):
        LoadEnsemble(path)


def test_missing_pytables_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install tables"):
        SaveEnsemble(captopril(), tmp_path / "run.h5")
    assert list(tmp_path.iterdir()) == []


def test_distances_are_rdkits_without_symmetry() -> None:
    mol = embedded("ibuprofen", 6)
    clusters = ClusterConformers(MolToEnsemble(mol), 0.8)
    heavy = [(a.GetIdx(), a.GetIdx()) for a in mol.GetAtoms() if a.GetAtomicNum() > 1]
    for i, j in np.argwhere(np.triu(np.ones((6, 6)), 1)).tolist():
        expected = rdMolAlign.AlignMol(Chem.Mol(mol), mol, i, j, atomMap=heavy)
        assert clusters.distances[i, j] == pytest.approx(expected, abs=2e-3)


def test_clusters_keep_their_promise() -> None:
    ensemble = MolToEnsemble(embedded("captopril", 12))
    clusters = ClusterConformers(ensemble, 1.0, method="complete")
    assert clusters.sizes.sum() == 12
    assert (np.diff(clusters.sizes) <= 0).all()
    together = clusters.labels[:, None] == clusters.labels[None, :]
    assert clusters.distances[together].max() <= 1.0 < clusters.distances.max()
    assert clusters.labels[clusters.medoids].tolist() == list(range(len(clusters.sizes)))
    assert ClusterConformers(ensemble, 100.0).sizes.tolist() == [12]
    assert ClusterConformers(ensemble, 1e-6).sizes.tolist() == [1] * 12
    assert ClusterConformers(ensemble[5], 1.0).medoids.tolist() == [0]


def test_turned_ring_is_another_conformer_to_mdtraj() -> None:
    mol = embedded("ibuprofen")
    turned = Chem.RenumberAtoms(mol, [*range(5), 9, 8, 7, 6, 5, *range(10, 33)])  # the same shape, named otherwise
    mol.AddConformer(turned.GetConformer(), assignId=True)
    heavy = Chem.RemoveHs(mol)
    assert rdMolAlign.GetBestRMS(Chem.Mol(heavy), heavy, 0, 1) < 1e-3
    assert ClusterConformers(MolToEnsemble(mol), 0.5).sizes.tolist() == [1, 1]


@pytest.mark.parametrize("wrong", [{"cutoff": 0.0}, {"method": "ward"}, {"atoms": [0, 99]}, {"atoms": []}])
def test_bad_clustering_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"0\.0|ward|99|empty"):
        ClusterConformers(MolToEnsemble(captopril()), **{"cutoff": 1.0, **wrong})
