"""How do seeds get through the network? In requests of one molecule each, several side by side where memory allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch

from rdkit_ebd.arrays.batch import Batch, collate
from rdkit_ebd.arrays.molgraph import MolGraph
from rdkit_ebd.generators.checkpoint import LoadedModel
from rdkit_ebd.generators.ebd.held import Held, bonds_of, without_turns_of
from rdkit_ebd.generators.ebd.sampler import deblur
from rdkit_ebd.runtime.deadline import NEVER, Deadline
from rdkit_ebd.runtime.threads import torch_threads

SIMILAR = 1.25  # atoms of the largest molecule of a batch over those of the smallest: beyond it padding costs too much


class _OutOfTime(Exception):
    """All deadlines of a batch have passed."""


class DeviceFull(RuntimeError):
    """Not even one conformer fits into the memory of the device."""


@dataclass(frozen=True)
class Request:
    """Seeds of one molecule and all that deblurring them takes, in arrays that another process can be sent.

    Attributes:
        graph: The molecule, N atoms.
        seeds: (K, N, 3) float64, angstrom.
        noise: (K, T, N, 3) float32, times the noise scale.
        times: T times, as `sampler.deblur` takes them.
        tolerance: As `sampler.deblur` takes it.
        held: Positions of the atoms held in place, by their indices, angstrom.
        deadline: After it the answer is of no use, and the work is given up between two steps.
        keep_path: Whether the states on the way are wanted, too.
    """

    graph: MolGraph
    seeds: np.ndarray
    noise: np.ndarray
    times: tuple[float, ...]
    tolerance: float = 0.0
    held: dict[int, tuple[float, float, float]] = field(default_factory=dict)
    deadline: Deadline = NEVER
    keep_path: bool = False

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def atoms(self) -> int:
        """Atoms of the molecule."""
        return self.graph.num_atoms

    def part(self, rows: slice) -> Request:
        """The same for some of the seeds."""
        return replace(self, seeds=self.seeds[rows], noise=self.noise[rows])


@dataclass(frozen=True)
class Deblurred:
    """What became of a request.

    Attributes:
        coords: (K, N, 3) float64, angstrom; none at all where it was given up.
        path: (K, T + 1, N, 3) float32: the states, then the last prediction; None where they were not wanted.
    """

    coords: np.ndarray
    path: np.ndarray | None = None


class Deblurrer(Protocol):
    """Anything that answers requests: the network itself, or a process that has it."""

    def __call__(self, request: Request) -> Deblurred:
        """Deblur the seeds of one request."""
        ...


@dataclass(frozen=True)
class LocalDeblurrer:
    """Deblurs in this process, on the model's device, with so many CPU threads.

    A call has its own number and not torch's: where other cores are busy, threads that wait for one another
    take many times longer than one alone.
    """

    model: LoadedModel
    threads: int = 1

    def __call__(self, request: Request) -> Deblurred:
        """Deblur the seeds of one request.

        Raises:
            DeviceFull: Not even one of them fits into the memory.
        """
        with torch_threads(self.threads):
            return deblur_requests(self.model, [request])[0]


def deblur_requests(model: LoadedModel, requests: Sequence[Request]) -> list[Deblurred]:
    """Deblur the seeds of several molecules in one batch, or in halves of it as often as the memory is too small.

    Args:
        model: The model; rows of a batch never mix, so that company does not change a conformer.
        requests: With the same times and tolerance; atoms may be held in a single request alone.

    Raises:
        DeviceFull: Not even one conformer fits.
    """
    try:
        return _at_once(model, requests)
    except torch.cuda.OutOfMemoryError as error:
        reason = str(error).partition("\n")[0]
    # Outside of the handler, whose traceback keeps the tensors of the failed try alive.
    torch.cuda.empty_cache()
    if len(requests) > 1:
        middle = len(requests) // 2
        return deblur_requests(model, requests[:middle]) + deblur_requests(model, requests[middle:])
    whole, middle = requests[0], len(requests[0]) // 2
    if not middle:
        raise DeviceFull(f"a conformer of {whole.atoms} atoms does not fit into the memory of {model.device}: {reason}")
    parts = [deblur_requests(model, [whole.part(rows)])[0] for rows in (slice(middle), slice(middle, None))]
    return [_joined(parts)]


def _joined(parts: Sequence[Deblurred]) -> Deblurred:
    """Parts of one request as if they were one answer."""
    paths = [part.path for part in parts if part.path is not None]
    coords = np.concatenate([part.coords for part in parts])
    return Deblurred(coords, np.concatenate(paths) if paths else None)


def companions(requests: Sequence[Request], limit: int) -> list[int]:
    """Which requests should share a batch with the first: of its times and tolerance, and about its size.

    The nearest in size come first.

    Args:
        requests: At least one.
        limit: Atoms of a batch, padding included; the first request is taken whatever its size.

    Returns:
        Indices, the first of them 0.
    """
    first = requests[0]
    if first.held:  # held atoms are those of one molecule, in every row
        return [0]
    chosen, rows, sizes = [0], len(first), [first.atoms]
    for k in sorted(range(1, len(requests)), key=lambda k: abs(requests[k].atoms - first.atoms)):
        other = requests[k]
        small, large = min(*sizes, other.atoms), max(*sizes, other.atoms)
        fits = large <= SIMILAR * small and (rows + len(other)) * large <= limit
        alike = (other.times, other.tolerance) == (first.times, first.tolerance)
        if fits and alike and not other.held:
            chosen.append(k)
            rows, sizes = rows + len(other), [small, large]
    return chosen


class _Watch:
    """Called at each step of a batch: stops it once nobody waits for it, and keeps the states that are wanted."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = requests
        self._keeps = any(request.keep_path for request in requests)
        self._states: list[torch.Tensor] = []

    def __call__(self, step: int, t: float, x_t: torch.Tensor, x_0: torch.Tensor) -> None:
        """See `PathCallback`."""
        if all(request.deadline.passed for request in self._requests):
            raise _OutOfTime
        if self._keeps:
            self._states.append(x_t.cpu())
        if self._keeps and step == len(self._requests[0].times) - 1:
            self._states.append(x_0.cpu())

    def path(self) -> np.ndarray | None:
        """The states of all rows, (B, T + 1, N, 3); None where none are wanted."""
        return torch.stack(self._states, 1).numpy() if self._states else None


