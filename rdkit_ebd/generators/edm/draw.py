"""How are molecules drawn? Skeletons of one size together, then hydrogens, each molecule from streams of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rdkit_ebd.generators.edm.heavy_atoms import draw_heavy_atoms, streams
from rdkit_ebd.generators.edm.hydrogens import SLOTS, filled_slots, place_hydrogens
from rdkit_ebd.generators.edm.model import LoadedGenerator
from rdkit_ebd.generators.edm.orders import HeldAtoms, Order
from rdkit_ebd.generators.edm.sampler import SamplingConfig

_HYDROGENS = 0x48  # purpose of a molecule's streams
_PAIRS = 2**16  # of atoms in all molecules drawn together, which memory grows with


@dataclass(frozen=True)
class Drawn:
    """A molecule as the model draws it: heavy atoms first, each one's hydrogens after all of them, in their order.

    Attributes:
        order: What was ordered.
        numbers: (A,) int8 atomic numbers.
        coords: (A, 3) float32 angstrom.
        owners: (A,) the heavy atom that carries each hydrogen; -1 for heavy atoms.
        restarts: How often its heavy atoms were drawn again, as their bonds did not fill their valences.
    """

    order: Order
    numbers: np.ndarray
    coords: np.ndarray
    owners: np.ndarray
    restarts: int

    @property
    def index(self) -> int:
        """The molecule's number."""
        return self.order.index


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
        together = max(1, _PAIRS // heavy**2)
        for start in range(0, len(group), together):
            yield from _of_one_size(model, group[start : start + together], seed, sampling, held, guidance)


def draw_path(
    model: LoadedGenerator,
    order: Order,
    seed: int,
    sampling: SamplingConfig | None = None,
    held: HeldAtoms | None = None,
    guidance: float = 1.0,
) -> tuple[Drawn, list[np.ndarray]]:
    """Draw one molecule, and keep the way there; arguments as those of `draw_molecules`.

    Returns:
        The molecule, and all its atoms' positions (A, 3) before each step and at the end, angstrom; hydrogens lie on
        their atoms until it is their turn.
    """
    path: Path = []
    [drawn] = _of_one_size(model, [order], seed, sampling or model.config.sampling, held, guidance, path)
    frame = np.zeros(3, np.float32) if held is None else held.x.mean(0).astype(np.float32)
    heavy = int((drawn.owners < 0).sum())
    owners = drawn.owners[heavy:]
    slots = np.arange(len(owners)) - np.searchsorted(owners, owners)
    frames = []
    for _, x, y in path:
        places = x[owners] if y is None else x[owners] + y[owners, slots]
        frames.append(np.concatenate([x, places]) + frame)
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
    config, device = model.config, model.device
    frame = torch.zeros(3) if held is None else torch.tensor(held.x, dtype=torch.float32).mean(0)
    watch = None if path is None else lambda level, x, _: path.append((level, x[0].cpu().numpy(), None))
    drawn = draw_heavy_atoms(model, group, seed, sampling, held, guidance, watch)
    counts_of = np.array([count for _, count in config.kinds])
    chosen, counts = torch.tensor(drawn.kinds, device=device), torch.tensor(counts_of[drawn.kinds], device=device)
    start = streams(seed, group, (group[0].heavy, SLOTS, 3), _HYDROGENS, device) * config.noise.hydrogen_spread
    known = None if held is None else _held_hydrogens(held, group[0].heavy, device)
    skeleton = drawn.x[0].cpu().numpy()
    x, y = place_hydrogens(
        model.networks.hydrogens,
        drawn.x,
        chosen,
        counts,
        start,
        sampling.hydrogen_steps,
        sampling.jitter,
        known,
        None if path is None else lambda t, y: path.append((t, skeleton, y[0].cpu().numpy())),
    )
    if held is not None:
        x = torch.cat([drawn.x[:, : len(held.x)], x[:, len(held.x) :]], 1)
    x, slots = (x + frame.to(device)).cpu(), filled_slots(counts).bool().cpu().numpy()
    elements = np.array([z for z, _ in config.kinds], np.int8)
    for row, order in enumerate(group):
        heavy, restarts = elements[drawn.kinds[row]], int(drawn.restarts[row])
        yield _assembled(order, heavy, restarts, x[row].numpy(), y[row].cpu().numpy(), slots[row])


def _held_hydrogens(held: HeldAtoms, heavy: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Which slots are known (N, 4), and where their hydrogens are, relative to their atoms (N, 4, 3)."""
    known, places = torch.zeros(heavy, SLOTS, dtype=torch.bool), torch.zeros(heavy, SLOTS, 3)
    for atom, (own, middle) in enumerate(zip(held.hydrogens, held.x, strict=True)):
        known[atom, : len(own)] = True
        places[atom, : len(own)] = torch.tensor(np.asarray(own).reshape(-1, 3) - middle, dtype=torch.float32)
    return known.to(device), places.to(device)


def _assembled(
    order: Order, heavy: np.ndarray, restarts: int, x: np.ndarray, y: np.ndarray, slots: np.ndarray
) -> Drawn:
    owner, slot = np.nonzero(slots)
    return Drawn(
        order,
        np.concatenate([heavy, np.ones(len(owner), np.int8)]),
        np.concatenate([x, x[owner] + y[owner, slot]]).astype(np.float32),
        np.concatenate([np.full(len(heavy), -1), owner]),
        restarts,
    )
