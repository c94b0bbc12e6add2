"""Is a molecule that changed recognised, and one that did not left alone?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import DRUGS, conformers, coords_of, embedded

from rdkit_ebd.chem.stereo import stereo_labels
from rdkit_ebd.train.data_prep.identity import lost_identity


@pytest.mark.parametrize("name", DRUGS)
def test_sound_conformers_are_what_they_are(name: str) -> None:
    mol = embedded(name, relaxed=True)
    assert lost_identity(mol, stereo_labels(mol), coords_of(mol)[0]) == ""


@pytest.mark.parametrize(
    "smiles", ["C1CC1", "C12CC1C2", "C1CN1", "c1cc[se]c1", "CI", "FS(F)(F)(F)(F)F", "BrC(Br)(Br)Br"]
)
def test_small_rings_and_heavy_atoms_are_no_new_bonds(smiles: str) -> None:
    mol = embedded(smiles)
    assert lost_identity(mol, stereo_labels(mol), coords_of(mol)[0]) == ""


def test_a_proton_that_moves_changes_the_graph() -> None:
    mol = embedded("NCC(=O)O")
    [coords] = coords_of(mol).copy()
    proton = next(a.GetIdx() for a in mol.GetAtoms() if a.GetDegree() == 1 and a.GetNeighbors()[0].GetSymbol() == "O")
    nitrogen = next(a.GetIdx() for a in mol.GetAtoms() if a.GetSymbol() == "N")
    coords[proton] = coords[nitrogen] + np.array([0.0, 0.0, 1.0])
    assert lost_identity(mol, stereo_labels(mol), coords) == "graph"


def test_a_mirror_image_has_lost_its_stereo() -> None:
    mol = embedded("C[C@H](N)C(=O)O")
    mirrored = conformers("C[C@H](N)C(=O)O")[0] * [1.0, 1.0, -1.0]
    assert lost_identity(mol, stereo_labels(mol), mirrored) == "stereo"
