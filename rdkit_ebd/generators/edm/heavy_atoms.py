"""How are the heavy atoms of molecules of one size drawn? Those that contradict themselves, again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rdkit_ebd.arrays.random_streams import mix
from rdkit_ebd.generators.edm.kinds import choose_kinds, valences_filled
from rdkit_ebd.generators.edm.model import LoadedGenerator
from rdkit_ebd.generators.edm.orders import HeldAtoms, Order
from rdkit_ebd.generators.edm.sampler import Denoiser, Held, SamplingConfig, Watch, draw_skeletons
from rdkit_ebd.generators.edm.skeletons import Guess, whole_molecule

_SKELETON = 0x58  # purpose of a molecule's streams
_RESTART = 0x100  # from one purpose to that of the next restart


@dataclass(frozen=True)
class HeavyAtoms:
    """Skeletons with the same number N of heavy atoms.

    Attributes:
        x: (B, N, 3) angstrom; centred, or in the frame of the held atoms.
        kinds: (B, N) int64.
        bonds: (B, N, N) int8 orders as the network guesses them.
        restarts: (B,) how often each was drawn again.
    """

    x: Tensor
    kinds: np.ndarray
    bonds: np.ndarray
    restarts: np.ndarray


def draw_heavy_atoms(
    model: LoadedGenerator,
    group: Sequence[Order],
    seed: int,
    sampling: SamplingConfig,
    held: HeldAtoms | None = None,
    guidance: float = 1.0,
    watch: Watch | None = None,
) -> HeavyAtoms:
    """Draw skeletons; those whose bonds do not fill their atoms' valences are drawn again from a little noise.

    Args:
        model: The model.
        group: Molecules of one size.
        seed: Of the noise.
        sampling: Steps, churn, restarts.
        held: Atoms that all of them have.
        guidance: How much of what a condition changes is taken.
        watch: Sees every step.
    """
    config = model.config
    fragment = None if held is None else _held(config.kinds, held, model.device)
    drawn, guess = None, None
    rows = list(range(len(group)))
    for restart in range(sampling.restarts + 1):
        orders = [group[row] for row in rows]
        shape = (len(sampling.levels(restart > 0)), orders[0].heavy, 3 + len(config.kinds))
        noise = streams(seed, orders, shape, _SKELETON + restart * _RESTART, model.device)
        guess = draw_skeletons(
            _denoiser(model, orders, guidance),
            (noise[..., :3], noise[..., 3:]),
            sampling,
            config.noise.kind_scale,
            _hydrogens(config.kinds, orders, model.device),
            fragment,
            watch,
            guess,
        )
        latest = _decided(guess, config.kinds, orders, restart, held)
        drawn = latest if drawn is None else _replaced(drawn, latest, rows)
        wrong = [
            place
            for place, (kinds, bonds) in enumerate(zip(latest.kinds, latest.bonds, strict=True))
            if not valences_filled(kinds, bonds, config.kinds, () if held is None else held.valences.tolist())
        ]
        if not wrong:
            break
        rows, guess = [rows[place] for place in wrong], Guess(*(part[wrong] for part in vars(guess).values()))
    assert drawn is not None  # there is a first time
    return drawn


def streams(seed: int, orders: Sequence[Order], shape: tuple[int, ...], purpose: int, device: torch.device) -> Tensor:
    """Standard normal noise (B, *shape), drawn on the CPU: a molecule's own whatever it is drawn with."""
    rows = [
        torch.randn(shape, generator=torch.Generator().manual_seed(mix(seed, order.index, purpose))) for order in orders
    ]
    return torch.stack(rows).to(device)


def _decided(
    guess: Guess, known: Sequence[tuple[int, int]], orders: Sequence[Order], restart: int, held: HeldAtoms | None
) -> HeavyAtoms:
    """The likeliest kinds and bonds; those between held atoms are known."""
    counts = np.array([count for _, count in known])
    logits = guess.kinds.log_softmax(-1).double().cpu().numpy()
    kinds = np.stack([choose_kinds(row, counts, o.hydrogens) for row, o in zip(logits, orders, strict=True)])
    bonds = guess.bonds.argmax(-1).to(torch.int8).cpu().numpy()
    if held is not None:
        bonds[:, : len(held.bonds), : len(held.bonds)] = held.bonds
    return HeavyAtoms(guess.x, kinds, bonds, np.full(len(orders), restart))


def _replaced(drawn: HeavyAtoms, latest: HeavyAtoms, rows: Sequence[int]) -> HeavyAtoms:
    """The same with some rows anew."""
    parts = {name: part.clone() if name == "x" else part.copy() for name, part in vars(drawn).items()}
    for name, part in parts.items():
        part[rows] = getattr(latest, name)
    return HeavyAtoms(**parts)


def _hydrogens(
    known: Sequence[tuple[int, int]], orders: Sequence[Order], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Hydrogens of each kind (K,), and of each molecule (B,)."""
    kinds, molecules = [count for _, count in known], [order.hydrogens for order in orders]
    return torch.tensor(kinds, device=device), torch.tensor(molecules, device=device)


def _denoiser(model: LoadedGenerator, group: Sequence[Order], guidance: float) -> Denoiser:
    """The network, told what the molecules of a group are to be."""
    names = [scale.name for scale in model.config.properties]
    wanted, known = torch.zeros(len(group), len(names)), torch.zeros(len(group), len(names))
    for row, order in enumerate(group):
        for name, value in order.wanted:
            place = names.index(name)
            scale = model.config.properties[place]
            wanted[row, place], known[row, place] = (value - scale.mean) / scale.deviation, 1.0
    hydrogens, network = torch.tensor([order.hydrogens for order in group]), model.networks.skeletons
    told = whole_molecule(group[0].heavy, hydrogens, wanted, known).to(model.device)
    if guidance == 1.0 or not known.any():
        return lambda x, kinds, sigma: network(x, kinds, sigma, told)
    untold = whole_molecule(group[0].heavy, hydrogens, wanted, torch.zeros_like(known)).to(model.device)

    def guided(x: Tensor, kinds: Tensor, sigma: Tensor) -> Guess:
        one, other = network(x, kinds, sigma, told), network(x, kinds, sigma, untold)
        x_guess, kinds_guess = (torch.lerp(b, a, guidance) for a, b in ((one.x, other.x), (one.kinds, other.kinds)))
        return Guess(x_guess, kinds_guess, one.bonds)

    return guided


def _held(kinds: Sequence[tuple[int, int]], held: HeldAtoms, device: torch.device) -> Held:
    """The fragment as the sampler takes it: centred, with all kinds that its atoms may be of."""
    x = torch.tensor(held.x, dtype=torch.float32)
    allowed = torch.tensor(
        [
            [float(z == number and len(own) <= count <= len(own) + more) for z, count in kinds]
            for number, own, more in zip(held.numbers.tolist(), held.hydrogens, held.open.tolist(), strict=True)
        ]
    )
    return Held((x - x.mean(0)).to(device), (allowed / allowed.sum(1, keepdim=True)).to(device))
