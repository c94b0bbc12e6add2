"""How are molecules drawn? Skeletons of one size together, then hydrogens, each molecule from streams of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rdkit_ebd.arrays.random_streams import mix
from rdkit_ebd.generators.edm.hydrogens import SLOTS, filled_slots, place_hydrogens
from rdkit_ebd.generators.edm.kinds import choose_kinds
from rdkit_ebd.generators.edm.model import LoadedGenerator
from rdkit_ebd.generators.edm.sampler import Held, SamplingConfig, draw_skeletons
from rdkit_ebd.generators.edm.skeletons import Guess, whole_molecule

_SKELETON, _HYDROGENS = 0x58, 0x48  # purposes of a molecule's streams


@dataclass(frozen=True)
class Order:
    """A molecule to be drawn.

    Attributes:
        index: Its number; with the seed it determines its noise.
        heavy: Heavy atoms.
        hydrogens: Hydrogens.
        wanted: Property -> value, in the model's units.
    """

    index: int
    heavy: int
    hydrogens: int
    wanted: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Drawn:
    """A molecule as the model draws it: heavy atoms first, each one's hydrogens after all of them, in their order.

    Attributes:
        order: What was ordered.
        numbers: (A,) int8 atomic numbers.
        coords: (A, 3) float32 angstrom.
        owners: (A,) the heavy atom that carries each hydrogen; -1 for heavy atoms.
        orders: (A, A) int8 bond orders as the network guesses them.
    """

    order: Order
    numbers: np.ndarray
    coords: np.ndarray
    owners: np.ndarray
    orders: np.ndarray

    @property
    def index(self) -> int:
        """The molecule's number."""
        return self.order.index


@dataclass(frozen=True)
class HeldAtoms:
    """Atoms of a known fragment.

    Attributes:
        numbers: (M,) atomic numbers of its heavy atoms.
        x: (M, 3) where they are, angstrom.
        hydrogens: For each, positions (H, 3) of the hydrogens that stay.
        open: (M,) how many more hydrogens each may carry.
    """

    numbers: np.ndarray
    x: np.ndarray
    hydrogens: tuple[np.ndarray, ...]
    open: np.ndarray


Path = list[tuple[float, np.ndarray, np.ndarray | None]]
"""Of one molecule, step by step: noise in angstrom (t of the hydrogens), heavy atoms (N, 3), and hydrogens relative to
them (N, 4, 3) once there are any."""


def draw_molecules(
    model: LoadedGenerator,
    orders: Sequence[Order],
    seed: int,
    sampling: SamplingConfig | None = None,
    held: HeldAtoms | None = None,
    guidance: float = 1.0,
) -> Iterator[Drawn]:
    """Draw molecules; they come by size, not in the order in which they were asked for.

    Args:
        model: The model.
        orders: What to draw; all are in memory at once.
        seed: Of the noise.
        sampling: Steps and churn; None for the model's own.
        held: Atoms that all of them have, where they are.
        guidance: How much of what a condition changes is taken; 1: what was learnt.
    """
    sampling = sampling or model.config.sampling
    for heavy in sorted({order.heavy for order in orders}):
        group = [order for order in orders if order.heavy == heavy]
        yield from _of_one_size(model, group, seed, sampling, held, guidance)


def draw_path(
    model: LoadedGenerator, order: Order, seed: int, sampling: SamplingConfig | None = None
) -> tuple[Drawn, list[np.ndarray]]:
    """Draw one molecule, and keep the way there.

    Returns:
        The molecule, and all its atoms' positions (A, 3) before each step and at the end, angstrom; hydrogens lie on
        their atoms until it is their turn.
    """
    path: Path = []
    [drawn] = _of_one_size(model, [order], seed, sampling or model.config.sampling, None, 1.0, path)
    heavy = int((drawn.owners < 0).sum())
    owners = drawn.owners[heavy:]
    slots = np.arange(len(owners)) - np.searchsorted(owners, owners)
    frames = []
    for _, x, y in path:
        places = x[owners] if y is None else x[owners] + y[owners, slots]
        frames.append(np.concatenate([x, places]))
    return drawn, [*frames, drawn.coords]


