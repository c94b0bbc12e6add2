"""Files of molecules: `read_molecules`, `SDFWriter`, inputs of quantum chemistry; files appear whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdkit_ebd.runtime.lazy_names import lazy_names

if TYPE_CHECKING:
    from rdkit_ebd.io.isomers import entry_isomers as entry_isomers
    from rdkit_ebd.io.quantum import QuantumInput as QuantumInput
    from rdkit_ebd.io.quantum import ToASE as ToASE
    from rdkit_ebd.io.quantum import XYZEnsemble as XYZEnsemble
    from rdkit_ebd.io.read import Entry as Entry
    from rdkit_ebd.io.read import count_molecules as count_molecules
    from rdkit_ebd.io.read import read_molecules as read_molecules
    from rdkit_ebd.io.sdf import SDFWriter as SDFWriter
    from rdkit_ebd.runtime.journal import Journal as Journal
    from rdkit_ebd.runtime.whole_file import whole_file as whole_file

_HOMES = {
    "Entry": "io.read",
    "Journal": "runtime.journal",
    "QuantumInput": "io.quantum",
    "SDFWriter": "io.sdf",
    "ToASE": "io.quantum",
    "XYZEnsemble": "io.quantum",
    "count_molecules": "io.read",
    "entry_isomers": "io.isomers",
    "read_molecules": "io.read",
    "whole_file": "runtime.whole_file",
}

__all__ = sorted(_HOMES)

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
