"""What does ANI-2xt say of a batch of molecules? A network per element on ANI's atomic environment vectors.

ANI-2xt is ANI-2x (10.1021/acs.jctc.0c00121) retrained on B97-3c energies for Auto3D (10.1021/acs.jcim.2c00817), whose
package brings the weights. The environment vectors are computed here: those of torchani to 1e-6, without its
dependencies.
"""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import celu

from rdkit_ebd.arrays.units import HARTREE

ELEMENTS = (1, 6, 7, 8, 9, 16, 17)  # in the order of the networks
SELF_ENERGIES = (-0.5984, -38.0826, -54.7031, -75.1901, -99.8006, -398.1224, -460.1387)  # hartree
_SHARPNESS = 0.1  # of CELU
_RADIAL_CUTOFF, _RADIAL_WIDTH, _RADIAL_SHIFTS = 5.2, 16.0, tuple(0.9 + 0.26875 * k for k in range(16))
_ANGULAR_CUTOFF, _ANGULAR_WIDTH, _ANGULAR_SHIFTS = 3.5, 8.0, (0.9, 1.55, 2.2, 2.85)
_ZETA, _SECTIONS = 32.0, tuple(math.pi / 16 + math.pi / 8 * k for k in range(8))
_FAR2 = 100.0  # angstrom^2: where a pair is put that is none, beyond both cutoffs
_SHRINK = 0.95  # of cosines, as in the original: their angle has no kink where three atoms are in line


@dataclass(frozen=True)
class Prepared:
    """What does not change as the atoms of a batch move.

    Attributes:
        species: (B, N) int64, place in `ELEMENTS`; 7 where there is no atom.
        apart: (B, N, N) bool, whether a pair is none: an atom with itself or with nothing.
        self_energies: (B,) float64, hartree.
    """

    species: Tensor
    apart: Tensor
    self_energies: Tensor

    def rows(self, rows: Tensor) -> Prepared:
        """Some of the molecules."""
        return Prepared(*(getattr(self, field.name)[rows] for field in fields(self)))


