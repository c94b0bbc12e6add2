"""Are cross products and lengths those of NumPy, whatever is broadcast and however many there are?"""

from __future__ import annotations

import numpy as np
import pytest

from rdkit_ebd.arrays.vectors import cross, squared_lengths


@pytest.mark.parametrize(("left", "right"), [((3,), (3,)), ((5, 3), (3,)), ((4, 1, 3), (6, 3)), ((0, 3), (0, 3))])
def test_they_are_numpys_to_the_last_bit(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    for kind in (np.float64, np.float32):
        u, v = random.standard_normal(left).astype(kind), random.standard_normal(right).astype(kind)
        found = cross(u, v)
        assert found.dtype == kind
        np.testing.assert_array_equal(found, np.cross(u, v))


@pytest.mark.parametrize(("conformers", "pairs"), [(1, 0), (0, 5), (3, 7), (40, 5000), (1, 70_000)])
def test_lengths_are_those_of_numpy(conformers: int, pairs: int) -> None:
    random = np.random.default_rng(5)
    x, ends = random.normal(size=(conformers, 90, 3)), random.integers(90, size=(pairs, 2))
    wanted = np.linalg.norm(x[:, ends[:, 0]] - x[:, ends[:, 1]], axis=-1) ** 2
    np.testing.assert_allclose(squared_lengths(x, ends), wanted.T, atol=1e-12)