def _at_once(model: LoadedModel, requests: Sequence[Request]) -> list[Deblurred]:
    if len(requests) > 1 and any(request.held for request in requests):
        raise ValueError("atoms may be held in a request of its own alone")
    first, device = requests[0], model.device
    batch = _batch(requests, device)
    x = _sent(_padded([request.seeds for request in requests]), device)
    noise = _sent(_padded([request.noise for request in requests]), device)
    held, watch = _held(first, x), _Watch(requests)
    start = held.put(x) if held else x
    network, blur = model.network, model.config.blur
    try:
        with torch.inference_mode():
            out = deblur(network, start, batch, blur, first.times, noise, held, watch, first.tolerance)
    except _OutOfTime:
        return [Deblurred(request.seeds[:0]) for request in requests]
    return _answers(requests, out.cpu().double().numpy(), watch.path())


def _batch(requests: Sequence[Request], device: torch.device) -> Batch:
    """A row for each seed."""
    batch = collate([without_turns_of(request.graph, request.held) for request in requests]).to(device)
    if len(requests) == 1:
        return batch.repeated(len(requests[0]))
    counts = torch.tensor([len(request) for request in requests])
    return batch.rows(torch.repeat_interleave(counts).to(device))


def _answers(requests: Sequence[Request], coords: np.ndarray, path: np.ndarray | None) -> list[Deblurred]:
    """Rows of a batch as answers to its requests, without padding."""
    answers, first = [], 0
    for request in requests:
        rows, atoms = slice(first, first + len(request)), request.atoms
        first = rows.stop
        states = path[rows, :, :atoms] if path is not None and request.keep_path else None
        answers.append(Deblurred(coords[rows, :atoms].copy(), states))
    return answers


def _sent(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """An array in single precision on a device; to a GPU by memory it can read itself, while this process continues."""
    tensor = torch.from_numpy(array).float()
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def _padded(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Rows (K_i, ..., N_i, 3) under each other, zeros in place of missing atoms."""
    if len(parts) == 1:
        return parts[0]
    widest = max(part.shape[-2] for part in parts)
    gaps = [[(0, 0)] * (part.ndim - 2) + [(0, widest - part.shape[-2]), (0, 0)] for part in parts]
    return np.concatenate([np.pad(part, gap) for part, gap in zip(parts, gaps, strict=True)])


def _held(request: Request, x: torch.Tensor) -> Held | None:
    return Held.of(request.held, bonds_of(request.graph), x) if request.held else None
