"""Is one core laid on every molecule of a library, in this process and in others?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import embedded, with_hydrogens
from rdkit import Chem

from rdkit_ebd import EBD, EmbedMolecules, EmbedWithReport, MatchCore, StreamMolecules

SERIES = ("Cc1csc(n1)NCCc1ccccc1", "CCO", "Cc1csc(n1)NC(=O)c1ccccc1")


def pose() -> Chem.Mol:
    return embedded("CCc1csc(n1)NC(C)=O", relaxed=True)


@pytest.mark.parametrize("workers", [0, 2])
def test_each_holds_what_it_has_in_common(workers: int) -> None:
    known, mols = pose(), [with_hydrogens(smiles) for smiles in SERIES]

    def core(mol: Chem.Mol) -> object:
        return MatchCore(mol, known, mcs=True)

    report = EmbedMolecules(mols, 2, EBD(randomSeed=3), core=core, workers=workers)  # type: ignore[arg-type]
    assert [own.ok for own in report.reports] == [True, False, True]
    assert report.reports[1].failed == [(0, "NO_CORE"), (1, "NO_CORE")]
    assert "at least 3 atoms in common" in report.reports[1].messages[0]
    for mol, own in list(zip(mols, report.reports, strict=True))[::2]:
        match = MatchCore(mol, known, mcs=True)
        for conformer in mol.GetConformers():
            assert np.abs(conformer.GetPositions()[list(match.atoms)] - match.positions).max() < 1e-3
        assert own.messages[-1].startswith(f"core of {len(match.atoms)} atoms: RMSD 0.0000")


def test_the_same_as_alone() -> None:
    known, smiles = embedded("c1ccc2scnc2c1"), "CCNC(=O)c1nc2ccccc2s1"
    alone, streamed = with_hydrogens(smiles), with_hydrogens(smiles)
    one = EmbedWithReport(alone, 2, EBD(randomSeed=3), core=known)
    [(_, other)] = StreamMolecules([streamed], 2, EBD(randomSeed=3), core=known, workers=0)
    assert one.messages == other.messages
    for first, second in zip(alone.GetConformers(), streamed.GetConformers(), strict=True):
        assert np.array_equal(first.GetPositions(), second.GetPositions())


def test_the_other_hand_is_a_failure_of_its_own() -> None:
    known = embedded("C[C@H](O)C(=O)Nc1ccccc1")
    mols = [with_hydrogens(f"C[{hand}H](O)C(=O)Nc1ccccc1F") for hand in ("C@", "C@@")]
    report = EmbedMolecules(mols, 1, core=lambda mol: MatchCore(mol, known, mcs=True), randomSeed=1, workers=0)
    assert [own.ok for own in report.reports] == [True, False]
    assert report.reports[1].failed == [(0, "NO_CORE")]
    assert "the other hand than the written one at atoms C 1" in report.reports[1].messages[0]


def test_held_positions_of_all_that_fit_one_hand_alone_name_the_parameters() -> None:
    known = embedded("C[C@H](O)C(=O)Nc1ccccc1")
    held = {i: tuple(xyz) for i, xyz in enumerate(known.GetConformer().GetPositions()[:6])}
    report = EmbedMolecules([with_hydrogens("C[C@@H](O)C(=O)Nc1ccccc1")], 1, coordMap=held, randomSeed=1, workers=0)
    assert report.reports[0].failed == [(0, "BAD_PARAMETERS")]


def test_cores_that_are_none_are_rejected_before_any_work() -> None:
    mols = [with_hydrogens("CCO")]
    with pytest.raises(TypeError, match="core must be"):
        EmbedMolecules(mols, 1, core="pose.sdf", workers=0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="three dimensions"):
        EmbedMolecules(mols, 1, core=mols[0], workers=0)
    with pytest.raises(ValueError, match="core or coordMap"):
        EmbedMolecules(mols, 1, core=pose(), coordMap={0: (0, 0, 0)}, workers=0)
