"""How does EDM turn molecules to noise and back, and how likely are they? Schedule, losses, likelihood, a step.

Hoogeboom et al., ICML 2022 (arXiv 2203.17003), sections 3 and 4. Coordinates live on the subspace of zero centre of
mass, whose dimension for M atoms is 3 (M - 1). All times are integers 0 to T.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rdkit_ebd.generators.edm.published.egnn import centred

Network = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]  # z (B, N, F), t (B,), mask, context -> noise

_LEAST_RATIO = 0.001  # of alpha^2 from one step to the next
_TINY = 1e-10  # within the logarithm of a probability, as published


@dataclass(frozen=True)
class ProcessConfig:
    """The process of the published model.

    Attributes:
        classes: Elements.
        charge: The atomic number is a feature of its own.
        scales: What coordinates, classes and charge are divided by.
        timesteps: T.
        power: Of the schedule.
        precision: s of the schedule.
    """

    classes: int = 5
    charge: bool = True
    scales: tuple[float, float, float] = (1.0, 4.0, 10.0)
    timesteps: int = 1000
    power: float = 2.0
    precision: float = 1e-5

    @property
    def features(self) -> int:
        """Features per atom beside its coordinates."""
        return self.classes + int(self.charge)


def log_snr(config: ProcessConfig) -> Tensor:
    """(T + 1,) float64 logarithm of alpha_t^2 / sigma_t^2; the published gamma is its negative."""
    t = torch.arange(config.timesteps + 1, dtype=torch.float64) / config.timesteps
    squares = (1 - t**config.power) ** 2
    before = torch.cat([squares.new_ones(1), squares[:-1]])
    ratios = torch.where(before > 0, squares / before.clamp(min=1e-300), 0.0).clamp(_LEAST_RATIO, 1.0)
    alpha2 = (1 - 2 * config.precision) * ratios.cumprod(0) + config.precision
    return torch.log(alpha2) - torch.log1p(-alpha2)


@dataclass(frozen=True)
class Molecules:
    """A batch of molecules as the process has them, scaled.

    Attributes:
        values: (B, N, 3 + features) centred coordinates, one-hot classes, charge; zero where there is no atom.
        mask: (B, N) bool.
        context: (B, C) normalised properties, or None.
    """

    values: Tensor
    mask: Tensor
    context: Tensor | None = None


class EdmProcess:
    """The diffusion process, at the precision of what it is given."""

    def __init__(self, config: ProcessConfig) -> None:
        self.config = config
        self.log_snr = log_snr(config)

    def scaled(self, coords: Tensor, classes: Tensor, numbers: Tensor, mask: Tensor) -> Tensor:
        """(B, N, 3 + features) values of molecules.

        Args:
            coords: (B, N, 3) angstrom, centred here.
            classes: (B, N) integer places of the elements.
            numbers: (B, N) atomic numbers.
            mask: (B, N) bool.
        """
        place, one, charge = self.config.scales
        here = mask[..., None].to(coords.dtype)
        parts = [centred(coords, mask) / place]
        parts.append(functional.one_hot(classes.long(), self.config.classes).to(coords.dtype) / one * here)
        if self.config.charge:
            parts.append(numbers[..., None].to(coords.dtype) / charge * here)
        return torch.cat(parts, -1)

    def alpha_sigma(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1, 1) alpha and sigma at integer times (B,)."""
        snr = self.log_snr.to(t.device)[t].to(like.dtype)[:, None, None]
        return torch.sigmoid(snr).sqrt(), torch.sigmoid(-snr).sqrt()

    def noise(self, mask: Tensor, generator: torch.Generator | None = None, dtype: torch.dtype | None = None) -> Tensor:
        """(B, N, 3 + features) standard normal noise, its coordinates centred; zero where there is no atom."""
        shape = (*mask.shape, 3 + self.config.features)
        drawn = torch.randn(shape, generator=generator, dtype=dtype, device=mask.device)
        return project(drawn, mask)

    def training_loss(self, network: Network, molecules: Molecules, generator: torch.Generator | None = None) -> Tensor:
        """(B,) loss 'l2' of the paper at a random time 0 to T each: mean squared error of the noise, or L0 at time 0.

        The published code divides the squared error by the features of all N places of the batch, which makes small
        molecules count less than in the paper's equation; its published training did that, and so does this.
        """
        values, mask = molecules.values, molecules.mask
        t = torch.randint(0, self.config.timesteps + 1, (len(values),), generator=generator, device=values.device)
        eps = self.noise(mask, generator, values.dtype)
        alpha, sigma = self.alpha_sigma(t, values)
        z = alpha * values + sigma * eps
        found = network(z, t.to(values.dtype) / self.config.timesteps, mask, molecules.context)
        error = (eps - found).square().sum((1, 2)) / (values.shape[1] * values.shape[2])
        shift = (eps - found)[..., :3].square().sum((1, 2)) / (values.shape[1] * values.shape[2])
        first = 0.5 * shift - self.log_features(values, z, t, mask)
        return torch.where(t == 0, first, 0.5 * error) + self.prior_kl(values, mask)

    def negative_log_likelihood(
        self, network: Network, molecules: Molecules, t: Tensor, eps: Tensor, eps_0: Tensor
    ) -> Tensor:
        """(B,) upper bound of -log p(x, h | M) in nats, from one time and two draws of noise; its mean is the bound.

        Args:
            network: Predicts noise.
            molecules: A batch.
            t: (B,) integer times, uniform from 1 to T.
            eps: (B, N, F) noise at that time, as `noise` draws it.
            eps_0: (B, N, F) noise at time 0.
        """
        return (
            self.diffusion_term(network, molecules, t, eps)
            + self.first_term(network, molecules, eps_0)
            + self.prior_kl(molecules.values, molecules.mask)
            + degrees(molecules.mask).to(eps.dtype) * math.log(self.config.scales[0])
        )

    def diffusion_term(self, network: Network, molecules: Molecules, t: Tensor, eps: Tensor) -> Tensor:
        """(B,) T times the term of one time t >= 1: (SNR(t - 1) / SNR(t) - 1) / 2 times the squared error."""
        values, mask = molecules.values, molecules.mask
        alpha, sigma = self.alpha_sigma(t, values)
        z = alpha * values + sigma * eps
        found = network(z, t.to(values.dtype) / self.config.timesteps, mask, molecules.context)
        snr = self.log_snr.to(t.device)
        weight = torch.expm1(snr[t - 1] - snr[t]).to(values.dtype)
        return 0.5 * self.config.timesteps * weight * (eps - found).square().sum((1, 2))

    def first_term(self, network: Network, molecules: Molecules, eps: Tensor) -> Tensor:
        """(B,) -log p(x, h | z_0), with the constant of the Gaussian over coordinates."""
        values, mask = molecules.values, molecules.mask
        t = torch.zeros(len(values), dtype=torch.long, device=values.device)
        alpha, sigma = self.alpha_sigma(t, values)
        z = alpha * values + sigma * eps
        found = network(z, t.to(values.dtype), mask, molecules.context)
        error = (eps - found)[..., :3].square().sum((1, 2))
        spread = -0.5 * float(self.log_snr[0]) + 0.5 * math.log(2 * math.pi)  # log(sqrt(2 pi) sigma_0 / alpha_0)
        return 0.5 * error + degrees(mask).to(error.dtype) * spread - self.log_features(values, z, t, mask)

    def log_features(self, values: Tensor, z: Tensor, t: Tensor, mask: Tensor) -> Tensor:
        """(B,) log-probability of the true classes and charges given z_t: of Gaussians, from 1/2 below to 1/2 above."""
        _, one, charge = self.config.scales
        _, sigma = self.alpha_sigma(t, values)
        end = 3 + self.config.classes
        logs = _log_interval(z[..., 3:end] * one - 1, sigma * one)
        logs = logs - logs.logsumexp(-1, keepdim=True)
        found = (logs * (values[..., 3:end] * one)).sum(-1)
        if self.config.charge:
            true = (values[..., end] * charge).round()
            found = found + _log_interval(true - z[..., end] * charge, sigma[..., 0] * charge)
        return (found * mask).sum(1)

    def prior_kl(self, values: Tensor, mask: Tensor) -> Tensor:
        """(B,) divergence of q(z_T | x, h) from the standard normal; next to nothing for a sound schedule."""
        t = torch.full((len(values),), self.config.timesteps, device=values.device)
        alpha, sigma = self.alpha_sigma(t, values)
        squares = (alpha * values).square().sum((1, 2))
        dimension = degrees(mask) + mask.sum(1) * self.config.features
        variance = sigma[:, 0, 0].square()
        return 0.5 * (squares + dimension * (variance - 1 - variance.log()))

    def step(self, network: Network, z: Tensor, t: int, s: int, molecules: Molecules, eps: Tensor) -> Tensor:
        """Draw z_s of p(z_s | z_t), s < t: ancestral sampling, of every time or of some.

        Args:
            network: Predicts noise.
            z: (B, N, F) z_t.
            t: Time now.
            s: Time then.
            molecules: Whose mask and context count.
            eps: (B, N, F) fresh noise, as `noise` draws it.
        """
        now, then = self.log_snr[t], self.log_snr[s]
        ratio2 = torch.exp(functional.logsigmoid(now) - functional.logsigmoid(then))  # alpha_{t|s}^2
        variance = -torch.expm1(functional.logsigmoid(now) - functional.logsigmoid(then))  # sigma_{t|s}^2
        sigma_t, sigma_s = torch.sigmoid(-now).sqrt(), torch.sigmoid(-then).sqrt()
        times = torch.full((len(z),), t / self.config.timesteps, dtype=z.dtype, device=z.device)
        found = network(z, times, molecules.mask, molecules.context)
        ratio = float(ratio2.sqrt())
        mean = z / ratio - float(variance / (ratio2.sqrt() * sigma_t)) * found
        return project(mean + float(variance.sqrt() * sigma_s / sigma_t) * eps, molecules.mask)

    def finish(self, network: Network, z: Tensor, molecules: Molecules, eps: Tensor) -> tuple[Tensor, Tensor]:
        """Draw coordinates of p(x | z_0) and read classes off z_0.

        Every class can be drawn: the published code without charges forgets the last one.

        Returns:
            (B, N, 3) angstrom, centred; (B, N) integer places of the elements.
        """
        t = torch.zeros(len(z), dtype=torch.long, device=z.device)
        alpha, sigma = self.alpha_sigma(t, z)
        found = network(z, t.to(z.dtype), molecules.mask, molecules.context)
        places = (z - sigma * found)[..., :3] / alpha + sigma / alpha * eps[..., :3]
        return centred(places, molecules.mask) * self.config.scales[0], z[..., 3 : 3 + self.config.classes].argmax(-1)


def project(z: Tensor, mask: Tensor) -> Tensor:
    """The part of (B, N, 3 + F) with centred coordinates and zeros where there is no atom."""
    return torch.cat([centred(z[..., :3], mask), z[..., 3:] * mask[..., None]], -1)


def degrees(mask: Tensor) -> Tensor:
    """(B,) dimension of the coordinates: 3 (M - 1)."""
    return 3 * (mask.sum(1) - 1)


def _log_interval(distance: Tensor, sigma: Tensor) -> Tensor:
    """Logarithm of the probability of a Gaussian from 1/2 below to 1/2 above a value at this distance of its mean."""
    upper, lower = (distance + 0.5) / sigma, (distance - 0.5) / sigma
    return torch.log(_cdf(upper) - _cdf(lower) + _TINY)


def _cdf(x: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))
