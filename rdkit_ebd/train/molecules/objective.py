"""What is a good guess? Of skeletons: positions, kinds, bonds; of hydrogens: where they and the tidied atoms are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from rdkit_ebd.generators.edm.hydrogens import HydrogenNetwork, filled_slots, nearest_pairing
from rdkit_ebd.generators.edm.pair_block import centred
from rdkit_ebd.generators.edm.process import training_levels
from rdkit_ebd.generators.edm.skeletons import SkeletonNetwork, whole_molecule
from rdkit_ebd.train.molecules.skeleton_data import Skeletons

KIND_WEIGHT, BOND_WEIGHT, TIDY_WEIGHT = 0.25, 0.1, 0.3
_TOLD = 0.5  # share of the labelled molecules of which the network is told something
_ONE = 0.7  # share of these of which it is one property alone


def skeleton_loss(
    network: SkeletonNetwork,
    data: Skeletons,
    rows: Tensor,
    levels: Tensor | None = None,
    known: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Losses of skeletons at random noise, weighted as Karras et al. do: each level counts alike.

    Args:
        network: The denoiser.
        data: Molecules of one size.
        rows: (B,) which of them.
        levels: (B,) noise, angstrom; None: drawn as for training.
        known: (B, P) which properties are told; None: drawn as for training.
        generator: Of the noise.

    Returns:
        "positions", "kinds", "bonds", and "loss", their weighted sum.
    """
    noise, x, kinds = network.noise, data.x[rows], data.kinds[rows]
    sigma = training_levels(len(rows), noise, generator) if levels is None else levels
    told = random_conditions(data.labelled[rows], network.properties, generator) if known is None else known
    level = sigma[:, None, None]
    clean = functional.one_hot(kinds, network.kind_count).to(x.dtype)
    noised = x + level * centred(torch.randn(x.shape, generator=generator))
    noised_kinds = clean + level / noise.kind_scale * torch.randn(clean.shape, generator=generator)
    about = whole_molecule(x.shape[1], data.counts[rows], data.properties[rows], told)
    guess = network(noised, noised_kinds, sigma, about)
    weight = (sigma.square() + noise.spread**2) / (sigma * noise.spread).square()
    positions = ((guess.x - x).square().mean((1, 2)) * weight).mean()
    of_kinds = functional.cross_entropy(guess.kinds.transpose(1, 2), kinds)
    orders = data.bonds[rows].long()
    fits = (orders[:, 0, 0] >= 0).to(x.dtype)
    each = functional.cross_entropy(guess.bonds.permute(0, 3, 1, 2), orders.clamp(min=0), reduction="none")
    bonds = (each.mean((1, 2)) * fits).mean()
    loss = positions + KIND_WEIGHT * of_kinds + BOND_WEIGHT * bonds
    return {"positions": positions, "kinds": of_kinds, "bonds": bonds, "loss": loss}


def random_conditions(labelled: Tensor, properties: int, generator: torch.Generator | None = None) -> Tensor:
    """Which properties are told (B, P): none of half of the molecules and of those without labels, else some."""
    count = len(labelled)
    one = functional.one_hot(torch.randint(max(properties, 1), (count,), generator=generator), max(properties, 1))
    some = torch.rand(count, max(properties, 1), generator=generator) < 0.5
    chosen = torch.where(torch.rand(count, 1, generator=generator) < _ONE, one.bool(), some)
    told = (torch.rand(count, 1, generator=generator) < _TOLD) & labelled[:, None]
    return (chosen & told).float()[:, :properties]


def hydrogen_loss(
    network: HydrogenNetwork,
    data: Skeletons,
    rows: Tensor,
    hydrogens_of: Tensor,
    spread: float,
    jitter: float,
    t: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Losses of hydrogens on skeletons that are a little off.

    Args:
        network: The network.
        data: Molecules of one size.
        rows: (B,) which of them.
        hydrogens_of: (K,) hydrogens of each kind.
        spread: Of the noise at t = 1, angstrom.
        jitter: Most that skeletons are off, angstrom.
        t: (B,) times; None: spread evenly.
        generator: Of the noise.

    Returns:
        "hydrogens", "tidy", and "loss", their weighted sum.
    """
    count, x, kinds = len(rows), data.x[rows], data.kinds[rows]
    slots = filled_slots(hydrogens_of[kinds])
    noise = torch.randn(*x.shape[:2], slots.shape[-1], 3, generator=generator) * spread * slots[..., None]
    y = nearest_pairing(data.hydrogens[rows], noise, slots)
    t = (torch.arange(count) + torch.rand(count, generator=generator)) / count if t is None else t
    share = t[:, None, None, None]
    off = torch.rand(count, generator=generator) * jitter
    shaken = x + centred(torch.randn(x.shape, generator=generator) * off[:, None, None])
    tidy, guess = network(shaken, (1 - share) * y + share * noise, t, off, kinds, slots)
    far = (guess - y).square().sum(-1) / (t[:, None, None] + 0.02).square() * slots
    hydrogens = (far.sum((1, 2)) / slots.sum((1, 2)).clamp(min=1)).mean()
    tidied = ((tidy - x).square().sum(-1) / (off[:, None] + 0.005).square()).mean()
    return {"hydrogens": hydrogens, "tidy": tidied, "loss": hydrogens + TIDY_WEIGHT * tidied}
