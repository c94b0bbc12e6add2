"""Which protonation states and tautomers has a molecule at a pH? As molscrub or Dimorphite-DL say, where installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from rdkit import Chem, rdBase

from rdkit_ebd.io.read import Entry

PRECISION = 0.5  # pKa units around the pH within which Dimorphite-DL gives both states
LOWEST, HIGHEST = 0.0, 14.0

States = Callable[[Chem.Mol], list[Chem.Mol]]
"""The states of a molecule, each without coordinates."""


def protonator(tool: str, ph: float) -> States:
    """Whoever knows the states.

    Args:
        tool: "dimorphite" (protonation) or "molscrub" (protonation and tautomers).
        ph: From 0 to 14.

    Raises:
        ImportError: It is not installed; the message has the install line.
        ValueError: There is no such tool, or the pH is out of range.
    """
    if tool not in _TOOLS:
        raise ValueError(f"states are by {' or '.join(_TOOLS)}, not {tool!r}")
    if not LOWEST <= ph <= HIGHEST:
        raise ValueError(f"the pH must be from {LOWEST:g} to {HIGHEST:g}, not {ph}")
    package, install, make = _TOOLS[tool]
    try:
        module = import_module(package)
    except ImportError as error:
        raise ImportError(f"states by {tool} need {package}: pip install {install}") from error
    return make(module, ph)


def entry_states(entry: Entry, states: States, ph: float) -> list[Entry]:
    """An entry in each of its states: itself with a note, or NAME_p1, NAME_p2, ... where there are several.

    The latter have the SD properties `ebd_parent`, NAME, and `ebd_state_smiles`. Coordinates are left behind. Whatever
    the tool raises is a problem of this entry.

    Args:
        entry: Of `read_molecules`.
        states: Of `protonator`.
        ph: At which they are.
    """
    if entry.mol is None or entry.left_out:
        return [entry]
    try:
        with rdBase.BlockLogs():
            bare = Chem.RemoveHs(entry.mol)
            bare.RemoveAllConformers()
            found = {Chem.MolToSmiles(mol): mol for mol in states(bare)}
    except Exception as error:  # whatever it is, it must not stop the others
        return [replace(entry, mol=None, problem=" ".join(str(error).split()) or repr(error))]
    if not found:
        return [replace(entry, mol=None, problem=f"there is no state of it at pH {ph:g}")]
    if list(found) == [Chem.MolToSmiles(bare)]:
        return [entry]
    return [_named(entry, mol, smiles, k, len(found), ph) for k, (smiles, mol) in enumerate(found.items(), start=1)]


def _named(entry: Entry, mol: Chem.Mol, smiles: str, number: int, count: int, ph: float) -> Entry:
    assert entry.mol is not None
    name = f"{entry.name}_p{number}" if count > 1 else entry.name
    for key in entry.mol.GetPropNames():
        mol.SetProp(key, entry.mol.GetProp(key))
    mol.SetProp("_Name", name)
    if count > 1:
        mol.SetProp("ebd_parent", entry.name)
        mol.SetProp("ebd_state_smiles", smiles)
    which = f", {number} of {count} states" * (count > 1)
    return replace(entry, mol=mol, name=name, notes=(*entry.notes, f"at pH {ph:g}{which}: {smiles}"))


def _by_dimorphite(module: Any, ph: float) -> States:
    def states(mol: Chem.Mol) -> list[Chem.Mol]:
        smiles = Chem.MolToSmiles(mol)
        found = module.protonate_smiles(smiles, ph_min=ph, ph_max=ph, precision=PRECISION)
        return [Chem.MolFromSmiles(line.split()[0]) for line in found]

    return states


def _by_molscrub(module: Any, ph: float) -> States:
    scrub = module.Scrub(ph_low=ph, ph_high=ph, skip_gen3d=True, skip_ringfix=True)

    def states(mol: Chem.Mol) -> list[Chem.Mol]:
        return [Chem.MolFromSmiles(Chem.MolToSmiles(Chem.RemoveHs(state))) for state in scrub(mol)]

    return states


_TOOLS: dict[str, tuple[str, str, Callable[[Any, float], States]]] = {
    "dimorphite": ("dimorphite_dl", "dimorphite-dl", _by_dimorphite),
    "molscrub": ("molscrub", "molscrub", _by_molscrub),
}
