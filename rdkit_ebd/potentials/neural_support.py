"""What do neural potentials share? Names, devices, atoms that they do not know, and molecules treated together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem

from rdkit_ebd.potentials.base import Minimum, Potential, Surface

if TYPE_CHECKING:
    from rdkit_ebd.potentials.neural.network import Network

DEVICES = ("auto", "cpu", "cuda")


class NeuralPotential(Potential):
    """A potential whose energies come from a network that takes many conformers, of any molecules, at once.

    Attributes:
        notes: What a reader of the energies should know.
    """

    notes: tuple[str, ...] = ()

    @abstractmethod
    def networks(self) -> tuple[Network, Network | None]:
        """The network, read once for all molecules, and a cheaper one with nearly the same minima if there is one."""

    def surface(self, mol: Chem.Mol) -> Surface:
        """The energy surface of a molecule with explicit hydrogens for which `obstacle` is None."""
        from rdkit_ebd.potentials.neural.surface import NeuralSurface

        return NeuralSurface(mol, *self.networks(), self.notes)

    def minimise_molecules(
        self, work: Sequence[tuple[Chem.Mol, np.ndarray]], max_iters: int, tolerance: float | None = None
    ) -> Iterator[tuple[int, Minimum]]:
        """Relax conformers of any molecules, those of like size side by side; see `Potential.minimise_molecules`."""
        from rdkit_ebd.potentials.neural.surface import CONVERGED, Start, minimise_starts, species_of

        network, rough = self.networks()
        species = {id(mol): species_of(mol) for mol, _ in work}
        starts = [Start(species[id(mol)], coords) for mol, coords in work]
        return minimise_starts(network, starts, tolerance or CONVERGED, max_iters, rough)


def parse_name(name: str, methods: Collection[str]) -> tuple[str, str] | None:
    """(method, device) of "METHOD" or "METHOD/DEVICE", in any case of letters; None where the method is another.

    Raises:
        ValueError: The device is unknown.
    """
    typed, slash, device = name.partition("/")
    known = {method.lower(): method for method in methods}
    if typed.lower() not in known:
        return None
    return known[typed.lower()], checked_choice("device", device.lower(), DEVICES) if slash else "auto"


def device_name(asked: str) -> str:
    """The device to use: "cpu" or "cuda".

    Raises:
        ValueError: A GPU is asked for, and torch finds none.
    """
    import torch

    if asked == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' is asked for, but torch finds no GPU")
    return "cuda" if asked != "cpu" and torch.cuda.is_available() else "cpu"


def foreign_atoms(mol: Chem.Mol, method: str, symbols: Collection[str]) -> str | None:
    """Why a method trained on closed shells of some elements cannot treat a molecule, naming the atoms, or None."""
    if not mol.GetNumAtoms():
        return "there are no atoms"
    foreign = [f"{a.GetIdx()} ({a.GetSymbol()})" for a in mol.GetAtoms() if a.GetSymbol() not in symbols]
    if foreign:
        return f"{method} knows the elements {' '.join(symbols)}, not those of atoms {', '.join(foreign)}"
    open_shells = [f"{a.GetIdx()} ({a.GetSymbol()})" for a in mol.GetAtoms() if a.GetNumRadicalElectrons()]
    if open_shells:
        return f"{method} knows closed shells alone, and atoms {', '.join(open_shells)} have unpaired electrons"
    electrons = sum(atom.GetAtomicNum() for atom in mol.GetAtoms()) - Chem.GetFormalCharge(mol)
    if electrons < 1 or electrons % 2:
        return f"{method} knows closed shells alone, and {max(electrons, 0)} electrons are none"
    return None


def checked_choice(kind: str, asked: str, known: Collection[str]) -> str:
    """What is asked for, if it is known; else a ValueError that lists what is."""
    if asked not in known:
        raise ValueError(f"no {kind} {asked!r}: known are {', '.join(known)}")
    return asked
