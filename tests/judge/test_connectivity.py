"""Are torn and made bonds seen, and are no sound conformers accused?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import DRUGS, conformers, embedded, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from rdkit_ebd.judge.connectivity import Connectivity


@pytest.mark.parametrize("drug", sorted(DRUGS))
def test_drugs_have_their_bonds(drug: str) -> None:
    connectivity = Connectivity.of(embedded(drug))
    assert len(connectivity.bonded) == embedded(drug).GetNumBonds()
    assert not any(connectivity.changed(x).any() for x in conformers(drug))


@pytest.mark.parametrize(
    "smiles",
    ["C12C3C4C1C5C2C3C45", "C1C2CC1C2", "O=C1C=CC(=O)C=C1", "CSSC", "[Na+].[Cl-]", "BrC(Br)(Br)Br", "CN=[N+]=[N-]"],
)
def test_strained_molecules_and_salts_have_theirs(smiles: str) -> None:
    mol = with_hydrogens(smiles)
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=3, useRandomCoords=True) == 0
    x = np.array(mol.GetConformer().GetPositions())
    apart = x + 5.0 * np.array([[0.0], [1.0]]) if len(Chem.GetMolFrags(mol)) == 2 else x
    assert not Connectivity.of(mol).changed(apart).any()


def test_fluorines_of_a_hypervalent_centre_are_not_bonded_to_each_other() -> None:
    octahedron = 1.56 * np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
    connectivity = Connectivity.of(Chem.MolFromSmiles("S(F)(F)(F)(F)(F)F"))
    assert not connectivity.changed(octahedron).any()
    assert connectivity.changed(1.4 * octahedron).sum() == 6
    assert connectivity.changed(0.5 * octahedron).sum() == 12  # neighbours, not those on opposite sides


def test_a_proton_that_moves_is_seen_from_both_sides() -> None:
    mol = with_hydrogens("[NH3+]CC(=O)[O-]")
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=1) == 0
    before = np.array(mol.GetConformer().GetPositions())
    nitrogen, oxygen = 0, 4
    proton = next(n.GetIdx() for n in mol.GetAtomWithIdx(nitrogen).GetNeighbors() if n.GetAtomicNum() == 1)
    towards = (before[nitrogen] - before[oxygen]) / np.linalg.norm(before[nitrogen] - before[oxygen])
    after = before.copy()
    after[proton] = before[oxygen] + 0.97 * towards
    connectivity = Connectivity.of(mol)
    pairs = np.concatenate([connectivity.bonded, connectivity.apart])[connectivity.changed(after)]
    assert {tuple(pair) for pair in pairs.tolist()} >= {(nitrogen, proton), (oxygen, proton)}
    after[proton] = before[nitrogen] + 1.2 * (before[proton] - before[nitrogen])  # stretched, as a strong bond does
    assert not connectivity.changed(after).any()


def test_corners_of_a_four_membered_ring_are_not_bonded_but_those_of_a_closed_three_membered_one_are() -> None:
    """Si...Si is 2.35 to 2.42 angstrom in cyclodisiloxanes by X-ray diffraction, 1.08 times the radii's sum."""
    ring = Chem.MolFromSmiles("[Si]1O[Si]O1", sanitize=False)
    side, half = 1.67, 2.38 / 2
    height = np.sqrt(side**2 - half**2)
    square = np.array([[half, 0, 0], [0, height, 0], [-half, 0, 0], [0, -height, 0]])
    assert not Connectivity.of(ring).changed(square).any()
    open_ylide = Chem.MolFromSmiles("C=[O+][CH2-]")
    oxirane = np.array([[0.736, 0, 0], [0, 1.228, 0], [-0.736, 0, 0]])  # C-C 1.472, C-O 1.432 by microwaves
    assert Connectivity.of(open_ylide).changed(oxirane).sum() == 1
