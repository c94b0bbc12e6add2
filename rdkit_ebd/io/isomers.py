"""Which molecules does an entry of a file stand for? Itself, or each of its stereoisomers where its stereo is open."""

from __future__ import annotations

from dataclasses import replace

from rdkit import Chem

from rdkit_ebd.chem.undefined_stereo import EnumerateStereo, undefined_stereo
from rdkit_ebd.io.read import Entry


def entry_isomers(entry: Entry, stereo: str) -> list[Entry]:
    """The entry alone, or, where `stereo` is "enumerate" and its stereochemistry is open, one entry for each isomer.

    Isomers are named NAME_s1, NAME_s2, ..., and have the SD properties `ebd_parent`, NAME,
    `ebd_isomer_smiles` and `ebd_open_stereo`, what the parent leaves open.
    Whatever RDKit raises is a problem of this entry.

    Args:
        entry: Of `read_molecules`; its hydrogens may be explicit.
        stereo: "keep", "enumerate" or "refuse", as `EBD.stereo`.

    Returns:
        At least one entry.

    Example:
        >>> from rdkit_ebd.io import entry_isomers, read_molecules
        >>> [entry.name for entry in entry_isomers(next(iter(read_molecules("CC(O)F lactol"))), "enumerate")]
        ['lactol_s1', 'lactol_s2']
    """
    if stereo != "enumerate" or entry.mol is None:
        return [entry]
    try:
        return _enumerated(entry, entry.mol) or [entry]
    except Exception as error:  # whatever it is, it must not stop the others
        return [replace(entry, mol=None, problem=" ".join(str(error).split()) or repr(error))]


def _enumerated(entry: Entry, mol: Chem.Mol) -> list[Entry]:
    found: list[Entry] = []
    open_stereo = undefined_stereo(mol)
    if not open_stereo:
        return found
    for number, isomer in enumerate(EnumerateStereo(mol), start=1):
        isomer.SetProp("ebd_parent", entry.name)
        isomer.SetProp("ebd_open_stereo", str(open_stereo))
        isomer.SetProp("ebd_isomer_smiles", Chem.MolToSmiles(Chem.RemoveHs(isomer)))
        found.append(replace(entry, mol=isomer, name=f"{entry.name}_s{number}"))
    return found
