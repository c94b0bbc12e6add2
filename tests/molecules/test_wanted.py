"""Are sizes drawn as asked for, and is what a model cannot know refused with what it knows?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tiny_generator import CONFIG

from rdkit_ebd.molecules.wanted import check_wanted


def sizes(num_atoms: Any = None, conditions: Any = None, count: int = 300) -> list[int]:
    wanted = check_wanted(CONFIG, num_atoms, conditions)
    orders = [wanted.order(1, index) for index in range(count)]
    return [order.heavy + order.hydrogens for order in orders]


def test_sizes_are_as_asked_for() -> None:
    assert set(sizes(7)) == {7}
    assert set(sizes(range(6, 9))) == {6, 7, 8}
    assert set(sizes((6, 8))) == {6, 7, 8}
    assert set(sizes()) == {n + h for n in (2, 3, 4, 5) for h in (2, 4, 6)}
    assert sizes(count=20) == sizes(count=40)[:20]


def test_conditions_choose_the_sizes_that_go_with_them() -> None:
    assert np.mean(sizes(conditions={"alpha": 30.0})) > np.mean(sizes(conditions={"alpha": 13.0})) + 2
    order = check_wanted(CONFIG, None, {"alpha": 30}).order(1, 3)
    assert order.wanted == (("alpha", 30.0),)


def test_values_are_drawn_as_they_are_among_molecules_of_a_size() -> None:
    wanted = check_wanted(CONFIG, 9, {"alpha": None})
    orders = [wanted.order(1, index) for index in range(400)]
    means = {(size.heavy, size.hydrogens): size.means[0] for size in CONFIG.sizes}
    off = np.array([order.wanted[0][1] - means[order.heavy, order.hydrogens] for order in orders])
    assert abs(off.mean()) < 0.2
    assert off.std() == pytest.approx(1.0, abs=0.2)
    assert wanted.order(1, 3) == orders[3]


@pytest.mark.parametrize(
    ("num_atoms", "conditions", "error", "message"),
    [
        (200, None, ValueError, "has 200 atoms; it knows 4 to 11"),
        (range(5, 5), None, ValueError, "not empty"),
        ((9, 4), None, ValueError, "9 is more than 4"),
        ("7", None, TypeError, "numAtoms must be an integer"),
        (None, {"alpha": 500}, ValueError, r"alpha must be from 10 to 40 bohr\^3"),
        (None, {"alpha": float("nan")}, ValueError, "finite"),
        (None, {"alhpa": 20}, ValueError, "knows no property 'alhpa'; it knows alpha. Did you mean 'alpha'"),
        (None, [("alpha", 20)], TypeError, "must map properties to values"),
    ],
)
def test_what_is_not_known_is_refused(num_atoms: Any, conditions: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        check_wanted(CONFIG, num_atoms, conditions)
