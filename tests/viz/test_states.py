"""Are the states of a deblurring called after the rounds that made them?"""

from __future__ import annotations

import pytest
from helpers import embedded
from rdkit import Chem

import rdkit_ebd
from rdkit_ebd.viz.states import TIME, state_names


def states(times: list[float | None]) -> list[Chem.Conformer]:
    mol = Chem.Mol(embedded("aspirin", 1))
    found = []
    for time in times:
        state = Chem.Conformer(mol.GetConformer())
        if time is not None:
            state.SetDoubleProp(TIME, time)
        found.append(state)
    return found


@pytest.mark.parametrize(
    ("times", "names"),
    [
        ([1.0, 1.0, 1.0, 0.0], ["seed", "round 1", "round 2", "conformer"]),
        ([1.0, 0.75, 0.5, 0.25, 0.0], ["seed", "t = 0.75", "t = 0.50", "t = 0.25", "conformer"]),
        ([1.0, 0.5, 1.0, 0.5, 0.0], ["seed", "round 1, t = 0.50", "round 1", "round 2, t = 0.50", "conformer"]),
        ([None], ["conformer"]),
        ([], []),
    ],
)
def test_names(times: list[float | None], names: list[str]) -> None:
    assert state_names(states(times)) == names


def test_those_of_a_real_deblurring() -> None:
    mol, paths = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1")), dict[int, Chem.Mol]()
    rdkit_ebd.EmbedMoleculeEBD(mol, 1, randomSeed=1, numRounds=3, callback=paths.__setitem__)
    assert state_names(list(paths[0].GetConformers())) == ["seed", "round 1", "round 2", "conformer"]
    assert "round 2" in rdkit_ebd.show(paths[0], script="none").html
