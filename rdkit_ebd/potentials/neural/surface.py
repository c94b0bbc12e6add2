"""What is the energy surface of a neural potential? One molecule's, whose conformers are treated side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor

from rdkit_ebd.potentials.base import Minimum, Surface, check_request, checked_coords
from rdkit_ebd.potentials.neural.descent import Batch, Descent
from rdkit_ebd.potentials.neural.network import Network, Species, padded, padded_squares
from rdkit_ebd.runtime.deadline import NEVER, Deadline

CONVERGED = 0.1  # kcal/mol/angstrom, as for GFN-xTB: within some 0.01 kcal/mol of the bottom
ROUGH = 0.7  # 0.03 eV/angstrom: how far down a cheaper network leads
_ROUGH_STEPS = 200
_FAR = 1 << 20  # bonds between atoms that no bonds connect
_SIDE_BY_SIDE = {"cpu": 32, "cuda": 512}  # conformers: more are no faster
_PAIRS = {"cpu": 32 * 100**2, "cuda": 512 * 70**2}  # of atoms, 1 to 5 kB each: 1 GB of memory, and 8 GB of a GPU's
_SPREAD = 1.12  # sizes that may be treated together: padding costs more than a smaller batch beyond it


@dataclass(frozen=True)
class Start:
    """A conformer to minimise.

    Attributes:
        species: Its molecule.
        coords: (N, 3) angstrom.
        fixed: Atoms that do not move at all.
        restraint: Force constant k of k |x - start|^2 on every heavy atom, kcal/mol/angstrom^2.
    """

    species: Species
    coords: np.ndarray
    fixed: tuple[int, ...] = ()
    restraint: float = 0.0


def species_of(mol: Chem.Mol) -> Species:
    """What a network needs to know of a molecule with explicit hydrogens."""
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.int64)
    steps = np.minimum(Chem.GetDistanceMatrix(mol), _FAR).astype(np.int64)
    return Species(numbers, Chem.GetFormalCharge(mol), steps)


def minimise_starts(
    network: Network,
    starts: Sequence[Start],
    tolerance: float = CONVERGED,
    max_iters: int = 1000,
    rough: Network | None = None,
    deadline: Deadline = NEVER,
) -> Iterator[tuple[int, Minimum]]:
    """Minimise conformers of any molecules, those of like size side by side.

    Args:
        network: Whose minima are wanted.
        starts: The conformers.
        tolerance: Largest force left on an atom, kcal/mol/angstrom.
        max_iters: Steps at most.
        rough: A cheaper network with nearly the same minima, that leads most of the way.
        deadline: What has not ended by then is not yielded.

    Yields:
        (position in `starts`, where it ended) as they end.
    """
    kind = network.device.type
    for chosen in like_sizes([len(start.coords) for start in starts], _SIDE_BY_SIDE[kind], _PAIRS[kind]):
        if deadline.passed:
            return
        alike = [starts[i] for i in chosen]
        for place, minimum in _minimise_batch(network, alike, tolerance, max_iters, rough, deadline):
            yield chosen[place], minimum


def like_sizes(sizes: Sequence[int], most: int, pairs: int) -> list[list[int]]:
    """Put numbers of atoms into groups, smallest first, of little spread.

    Args:
        sizes: Numbers of atoms.
        most: Members of a group at most.
        pairs: Pairs of atoms at most, padding included; one alone may have more.
    """
    groups: list[list[int]] = []
    for place in sorted(range(len(sizes)), key=lambda i: sizes[i]):
        size = sizes[place]
        if not groups or len(groups[-1]) >= min(most, pairs // size**2) or size > _SPREAD * sizes[groups[-1][0]] + 1:
            groups.append([])
        groups[-1].append(place)
    return groups


class NeuralSurface(Surface):
    """The surface of one molecule.

    Args:
        mol: With explicit hydrogens.
        network: What gives energies.
        rough: A cheaper one with nearly the same minima, or None.
        notes: What a reader of the energies should know.
    """

    together = True

    def __init__(self, mol: Chem.Mol, network: Network, rough: Network | None, notes: tuple[str, ...] = ()) -> None:
        self.species, self.network, self.rough, self.notes = species_of(mol), network, rough, notes

    def energy(self, coords: np.ndarray) -> float:
        """Energy in kcal/mol at coordinates (N, 3) in angstrom."""
        return self.gradient(coords)[0]

    def gradient(self, coords: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy in kcal/mol and gradient (N, 3) in kcal/mol/angstrom."""
        energy, gradient = self._evaluate([checked_coords(coords, len(self.species.numbers))])
        return float(energy[0]), gradient[0].cpu().numpy()

    def energy_many(self, coords: Sequence[np.ndarray], deadline: Deadline = NEVER) -> Iterator[tuple[int, float]]:
        """Energies in kcal/mol of conformers, some of them at a time; see `Surface.energy_many`."""
        kind, atoms = self.network.device.type, len(self.species.numbers)
        checked = [checked_coords(x, atoms) for x in coords]
        for chosen in like_sizes([atoms] * len(checked), _SIDE_BY_SIDE[kind], _PAIRS[kind]):
            if deadline.passed:
                return
            energies, _ = self._evaluate([checked[i] for i in chosen])
            yield from zip(chosen, energies.tolist(), strict=True)

    def minimise(
        self, coords: np.ndarray, max_iters: int, fixed: Collection[int] = (), restraint: float = 0.0
    ) -> Minimum:
        """Relax one conformer until no force exceeds `CONVERGED`; see `Surface.minimise`."""
        [(_, minimum)] = self.minimise_many([coords], max_iters, fixed, restraint)
        return minimum

    def minimise_many(
        self,
        coords: Sequence[np.ndarray],
        max_iters: int,
        fixed: Collection[int] = (),
        restraint: float = 0.0,
        deadline: Deadline = NEVER,
    ) -> Iterator[tuple[int, Minimum]]:
        """Relax conformers side by side; see `Surface.minimise_many`."""
        atoms = len(self.species.numbers)
        check_request(atoms, max_iters, fixed, restraint)
        starts = [Start(self.species, checked_coords(x, atoms), tuple(fixed), restraint) for x in coords]
        yield from minimise_starts(self.network, starts, CONVERGED, max_iters, self.rough, deadline)

    def _evaluate(self, coords: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        starts = [Start(self.species, x) for x in coords]
        batch = _batch(starts, self.network.device)
        prepared = _prepared(self.network, starts, batch)
        return self.network(_single(batch.starts), prepared)


def _minimise_batch(
    network: Network,
    starts: Sequence[Start],
    tolerance: float,
    max_iters: int,
    rough: Network | None,
    deadline: Deadline,
) -> Iterator[tuple[int, Minimum]]:
    batch = _batch(starts, network.device)
    descent = Descent(batch)
    left = max_iters
    if rough is not None and max_iters > 1:
        steps = min(_ROUGH_STEPS, max_iters // 2)
        for _ in descent.run(_on(rough, starts, batch), max(ROUGH, tolerance), steps, deadline):
            pass  # nobody has arrived before the network itself says so
        left = max(1, max_iters - int(descent.evaluations.max()))
    for ended in descent.run(_on(network, starts, batch), tolerance, left, deadline):
        for row in ended.tolist():
            atoms, force = len(starts[row].coords), float(descent.force[row])
            coords, energy = descent.coords[row, :atoms].cpu().numpy().copy(), float(descent.energy[row])
            yield row, Minimum(coords, energy, force <= tolerance, force)


def _on(network: Network, starts: Sequence[Start], batch: Batch) -> Any:
    """A network as what `Descent` goes down; the rows last asked for are kept, as they are mostly asked for again."""
    everything = _prepared(network, starts, batch)
    kept: list[Any] = [torch.arange(len(starts), device=network.device), everything]

    def evaluate(coords: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        if not torch.equal(rows, kept[0]):
            kept[:] = rows, everything.rows(rows)
        energy, gradient = network(_single(coords), kept[1])
        return energy, gradient.double()

    return evaluate


def _single(coords: Tensor) -> Tensor:
    """Coordinates in single precision, which is kept for the shape: the first atom is the origin."""
    return (coords - coords[:, :1]).float()


def _batch(starts: Sequence[Start], device: torch.device) -> Batch:
    size = max(len(start.coords) for start in starts)
    free = [~np.isin(np.arange(len(start.coords)), start.fixed) for start in starts]
    pull = [start.restraint * (start.species.numbers > 1) for start in starts]
    return Batch(
        padded([start.coords for start in starts], size, 0.0, torch.float64, device),
        padded_squares([start.species.steps for start in starts], size, _FAR, device),
        padded(free, size, False, torch.bool, device),
        padded(pull, size, 0.0, torch.float64, device),
    )


def _prepared(network: Network, starts: Sequence[Start], batch: Batch) -> Any:
    size, device = batch.starts.shape[1], network.device
    numbers = padded([start.species.numbers for start in starts], size, 0, torch.int64, device)
    charges = torch.tensor([float(start.species.charge) for start in starts], device=device)
    return network.prepare(numbers, charges)
