"""How is a skeleton drawn? From noise down a ladder of levels, each step towards the denoiser's guess.

Steps are those of the ancestral sampler on Karras' levels: what is left of the noise is kept in part, the rest is drawn
afresh. Atoms that are held (inpainting, Lugmayr et al., 2022) are as noisy as the others at every level and exact in
every guess.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rdkit_ebd.generators.edm.kinds import logits_given_hydrogens
from rdkit_ebd.generators.edm.process import noise_levels, split_noise
from rdkit_ebd.generators.edm.skeletons import Guess

Denoiser = Callable[[Tensor, Tensor, Tensor], Guess]
"""(x (B, N, 3), kinds (B, N, K), sigma (B,)) -> guess."""
Watch = Callable[[float, Tensor, Guess], None]
"""Called with the noise (angstrom), the positions and the guess of each step."""

_LARGEST = 60.0  # of a logit


@dataclass(frozen=True)
class SamplingConfig:
    """How molecules are drawn where the caller does not say otherwise.

    Attributes:
        steps: Evaluations of the denoiser.
        most: Noise of the first, angstrom.
        least: Noise of the last, angstrom; its guess is the skeleton.
        rho: How levels are spaced, see `noise_levels`.
        churn: Share of fresh noise in each step, see `split_noise`.
        churn_until: Noise, angstrom, below which steps are deterministic.
        hydrogen_steps: Evaluations of the network that places hydrogens.
        jitter: How far skeletons are thought to be off by it, angstrom.
        restarts: How often a skeleton whose bonds do not fill its atoms' valences is drawn again.
        restart_level: Noise that it is given first, angstrom: its shape stays, its kinds and bonds are open again.
    """

    steps: int = 50
    most: float = 8.0
    least: float = 0.02
    rho: float = 4.0
    churn: float = 1.0
    churn_until: float = 0.0
    hydrogen_steps: int = 8
    jitter: float = 0.03
    restarts: int = 5
    restart_level: float = 0.4

    def levels(self, again: bool = False) -> list[float]:
        """Noise of each step, angstrom, of a skeleton drawn for the first time or again."""
        levels = noise_levels(self.steps, self.least, self.most, self.rho)
        return [level for level in levels if level <= max(self.restart_level, levels[-1])] if again else levels


@dataclass(frozen=True)
class Held:
    """Atoms that are known: the first M of each skeleton.

    Attributes:
        x: (M, 3) angstrom, centred on their mean.
        kinds: (M, K) share of each kind an atom may have; rows sum to one.
    """

    x: Tensor
    kinds: Tensor


@torch.no_grad()
def draw_skeletons(
    denoiser: Denoiser,
    noise: tuple[Tensor, Tensor],
    config: SamplingConfig,
    kind_scale: float,
    hydrogens: tuple[Tensor, Tensor],
    held: Held | None = None,
    watch: Watch | None = None,
    again: Guess | None = None,
) -> Guess:
    """Draw skeletons of one size.

    Args:
        denoiser: The network, told what it needs of the molecules.
        noise: Standard normal (B, levels, N, 3) and (B, levels, N, K).
        config: Levels and churn.
        kind_scale: As the model's.
        hydrogens: How many each kind has (K,), and each molecule (B,).
        held: Atoms that stay where they are; the others are drawn about them.
        watch: Sees every step.
        again: Skeletons to noise and draw again, instead of noise alone.

    Returns:
        The last guess; centred, or in the frame of the held atoms.
    """
    levels = config.levels(again is not None)
    of_x, of_kinds = noise[0].transpose(0, 1), noise[1].transpose(0, 1) / kind_scale
    of_x = of_x if held else of_x - of_x.mean(2, keepdim=True)
    x, kinds = levels[0] * of_x[0], levels[0] * of_kinds[0]
    if again:
        x, kinds = again.x + x, again.kinds.softmax(-1) + kinds
    for step, level in enumerate(levels):
        if held:
            x = _replaced(x, held.x + level * of_x[step][:, : len(held.x)])
            kinds = _replaced(kinds, held.kinds + level * of_kinds[step][:, : len(held.x)])
        guess = _guess(denoiser, x, kinds, level, hydrogens, held)
        if watch:
            watch(level, x, guess)
        if step + 1 < len(levels):
            kept, fresh = split_noise(level, levels[step + 1], config.churn if level > config.churn_until else 0.0)
            shares = guess.kinds.softmax(-1)
            x = guess.x + kept * (x - guess.x) + fresh * of_x[step + 1]
            kinds = shares + kept * (kinds - shares) + fresh * of_kinds[step + 1]
    return guess


def _guess(
    denoiser: Denoiser, x: Tensor, kinds: Tensor, level: float, hydrogens: tuple[Tensor, Tensor], held: Held | None
) -> Guess:
    """The denoiser's guess in the frame of x, which need not be centred; what is known is as it is known to be."""
    middle = x.mean(1, keepdim=True)
    guess = denoiser(x - middle, kinds, x.new_full((len(x),), level))
    logits = guess.kinds
    if held is not None:
        allowed = logits[:, : len(held.kinds)].masked_fill(held.kinds == 0, -_LARGEST * 10)
        guess, logits = replace(guess, x=_replaced(guess.x + middle, held.x)), _replaced(logits, allowed)
    return replace(guess, kinds=logits_given_hydrogens(logits, *hydrogens))


def _replaced(values: Tensor, known: Tensor) -> Tensor:
    """(B, N, C) with its first rows (M, C) or (B, M, C) instead."""
    return torch.cat([known.expand(len(values), -1, -1), values[:, known.shape[-2] :]], 1)
