"""Where are the hydrogens of a skeleton? A network draws them out of noise about their atoms, and tidies the skeleton.

Positions follow a straight line from noise at t = 1 to the molecule at t = 0 (flow matching); the network sees where
they are and guesses where the line ends. Hydrogens of one atom are interchangeable, so that in training each is paired
with the noise that lies nearest.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from rdkit_ebd.generators.edm.pair_block import PairBlock, PairBlockConfig, PairStart, centred

SLOTS = 4  # hydrogens an atom can carry
_MATCHED = 3  # slots among which they are paired with noise; only methane has more


class HydrogenNetwork(nn.Module):
    """Hydrogens are vector channels of the heavy atoms that carry them, so that it costs as much as a skeleton does."""

    def __init__(self, config: PairBlockConfig, kinds: int) -> None:
        super().__init__()
        d, v, blocks = config.width, config.vectors, config.blocks
        self.atom = nn.Embedding(kinds, d)
        self.time = nn.Sequential(nn.Linear(16, d), nn.SiLU(), nn.Linear(d, d))
        self.start = PairStart(config)
        self.blocks = nn.ModuleList(PairBlock(config) for _ in range(blocks))
        self.enter = nn.Parameter(torch.randn(blocks, SLOTS, v) * 0.3)
        self.leave = nn.Parameter(torch.randn(blocks, v, SLOTS) * 0.3)
        self.gain = nn.ModuleList(nn.Linear(d, 2 * SLOTS) for _ in range(blocks))

    def forward(
        self, x: Tensor, y: Tensor, t: Tensor, jitter: Tensor, kinds: Tensor, slots: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Guess the molecule.

        Args:
            x: (B, N, 3) heavy atoms, angstrom, as noisy as `jitter` says.
            y: (B, N, 4, 3) hydrogens relative to their atoms, at time t.
            t: (B,) in [0, 1].
            jitter: (B,) angstrom.
            kinds: (B, N) int64.
            slots: (B, N, 4) 1 where there is a hydrogen, else 0.

        Returns:
            Clean x and y.
        """
        condition = functional.silu(self.time(_time_features(t, jitter)))
        state = self.start(self.atom(kinds) + condition[:, None], x)
        y_reach, x_reach = (t + 0.02)[:, None, None, None] * slots[..., None], (jitter + 0.005)[:, None, None]
        for i, block in enumerate(self.blocks):
            state.vectors = state.vectors + torch.einsum("bnsk,sc->bnck", y, self.enter[i])
            state, shift = block(state, x, condition, self.start.centres)
            new, old = self.gain[i](state.atoms)[..., None].chunk(2, 2)
            update = torch.einsum("bnck,cs->bnsk", state.vectors, self.leave[i]) * new + y * old
            x, y = x + x_reach * centred(shift), y + y_reach * update
        return x, y


def filled_slots(counts: Tensor) -> Tensor:
    """Hydrogens of each atom (B, N) -> (B, N, 4) float, 1 where there is one."""
    return (torch.arange(SLOTS, device=counts.device) < counts[..., None]).float()


@torch.no_grad()
def place_hydrogens(
    network: HydrogenNetwork,
    x: Tensor,
    kinds: Tensor,
    counts: Tensor,
    noise: Tensor,
    steps: int,
    jitter: float,
    held: tuple[Tensor, Tensor] | None = None,
    watch: Callable[[float, Tensor], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw the hydrogens of skeletons.

    Args:
        network: In evaluation mode.
        x: (B, N, 3) angstrom.
        kinds: (B, N) int64.
        counts: (B, N) hydrogens of each atom.
        noise: (B, N, 4, 3) where they start, relative to their atoms, angstrom.
        steps: Evaluations.
        jitter: How far the skeletons are thought to be off, angstrom.
        held: Which slots are known (N, 4), and where their hydrogens are relative to their atoms (N, 4, 3).
        watch: Called with t and the hydrogens of each step.

    Returns:
        Tidied heavy atoms (B, N, 3), and hydrogens relative to them (B, N, 4, 3).
    """
    slots = filled_slots(counts)
    y, tidy = noise * slots[..., None], x
    off = x.new_full((len(x),), jitter)
    for step in range(steps, 0, -1):
        if watch:
            watch(step / steps, y)
        tidy, guess = network(x, y, x.new_full((len(x),), step / steps), off, kinds, slots)
        if held is not None:
            guess = torch.where(held[0][..., None], held[1], guess)
        y = guess + (step - 1) / step * (y - guess)
    return tidy, y


def nearest_pairing(y: Tensor, noise: Tensor, slots: Tensor) -> Tensor:
    """True hydrogens (B, N, 4, 3) in the order in which they lie nearest to their noise; empty slots stay empty."""
    orders = torch.tensor(list(itertools.permutations(range(_MATCHED))))
    there = slots[..., :_MATCHED]
    cost = (y[..., :_MATCHED, None, :] - noise[..., None, :_MATCHED, :]).square().sum(-1)
    cost = cost + 1e6 * (there[..., :, None] != there[..., None, :])
    totals = torch.stack([cost[..., order, torch.arange(_MATCHED)].sum(-1) for order in orders], -1)
    best = orders[totals.argmin(-1)]
    first = torch.gather(y[..., :_MATCHED, :], 2, best[..., None].expand(-1, -1, -1, 3))
    return torch.cat([first, y[..., _MATCHED:, :]], 2)


def _time_features(t: Tensor, jitter: Tensor) -> Tensor:
    """Both (B,) -> (B, 16)."""
    frequencies = torch.arange(1, 5, device=t.device, dtype=t.dtype)
    phase = torch.cat([t[:, None] * frequencies * 1.5708, jitter[:, None] * frequencies * 15.0], -1)
    return torch.cat([phase.sin(), phase.cos()], -1)
