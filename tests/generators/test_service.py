"""Do requests keep to themselves in a batch, and what happens where the memory is too small?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from crew import Cramped, request_of

from rdkit_ebd.generators.checkpoint import LoadedModel, load_model
from rdkit_ebd.generators.service import DeviceFull, LocalDeblurrer, companions, deblur_requests


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_model(device="cpu")


def test_company_does_not_change_a_conformer(model: LoadedModel) -> None:
    requests = [request_of(name, count) for name, count in (("captopril", 2), ("tamoxifen", 3), ("nicotine", 1))]
    together = deblur_requests(model, requests)
    for request, answer in zip(requests, together, strict=True):
        alone = LocalDeblurrer(model)(request)
        assert answer.coords.shape == request.seeds.shape
        assert np.abs(answer.coords - alone.coords).max() < 1e-3
        assert np.abs(answer.coords - request.seeds).max() > 0.05


def test_a_path_is_kept_for_whoever_wants_it(model: LoadedModel) -> None:
    wanted, other = replace(request_of("nicotine"), keep_path=True), request_of("captopril")
    with_path, without = deblur_requests(model, [wanted, other])
    assert without.path is None
    assert with_path.path is not None
    assert with_path.path.shape == (3, len(wanted.times) + 1, wanted.atoms, 3)
    assert np.allclose(with_path.path[:, -1], with_path.coords, atol=1e-5)


def test_held_atoms_stay_and_keep_others_out(model: LoadedModel) -> None:
    request = request_of("nicotine")
    held = {i: tuple(request.seeds[0, i]) for i in range(5)}
    request = replace(request, held=held)
    answer = LocalDeblurrer(model)(request)
    assert np.abs(answer.coords[:, :5] - request.seeds[0, :5]).max() < 1e-4
    with pytest.raises(ValueError, match="alone"):
        deblur_requests(model, [request_of("captopril"), request])


@pytest.mark.parametrize("rows", [4, 1])
def test_what_does_not_fit_is_halved(model: LoadedModel, rows: int) -> None:
    cramped = replace(model, network=Cramped(model.network, rows))
    requests = [replace(request_of("nicotine", 5), keep_path=True), request_of("captopril", 2)]
    for request, answer in zip(requests, deblur_requests(cramped, requests), strict=True):
        whole = LocalDeblurrer(model)(request)
        assert np.abs(answer.coords - whole.coords).max() < 1e-3
        assert (answer.path is None) == (whole.path is None)
        assert answer.path is None or (whole.path is not None and np.abs(answer.path - whole.path).max() < 1e-3)


def test_a_row_that_does_not_fit_is_named(model: LoadedModel) -> None:
    with pytest.raises(DeviceFull, match="26 atoms does not fit into the memory of cpu: CUDA out of memory"):
        deblur_requests(replace(model, network=Cramped(model.network, 0)), [request_of("nicotine", 2)])


def test_companions_are_of_the_same_times_and_about_the_same_size() -> None:
    first = request_of("captopril")  # 29 atoms
    near, nearer = request_of("salbutamol"), request_of("ephedrine")  # 38 and 27 atoms
    nearest, far = request_of("nicotine"), request_of("tamoxifen")  # 26 and 57 atoms
    assert companions([first], 1) == [0]
    assert companions([first, far, near, nearer, nearest], 10**6) == [0, 3, 4]
    assert companions([first, nearest, nearer], 6 * first.atoms) == [0, 2]
    assert companions([first, request_of("nicotine", steps=3)], 10**6) == [0]
    held = replace(nearest, held={0: (0.0, 0.0, 0.0)})
    assert companions([first, held], 10**6) == [0]
    assert companions([held, first], 10**6) == [0]
