"""Which letters stand for bonds and for the shapes of atoms in the names of environments?"""

from __future__ import annotations

from rdkit.Chem.rdchem import BondType, HybridizationType

ORDERS = {BondType.SINGLE: "-", BondType.DOUBLE: "=", BondType.TRIPLE: "#", BondType.AROMATIC: ":"}
SHAPES = {HybridizationType.SP: "l", HybridizationType.SP2: "p", HybridizationType.SP3: "t"}
