"""Is the right candidate chosen, and is the choice one that later conformers do not change?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import conformers, with_hydrogens

from rdkit_ebd.arrays.rmsd import best_rms
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.ensemble.select import chosen

NAME = "salbutamol"


@pytest.fixture(scope="module")
def mappings() -> np.ndarray:
    return symmetry_mappings(with_hydrogens(NAME))


@pytest.fixture(scope="module")
def candidates() -> np.ndarray:
    """(6, 3, N, 3)."""
    x = conformers(NAME, 18)
    return x.reshape(6, 3, *x.shape[1:])


EVERY = np.ones((6, 3), bool)


def test_the_one_least_like_those_before_is_chosen(candidates: np.ndarray, mappings: np.ndarray) -> None:
    picks = chosen(candidates, EVERY, mappings)
    assert picks[0] == 0  # there is nothing yet to be unlike
    for k in range(1, 6):
        before = candidates[np.arange(k), picks[:k]]
        gaps = [best_rms(x, before, mappings).min() for x in candidates[k]]
        assert picks[k] == int(np.argmax(gaps))
    assert len(set(picks.tolist())) > 1


def test_later_conformers_change_nothing(candidates: np.ndarray, mappings: np.ndarray) -> None:
    whole = chosen(candidates, EVERY, mappings)
    assert np.array_equal(chosen(candidates[:4], EVERY[:4], mappings), whole[:4])


def test_what_is_not_sound_is_not_chosen(candidates: np.ndarray, mappings: np.ndarray) -> None:
    sound = EVERY.copy()
    free = chosen(candidates, sound, mappings)
    sound[3, free[3]] = False
    sound[4] = False
    broken = candidates.copy()
    broken[4] = np.nan
    picks = chosen(broken, sound, mappings)
    assert picks[3] != free[3]
    assert picks[4] == 0
    assert np.array_equal(picks[:3], free[:3])
    without = np.delete(broken, 4, 0), np.delete(sound, 4, 0)
    assert np.array_equal(np.delete(picks, 4), chosen(*without, mappings))  # it is nothing to be unlike