class ANI2xtNetwork:
    """The seven networks of ANI-2xt.

    Args:
        weights: The published state dict: "ELEMENT.LAYER.weight" and ".bias".
        device: Where to compute.
    """

    def __init__(self, weights: dict[str, Tensor], device: torch.device) -> None:
        self.device = device
        self.layers = [
            [(weights[f"{e}.{k}.weight"].to(device), weights[f"{e}.{k}.bias"].to(device)) for k in (0, 2, 4, 6)]
            for e in range(len(ELEMENTS))
        ]
        self._places = torch.full((128,), len(ELEMENTS), dtype=torch.int64, device=device)
        self._places[list(ELEMENTS)] = torch.arange(len(ELEMENTS), device=device)
        self._self_energies = torch.tensor([*SELF_ENERGIES, 0.0], dtype=torch.float64, device=device)
        self._radial_shifts = torch.tensor(_RADIAL_SHIFTS, device=device)
        self._angular_shifts = torch.tensor(_ANGULAR_SHIFTS, device=device)
        self._sections = torch.tensor(_SECTIONS, device=device)
        first, second = torch.triu_indices(len(ELEMENTS), len(ELEMENTS), device=device)
        self._pairs = torch.zeros((len(ELEMENTS),) * 2, dtype=torch.int64, device=device)
        self._pairs[first, second] = self._pairs[second, first] = torch.arange(len(first), device=device)
        self._pair_count = len(first)

    def prepare(self, numbers: Tensor, charges: Tensor) -> Prepared:
        """Look up what depends on the elements; see `Network`. Charges have no part in it."""
        species = self._places[numbers]
        real = numbers > 0
        itself = torch.eye(numbers.shape[1], dtype=torch.bool, device=self.device)
        apart = ~(real[:, :, None] & real[:, None]) | itself
        return Prepared(species, apart, self._self_energies[species].sum(-1))

    def __call__(self, coords: Tensor, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """Energies and gradients; see `Network`."""
        with torch.enable_grad():
            x = coords.detach().requires_grad_(True)
            energy = self.energy(x, prepared)
            (gradient,) = torch.autograd.grad(energy.sum(), x)
        return energy.detach() * HARTREE, gradient * HARTREE

    def energy(self, coords: Tensor, prepared: Prepared) -> Tensor:
        """Energies (B,) float64 in hartree."""
        vectors = self.environment_vectors(coords, prepared).flatten(0, 1)
        species = prepared.species.flatten()
        atomic = torch.zeros(len(species), dtype=torch.float64, device=self.device)
        for element, layers in enumerate(self.layers):
            rows = torch.nonzero(species == element)[:, 0]
            if len(rows):
                atomic = atomic.index_copy(0, rows, _through(layers, vectors[rows]).double())
        return atomic.view(coords.shape[:2]).sum(1) + prepared.self_energies

    def environment_vectors(self, coords: Tensor, prepared: Prepared) -> Tensor:
        """(B, N, 1008): what is around each atom, by element and distance, and by elements, distance and angle."""
        gaps = coords[:, None] - coords[:, :, None]  # (B, N, N, 3), from the first atom to the second
        distances = gaps.square().sum(-1).masked_fill(prepared.apart, _FAR2).sqrt()
        return torch.cat([self._radial(distances, prepared), self._angular(gaps, distances, prepared)], -1)

    def _radial(self, distances: Tensor, prepared: Prepared) -> Tensor:
        terms = 0.25 * torch.exp(-_RADIAL_WIDTH * (distances[..., None] - self._radial_shifts).square())
        terms = terms * _cutoff(distances, _RADIAL_CUTOFF)[..., None]
        kinds = torch.nn.functional.one_hot(prepared.species, len(ELEMENTS) + 1)[..., :-1].to(terms.dtype)
        return torch.einsum("bnmk,bms->bnsk", terms, kinds).flatten(2)

    def _angular(self, gaps: Tensor, distances: Tensor, prepared: Prepared) -> Tensor:
        batch, atoms, _ = distances.shape
        centre, first, second = self._triples(distances)
        d1, d2 = distances.flatten(0, 1)[centre, first], distances.flatten(0, 1)[centre, second]
        v1, v2 = gaps.flatten(0, 1)[centre, first], gaps.flatten(0, 1)[centre, second]
        angles = torch.acos(_SHRINK * (v1 * v2).sum(-1) / (d1 * d2))
        by_angle = 2 * ((1 + torch.cos(angles[:, None] - self._sections)) / 2) ** _ZETA
        by_distance = torch.exp(-_ANGULAR_WIDTH * ((d1 + d2)[:, None] / 2 - self._angular_shifts).square())
        weight = _cutoff(d1, _ANGULAR_CUTOFF) * _cutoff(d2, _ANGULAR_CUTOFF)
        terms = (by_distance[:, :, None] * by_angle[:, None] * weight[:, None, None]).flatten(1)
        kinds = prepared.species[:, None].expand(batch, atoms, atoms).flatten(0, 1)
        pairs = self._pairs[kinds[centre, first], kinds[centre, second]]
        out = torch.zeros(batch * atoms * self._pair_count, terms.shape[1], device=self.device, dtype=terms.dtype)
        out = out.index_add(0, centre * self._pair_count + pairs, terms)
        return out.view(batch, atoms, -1)

    def _triples(self, distances: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Centres (T,), as places among B * N, and pairs (T,), (T,) of atoms within reach of each."""
        near = distances.detach().flatten(0, 1)
        most = int((near < _ANGULAR_CUTOFF).sum(1).max())
        values, atoms = near.topk(max(most, 2) if near.shape[1] > 1 else 1, largest=False)
        first, second = torch.triu_indices(values.shape[1], values.shape[1], 1, device=self.device)
        centre, pair = torch.nonzero(values[:, second] < _ANGULAR_CUTOFF, as_tuple=True)  # the farther one of two
        return centre, atoms[centre, first[pair]], atoms[centre, second[pair]]


def load_ani2xt(path: Path, device: torch.device) -> ANI2xtNetwork:
    """Read the published state dict.

    Raises:
        ValueError: The file holds something else.
    """
    try:
        return ANI2xtNetwork(torch.load(path, map_location="cpu", weights_only=True), device)
    except (RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} holds no ANI-2xt networks as published (a state dict, .pt)") from error


def _cutoff(distances: Tensor, end: float) -> Tensor:
    return 0.5 + 0.5 * torch.cos((distances / end).clamp(max=1.0) * math.pi)


def _through(layers: list[tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
    """Apply the layers of one element: (rows, 1008) -> (rows,)."""
    for number, (weight, bias) in enumerate(layers):
        x = torch.nn.functional.linear(x, weight, bias)
        if number + 1 < len(layers):
            x = celu(x, _SHARPNESS)
    return x[:, 0]
