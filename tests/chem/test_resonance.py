"""Is a molecule the same, however its electrons are drawn?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem

from rdkit_ebd import EmbedWithReport
from rdkit_ebd.chem.resonance import other_forms

# As files have it, and as the same molecule is usually written.
PAIRS = {
    "CCOC(=O)[C@H]([S+]=P([S-])(OC)OC)c1ccccc1": "CCOC(=O)[C@H](SP(=S)(OC)OC)c1ccccc1",
    "CO[P+]([S-])(OC)SC": "COP(=S)(OC)SC",
    "C[P@+]([O-])(OC)[S-]": "C[P@]([O-])(OC)=S",
    "C[N-][N+]#N": "CN=[N+]=[N-]",
    "CC(=O)[CH-][N+]#N": "CC(=O)C=[N+]=[N-]",
    "[CH2-]C(C)=O": "C=C(C)[O-]",
    "C[NH+]=C[CH-]C(C)=O": "CNC=CC(C)=O",
    "CC1=[S+]C(=C([O-])NC)C(C)=N1": "CNC(=O)c1sc(C)nc1C",
    "O=c1c[n+](-c2ccccc2)[n-]o1": "[O-]c1c[n+](-c2ccccc2)no1",
    "[CH2-][P+](C)(C)C": "C=P(C)(C)C",
    "Cc1ccc2nc3[s+]c([O-])sc3nc2c1": "Cc1ccc2nc3sc(=O)sc3nc2c1",
}


@pytest.mark.parametrize(("written", "usual"), PAIRS.items())
def test_the_usual_form_is_among_the_others(written: str, usual: str) -> None:
    mol = with_hydrogens(written)
    before = Chem.MolToSmiles(mol)
    forms = list(other_forms(mol))
    assert Chem.CanonSmiles(usual) in [Chem.MolToSmiles(Chem.RemoveHs(form)) for form in forms]
    assert Chem.MolToSmiles(mol) == before
    for form in forms:
        assert [a.GetAtomicNum() for a in form.GetAtoms()] == [a.GetAtomicNum() for a in mol.GetAtoms()]
        assert Chem.GetFormalCharge(form) == Chem.GetFormalCharge(mol)
        assert not any(atom.GetNumRadicalElectrons() or atom.GetNumImplicitHs() for atom in form.GetAtoms())


@pytest.mark.parametrize("smiles", ["CCO", "C[N+](C)(C)C", "CC(=O)Nc1ccc(O)cc1", "C[C+](N)N"])
def test_what_has_no_anion_has_no_other_form(smiles: str) -> None:
    assert list(other_forms(with_hydrogens(smiles))) == []


def test_nitro_groups_are_not_written_with_five_bonds() -> None:
    forms = list(other_forms(with_hydrogens("C[N+](=O)[O-]")))
    assert {form.GetAtomWithIdx(1).GetTotalValence() for form in forms} <= {4}


@pytest.mark.parametrize(("written", "usual"), PAIRS.items())
def test_molecules_are_made_in_either_form_with_the_same_bonds(written: str, usual: str) -> None:
    lengths = [_bond_lengths(smiles) for smiles in (written, usual)]
    assert np.abs(lengths[0] - lengths[1]).max() < 0.03


def _bond_lengths(smiles: str) -> np.ndarray:
    """Mean lengths, in the order that does not depend on how the molecule is written: (bonds,) angstrom, sorted."""
    mol = with_hydrogens(smiles)
    report = EmbedWithReport(mol, 4, randomSeed=11)
    assert len(report.ids) == 4, report.summary()
    ends = np.array([(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()])
    coords = np.stack([conformer.GetPositions() for conformer in mol.GetConformers()])
    return np.sort(np.linalg.norm(coords[:, ends[:, 0]] - coords[:, ends[:, 1]], axis=-1).mean(0))


def test_written_stereo_holds_in_the_form_that_is_made() -> None:
    mol = with_hydrogens("CCOC(=O)[C@H]([S+]=P([S-])(OC)OC)c1ccccc1")
    written = Chem.MolToSmiles(mol)
    assert len(EmbedWithReport(mol, 5, randomSeed=3).ids) == 5
    for conformer in mol.GetConformers():
        shown = Chem.Mol(mol)
        Chem.AssignStereochemistryFrom3D(shown, conformer.GetId())
        assert Chem.MolToSmiles(shown) == written
