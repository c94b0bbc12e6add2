"""
A drop-in for RDKit
===================

A script written for RDKit, with one import changed: the rest does not notice. Before, it said
``from rdkit.Chem import rdDistGeom``.
"""

from __future__ import annotations

from rdkit import Chem
from rdkit.Chem import rdMolAlign
from rdkit.Chem.rdDistGeom import ETKDGv3

import rdkit_ebd as rdDistGeom  # noqa: N812 (that is the point)

mol = Chem.AddHs(Chem.MolFromSmiles("CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O"))
params = ETKDGv3()  # RDKit's own parameter object
params.randomSeed = 0xF00D
params.pruneRmsThresh = 0.3
conf_ids = list(rdDistGeom.EmbedMultipleConfs(mol, 30, params))
if not conf_ids:
    raise SystemExit("no conformers")
rmsds: list[float] = []
rdMolAlign.AlignMolConformers(mol, RMSlist=rmsds)
print(f"{len(conf_ids)} conformers of ibuprofen, up to {max(rmsds):.2f} angstrom from the first")
if rdDistGeom.EmbedMolecule(mol, params) == -1:
    raise SystemExit("no conformer")
