"""Which heavy atoms, where, and how many hydrogens has each? A denoiser of positions and kinds at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from rdkit_ebd.generators.edm.pair_block import PairBlock, PairBlockConfig, PairStart, centred
from rdkit_ebd.generators.edm.process import NoiseConfig

BOND_ORDERS = 4  # none, single, double, triple
_LARGEST = 60.0  # of a logit


@dataclass(frozen=True)
class Guess:
    """What a denoiser makes of a noised skeleton.

    Attributes:
        x: (B, N, 3) expected clean positions, angstrom, centred.
        kinds: (B, N, K) logits of the kinds of atoms.
        bonds: (B, N, N, 4) logits of bond orders 0-3.
    """

    x: Tensor
    kinds: Tensor
    bonds: Tensor


class SkeletonNetwork(nn.Module):
    """A skeleton is the heavy atoms of a molecule; an atom's kind is its element and how many hydrogens it carries.

    Args:
        config: Size.
        noise: The process.
        kinds: Number of kinds of atoms.
        properties: Number of properties that a molecule may be asked to have.
    """

    def __init__(self, config: PairBlockConfig, noise: NoiseConfig, kinds: int, properties: int) -> None:
        super().__init__()
        d = config.width
        self.noise, self.kind_count, self.properties = noise, kinds, properties
        self.atom = nn.Linear(kinds, d)
        self.whole = nn.Linear(3 + 2 * properties, d)
        self.time = nn.Sequential(nn.Linear(16, d), nn.SiLU(), nn.Linear(d, d))
        self.start = PairStart(config)
        self.blocks = nn.ModuleList(PairBlock(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(d)
        self.kinds = nn.Linear(d, kinds)
        self.bond_norm = nn.LayerNorm(config.pair)
        self.bonds = nn.Linear(config.pair, BOND_ORDERS)
        nn.init.zeros_(self.kinds.weight)
        nn.init.zeros_(self.kinds.bias)

    def forward(self, x: Tensor, kinds: Tensor, sigma: Tensor, whole: Tensor) -> Guess:
        """Denoise.

        Args:
            x: (B, N, 3) noised positions, angstrom, centred.
            kinds: (B, N, K) noised one-hot kinds.
            sigma: (B,) noise of the positions, angstrom; that of the kinds is sigma / `kind_scale`.
            whole: (B, 3 + 2 P) what is told of the molecule, as `whole_molecule` has it.
        """
        spread, level = self.noise.spread, sigma[:, None, None]
        c_in = 1 / (level.square() + spread**2).sqrt()
        c_skip, c_out = spread**2 * c_in.square(), level * spread * c_in
        of_kinds = level / self.noise.kind_scale
        condition = functional.silu(self.time(_noise_features(sigma)) + self.whole(whole))
        atoms = self.atom(kinds / (of_kinds.square() + 0.1).sqrt()) + condition[:, None]
        state, moved = self.start(atoms, x * c_in * spread), torch.zeros_like(x)
        for block in self.blocks:
            state, shift = block(state, c_skip * x + c_out * moved, condition, self.start.centres)
            moved = moved + shift
        # The likelihood of what is seen of the kinds, by Bayes' rule; what the network adds is the prior.
        seen = (kinds / of_kinds.square()).clamp(-_LARGEST, _LARGEST)
        bonds = self.bonds(self.bond_norm(state.pairs + state.pairs.transpose(1, 2)))
        return Guess(c_skip * x + c_out * centred(moved), self.kinds(self.norm(state.atoms)) + seen, bonds)


def whole_molecule(heavy: int, hydrogens: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """What the network is told of a molecule: (B, 3 + 2 P).

    Args:
        heavy: Heavy atoms of each.
        hydrogens: (B,) hydrogens of each.
        wanted: (B, P) properties, centred and scaled.
        known: (B, P) 1 where a property is asked for, else 0.
    """
    count = hydrogens.to(wanted.dtype)
    sizes = torch.stack([torch.full_like(count, heavy / 9), count / 10, count / (2 * heavy + 2)], -1)
    return torch.cat([sizes, wanted.clamp(-4, 4) * known, known], -1)


def _noise_features(sigma: Tensor) -> Tensor:
    """(B,) -> (B, 16)."""
    frequencies = torch.arange(1, 9, device=sigma.device, dtype=sigma.dtype) * 0.4
    phase = sigma.log()[:, None] * frequencies
    return torch.cat([phase.sin(), phase.cos()], -1)
