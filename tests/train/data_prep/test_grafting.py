"""Does grafting make valid molecules with what they had in the rest?"""

from __future__ import annotations

from collections import Counter

import pytest
from rdkit import Chem

from rdkit_ebd.train.data_prep.grafting import ON_ALCOHOL, ON_CARBON, graft, grafts


@pytest.mark.parametrize("name", [*ON_CARBON, *ON_ALCOHOL])
def test_every_graft_takes(name: str) -> None:
    base = Chem.MolFromSmiles("Brc1ccccc1" if name in ON_CARBON else "OCc1ccccc1")
    made = graft(base, name)
    fragment = Chem.MolFromSmiles({**ON_CARBON, **ON_ALCOHOL}[name])
    assert made is not None
    assert made.GetNumAtoms() == base.GetNumAtoms() - 1 + fragment.GetNumAtoms()
    assert not any(atom.GetNumRadicalElectrons() for atom in made.GetAtoms())
    assert len(Chem.GetMolFrags(made)) == 1


@pytest.mark.parametrize(
    ("base", "name", "made"),
    [
        ("COc1ccccc1", "B(OH)2", "OB(O)c1ccccc1"),
        ("CC(C)(C)c1ccccc1", "SeMe", "C[Se]c1ccccc1"),
        ("C[C@H](F)Cl", "SiMe3", "C[C@H](F)[Si](C)(C)C"),
        ("Cc1cccs1", "selenophene", "Cc1ccc[se]1"),
    ],
)
def test_groups_are_exchanged(base: str, name: str, made: str) -> None:
    found = graft(Chem.MolFromSmiles(base), name)
    assert Chem.MolToSmiles(found, isomericSmiles=False) == Chem.MolToSmiles(
        Chem.MolFromSmiles(made), isomericSmiles=False
    )


def test_where_there_is_nothing_to_exchange_there_is_no_graft() -> None:
    assert graft(Chem.MolFromSmiles("CCC"), "SF5") is None
    assert graft(Chem.MolFromSmiles("CCC"), "selenophene") is None
    assert list(grafts([Chem.MolFromSmiles(smiles) for smiles in ("CCC", "C[Si](C)(C)CBr")])) == []


def test_grafts_take_turns_until_each_has_enough() -> None:
    bases = [Chem.MolFromSmiles("Br" + "C" * n) for n in range(1, 200)]
    made = Counter(name for name, _ in grafts(bases, per_graft=2))
    assert set(made) == set(ON_CARBON)
    assert set(made.values()) == {2}
