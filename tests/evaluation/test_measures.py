"""Is each number of one molecule what constructed conformers say it must be?"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import rotations
from reference_sets import minima, record

from rdkit_ebd.arrays.ensemble_metrics import MISSED
from rdkit_ebd.evaluation.measures import ReferenceMetrics

NAME = "levodopa"


def test_references_measure_up_to_themselves() -> None:
    _, coords = minima(NAME)
    found = ReferenceMetrics(record(NAME)).measure(coords @ rotations(3).numpy(), {})
    assert found["mat_r"] == found["mat_p"] == pytest.approx(0, abs=1e-5)
    assert found["stereo"] == found["passed"] == found["cov_r@0.75"] == 1
    assert found["clash"] == 0
    assert max(found["bond"], found["1-3"], found["planarity"]) < 0.03


def test_mirror_images_have_the_wrong_stereo_alone() -> None:
    _, coords = minima(NAME)
    right, wrong = (ReferenceMetrics(record(NAME)).measure(x, {}) for x in (coords, coords * [1, 1, -1]))
    assert (wrong["stereo"], wrong["passed"]) == (0, 0)
    assert all(wrong[name] == pytest.approx(right[name], abs=1e-9) for name in ("bond", "1-3", "planarity", "clash"))


def test_molecules_without_stereo_or_rings_have_no_such_numbers() -> None:
    _, coords = minima("CCOCC", 2)
    found = ReferenceMetrics(record("CCOCC", 2)).measure(coords, {})
    assert {"stereo", "planarity"} & found.keys() == set()
    assert "bond" in found


def test_a_clash_is_seen() -> None:
    _, coords = minima(NAME)
    squeezed = coords.copy()
    squeezed[0] *= 0.3
    assert ReferenceMetrics(record(NAME)).measure(squeezed, {})["clash"] == pytest.approx(1 / 3)


def test_shares_from_before_the_gate_stand() -> None:
    reference = ReferenceMetrics(record(NAME))
    found = reference.measure(minima(NAME)[1], {"clash": 0.25, "stereo": 0.5})
    assert (found["clash"], found["stereo"], found["passed"]) == (0.25, 0.5, 1)
    nothing = reference.measure(np.zeros((0, *minima(NAME)[1].shape[1:])), {"clash": 1.0})
    assert (nothing["clash"], nothing["mat_r"], nothing["cov_p@1.25"]) == (1, MISSED, 0)
    assert "passed" not in nothing


def test_nearest_takes_the_best_reference() -> None:
    _, coords = minima(NAME)
    noise = np.random.default_rng(0).normal(scale=0.3, size=coords[:1].shape)
    distances = ReferenceMetrics(record(NAME)).nearest(np.concatenate([coords[[2, 0]], coords[:1] + noise]))
    assert distances[:2] == pytest.approx([0, 0], abs=1e-5)
    assert 0.1 < distances[2] < 1
