"""Is the core of a reference found where a chemist would lay it?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import embedded, with_hydrogens
from rdkit import Chem

from rdkit_ebd import MatchCore

BENZOTHIAZOLE = "c1ccc2scnc2c1"


def test_a_ring_is_not_turned_over() -> None:
    """The benzo ring fits in two ways; what hangs on it tells which."""
    known, mol = embedded(BENZOTHIAZOLE), with_hydrogens("CCNC(=O)c1nc2ccccc2s1")
    whole = dict(zip(*pairs(MatchCore(mol, known)), strict=True))
    for atoms in ([0, 1, 2, 3, 4, 7, 8], [0, 1, 2, 4, 7], [4, 7, 8]):
        match = MatchCore(mol, known, atoms=atoms)
        assert list(match.reference_atoms) == sorted(atoms)
        assert dict(zip(*pairs(match), strict=True)).items() <= whole.items()


def test_a_substituent_stays_on_its_side() -> None:
    known = embedded("Clc1cccc(C)c1CCO")
    for smiles in ("Fc1cccc(C)c1CCN", "Cc1cccc(F)c1CCN"):
        mol = with_hydrogens(smiles)
        match = MatchCore(mol, known, smarts="c1ccccc1CC")
        own = dict(zip(match.reference_atoms, match.atoms, strict=True))
        beside = {a.GetAtomicNum() for a in mol.GetAtomWithIdx(own[1]).GetNeighbors()}  # where the reference has Cl
        assert 9 in beside


def pairs(match: object) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return match.reference_atoms, match.atoms  # type: ignore[attr-defined]


def test_words_and_result() -> None:
    known, mol = embedded(BENZOTHIAZOLE), embedded("Cc1nc2ccccc2s1")
    match = MatchCore(mol, known)
    assert match.in_words() == "atoms 1-4 on 5-8, 5-9 on 0-4 of the reference"
    there = np.zeros((mol.GetNumAtoms(), 3))
    there[list(match.atoms)] = match.positions
    assert match.result([there]).startswith("core of 9 atoms: RMSD 0.0000 angstrom from the reference (atoms 1-4 on")
    assert "RMSD 3.0000" in match.result([there, there + np.array([0, 3, 0])])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"atoms": [0, 3, 99]}, r"names atoms \[99\], but the reference has 14"),
        ({"atoms": []}, "names none"),
        ({"atoms": [0], "mcs": True}, "not by two of them"),
        ({"smarts": "C#N"}, "smarts='C#N' is not in the reference"),
        ({"smarts": "c1ccsc1"}, "not in the reference"),
        ({"atoms": [3, 4, 5]}, "is not in both molecules"),
    ],
)
def test_what_cannot_be_a_core_is_named(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MatchCore(with_hydrogens("CCc1ccccc1"), embedded(BENZOTHIAZOLE), **options)  # type: ignore[arg-type]


def test_two_atoms_are_no_common_core() -> None:
    with pytest.raises(ValueError, match="at least 3 atoms in common"):
        MatchCore(with_hydrogens("CCO"), embedded("CC1CCCCC1"), mcs=True)


def test_centres_of_a_part_are_judged_by_their_positions() -> None:
    """A part has lost neighbours of its centres, whose tags say nothing any more."""
    known = embedded("C[C@H](O)C(=O)Nc1ccccc1")
    mol = with_hydrogens("C[C@H](O)C(=O)Nc1ccccc1F")
    match = MatchCore(mol, known, atoms=[0, 1, 2, 3, 4])
    assert match.atoms == (0, 1, 2, 3, 4)
    assert Chem.MolToSmiles(Chem.RemoveHs(mol)) == Chem.CanonSmiles("C[C@H](O)C(=O)Nc1ccccc1F")
