"""What do neural potentials share before any of them is run? Names, devices, and atoms that they do not know."""

from __future__ import annotations

from collections.abc import Collection

from rdkit import Chem

DEVICES = ("auto", "cpu", "cuda")


def parse_name(name: str, methods: Collection[str]) -> tuple[str, str] | None:
    """(method, device) of "METHOD" or "METHOD/DEVICE", in any case of letters; None where the method is another.

    Raises:
        ValueError: The device is unknown.
    """
    typed, slash, device = name.partition("/")
    known = {method.lower(): method for method in methods}
    if typed.lower() not in known:
        return None
    if slash and device.lower() not in DEVICES:
        raise ValueError(f"no device {device!r} in {name!r}: known are {', '.join(DEVICES)}")
    return known[typed.lower()], device.lower() or "auto"


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
    return None
