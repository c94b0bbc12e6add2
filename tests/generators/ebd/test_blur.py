"""Does blurring start at the conformer, end at the prior, and lose nothing in between?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from helpers import conformers, graph_of, system
from torch import Tensor

from rdkit_ebd.arrays.batch import Batch, collate
from rdkit_ebd.arrays.geometry import masked_mean
from rdkit_ebd.generators.ebd.blur import BlurConfig, blur, prior_points, slide

PRIORS = ["atoms", "fragments"]


def blurring(config: BlurConfig) -> tuple[Batch, Tensor, Tensor, Tensor]:
    """Batch, clean conformers, priors from other conformers, noise."""
    _, batch, x = system("ibuprofen", 4)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype)
    return batch, x, prior_points(x.flip(0), batch, config), noise


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_slide_is_exact_at_both_ends(prior: Any, dtype: torch.dtype) -> None:
    _, x, there, _ = blurring(BlurConfig(prior))
    x, there = x.to(dtype), there.to(dtype)
    assert torch.equal(slide(x, there, torch.zeros(4)), x)
    assert torch.equal(slide(x, there, torch.ones(4)), there)


@pytest.mark.parametrize("prior", PRIORS)
def test_nothing_is_blurred_at_time_zero_by_the_sqrt_schedule(prior: Any) -> None:
    config = BlurConfig(prior, sigma=0.5, noise="sqrt")
    batch, x, there, noise = blurring(config)
    zero = torch.zeros(4, dtype=x.dtype)
    assert torch.allclose(blur(x, there, zero, noise, batch.mask, config), x, rtol=0, atol=1e-12)
    constant = BlurConfig(prior, sigma=0.5, noise="constant")
    assert not torch.allclose(blur(x, there, zero, noise, batch.mask, constant), x, rtol=0, atol=0.5)
    assert torch.allclose(blur(x, there, zero, 0 * noise, batch.mask, constant), x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("prior", PRIORS)
def test_everything_is_prior_at_time_one(prior: Any) -> None:
    config = BlurConfig(prior)
    batch, x, there, noise = blurring(config)
    end = blur(x, there, torch.ones(4, dtype=x.dtype), 0 * noise, batch.mask, config)
    assert torch.allclose(end, there, rtol=0, atol=1e-12)
    assert not torch.allclose(end, x, atol=0.1)


@pytest.mark.parametrize("prior", PRIORS)
def test_the_conformer_comes_back_out_of_the_slide(prior: Any) -> None:
    _, x, there, _ = blurring(BlurConfig(prior))
    for time in (0.1, 0.5, 0.9, 0.99):
        t = torch.full((4,), time, dtype=x.dtype)
        back = (slide(x, there, t) - time * there) / (1 - time)
        assert torch.allclose(back, x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("noise", ["sqrt", "constant"])
def test_noise_has_the_scale_it_says(noise: Any) -> None:
    config = BlurConfig(sigma=0.3, noise=noise)
    batch, x, there, unit = blurring(config)
    t = torch.tensor([0.0, 0.25, 0.64, 1.0], dtype=x.dtype)
    shift = blur(x, there, t, unit, batch.mask, config) - blur(x, there, t, 0 * unit, batch.mask, config)
    expected = {"sqrt": [0.0, 0.15, 0.24, 0.3], "constant": [0.3] * 4}[noise]
    assert torch.allclose(config.noise_scale(t), torch.tensor(expected, dtype=t.dtype))
    scale = config.noise_scale(t)[:, None, None]
    assert torch.allclose(shift, scale * (unit - unit.mean(1, keepdim=True)), rtol=0, atol=1e-12)


def test_atoms_of_a_fragment_share_their_prior() -> None:
    batch = collate([graph_of("ibuprofen")])
    x = torch.from_numpy(conformers("ibuprofen"))
    there = prior_points(x + 5, batch, BlurConfig("fragments"))
    fragments = batch.fragments[0]
    for number in fragments.unique():
        own = there[0, fragments == number]
        assert torch.allclose(own, x[0, fragments == number].mean(0).expand_as(own), rtol=0, atol=1e-12)
    assert len(np.unique(there[0].numpy().round(6), axis=0)) == batch.fragment_mask.sum()
    assert torch.allclose(prior_points(x + 5, batch, BlurConfig("atoms")), x, rtol=0, atol=1e-12)


def test_blurred_conformers_are_centred_and_padding_stays_empty() -> None:
    config = BlurConfig("fragments", sigma=1.0)
    batch = collate([graph_of("CCO"), graph_of("aspirin")])
    x = torch.randn((*batch.mask.shape, 3), generator=torch.Generator().manual_seed(0)) + 4
    x_t = blur(x, prior_points(x, batch, config), torch.tensor([0.3, 1.0]), x, batch.mask, config)
    assert masked_mean(x_t, batch.mask).abs().max() < 1e-5
    assert (x_t[~batch.mask] == 0).all()


@pytest.mark.parametrize(
    ("bad", "word"),
    [({"prior": "molecules"}, "prior"), ({"noise": "linear"}, "noise"), ({"sigma": -0.1}, "sigma")],
)
def test_what_cannot_be_is_rejected(bad: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word) as error:
        BlurConfig(**bad)
    assert str(bad[word]) in str(error.value)


def test_no_noise_and_every_named_setting_are_taken() -> None:
    for prior in PRIORS:
        for noise in ("constant", "sqrt"):
            assert math.isclose(BlurConfig(prior, 0.0, noise).noise_scale(torch.ones(1)).item(), 0.0)
