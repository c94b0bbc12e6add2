"""
Quickstart
==========

Five lines: a molecule, twenty conformers, what happened, an SD file.
"""

from __future__ import annotations

from rdkit import Chem

import rdkit_ebd
from rdkit_ebd.io import SDFWriter

mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(OCCN2CCOCC2)cc1"))
report = rdkit_ebd.EmbedWithReport(mol, 20, randomSeed=42, pruneRmsThresh=0.5)
print(report.summary())
print(rdkit_ebd.get_provenance(mol.GetConformer(report.ids[0])))
with SDFWriter("quickstart.sdf") as writer:
    print(f"quickstart.sdf: {writer.write(mol, 'an anilide')} conformers")
