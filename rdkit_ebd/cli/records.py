"""How do records of one molecule become one molecule with several conformers, and records again?"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from rdkit_ebd.cli.common import called

if TYPE_CHECKING:  # RDKit is imported when it is needed: `--help` answers at once
    from rdkit import Chem

    from rdkit_ebd.io.read import Entry


def together(group: Sequence[Entry]) -> Chem.Mol:
    """One molecule with the conformers of all entries, with their provenance; ids are the numbers of the records."""
    from rdkit import Chem
    from rdkit.Chem import Conformer

    from rdkit_ebd.chem.provenance import PROVENANCE, set_provenance

    mols = [entry.mol for entry in group if entry.mol is not None]
    mol = Chem.Mol(mols[0], True)
    mol.SetProp("_Name", group[0].name)
    for entry, own in zip(group, mols, strict=True):
        conformer = Conformer(own.GetConformer())
        conformer.SetId(entry.number)
        for name, kind in PROVENANCE.items():
            with suppress(ValueError):  # somebody else's property of the same name
                set_provenance(conformer, **{name: kind(own.GetProp(name)) if own.HasProp(name) else None})
        mol.AddConformer(conformer, assignId=False)
    return mol


def record_of(entry: Entry, mol: Chem.Mol) -> Chem.Mol:
    """An entry's own molecule, its properties included, with the conformer it has now."""
    from rdkit import Chem

    from rdkit_ebd.io.conformer_runs import RANKS

    assert entry.mol is not None
    record = Chem.Mol(entry.mol)
    record.RemoveAllConformers()
    conformer = mol.GetConformer(entry.number)
    record.AddConformer(conformer, assignId=False)
    record.SetProp("_Name", entry.name)
    for name in RANKS:  # of an earlier run, unless this one has found them
        record.ClearProp(name)
        if conformer.HasProp(name):
            record.SetProp(name, f"{float(conformer.GetProp(name)):.6g}")
    return record


def merged(group: Sequence[Entry]) -> Entry:
    """Records of one molecule as one entry, the first, with the conformers of all and what they say in common."""
    from rdkit import Chem

    from rdkit_ebd.io.conformer_runs import OF_CONFORMERS

    first = group[0]
    if first.mol is None:
        return first
    mol = Chem.Mol(first.mol)
    for entry in group[1:]:
        assert entry.mol is not None
        mol.AddConformer(entry.mol.GetConformer(), assignId=True)
    for name in OF_CONFORMERS:
        mol.ClearProp(name)
    return replace(first, mol=mol)


def label_of(group: Sequence[Entry]) -> str:
    """Where a molecule stands in the input, such as "records 1-5 (aspirin)"."""
    first, last = group[0].number, group[-1].number
    return f"{f'record {first}' if first == last else f'records {first}-{last}'} ({called(group[0].name)})"
