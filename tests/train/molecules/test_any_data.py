"""Which molecules of a data set may be learnt from, and do their bonds lie between the atoms they belong to?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem.rdDistGeom import EmbedMolecule

from rdkit_ebd.generators.edm.kinds import valences_filled
from rdkit_ebd.train.molecules.any_data import spread_of, training_set_of
from rdkit_ebd.train.molecules.fit import config_of

TAKEN = ["O=C(Nc1ccccc1Cl)c1ccc([N+](=O)[O-])cc1", "CS(=O)(=O)N1CCC(C#N)CC1", "Brc1csc(C=C)c1", "C[N+]1([O-])CCCC1"]
LEFT = ["CC(=O)[O-]", "C[NH2+]CC([O-])=O", "C[Si](C)(C)C", "CI", "CCO.CCN", "C"]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "mixed.sdf"
    with Chem.SDWriter(str(path)) as writer:
        for smiles in [*TAKEN, *LEFT, TAKEN[1]]:
            mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
            assert EmbedMolecule(mol, randomSeed=3) == 0
            writer.write(mol)
    return path


def test_neutral_molecules_of_known_elements_are_taken_once(file: Path) -> None:
    data = training_set_of([file], (6, 60))
    assert sum(len(group) for group in data.groups.values()) == len(TAKEN)
    assert sorted(data.groups) == sorted(Chem.MolFromSmiles(smiles).GetNumHeavyAtoms() for smiles in TAKEN)
    with pytest.raises(ValueError, match="no neutral molecule of 70 to 80 atoms"):
        training_set_of([file], (70, 80))


def test_bonds_lie_between_their_atoms_and_fill_valences(file: Path) -> None:
    data = training_set_of([file], (6, 60))
    for group in data.groups.values():
        for x, kinds, bonds in zip(group.x, group.kinds, group.bonds, strict=True):
            assert valences_filled(kinds.numpy(), bonds.numpy(), data.kinds)
            distances = np.linalg.norm(x.numpy()[:, None] - x.numpy(), axis=-1)
            bonded = bonds.numpy() > 0
            assert distances[bonded].max() < 2.0
            assert distances[~bonded & ~np.eye(len(x), dtype=bool)].min() > 2.0


def test_noise_reaches_as_far_as_the_molecules(file: Path) -> None:
    data = training_set_of([file], (6, 60))
    spread = spread_of(data)
    config, small = config_of("drugs", data, spread), config_of("small", data)
    assert 1.2 < spread < 3.0
    assert config.noise.most / small.noise.most == pytest.approx(spread / small.noise.spread)
    assert config.sampling.most / small.sampling.most == pytest.approx(spread / small.noise.spread)
