"""Do the parts of a salt come apart, keep their atoms, and stand side by side?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from rdkit_ebd.chem.components import Component, assemble, split
from rdkit_ebd.chem.components import with_hydrogens as add_hydrogens

SALTS = [
    "[Cl-].CC(C)NCC(O)COc1cccc2ccccc12",
    "C[C@H](O)C(=O)[O-].[Na+].O.O",
    "CC(=O)Oc1ccccc1C(=O)O.Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "[Na+].[Cl-].[K+].[Br-]",
]


def shapes(components: list[Component]) -> list[np.ndarray]:
    """A conformer of each component, each off the origin."""
    out = []
    for number, component in enumerate(components):
        mol = Chem.Mol(component.mol)
        Chem.SanitizeMol(mol)
        assert rdDistGeom.EmbedMolecule(mol, randomSeed=3) == 0
        out.append(mol.GetConformer().GetPositions() + 5.0 * number)
    return out


def closest(whole: np.ndarray, components: list[Component]) -> float:
    """Smallest distance between atoms of different components."""
    owner = np.zeros(len(whole), dtype=int)
    for number, component in enumerate(components):
        owner[component.atoms] = number
    distances = np.linalg.norm(whole[:, None] - whole[None], axis=-1)
    return float(distances[owner[:, None] != owner[None]].min())


@pytest.mark.parametrize("smiles", ["CCO", "C[C@H](N)C(=O)O", *SALTS])
def test_hydrogens_come_after_the_molecules_own_atoms(smiles: str) -> None:
    mol = Chem.MolFromSmiles(smiles)
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    before = mol.ToBinary()
    full = add_hydrogens(mol)
    assert mol.ToBinary() == before
    assert full.GetNumConformers() == 0
    assert full.GetNumAtoms() == Chem.AddHs(mol).GetNumAtoms()
    own = [(a.GetAtomicNum(), a.GetChiralTag()) for a in mol.GetAtoms()]
    assert [(a.GetAtomicNum(), a.GetChiralTag()) for a in full.GetAtoms()][: len(own)] == own
    assert all(a.GetAtomicNum() == 1 for a in list(full.GetAtoms())[len(own) :])
    assert Chem.MolToSmiles(Chem.RemoveHs(full)) == Chem.MolToSmiles(mol)


def test_explicit_hydrogens_are_not_added_twice() -> None:
    mol = with_hydrogens("CCO")
    assert add_hydrogens(mol).GetNumAtoms() == mol.GetNumAtoms()


def test_an_unsanitised_molecule_is_taken() -> None:
    mol = Chem.MolFromSmiles("C1CCCCC1O", sanitize=False)
    (part,) = split(add_hydrogens(mol), {})
    assert part.mol.GetNumAtoms() == 19
    assert part.mol.GetRingInfo().NumRings() == 1


@pytest.mark.parametrize("smiles", SALTS)
def test_parts_are_connected_complete_and_largest_first(smiles: str) -> None:
    mol = with_hydrogens(smiles)
    parts = split(mol, {})
    assert len(parts) == smiles.count(".") + 1
    assert sorted(np.concatenate([part.atoms for part in parts])) == list(range(mol.GetNumAtoms()))
    sizes = [len(part.atoms) for part in parts]
    assert sizes == sorted(sizes, reverse=True)
    for part in parts:
        assert len(Chem.GetMolFrags(part.mol)) == 1
        for own, whole in enumerate(part.atoms.tolist()):
            ours, theirs = part.mol.GetAtomWithIdx(own), mol.GetAtomWithIdx(whole)
            assert (ours.GetAtomicNum(), ours.GetFormalCharge()) == (theirs.GetAtomicNum(), theirs.GetFormalCharge())
            assert ours.GetChiralTag() == theirs.GetChiralTag()
            neighbours = {int(part.atoms[n.GetIdx()]) for n in ours.GetNeighbors()}
            assert neighbours == {n.GetIdx() for n in theirs.GetNeighbors()}


def test_a_single_part_is_the_molecule() -> None:
    mol = with_hydrogens("ibuprofen")
    (part,) = split(mol, {2: (1.0, 2.0, 3.0)})
    assert part.mol.GetNumAtoms() == mol.GetNumAtoms()
    assert part.atoms.tolist() == list(range(mol.GetNumAtoms()))
    assert part.held == {2: (1.0, 2.0, 3.0)}


def test_held_atoms_go_with_their_part() -> None:
    mol = with_hydrogens("[Na+].CCO.[Cl-]")
    parts = split(mol, {0: (9.0, 0.0, 0.0), 2: (1.0, 1.0, 1.0)})
    (ethanol, sodium, chloride) = parts
    assert ethanol.held == {int(np.flatnonzero(ethanol.atoms == 2)[0]): (1.0, 1.0, 1.0)}
    assert sodium.held == {0: (9.0, 0.0, 0.0)}
    assert chloride.held == {}


@pytest.mark.parametrize("smiles", SALTS)
def test_parts_do_not_clash_and_keep_their_shapes(smiles: str) -> None:
    components = split(with_hydrogens(smiles), {})
    coords = shapes(components)
    whole = assemble(components, coords)
    assert 2.4 < closest(whole, components) < 12
    for component, x in zip(components, coords, strict=True):
        placed = whole[component.atoms]
        assert np.allclose(placed - placed.mean(0), x - x.mean(0), rtol=0, atol=1e-9)


def test_the_order_of_atoms_is_the_molecules() -> None:
    mol = with_hydrogens("CC(N).O=C(O)C")
    components = split(mol, {})
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.SetPositions(assemble(components, shapes(components)))
    mol.AddConformer(conformer)
    for bond in mol.GetBonds():
        ends = (conformer.GetAtomPosition(i) for i in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
        a, b = ends
        assert a.Distance(b) < 1.8


@pytest.mark.parametrize("place", [(0.0, 0.0, 0.0), (40.0, 0.0, 0.0), (-30.0, 2.0, 1.0)])
@pytest.mark.parametrize("held", [0, 1])
def test_held_parts_stay_and_the_others_keep_away(held: int, place: tuple[float, float, float]) -> None:
    mol = with_hydrogens("Cc1ccccc1.[Cl-]")
    components = split(mol, {(0, 7)[held]: place})
    coords = shapes(components)
    coords[held] = coords[held] - coords[held][0] + np.array(place)
    whole = assemble(components, coords)
    assert np.array_equal(whole[components[held].atoms], coords[held])
    assert closest(whole, components) > 2.4


def test_two_held_parts_both_stay() -> None:
    components = split(with_hydrogens("[Na+].[Cl-].O"), {0: (0.0, 0.0, 0.0), 1: (0.0, 3.0, 0.0)})
    water, sodium, chloride = components
    coords = [shapes([water])[0], np.zeros((1, 3)), np.array([[0.0, 3.0, 0.0]])]
    whole = assemble(components, coords)
    assert np.array_equal(whole[sodium.atoms], coords[1])
    assert np.array_equal(whole[chloride.atoms], coords[2])
    assert closest(whole, components) > 2.4
