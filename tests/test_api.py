"""The border: what is refused, with which error, before any work is done."""

from __future__ import annotations

import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from rdkit_ebd import EBD, EmbedMolecule, EmbedMoleculeEBD, EmbedMultipleConfs, api


@pytest.fixture
def ethanol() -> Chem.Mol:
    return Chem.AddHs(Chem.MolFromSmiles("CCO"))


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("work was started")

    monkeypatch.setattr(api, "embed", refuse)


@pytest.mark.usefixtures("no_work")
class TestRefusals:
    """Bad input is refused before any work."""

    @pytest.mark.parametrize("mol", [None, "CCO", 3, Chem.Conformer(2)])
    def test_what_is_no_molecule(self, mol: object) -> None:
        with pytest.raises(TypeError, match=r"mol must be a Chem\.Mol"):
            EmbedMultipleConfs(mol, 3)  # type: ignore[arg-type]

    def test_no_atoms(self) -> None:
        with pytest.raises(ValueError, match="no atoms"):
            EmbedMolecule(Chem.Mol())

    @pytest.mark.parametrize("mol", [Chem.MolFromSmarts("[#6]-[#7]"), Chem.MolFromSmiles("c1ccccc1CO", sanitize=False)])
    def test_what_is_not_sanitised(self, mol: Chem.Mol) -> None:
        with pytest.raises(ValueError, match="SanitizeMol"):
            EmbedMultipleConfs(mol, 2)

    def test_negative_counts_as_in_rdkit(self, ethanol: Chem.Mol) -> None:
        for embed in (EmbedMultipleConfs, rdDistGeom.EmbedMultipleConfs):
            with pytest.raises(OverflowError):
                embed(ethanol, -1)

    @pytest.mark.parametrize("count", ["3", 2.5, None])
    def test_counts_that_are_no_integers(self, ethanol: Chem.Mol, count: object) -> None:
        with pytest.raises(TypeError, match="numConfs"):
            EmbedMultipleConfs(ethanol, count)  # type: ignore[arg-type]

    def test_unknown_keywords_with_the_nearest(self, ethanol: Chem.Mol) -> None:
        with pytest.raises(TypeError, match=r"randomseed.*randomSeed"):
            EmbedMultipleConfs(ethanol, 2, randomseed=1)

    def test_params_and_keywords_together(self, ethanol: Chem.Mol) -> None:
        with pytest.raises(TypeError, match="randomSeed"):
            EmbedMultipleConfs(ethanol, 2, EBD(), randomSeed=1)

    def test_params_of_another_kind(self, ethanol: Chem.Mol) -> None:
        with pytest.raises(TypeError, match="EmbedParameters"):
            EmbedMultipleConfs(ethanol, 2, {"randomSeed": 1})  # type: ignore[arg-type]

    def test_held_atoms_outside_the_molecule(self, ethanol: Chem.Mol) -> None:
        with pytest.raises(ValueError, match=r"coordMap names atoms \[99\]"):
            EmbedMultipleConfs(ethanol, 2, coordMap={99: (0, 0, 0)})

    def test_methods_that_do_not_exist(self, ethanol: Chem.Mol) -> None:
        with pytest.raises(ValueError, match="MMFF95"):
            EmbedMultipleConfs(ethanol, 2, refine="MMFF95")


def test_unknown_models_are_told_with_the_known_ones(ethanol: Chem.Mol) -> None:
    with pytest.raises(ValueError, match="ebd-f2f"):
        EmbedMultipleConfs(ethanol, 2, model="no-such-model")
    assert ethanol.GetNumConformers() == 0


def test_one_conformer_is_an_id_and_several_are_a_list(ethanol: Chem.Mol) -> None:
    assert EmbedMolecule(ethanol, randomSeed=1) == 0
    assert EmbedMolecule(ethanol, rdDistGeom.ETKDGv3()) == 0
    assert EmbedMolecule(ethanol, numConfs=1, randomSeed=1) == [0]
    assert EmbedMolecule(ethanol, numConfs=3, randomSeed=1) == [0, 1, 2]


def test_parameters_are_not_changed_but_keep_the_counts(ethanol: Chem.Mol) -> None:
    params = EBD(randomSeed=4, trackFailures=True)
    before = params.to_dict()
    EmbedMoleculeEBD(ethanol, 2, params)
    assert params.to_dict() == before
    assert len(params.GetFailureCounts()) == len(rdDistGeom.EmbedFailureCauses.values)
