"""Do large molecules get seeds, and is a time limit one, with what was finished by then?"""

from __future__ import annotations

import time

import numpy as np
import pytest
from helpers import with_hydrogens

from rdkit_ebd import EmbedMultipleConfs, EmbedWithReport
from rdkit_ebd.params import EBD
from rdkit_ebd.report import FailureCause
from rdkit_ebd.seeds.rdkit_seeds import coarse_seeds
from rdkit_ebd.seeds.skeleton import skeleton_of

PROTAC = (
    "Cc1sc2c(c1C)C(c1ccc(Cl)cc1)=N[C@@H](CC(=O)NCCOCCOCCOCCOCCOCCOCCOCC(=O)N[C@H](C(=O)N1C[C@H](O)C[C@H]1"
    "C(=O)NCc1ccc(-c3scnc3C)cc1)C(C)(C)C)c1nnc(C)n12"
)
IMATINIB = "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(-c2cccnc2)n1"
SALT = "[Na+].CC(C)Cc1ccc(cc1)[C@H](C)C(=O)[O-]"
MARGIN = 1.0  # seconds, for machines that are busy


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    EmbedMultipleConfs(with_hydrogens("paracetamol"), 1, randomSeed=1)


@pytest.mark.parametrize("smiles", [PROTAC, "C" * 60])
def test_where_distance_matrices_give_nothing_random_coordinates_do(smiles: str) -> None:
    skeleton = skeleton_of(with_hydrogens(smiles))
    assert skeleton is not None

    def recipe(seed: int) -> object:
        parameters = EBD().coarse_parameters(seed)
        parameters.maxIterations = 30
        return parameters

    found = coarse_seeds(skeleton.mol, range(5), 7, recipe)
    assert found.failures["INITIAL_COORDS"] > 0
    assert found.made.all()
    alone = coarse_seeds(skeleton.mol, [4], 7, recipe)
    assert np.array_equal(alone.first[0], found.first[4])


@pytest.mark.parametrize(("smiles", "limit"), [("sertraline", 1), ("sertraline", 2), (IMATINIB, 3), (SALT, 3)])
def test_what_is_finished_in_time_is_kept(smiles: str, limit: int) -> None:
    mol, wanted = with_hydrogens(smiles), 3000
    begun = time.monotonic()
    report = EmbedWithReport(mol, wanted, randomSeed=3, timeout=limit)
    assert time.monotonic() - begun < limit + MARGIN
    assert 0 < len(report.ids) == mol.GetNumConformers() < wanted
    late = [k for k, cause in report.failed if cause == FailureCause.EXCEEDED_TIMEOUT]
    assert len(late) > wanted / 2


def test_conformers_made_in_groups_are_different_ones() -> None:
    mol = with_hydrogens("sertraline")
    ids = EmbedMultipleConfs(mol, 40, randomSeed=3, timeout=60)
    assert len(ids) == 40
    shapes = np.array([conformer.GetPositions() for conformer in mol.GetConformers()])
    gaps = np.abs(shapes[:, None] - shapes[None]).max((2, 3))
    assert gaps[np.triu_indices(40, 1)].min() > 1e-3


def test_a_limit_that_is_not_reached_changes_neither_number_nor_first() -> None:
    free, limited = with_hydrogens("ibuprofen"), with_hydrogens("ibuprofen")
    EmbedMultipleConfs(free, 6, randomSeed=3)
    EmbedMultipleConfs(limited, 6, randomSeed=3, timeout=120)
    assert limited.GetNumConformers() == 6
    assert np.abs(free.GetConformer(0).GetPositions() - limited.GetConformer(0).GetPositions()).max() < 0.01


@pytest.mark.parametrize("limit", [2])
def test_a_large_molecule_does_not_hold_the_call_up(limit: int) -> None:
    begun = time.monotonic()
    EmbedWithReport(with_hydrogens(PROTAC), 50, randomSeed=3, timeout=limit)
    assert time.monotonic() - begun < limit + 2 * MARGIN
