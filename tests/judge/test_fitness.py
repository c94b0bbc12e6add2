"""Is a molecule whose kind no reference has named by its atoms, whatever its size, and every drug let through?"""

from __future__ import annotations

import pytest
from helpers import DRUGS, with_hydrogens
from rdkit import Chem

from rdkit_ebd import EBD, EmbedWithReport
from rdkit_ebd.embedding.pipeline import UnsupportedMolecule
from rdkit_ebd.judge.environments import Environments
from rdkit_ebd.judge.fitness import unknown_environments, unlearnt_environments

FOREIGN = {
    "CS(F)(F)(F)(F)C": "atom 1 is S with 6 neighbours (C C F F F F), whose shape is not known",
    "CP(F)(F)(F)F": "atom 1 is P with 5 neighbours (C F F F F)",
    "CC(=O)OI(OC(C)=O)c1ccccc1": "atom 4 is I with 3 neighbours (C O O)",
    "Cl[Pt](Cl)(N)N": "atom 1 is Pt with 4 neighbours (Cl Cl N N)",
    "C[Hg]C": "atom 1 is Hg with 2 neighbours (C C)",
    "FI(F)(F)(F)F": "atom 1 is I with 5 neighbours (F F F F F)",
    "C[Sb](C)C": "atom 1 is Sb with 3 neighbours (C C C)",
}
KNOWN = ["O", "[H][H]", "[Na+].[Cl-]", "*CC(=O)N*", "C[N+](C)(C)CC(=O)[O-]", "CN=[N+]=[N-]", "[C-]#[N+]C", "CC[S-]"]


@pytest.mark.parametrize("smiles", FOREIGN)
def test_what_no_reference_has_is_named(smiles: str) -> None:
    assert any(reason.startswith(FOREIGN[smiles]) for reason in unknown_environments(with_hydrogens(smiles)))


@pytest.mark.parametrize("smiles", [*DRUGS.values(), *KNOWN])
def test_drugs_lone_ions_and_small_molecules_are_known(smiles: str) -> None:
    assert unknown_environments(with_hydrogens(smiles)) == []


def test_what_a_model_has_learnt_too_little_of_is_named_with_the_count() -> None:
    mol = with_hydrogens("C[Si](C)(C)CO")
    seen = dict.fromkeys(Environments(mol).atoms, 100)
    assert unlearnt_environments(mol, seen) == []
    assert unlearnt_environments(mol, seen | {"Si4v4t": 1}) == [
        "atom 1 is Si with 4 neighbours (C C C C), which the model has learnt from 1 molecule"
    ]
    del seen["Si4v4t"]
    [reason] = unlearnt_environments(mol, seen, list(range(10, 10 + mol.GetNumAtoms())))
    assert reason.startswith("atom 11 is Si")
    assert reason.endswith("which the model has not learnt")


def test_atoms_are_named_by_the_numbers_of_the_whole_molecule() -> None:
    mol = with_hydrogens("C[Hg]C")
    numbers = list(range(20, 20 + mol.GetNumAtoms()))
    assert any(reason.startswith("atom 21 is Hg") for reason in unknown_environments(mol, numbers))


@pytest.mark.parametrize("smiles", ["Cl[Pt](Cl)(N)N", "CC(=O)OI(OC(C)=O)c1ccccc1"])
def test_they_are_rejected_or_left_to_rdkit_at_every_size(smiles: str) -> None:
    mol = with_hydrogens(smiles)
    with pytest.raises(UnsupportedMolecule, match=r"which no reference molecule has|is Pt \(atomic number 78\)"):
        EmbedWithReport(mol, 1, EBD(randomSeed=1))
    assert mol.GetNumConformers() == 0


def test_a_bond_between_known_atoms_that_no_reference_has_is_named() -> None:
    mol = with_hydrogens("CP(C)[Se]C")
    [reason] = unknown_environments(mol, list(range(10, 10 + mol.GetNumAtoms())))
    assert reason == (
        "bond 11-13 joins P with 3 neighbours (C C Se) to Se with 2 neighbours (C P), which no reference molecule has"
    )
    with pytest.raises(UnsupportedMolecule, match="bond 1-3 joins P"):
        EmbedWithReport(mol, 1, EBD(randomSeed=1))
    for smiles in ("O=O", "[C-]#N", "BrCl"):  # ions of salts among them: a pair of atoms is left to RDKit
        assert unknown_environments(with_hydrogens(smiles)) == []


def test_the_fallback_takes_them() -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)OI(OC(C)=O)c1ccccc1"))
    report = EmbedWithReport(mol, 2, EBD(randomSeed=1, fallback="ETKDGv3"))
    assert len(report.ids) == 2
    assert any("ETKDGv3" in message for message in report.messages)
