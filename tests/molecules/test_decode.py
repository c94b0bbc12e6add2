"""Are molecules found again from bare atoms, and is what is none told apart by its cause?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import embedded
from rdkit import Chem
from rdkit.Chem import AllChem

from rdkit_ebd.molecules.decode import InvalidCause, decoded

DRUGS = ("captopril", "aspirin", "paracetamol", "ibuprofen", "nicotine")


def atoms(mol: Chem.Mol) -> tuple[np.ndarray, np.ndarray]:
    return np.array([a.GetAtomicNum() for a in mol.GetAtoms()]), mol.GetConformer().GetPositions()


@pytest.mark.parametrize("name", DRUGS)
def test_drugs_are_found_again_with_their_stereo(name: str) -> None:
    mol = embedded(name, 1)
    found, cause = decoded(*atoms(mol))
    assert cause is None
    assert Chem.MolToSmiles(Chem.RemoveHs(found)) == Chem.MolToSmiles(Chem.RemoveHs(mol))
    assert np.allclose(found.GetConformer().GetPositions(), mol.GetConformer().GetPositions())


def test_causes() -> None:
    numbers, x = atoms(embedded("aspirin", 1))
    assert decoded(numbers, np.where(np.arange(len(x))[:, None] == 3, np.nan, x))[1] is InvalidCause.NOT_FINITE
    apart = x.copy()
    apart[-1] += 5.0
    assert decoded(numbers, apart)[1] is InvalidCause.DISCONNECTED
    assert decoded(numbers[:-1], x[:-1])[1] is InvalidCause.VALENCE  # a hydrogen is missing


def made(smiles: str) -> tuple[np.ndarray, np.ndarray]:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
    AllChem.MMFFOptimizeMolecule(mol)
    return atoms(mol)


CHARGED = (
    "C[N+](=O)[O-]",
    "c1cc[n+]([O-])cc1",
    "CN=[N+]=[N-]",
    "CC[N+]#[C-]",
    "C[N+](C)(C)CC(=O)[O-]",
    "CC[NH+]=C([O-])C",
    "CS(=O)CC",
    "CC(=O)CS(C)=O",
)


@pytest.mark.parametrize("smiles", CHARGED)
def test_charges_of_stable_molecules_are_found_again(smiles: str) -> None:
    found, cause = decoded(*made(smiles))
    assert cause is None
    assert Chem.GetFormalCharge(found) == 0
    assert sum(abs(a.GetFormalCharge()) for a in found.GetAtoms()) in (0, 2)


MISREAD = (  # by RDKit alone: S+ beside an oxide, or two oxides on a nitrogen
    "Cc1cccc([N+](=O)[O-])c1",
    "Cc1ccc(Cn2cnc3c(sc4ccccc43)c2=O)cc1",
    "CN1CCN(c2nc3ccc4c(c3s2)C(=O)c2ccccc2C4=O)CC1",
    "CC1(Nc2ccccc2[N+](=O)[O-])CCN(Cc2ccccc2)CC1",
    "CCOc1ccc(O[N+](=O)[O-])cc1[N+](=O)[O-]",
    "CS(=O)c1ccccc1",
    "CS(=O)(=O)c1ccc(C)s1",
)


@pytest.mark.parametrize("smiles", MISREAD)
def test_sulfur_and_nitro_groups_are_found_again(smiles: str) -> None:
    found, cause = decoded(*made(smiles))
    assert cause is None
    assert Chem.MolToSmiles(Chem.RemoveHs(found), isomericSmiles=False) == Chem.CanonSmiles(smiles)


@pytest.mark.parametrize("smiles", ["CCCC", "CCSCC", "CC(=O)CC"])
def test_charges_on_carbon_are_no_molecule(smiles: str) -> None:
    numbers, x = made(smiles)
    carbons, light = np.flatnonzero(numbers == 6), np.flatnonzero(numbers == 1)
    ends = [light[np.linalg.norm(x[light] - x[c], axis=1).argmin()] for c in carbons[[0, -1]]]
    kept = np.delete(np.arange(len(numbers)), ends)  # two radicals, or a cation and an anion, that no bond joins
    assert decoded(numbers[kept], x[kept])[1] is InvalidCause.CHARGE
