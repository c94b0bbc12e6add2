"""Is a fragment told to the model as it is, and refused where nothing can grow from it?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import embedded
from rdkit import Chem
from rdkit.Chem import rdDepictor, rdDistGeom
from tiny_generator import CONFIG

from rdkit_ebd.generators.edm.model import load_generator
from rdkit_ebd.molecules.core import core_stays, held_atoms
from rdkit_ebd.molecules.decode import decoded
from rdkit_ebd.molecules.generate import GenerateMolecules
from rdkit_ebd.molecules.wanted import check_wanted

QM9 = load_generator("edm-qm9", "cpu").config


def fragment(smiles: str) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    return mol


def test_hydrogens_that_are_atoms_stay_and_the_others_are_room() -> None:
    full = fragment("CO")
    bare = held_atoms(Chem.RemoveHs(full), CONFIG)
    assert bare.numbers.tolist() == [6, 8]
    assert bare.open.tolist() == [3, 1]
    editable = Chem.RWMol(full)
    editable.RemoveAtom(5)  # the hydrogen of the oxygen
    editable.GetAtomWithIdx(1).SetNumExplicitHs(1)
    partly = held_atoms(editable.GetMol(), CONFIG)
    assert [len(own) for own in partly.hydrogens] == [3, 0]
    assert partly.open.tolist() == [0, 1]
    assert np.allclose(partly.x, full.GetConformer().GetPositions()[:2])


def test_what_cannot_grow_is_refused() -> None:
    with pytest.raises(ValueError, match="no room to grow"):
        held_atoms(fragment("CO"), CONFIG)
    with pytest.raises(ValueError, match="no conformer"):
        held_atoms(Chem.MolFromSmiles("CO"), CONFIG)
    with pytest.raises(ValueError, match="Cl, of which tiny knows nothing"):
        held_atoms(Chem.RemoveHs(fragment("CCl")), CONFIG)


def test_a_core_larger_than_the_model_knows_is_refused(tmp_path: object) -> None:
    with pytest.raises(ValueError, match="large enough and has hydrogens enough for the 11 heavy atoms"):
        GenerateMolecules(1, core=Chem.RemoveHs(embedded("paracetamol", 1)))


def test_cores_that_are_no_neutral_closed_shells_are_refused() -> None:
    for smiles, message in (
        ("C[NH3+]", r"core has a charge of \+1"),
        ("CC(=O)[O-]", "core has a charge of -1"),
        ("C[CH2]", "core: C1 has unpaired electrons"),
    ):
        with pytest.raises(ValueError, match=message):
            held_atoms(Chem.RemoveHs(fragment(smiles)), QM9)
    assert held_atoms(Chem.RemoveHs(fragment("C[N+](=O)[O-]")), QM9).open.tolist() == [3, 0, 0, 0]


def test_coordinates_that_are_none_are_refused() -> None:
    drawing = Chem.MolFromSmiles("CC(C)O")
    rdDepictor.Compute2DCoords(drawing)
    with pytest.raises(ValueError, match="drawing in two dimensions"):
        held_atoms(drawing, QM9)
    lost = Chem.RemoveHs(fragment("CCO"))
    lost.GetConformer().SetAtomPosition(1, (float("nan"), 0.0, 0.0))
    with pytest.raises(ValueError, match="coordinates of C1 are no numbers"):
        held_atoms(lost, QM9)
    torn = Chem.RemoveHs(fragment("CCO"))
    torn.GetConformer().SetAtomPosition(2, (9.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="C1 and O2, which are bonded, are"):
        held_atoms(torn, QM9)
    with pytest.raises(TypeError, match="core must be a molecule"):
        held_atoms("CCO", QM9)  # type: ignore[arg-type]


def test_what_has_not_been_sanitised_is() -> None:
    core = Chem.RemoveHs(fragment("c1ccoc1"))
    raw = Chem.MolFromSmiles("c1ccoc1", sanitize=False)
    raw.AddConformer(core.GetConformer())
    assert held_atoms(raw, QM9).open.tolist() == held_atoms(core, QM9).open.tolist() == [1, 1, 1, 0, 1]
    assert not raw.GetAtomWithIdx(0).HasProp("_CIPCode")
    assert raw.NeedsUpdatePropertyCache()


def test_every_part_has_to_grow() -> None:
    parts = Chem.CombineMols(Chem.RemoveHs(fragment("CO")), fragment("CN"))
    for atom in range(2, parts.GetNumAtoms()):
        place = parts.GetConformer().GetAtomPosition(atom)
        parts.GetConformer().SetAtomPosition(atom, (place.x + 8.0, place.y, place.z))
    with pytest.raises(ValueError, match="no room to grow at C2, N3"):
        held_atoms(parts, QM9)


@pytest.mark.parametrize(
    ("core", "most"),
    [("c1ccccc1", 12), ("CCCCCC", 20), ("C#N", 16), ("FC(F)F", 11)],  # as C9H12, C9H20, C8H15N and C6H10F3 have at most
)
def test_sizes_have_no_more_hydrogens_than_valences_allow(core: str, most: int) -> None:
    held = held_atoms(Chem.RemoveHs(fragment(core)), QM9)
    assert max(s.hydrogens for s in check_wanted(QM9, None, None, held).sizes if s.heavy == 9) <= most


@pytest.mark.parametrize(
    ("core", "smiles", "stays"),
    [
        ("c1ccccc1", "CCc1ccccc1", True),
        ("c1ccccc1", "CC1CCCCC1", False),
        ("c1ccccc1", "CC1C=CCC=C1", False),
        ("C=CC=C", "c1ccccc1", True),  # the same bonds, mesomeric
        ("C[N+](=O)[O-]", "CC[N+](=O)[O-]", True),
        ("C[N+]([O-])=O", "O=[N+]([O-])CC", True),
        ("CC(C)=O", "CC(C)(C)O", False),
        ("CN(C)C", "CCN(C)C", True),
        ("CN(C)C", "C[N+](C)(C)[O-]", False),  # something has grown on a full nitrogen
        ("CC#N", "OCC#N", True),
        ("CC#N", "CCC=N", False),
    ],
)
def test_a_fragment_is_still_there_or_not(core: str, smiles: str, stays: bool) -> None:
    mol = fragment(smiles)
    held = held_atoms(Chem.RemoveHs(fragment(core)), QM9)
    shape = Chem.MolFromSmarts(_bare(core))
    [first, *_] = mol.GetSubstructMatches(shape)
    order = [*first, *(i for i in range(mol.GetNumAtoms()) if i not in first)]
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])[order]
    found, cause = decoded(numbers, mol.GetConformer().GetPositions()[order])
    assert cause is None
    assert core_stays(found, held) is stays


def _bare(smiles: str) -> str:
    """A SMARTS of the same atoms in the same order, any bonds."""
    mol = Chem.MolFromSmiles(smiles)
    query = Chem.RWMol(Chem.MolFromSmarts(Chem.MolToSmarts(mol)))
    for atom in mol.GetAtoms():
        query.ReplaceAtom(atom.GetIdx(), Chem.AtomFromSmarts(f"[#{atom.GetAtomicNum()}]"))
    for bond in mol.GetBonds():
        query.ReplaceBond(bond.GetIdx(), Chem.BondFromSmarts("~"))
    return Chem.MolToSmarts(query)
