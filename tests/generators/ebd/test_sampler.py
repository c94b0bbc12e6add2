"""Do a few steps from prior to atoms keep frames, held atoms and whatever the denoiser knows?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers import Denoise, rotations, shaken, system
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from rdkit_ebd.arrays.batch import Batch
from rdkit_ebd.arrays.geometry import align, centre
from rdkit_ebd.generators.ebd.blur import BlurConfig, prior_points
from rdkit_ebd.generators.ebd.held import Held
from rdkit_ebd.generators.ebd.network import DeblurNetwork
from rdkit_ebd.generators.ebd.sampler import deblur, deblur_times
from rdkit_ebd.train.data_prep.pairing import rmsd

CONFIGS = [BlurConfig("atoms", 0.1, "sqrt"), BlurConfig("fragments", 0.3, "constant")]


@pytest.fixture(scope="module")
def network() -> DeblurNetwork:
    """Shaken gently, since what it makes it is given again."""
    return shaken(scale=0.03)


def noise_for(x: Tensor, steps: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(len(x), steps, *x.shape[1:], generator=generator, dtype=x.dtype)


def knowing(truth: Tensor) -> Denoise:
    """A denoiser that knows the answer, in whatever frame."""
    return lambda x_t, t, batch, prior: truth @ rotations(len(truth), seed=5) + 2


def test_times_fall_from_one() -> None:
    assert deblur_times(1) == [1]
    for steps in (2, 4, 10):
        times = deblur_times(steps)
        assert len(times) == steps
        assert times[0] == 1
        assert np.allclose(np.diff(times), -1 / steps)
        assert times[-1] == pytest.approx(1 / steps)


@pytest.mark.parametrize("steps", [0, -3])
def test_no_steps_are_rejected(steps: int) -> None:
    with pytest.raises(ValueError, match=str(steps)):
        deblur_times(steps)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("steps", [1, 4])
def test_an_oracle_gives_the_truth_from_any_prior(config: BlurConfig, steps: int) -> None:
    _, batch, truth = system("ibuprofen", 4)
    seed = truth.flip(0) + 9
    out = deblur(knowing(truth), seed, batch, config, deblur_times(steps), noise_for(seed, steps))
    assert (rmsd(out, truth, batch.mask) < 1e-6).all()
    assert torch.allclose(out, align(truth, seed, batch.mask), rtol=0, atol=1e-6)
    assert (rmsd(seed, truth, batch.mask) > 0.3).any()


@pytest.mark.parametrize("config", CONFIGS)
def test_the_callback_sees_every_state(network: DeblurNetwork, config: BlurConfig) -> None:
    _, batch, x = system("CCCO")
    seed, times, seen = x + 4, deblur_times(5), []
    out = deblur(network, seed, batch, config, times, 0 * noise_for(x, 5), callback=lambda *state: seen.append(state))
    assert [(step, t) for step, t, _, _ in seen] == list(enumerate(times))
    assert torch.equal(seen[-1][3], out)
    start = prior_points(seed, batch, config) + seed.mean(1, keepdim=True)
    assert torch.allclose(seen[0][2], start, rtol=0, atol=1e-9)
    for _, _, x_t, x_0 in seen:
        assert torch.allclose(x_t.mean(1), seed.mean(1), rtol=0, atol=1e-9)
        assert torch.allclose(x_0.mean(1), seed.mean(1), rtol=0, atol=1e-9)
    assert (out - seed).abs().max() > 1e-2


@pytest.mark.parametrize("config", CONFIGS)
def test_moving_the_seeds_moves_the_conformers(network: DeblurNetwork, config: BlurConfig) -> None:
    _, batch, seed = system("ibuprofen", 3)
    times, noise = deblur_times(3), noise_for(seed, 3)
    rotation, shift = rotations(3), torch.tensor([10.0, 0.0, -3.0], dtype=seed.dtype)
    out = deblur(network, seed, batch, config, times, noise)
    moved = deblur(network, seed @ rotation + shift, batch, config, times, noise @ rotation[:, None])
    assert torch.allclose(moved, out @ rotation + shift, rtol=0, atol=1e-7)
    unturned = deblur(network, seed @ rotation + shift, batch, config, times, noise)
    assert not torch.allclose(unturned, moved, atol=1e-3)


def test_noise_matters_and_only_as_much_as_the_configuration_says(network: DeblurNetwork) -> None:
    _, batch, seed = system("CCCO")
    times, noise = deblur_times(2), noise_for(seed, 2)

    def run(sigma: float, scale: float) -> Tensor:
        return deblur(network, seed, batch, BlurConfig(sigma=sigma), times, scale * noise)

    assert torch.equal(run(0.0, 1.0), run(0.0, 0.0))
    assert torch.equal(run(0.0, 1.0), run(0.5, 0.0))
    assert torch.allclose(run(0.5, 1.0), run(1.0, 0.5))
    assert not torch.allclose(run(0.5, 1.0), run(0.5, 0.0), atol=1e-2)


def test_rows_do_not_see_each_other(network: DeblurNetwork) -> None:
    _, batch, seed = system("ibuprofen", 3)
    noise, times = noise_for(seed, 2), deblur_times(2)
    whole = deblur(network, seed, batch, CONFIGS[0], times, noise)
    for row in range(3):
        one = slice(row, row + 1)
        alone = deblur(network, seed[one], batch.rows(torch.tensor([row])), CONFIGS[0], times, noise[one])
        assert torch.allclose(alone, whole[one], rtol=0, atol=1e-9)


@pytest.mark.parametrize("atoms", [[3], [2, 5], [0, 1, 4], [0, 1, 2, 3, 4, 5, 6]])
@pytest.mark.parametrize("config", CONFIGS)
def test_held_atoms_stay_exactly_where_they_are_held(network: DeblurNetwork, atoms: list[int], config: Any) -> None:
    _, batch, seed = system("penicillin_v")
    index = torch.tensor(atoms)
    there = seed[:1, index] @ rotations(1) + torch.tensor([20.0, -7.0, 1.0], dtype=seed.dtype)
    held = Held(index, there)
    out = deblur(network, held.put(seed), batch, config, deblur_times(3), noise_for(seed, 3), held)
    assert torch.allclose(out[:, index], there.expand(2, -1, -1), rtol=0, atol=1e-12)
    rest = torch.ones(seed.shape[1], dtype=torch.bool)
    rest[index] = False
    assert torch.isfinite(out).all()
    assert (out - held.put(seed))[:, rest].abs().max() > 1e-2


def test_holding_superposes_the_rest() -> None:
    _, _, seed = system("ibuprofen")
    index = torch.arange(5)
    target = seed @ rotations(2) + 6
    put = Held(index, target[:, index]).put(seed)
    assert torch.allclose(put, target, rtol=0, atol=1e-9)
    shifted = Held(index, target[:, index]).moved(torch.ones(2, 1, 3, dtype=seed.dtype)).put(seed)
    assert torch.allclose(shifted, target + 1, rtol=0, atol=1e-9)


def test_held_oracle_keeps_the_truth_where_the_truth_is_held() -> None:
    _, batch, truth = system("ibuprofen")
    index = torch.tensor([0, 3, 7, 9])
    out = deblur(
        knowing(truth), truth.flip(0), batch, CONFIGS[0], [1.0], noise_for(truth, 1), Held(index, truth[:, index])
    )
    assert torch.allclose(out, truth, rtol=0, atol=1e-6)


def test_the_denoiser_is_asked_at_the_given_times() -> None:
    _, batch, seed = system("CCO")
    asked: list[Tensor] = []

    def denoise(x_t: Tensor, t: Tensor, batch: Batch, prior: Tensor) -> Tensor:
        asked.append(t)
        assert torch.allclose(x_t, centre(x_t, batch.mask), rtol=0, atol=1e-9)
        return x_t

    deblur(denoise, seed, batch, CONFIGS[0], [1.0, 0.6, 0.1], noise_for(seed, 3))
    assert torch.equal(torch.stack(asked), torch.tensor([[1.0] * 2, [0.6] * 2, [0.1] * 2], dtype=seed.dtype))


def test_a_new_round_starts_from_the_last_prediction() -> None:
    _, batch, x = system("ibuprofen")
    priors: list[Tensor] = []

    def halfway(x_t: Tensor, t: Tensor, batch: Batch, prior: Tensor) -> Tensor:
        priors.append(prior)
        return x_t * 1.5

    noise = torch.zeros(len(x), 3, *x.shape[1:], dtype=x.dtype)
    deblur(halfway, x, batch, BlurConfig("atoms"), [1.0, 0.5, 1.0], noise)
    assert torch.equal(priors[0], priors[1])  # one round has one prior
    assert not torch.allclose(priors[2], priors[0])
    twice = deblur(halfway, x, batch, BlurConfig("atoms"), deblur_times(1, 2), noise)
    once = deblur(halfway, x, batch, BlurConfig("atoms"), deblur_times(1), noise)
    assert torch.allclose(twice, deblur(halfway, once, batch, BlurConfig("atoms"), deblur_times(1), noise))
    with pytest.raises(ValueError, match="round"):
        deblur_times(1, 0)


@pytest.mark.parametrize("steps", [1, 3])
def test_what_never_settles_is_deblurred_as_ever(network: DeblurNetwork, steps: int) -> None:
    _, batch, x = system("ibuprofen", 3)
    times, config = deblur_times(steps, 3), CONFIGS[0]
    given = (x, batch, config, times, noise_for(x, len(times)))
    with torch.no_grad():
        whole = deblur(network, *given)
        assert torch.equal(deblur(network, *given, tolerance=0.0), whole)
        assert torch.allclose(deblur(network, *given, tolerance=1e-9), whole, atol=1e-6)


def test_rows_that_have_settled_are_asked_no_more() -> None:
    """What is left of the way halves in each round; one begins where the others are after three of them."""
    _, batch, x = system("ibuprofen", 3)
    end, away = x.clone(), torch.zeros_like(x)
    away[:, 0, 0] = (0.5 * x.shape[1]) ** 0.5  # one atom so far that all are 0.5 ** 0.5 A off, root mean square
    offset = torch.tensor([1.0, 0.125, 1.0], dtype=x.dtype)[:, None, None] * away
    asked: list[int] = []

    def halving(x_t: Tensor, t: Tensor, batch: Batch, prior: Tensor) -> Tensor:
        asked.append(len(x_t))
        nearest = (x_t[:, None] - centre(end, full.mask)[None]).square().sum((2, 3)).argmin(1)
        return (x_t + centre(end, full.mask)[nearest]) / 2

    full = batch
    config, times = BlurConfig("atoms", 0.0), deblur_times(1, 8)
    seen: list[tuple[int, int]] = []
    out = deblur(
        halving,
        end + offset,
        batch,
        config,
        times,
        noise_for(x, 8),
        callback=lambda k, t, a, b: seen.append((k, len(b))),
        tolerance=0.05,
    )
    assert asked[0] == 3
    assert asked == sorted(asked, reverse=True)
    assert 2 in asked
    assert asked[-1] > 0
    assert len(asked) < 8  # and in the end nobody is asked
    assert seen == [(k, 3) for k in range(8)]
    assert (align(out, end, batch.mask) - end).square().sum(-1).mean(1).sqrt().max() < 0.1


def test_settling_does_not_depend_on_company(network: DeblurNetwork) -> None:
    _, batch, x = system("ibuprofen", 4)
    times, config = deblur_times(1, 4), CONFIGS[0]
    noise = 0 * noise_for(x, 4)
    with torch.no_grad():
        moved = (deblur(network, x, batch, config, times[:1], noise[:, :1]) - x).square().sum(-1).mean(1).sqrt()
        tolerance = float(moved.sort().values[1:3].mean())  # two of the four settle at once
        together = deblur(network, x, batch, config, times, noise, tolerance=tolerance)
        for k in range(4):
            row = torch.tensor([k])
            alone = deblur(network, x[row], batch.rows(row), config, times, noise[row], tolerance=tolerance)
            assert torch.allclose(alone[0], together[k], atol=1e-6)


class HostReads(TorchDispatchMode):
    """Notes every operation at which a host would have to wait for a device: its shape or its branch needs a value."""

    WAITING = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "_unique2", "bincount")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        indices = args[1] if name in ("index", "index_put", "index_put_") else ()
        if name in self.WAITING or any(index is not None and index.dtype == torch.bool for index in indices):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_host_never_waits_for_the_device_within_the_rounds(network: DeblurNetwork, rounds: int) -> None:
    _, batch, seed = system("ibuprofen", 2)
    noise = noise_for(seed, rounds)
    config = BlurConfig("atoms", 0.015)
    with torch.no_grad():
        deblur(network, seed, batch, config, deblur_times(1, rounds), noise)  # tables are made at the first call
        with HostReads() as reads:
            deblur(network, seed, batch, config, deblur_times(1, rounds), noise)
    assert reads.found == []
    with torch.no_grad(), HostReads() as reads:
        float(deblur(network, seed, batch, config, deblur_times(1), noise).sum())
        seed[batch.mask].sum()
    assert sorted(reads.found) == ["_local_scalar_dense", "index"], "and where it has to, that is noticed"