def _of_one_size(
    model: LoadedGenerator,
    group: Sequence[Order],
    seed: int,
    sampling: SamplingConfig,
    held: HeldAtoms | None,
    guidance: float,
    path: Path | None = None,
) -> Iterator[Drawn]:
    config, device, heavy = model.config, model.device, group[0].heavy
    noise = _streams(seed, group, (sampling.steps, heavy, 3 + len(config.kinds)), _SKELETON, device)
    frame = torch.zeros(3) if held is None else torch.tensor(held.x, dtype=torch.float32).mean(0)
    guess = draw_skeletons(
        _denoiser(model, group, guidance),
        (noise[..., :3], noise[..., 3:]),
        sampling,
        config.noise.kind_scale,
        None if held is None else _held(config.kinds, held, device),
        None if path is None else lambda level, x, _: path.append((level, x[0].cpu().numpy(), None)),
    )
    counts_of = np.array([count for _, count in config.kinds])
    logits = guess.kinds.log_softmax(-1).double().cpu().numpy()
    kinds = np.stack([choose_kinds(row, counts_of, o.hydrogens) for row, o in zip(logits, group, strict=True)])
    chosen, counts = torch.tensor(kinds, device=device), torch.tensor(counts_of[kinds], device=device)
    start = _streams(seed, group, (heavy, SLOTS, 3), _HYDROGENS, device) * config.noise.hydrogen_spread
    known = None if held is None else _held_hydrogens(held, heavy, device)
    skeleton = guess.x[0].cpu().numpy()
    x, y = place_hydrogens(
        model.networks.hydrogens,
        guess.x,
        chosen,
        counts,
        start,
        sampling.hydrogen_steps,
        sampling.jitter,
        known,
        None if path is None else lambda t, y: path.append((t, skeleton, y[0].cpu().numpy())),
    )
    if held is not None:
        x = torch.cat([guess.x[:, : len(held.x)], x[:, len(held.x) :]], 1)
    x, slots = (x + frame.to(device)).cpu(), filled_slots(counts).bool().cpu().numpy()
    bonds = guess.bonds.argmax(-1).to(torch.int8).cpu().numpy()
    elements = np.array([z for z, _ in config.kinds], np.int8)
    for row, order in enumerate(group):
        yield _assembled(order, elements[kinds[row]], x[row].numpy(), y[row].cpu().numpy(), slots[row], bonds[row])


def _denoiser(
    model: LoadedGenerator, group: Sequence[Order], guidance: float
) -> Callable[[Tensor, Tensor, Tensor], Guess]:
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


def _streams(seed: int, group: Sequence[Order], shape: tuple[int, ...], purpose: int, device: torch.device) -> Tensor:
    """Standard normal noise (B, *shape), drawn on the CPU: a molecule's own whatever it is drawn with."""
    rows = [
        torch.randn(shape, generator=torch.Generator().manual_seed(mix(seed, order.index, purpose))) for order in group
    ]
    return torch.stack(rows).to(device)


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


def _held_hydrogens(held: HeldAtoms, heavy: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Which slots are known (N, 4), and where their hydrogens are, relative to their atoms (N, 4, 3)."""
    known, places = torch.zeros(heavy, SLOTS, dtype=torch.bool), torch.zeros(heavy, SLOTS, 3)
    for atom, (own, middle) in enumerate(zip(held.hydrogens, held.x, strict=True)):
        known[atom, : len(own)] = True
        places[atom, : len(own)] = torch.tensor(np.asarray(own).reshape(-1, 3) - middle, dtype=torch.float32)
    return known.to(device), places.to(device)


def _assembled(
    order: Order, heavy: np.ndarray, x: np.ndarray, y: np.ndarray, slots: np.ndarray, bonds: np.ndarray
) -> Drawn:
    owner, slot = np.nonzero(slots)
    total = len(heavy) + len(owner)
    orders = np.zeros((total, total), np.int8)
    orders[: len(heavy), : len(heavy)] = bonds * ~np.eye(len(heavy), dtype=bool)
    places = np.arange(len(heavy), total)
    orders[owner, places] = orders[places, owner] = 1
    return Drawn(
        order,
        np.concatenate([heavy, np.ones(len(owner), np.int8)]),
        np.concatenate([x, x[owner] + y[owner, slot]]).astype(np.float32),
        np.concatenate([np.full(len(heavy), -1), owner]),
        orders,
    )
