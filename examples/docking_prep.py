"""
Prepare a ligand for docking
============================

A ligand with a flexible ring, ready for Vina: one PDBQT per ring pucker, and the whole ensemble as SD file. It needs
``pip install "rdkit-ebd[dock]"``.
"""

from __future__ import annotations

from pathlib import Path

from rdkit import Chem

from rdkit_ebd.io import SDFWriter
from rdkit_ebd_docking import DockPrep, PrepareLigand

ligand = PrepareLigand(Chem.MolFromSmiles("C[C@H]1CC[C@@H](NC(=O)c2ccccc2)CC1"), DockPrep(numConfs=12), "amide")
for number, text in enumerate(ligand.pdbqts, start=1):
    Path(f"amide_p{number}.pdbqt").write_text(text)
with SDFWriter("amide.sdf") as writer:
    records = writer.write(ligand.mol, ligand.name)
print(f"{ligand.puckers} ring puckers, {len(ligand.pdbqts)} PDBQT files; amide.sdf: {records} conformers")
