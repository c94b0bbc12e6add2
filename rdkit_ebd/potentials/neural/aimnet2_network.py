"""What does AIMNet2 say of a batch of molecules? Its four published networks in one pass.

The networks are those of Anstine, Zubatyuk and Isayev (10.1039/D4SC08572H); their weights are read from the TorchScript
file that they were published in. Against running that file this takes half of the time: what the members share (atomic
environment vectors, dispersion) is computed once, and what the elements alone decide is not computed at every step.
Atomic energies of 10^4 eV are added in double precision, so that energies differ smoothly by less than 0.001 kcal/mol.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu

from rdkit_ebd.arrays.units import BOHR, KCAL_PER_EV

FEATURES, SHELLS, MIXED = 16, 16, 12  # of an atom, of distances, of the vectors made of both
_FAR2 = 25.0  # angstrom^2: where a pair is put that is none, at the end of all cutoffs
_COULOMB = 7.19982260  # half of e^2 / (4 pi epsilon_0), eV angstrom: every pair is met twice
_RYDBERG = 13.605693012183622  # half of a hartree in eV, likewise
_DISPERSION = ("a1", "a2", "s6", "s8", "k1", "k3")

Layers = list[tuple[Tensor, Tensor]]
"""Weights (K, in, out) and biases (K, 1, out) of K networks, layer by layer."""


@dataclass(frozen=True)
class Prepared:
    """What does not change as the atoms of a batch move; B molecules of N atoms, K networks.

    Attributes:
        real: (B, N) bool, whether there is an atom.
        apart: (B, N, N) bool, whether a pair is none: an atom with itself or with nothing.
        charges: (B,) of the molecules.
        features: (B, K, N, 256), what the elements are to each network.
        self_energies: (B,) float64, eV, mean of the networks.
        covalent: (B, N, N) angstrom-free sums of covalent radii, bohr.
        damping: (B, N, N) damping radii of the dispersion, bohr.
        ratio: (B, N, N) C8 / C6.
        references: (B, N, 5) coordination numbers of the reference systems.
        most: (B, N) largest coordination number.
        c6: (B, N, N, 5, 5) coefficients of pairs of reference systems.
    """

    real: Tensor
    apart: Tensor
    charges: Tensor
    features: Tensor
    self_energies: Tensor
    covalent: Tensor
    damping: Tensor
    ratio: Tensor
    references: Tensor
    most: Tensor
    c6: Tensor

    def rows(self, rows: Tensor) -> Prepared:
        """Some of the molecules."""
        return Prepared(*(getattr(self, field.name)[rows] for field in fields(self)))


class AIMNet2Network:
    """K networks of one architecture, whose mean is the answer.

    Args:
        members: The submodules `module` of a published file.
        device: Where to compute.
    """

    def __init__(self, members: Sequence[Any], device: torch.device) -> None:
        tables = [_tensors(member, device) for member in members]
        first = tables[0]

        def of_all(name: str) -> Tensor:
            return torch.stack([table[name] for table in tables])

        def layers(prefix: str) -> Layers:
            places = sorted(int(n.split(".")[-2]) for n in first if n.startswith(prefix) and n.endswith("weight"))
            names = [f"{prefix}{place}" for place in places]
            return [(of_all(f"{n}.weight").mT.contiguous(), of_all(f"{n}.bias")[:, None]) for n in names]

        self.device = device
        self.elements = of_all("afv.weight")
        self.self_energies = of_all("outputs.atomic_shift.shifts.weight")[..., 0].double()
        self.mix_features, self.mix_charges = of_all("conv_a.agh"), of_all("conv_q.agh")
        self.passes = [layers(f"mlps.{i}.") for i in range(3)]
        self.readout = layers("outputs.energy_mlp.mlp.")
        self.shells, self.width = first["aev.shifts_s"], float(first["aev.eta_s"])
        self.cutoff, self.short = float(first["aev.rc_s"]), float(first["outputs.lrcoulomb.rc"])
        tables_d3 = ("c6ab", "r4r2", "rcov", "cnmax")
        self.c6, self.r4r2, self.radii, self.most = (first[f"outputs.d3bj.{name}"] for name in tables_d3)
        self.d3 = {name: float(getattr(members[0].outputs.d3bj, name)) for name in _DISPERSION}

    def member(self, index: int) -> AIMNet2Network:
        """One of the networks alone: a quarter of the time, and minima a few hundredths of an angstrom away."""
        one = object.__new__(AIMNet2Network)
        one.__dict__.update(self.__dict__)
        only = slice(index, index + 1)
        for name in ("elements", "self_energies", "mix_features", "mix_charges"):
            setattr(one, name, getattr(self, name)[only])
        one.passes = [[(w[only], b[only]) for w, b in layers] for layers in self.passes]
        one.readout = [(w[only], b[only]) for w, b in self.readout]
        return one

    def prepare(self, numbers: Tensor, charges: Tensor) -> Prepared:
        """Look up what depends on elements and charges; see `Network`."""
        real = numbers > 0
        itself = torch.eye(numbers.shape[1], dtype=torch.bool, device=self.device)
        apart = ~(real[:, :, None] & real[:, None]) | itself
        radii, r4r2 = self.radii[numbers], self.r4r2[numbers]
        ratio = 3 * r4r2[:, :, None] * r4r2[:, None]
        c6 = self.c6[numbers[:, :, None], numbers[:, None], :, :, 0]
        return Prepared(
            real=real,
            apart=apart,
            charges=charges,
            features=self.elements[:, numbers].transpose(0, 1),
            self_energies=(self.self_energies[:, numbers] * real).sum(-1).mean(0),
            covalent=radii[:, :, None] + radii[:, None],
            damping=self.d3["a1"] * ratio.sqrt() + self.d3["a2"],
            ratio=ratio,
            references=self.c6[numbers, 6, :, 0, 1],  # depend on one element alone; beside carbon all are listed
            most=self.most[numbers],
            c6=c6.masked_fill(apart[..., None, None], 0.0),
        )

    def __call__(self, coords: Tensor, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """Energies and gradients; see `Network`."""
        with torch.enable_grad():
            x = coords.detach().requires_grad_(True)
            energy = self.energy(x, prepared)
            (gradient,) = torch.autograd.grad(energy.sum(), x)
        return energy.detach() * KCAL_PER_EV, gradient * KCAL_PER_EV

    def energy(self, coords: Tensor, prepared: Prepared) -> Tensor:
        """Energies (B,) float64 in eV."""
        gaps = coords[:, None] - coords[:, :, None]  # (B, N, N, 3), from the first atom to the second
        distances = gaps.square().sum(-1).masked_fill(prepared.apart, _FAR2).sqrt()
        atomic, charges = self._atoms(self._surroundings(gaps, distances), prepared)
        own = (atomic * prepared.real).sum(-1, dtype=torch.float64).mean(0)
        electrostatic = self._coulomb(distances, charges, prepared)
        return own + prepared.self_energies + electrostatic + self._dispersion(distances, prepared)

    def _surroundings(self, gaps: Tensor, distances: Tensor) -> Tensor:
        """How much of each shell another atom is in, and in which direction: (B * 16, 4 N, N)."""
        batch, atoms, _ = distances.shape
        cutoff = 0.5 + 0.5 * torch.cos((distances / self.cutoff).clamp(max=1.0) * math.pi)
        near = torch.exp(-self.width * (distances[:, None] - self.shells[None, :, None, None]).square())
        near = near * cutoff[:, None]
        ways = (gaps / distances[..., None]).permute(0, 3, 1, 2)  # (B, 3, N, N)
        both = torch.cat([near[:, :, None], near[:, :, None] * ways[:, None]], 2)
        return both.view(batch * SHELLS, 4 * atoms, atoms)

    def _atoms(self, surroundings: Tensor, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """Energies of atoms without their own, eV, and partial charges, each (K, B, N)."""
        real = prepared.real
        features, charges = prepared.features.transpose(0, 1), None
        for number, layers in enumerate(self.passes):
            seen = self._seen(surroundings, features, charges)
            h = _through(layers, seen, last=number > 0).view(*features.shape[:3], -1) * real[:, :, None]
            if number + 1 == len(self.passes):
                break
            moved, weight = h[..., 0], h[..., 1].square()
            wanted = moved if charges is None else charges + moved
            short = prepared.charges - wanted.sum(-1)  # the rest goes where the network lets it
            charges = wanted + weight * (short / (weight.sum(-1) + 1e-6))[..., None]
            features = features + h[..., 2:]
        assert charges is not None
        count, batch, atoms = charges.shape
        atomic = _through(self.readout, h.reshape(count, batch * atoms, -1), last=False)
        return atomic.view(count, batch, atoms), charges

    def _seen(self, surroundings: Tensor, features: Tensor, charges: Tensor | None) -> Tensor:
        """What atoms are and see: own features, those around by shell, squared lengths of vectors: (K, B * N, ...)."""
        count, batch, atoms, _ = features.shape
        by_shell = features.view(count, batch, atoms, FEATURES, SHELLS).permute(1, 4, 2, 0, 3)
        columns = by_shell.reshape(batch * SHELLS, atoms, count * FEATURES)
        if charges is not None:
            alike = charges.permute(1, 2, 0)[:, None].expand(batch, SHELLS, atoms, count)
            columns = torch.cat([columns, alike.reshape(batch * SHELLS, atoms, count)], 2)
        sums = torch.bmm(surroundings, columns).view(batch, SHELLS, 4, atoms, -1)
        flat = (count, batch * atoms, -1)
        of_features = sums[..., : count * FEATURES].unflatten(-1, (count, FEATURES))  # (B, g, 4, N, K, a)
        scalars = of_features[:, :, 0].permute(3, 0, 2, 4, 1).reshape(flat)
        vectors = of_features[:, :, 1:].permute(4, 5, 0, 3, 2, 1).reshape(count * FEATURES, batch * atoms * 3, SHELLS)
        mixed = torch.bmm(vectors, self.mix_features.flatten(0, 1)).view(count, FEATURES, batch * atoms, 3, MIXED)
        parts = [features.reshape(flat), scalars, mixed.square().sum(3).transpose(1, 2).reshape(flat)]
        if charges is not None:
            of_charges = sums[..., count * FEATURES :]  # (B, g, 4, N, K)
            vectors = of_charges[:, :, 1:].permute(4, 0, 3, 2, 1).reshape(count, batch * atoms * 3, SHELLS)
            mixed = torch.bmm(vectors, self.mix_charges[:, 0]).view(count, batch * atoms, 3, MIXED)
            scalars = of_charges[:, :, 0].permute(3, 0, 2, 1).reshape(flat)
            parts += [charges.reshape(flat), scalars, mixed.square().sum(2)]
        return torch.cat(parts, -1)

    def _coulomb(self, distances: Tensor, charges: Tensor, prepared: Prepared) -> Tensor:
        """Energy of the partial charges beyond the reach of the networks, (B,), eV."""
        inside = (distances / self.short).clamp(max=0.999999).square()
        beyond = 1.0 - torch.exp(1.0 - 1.0 / (1.0 - inside))
        kernel = (_COULOMB * beyond / distances).masked_fill(prepared.apart, 0.0)
        potential = torch.einsum("bnm,kbm->kbn", kernel, charges)
        return (charges * potential).sum(-1, dtype=torch.float64).mean(0)

    def _dispersion(self, distances: Tensor, prepared: Prepared) -> Tensor:
        """D3(BJ) energy (10.1002/jcc.21759), (B,), eV."""
        d3, r = self.d3, (distances / BOHR).masked_fill(prepared.apart, 10.0)
        bonded = torch.sigmoid(-d3["k1"] * (prepared.covalent / r - 1.0)).masked_fill(prepared.apart, 0.0)
        coordination = torch.minimum(bonded.sum(-1), prepared.most)
        likeness = torch.exp(d3["k3"] * (coordination[..., None] - prepared.references).square())
        likeness = likeness / likeness.sum(-1, keepdim=True).clamp(min=1e-8)
        c6 = torch.einsum("bnmij,bni,bmj->bnm", prepared.c6, likeness, likeness)
        r2, d2 = r.square(), prepared.damping.square()
        r6, d6 = r2 * r2 * r2, d2 * d2 * d2
        pairs = c6 * (d3["s6"] / (r6 + d6) + d3["s8"] * prepared.ratio / (r6 * r2 + d6 * d2))
        return -_RYDBERG * pairs.flatten(1).sum(-1, dtype=torch.float64)


def load_aimnet2(path: Path, device: torch.device) -> AIMNet2Network:
    """Read the networks of a published TorchScript file, one of an ensemble or one of a single network.

    Raises:
        ValueError: The file holds something else.
    """
    try:
        script = torch.jit.load(str(path), map_location="cpu")
        models = getattr(script, "models", None)
        members = [script] if models is None else [one for _, one in models.named_children()]
        return AIMNet2Network([getattr(member, "module", member) for member in members], device)
    except (RuntimeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} holds no AIMNet2 networks as published, in TorchScript (.jpt)") from error


def _tensors(member: Any, device: torch.device) -> dict[str, Tensor]:
    both = [*member.named_parameters(), *member.named_buffers()]
    return {name: tensor.detach().to(device) for name, tensor in both}


def _through(layers: Layers, x: Tensor, last: bool) -> Tensor:
    """Apply layers with GELU between them, and after the last one if so asked: (K, rows, in) -> (K, rows, out)."""
    for number, (weight, bias) in enumerate(layers):
        x = torch.baddbmm(bias, x, weight)
        if last or number + 1 < len(layers):
            x = gelu(x)
    return x
