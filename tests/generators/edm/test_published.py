"""Is the published EDM what the paper's equations say, whatever batch it stands in?"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from generators.edm import reference_edm as reference
from torch import Tensor

from rdkit_ebd.generators.edm.published.egnn import Egnn, EgnnConfig, centred
from rdkit_ebd.generators.edm.published.model import PublishedConfig, PublishedModel
from rdkit_ebd.generators.edm.published.process import EdmProcess, Molecules, ProcessConfig, degrees, log_snr, project
from rdkit_ebd.generators.edm.published.sampler import draw_molecules, draw_sizes, likelihood_bound

WIDTH, BLOCKS = 12, 2
SIZES = (5, 3, 7)
SCALES = (1.0, 4.0, 10.0)


def shaken_egnn(context: int = 0, features: int = 6) -> Egnn:
    torch.manual_seed(3)
    network = Egnn(EgnnConfig(features=features, context=context, width=WIDTH, blocks=BLOCKS)).double()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.mul_(40.0 if name.endswith("coord_mlp.4.weight") else 1.0)
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network.eval()


def weights(network: Egnn) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy() for name, value in network.state_dict().items()}


def batch(process: EdmProcess) -> tuple[Tensor, Tensor]:
    """Random molecules of several sizes, scaled, double precision."""
    generator = torch.Generator().manual_seed(11)
    mask = torch.arange(max(SIZES))[None] < torch.tensor(SIZES)[:, None]
    coords = 1.5 * torch.randn(len(SIZES), max(SIZES), 3, generator=generator, dtype=torch.float64)
    classes = torch.randint(0, 5, mask.shape, generator=generator)
    numbers = torch.tensor([1, 6, 7, 8, 9])[classes]
    return process.scaled(coords, classes, numbers, mask), mask


@pytest.fixture
def process() -> EdmProcess:
    return EdmProcess(ProcessConfig())


def noises(process: EdmProcess, mask: Tensor, count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [process.noise(mask, generator, torch.float64) for _ in range(count)]


def test_the_published_network_has_the_published_size() -> None:
    for config, count in (
        (EgnnConfig(), 5_339_920),
        (EgnnConfig(features=5, context=1, width=192), 3_009_616),
    ):
        assert sum(p.numel() for p in Egnn(config).parameters()) == count
    names = set(Egnn(EgnnConfig(blocks=1)).state_dict())
    assert {"embedding.weight", "e_block_0.gcl_0.att_mlp.0.bias", "e_block_0.gcl_equiv.coord_mlp.4.weight"} <= names
    assert "e_block_0.gcl_equiv.coord_mlp.4.bias" not in names


@pytest.mark.parametrize("context", [0, 2])
def test_the_network_is_the_paper_s(process: EdmProcess, context: int) -> None:
    network = shaken_egnn(context)
    values, mask = batch(process)
    told = torch.tensor([[0.3, -1.0], [1.0, 0.2], [-0.7, 2.0]], dtype=torch.float64)[:, :context] if context else None
    times = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    found = network(values, times, mask, told)
    for row, size in enumerate(SIZES):
        v = values[row, :size].numpy()
        words = () if told is None else told[row].tolist()
        expected = reference.noise_seen(weights(network), BLOCKS, v[:, :3], v[:, 3:], float(times[row]), words)
        assert np.abs(found[row, :size].detach().numpy() - expected).max() < 1e-8
        assert np.abs(expected[:, :3]).max() > 0.1  # the shifts are there to be compared
        assert not found[row, size:].any()


def test_likelihood_is_the_paper_s(process: EdmProcess) -> None:
    network = shaken_egnn()
    values, mask = batch(process)
    eps, eps_0 = noises(process, mask, 2)
    t = torch.tensor([1, 400, 1000])
    found = process.negative_log_likelihood(network, Molecules(values, mask), t, eps, eps_0)
    for row, size in enumerate(SIZES):
        arrays = (part[row, :size].numpy() for part in (eps, eps_0))
        expected = reference.nll(
            weights(network), BLOCKS, values[row, :size].numpy(), int(t[row]), *arrays, scales=SCALES, n=5
        )
        assert found[row].item() == pytest.approx(expected, rel=1e-8)


def test_likelihood_without_charges_and_with_conditions() -> None:
    process = EdmProcess(ProcessConfig(charge=False, scales=(2.0, 8.0, 1.0)))
    network = shaken_egnn(context=1, features=5)
    values, mask = batch(process)
    eps, eps_0 = noises(process, mask, 2)
    told = torch.tensor([[0.3], [-1.0], [2.0]], dtype=torch.float64)
    t = torch.tensor([3, 77, 900])
    found = process.negative_log_likelihood(network, Molecules(values, mask, told), t, eps, eps_0)
    for row, size in enumerate(SIZES):
        arrays = (part[row, :size].numpy() for part in (eps, eps_0))
        expected = reference.nll(
            weights(network),
            BLOCKS,
            values[row, :size].numpy(),
            int(t[row]),
            *arrays,
            scales=(2.0, 8.0, 1.0),
            n=5,
            context=told[row].tolist(),
        )
        assert found[row].item() == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("t", "s"), [(1000, 999), (500, 499), (1, 0), (800, 700)])
def test_a_step_is_the_paper_s(process: EdmProcess, t: int, s: int) -> None:
    network = shaken_egnn()
    values, mask = batch(process)
    z, eps = noises(process, mask, 2)
    found = process.step(network, z, t, s, Molecules(values, mask), eps)
    for row, size in enumerate(SIZES):
        expected = reference.step(weights(network), BLOCKS, z[row, :size].numpy(), t, s, eps[row, :size].numpy())
        assert np.abs(found[row, :size].detach().numpy() - expected).max() < 1e-8 * max(1, np.abs(expected).max())


def test_the_schedule_is_the_published_one() -> None:
    snr = log_snr(ProcessConfig())
    for t in (0, 1, 2, 500, 998, 999, 1000):
        a = reference.alpha2(t)
        assert snr[t].item() == pytest.approx(math.log(a / (1 - a)), rel=1e-9)
    assert (snr.diff() < 0).all()


def test_noise_turns_with_the_molecule_and_ignores_its_place(process: EdmProcess) -> None:
    network = shaken_egnn()
    values, mask = batch(process)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)))
    moved = torch.cat([values[..., :3] @ turn.T, values[..., 3:]], -1)
    order = torch.tensor([2, 0, 1])
    times = torch.full((3,), 0.4, dtype=torch.float64)
    found, turned = network(values, times, mask), network(moved, times, mask)
    assert torch.allclose(turned[..., :3], found[..., :3] @ turn.T, atol=1e-9)
    assert torch.allclose(turned[..., 3:], found[..., 3:], atol=1e-9)
    swapped = values.clone()
    swapped[:, :3] = values[:, order]
    assert torch.allclose(network(swapped, times, mask)[:, :3], found[:, order], atol=1e-9)
    assert found[..., :3].sum(1).abs().max() < 1e-9


def test_noise_and_steps_have_no_centre_of_mass(process: EdmProcess) -> None:
    values, mask = batch(process)
    z, eps = noises(process, mask, 2)
    after = process.step(shaken_egnn(), z, 700, 699, Molecules(values, mask), eps)
    for state in (z, eps, after):
        assert state[..., :3].sum(1).abs().max() < 1e-9
        assert not state[~mask].any()


def test_noise_has_unit_variance_on_its_subspace(process: EdmProcess) -> None:
    mask = torch.ones(4000, 4, dtype=torch.bool)
    eps = process.noise(mask, torch.Generator().manual_seed(0), torch.float64)
    squares = eps[..., :3].square().sum((1, 2)).mean().item()
    assert squares == pytest.approx(9.0, abs=5 * math.sqrt(2 * 9 / 4000))  # 3 (M - 1) degrees of freedom


def test_likelihood_of_a_gaussian_is_the_closed_form() -> None:
    """Of Gaussian data with their exact denoiser: their entropy, and what T = 1000 steps of fixed variance cost."""
    spread, atoms, count = 1.7, 4, 40_000
    process = EdmProcess(ProcessConfig(classes=1, charge=False, scales=(1.0, 1.0, 1.0)))

    def exact(z: Tensor, t: Tensor, mask: Tensor, context: Tensor | None) -> Tensor:
        alpha, sigma = process.alpha_sigma((t * 1000).round().long(), z)
        guess = alpha * spread**2 / (alpha**2 * spread**2 + sigma**2) * z  # E[x | z]
        known = torch.ones_like(z)  # the class, which is always the same
        return (z - alpha * torch.cat([guess[..., :3], known[..., 3:]], -1)) / sigma

    generator = torch.Generator().manual_seed(8)
    mask = torch.ones(count, atoms, dtype=torch.bool)
    drawn = process.noise(mask, generator, torch.float64)
    values = torch.cat([spread * drawn[..., :3], torch.ones(count, atoms, 1, dtype=torch.float64)], -1)
    every = torch.arange(1, 1001).repeat(count // 1000)
    found = []
    for _ in range(8):
        eps, eps_0 = (process.noise(mask, generator, torch.float64) for _ in range(2))
        found.append(process.negative_log_likelihood(exact, Molecules(values, mask), every, eps, eps_0).mean().item())
    error = np.std(found, ddof=1) / math.sqrt(8)
    assert error < 0.2
    assert np.mean(found) == pytest.approx(entropy(spread, atoms) + cost(spread, atoms), abs=5 * error)


def entropy(spread: float, atoms: int) -> float:
    return 0.5 * 3 * (atoms - 1) * (1 + math.log(2 * math.pi * spread**2))


def cost(spread: float, atoms: int) -> float:
    """Divergences of the Gaussians that the process has from those that the data have, per step, at both ends."""
    a2 = np.array([reference.alpha2(t) for t in range(1001)])
    snr, seen = a2 / (1 - a2), spread**2 / (1 + spread**2 * a2 / (1 - a2))  # variance of x given z_t
    extra = (snr[:-1] - snr[1:]) * seen[1:]
    steps = 0.5 * (extra - np.log1p(extra)).sum()
    ends = [seen[0] * snr[0], a2[-1] * spread**2 + 1 - a2[-1]]
    return float(3 * (atoms - 1) * (steps + sum(0.5 * (v - 1 - math.log(v)) for v in ends)))


def test_training_loss_is_half_the_mean_square_of_an_empty_guess(process: EdmProcess) -> None:
    values, mask = batch(process)
    many = Molecules(values.repeat(400, 1, 1), mask.repeat(400, 1))
    loss = process.training_loss(lambda z, *_: torch.zeros_like(z), many, torch.Generator().manual_seed(1))
    dimension = (degrees(mask) + 6 * mask.sum(1)).double()
    expected = 0.5 * dimension / (values.shape[1] * values.shape[2])
    found = loss.view(400, 3).median(0).values
    assert torch.allclose(found, expected, rtol=0.12)


def model(charge: bool = True) -> PublishedModel:
    config = PublishedConfig(
        "tiny",
        EgnnConfig(features=6 if charge else 5, width=WIDTH, blocks=BLOCKS),
        ProcessConfig(charge=charge),
        sizes={3: 1, 5: 3},
    )
    network = shaken_egnn(features=config.network.features).float()
    return PublishedModel(config, network, EdmProcess(config.process), torch.device("cpu"))


def test_a_molecule_does_not_know_its_neighbours_in_the_batch() -> None:
    tiny = model()
    together = draw_molecules(tiny, [5, 3, 7], [1, 2, 3], steps=6)
    alone = draw_molecules(tiny, [3], [2], steps=6)[0]
    assert np.array_equal(together[1].numbers, alone.numbers)
    assert np.allclose(together[1].coords, alone.coords, atol=1e-3)
    assert not np.allclose(draw_molecules(tiny, [3], [4], steps=6)[0].coords, alone.coords, atol=1e-2)


def test_every_class_can_be_drawn_without_charges() -> None:
    """The published code cuts off the last class there, so that fluorine is never made."""
    process = EdmProcess(ProcessConfig(charge=False))
    mask = torch.ones(1, 2, dtype=torch.bool)
    z = torch.zeros(1, 2, 8)
    z[0, :, 7] = 0.25
    _, classes = process.finish(lambda z, *_: torch.zeros_like(z), z, Molecules(z, mask), torch.zeros_like(z))
    assert classes.tolist() == [[4, 4]]


def test_what_is_not_a_number_stays_so() -> None:
    """The published code turns NaN into zeros."""
    tiny = model()
    with torch.no_grad():
        tiny.network.embedding.bias[0] = float("nan")
    assert np.isnan(draw_molecules(tiny, [4], [0], steps=2)[0].coords).all()


def test_sizes_are_drawn_as_often_as_in_the_data() -> None:
    drawn = draw_sizes({3: 1, 5: 3, 9: 0}, 4000, 7)
    assert drawn.count(9) == 0
    assert drawn.count(5) / 4000 == pytest.approx(0.75, abs=0.035)
    assert draw_sizes({3: 1, 5: 3}, 10, 7) == drawn[:10]
    with pytest.raises(ValueError, match="does not say how large"):
        draw_sizes({}, 1, 0)


def test_the_bound_has_the_size_s_probability_and_an_error() -> None:
    tiny = model()
    values, mask = batch(tiny.process)
    rows, here = values[:2].float(), mask[:2]
    bound = likelihood_bound(tiny, rows, here, draws=16)
    bare = likelihood_bound(replace(tiny, config=replace(tiny.config, sizes={})), rows, here, draws=16)
    assert bound.mean - bare.mean == pytest.approx(-np.log([0.75, 0.25]))
    again = likelihood_bound(tiny, rows, here, draws=48, seed=1)
    assert (np.abs(bound.mean - again.mean) < 5 * np.hypot(bound.error, again.error)).all()


def test_conditions_that_do_not_fit_are_refused(process: EdmProcess) -> None:
    values, mask = batch(process)
    with pytest.raises(ValueError, match="conditioned on 1 properties, not on 0"):
        shaken_egnn(context=1)(values, torch.zeros(3), mask)
    with pytest.raises(ValueError, match="steps must be from 1 to 1000, not 0"):
        draw_molecules(model(), [3], [0], steps=0)


def test_projection_keeps_what_is_centred(process: EdmProcess) -> None:
    values, mask = batch(process)
    assert torch.allclose(project(values, mask), values, atol=1e-12)
    shifted = values[..., :3] + 5.0
    assert torch.allclose(centred(shifted, mask), values[..., :3], atol=1e-12)
