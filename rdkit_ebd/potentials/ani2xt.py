"""What is the ANI-2xt energy of a molecule? B97-3c by a neural network, neutral molecules of seven elements, gas phase.

The weights come from the package auto3d, or from a file that the environment variable RDKIT_EBD_ANI2XT or the argument
`weights` names. Nothing else of the package is used: `pip install --no-deps auto3d` is enough.
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
    from rdkit_ebd.potentials.neural.ani2xt_network import ANI2xtNetwork

INSTALL = 'pip install --no-deps auto3d (or, with all that it needs, pip install "rdkit_ebd[ani]")'
SYMBOLS = ("H", "C", "N", "O", "F", "S", "Cl")
FILE = WeightFile("RDKIT_EBD_ANI2XT", "Auto3D", "engines/models/ani2xt_no_repulsion.pt", INSTALL)


def family(name: str) -> ANI2xt | None:
    """The potential of "ANI-2xt", "ANI-2xt/cpu" or "ANI-2xt/cuda", in any case of letters; None of others.

    Raises:
        ValueError: The device is unknown.
    """
    parsed = parse_name(name, ("ANI-2xt",))
    return None if parsed is None else ANI2xt(parsed[1])


class ANI2xt(NeuralPotential):
    """ANI-2xt.

    Attributes:
        name: "ANI-2xt", with "/cpu" or "/cuda" where a device is asked for.
        device: "auto" (a GPU where there is one), "cpu" or "cuda".
        weights: A file to use in place of the installed one, or None.

    Raises:
        ValueError: There is no such device.
    """

    notes = ("B97-3c by ANI-2xt, gas phase",)

    def __init__(self, device: str = "auto", weights: str | os.PathLike[str] | None = None) -> None:
        self.device, self.weights = checked_choice("device", device, DEVICES), weights
        self.name = "ANI-2xt" if device == "auto" else f"ANI-2xt/{device}"

    def obstacle(self, mol: Chem.Mol) -> str | None:
        """Why this molecule cannot be treated: foreign elements, unpaired electrons or a charge; None if it can.

        Raises:
            ImportError: There are no weights.
            FileNotFoundError: There are none where they are said to be.
        """
        FILE.find(self.weights)
        charged = [f"{a.GetIdx()} ({a.GetSymbol()})" for a in mol.GetAtoms() if a.GetFormalCharge()]
        if Chem.GetFormalCharge(mol):
            return f"ANI-2xt knows no charged molecules, and this one is, by its atoms {', '.join(charged)}"
        return foreign_atoms(mol, "ANI-2xt", SYMBOLS)

    def networks(self) -> tuple[ANI2xtNetwork, None]:
        """The networks, read once for all molecules; there is nothing cheaper."""
        return _load(FILE.find(self.weights), device_name(self.device)), None


@lru_cache(maxsize=2)
def _load(path: Path, device: str) -> ANI2xtNetwork:
    import torch

    from rdkit_ebd.potentials.neural.ani2xt_network import load_ani2xt

    return load_ani2xt(path, torch.device(device))
