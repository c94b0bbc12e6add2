"""Are cross products those of NumPy, whatever is broadcast?"""

from __future__ import annotations

import numpy as np
import pytest

from rdkit_ebd.arrays.vectors import cross


@pytest.mark.parametrize(("left", "right"), [((3,), (3,)), ((5, 3), (3,)), ((4, 1, 3), (6, 3)), ((0, 3), (0, 3))])
def test_they_are_numpys_to_the_last_bit(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    for kind in (np.float64, np.float32):
        u, v = random.standard_normal(left).astype(kind), random.standard_normal(right).astype(kind)
        found = cross(u, v)
        assert found.dtype == kind
        np.testing.assert_array_equal(found, np.cross(u, v))
