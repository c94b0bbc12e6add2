"""
Prepare a ligand for docking
============================

A ligand with a flexible ring and open stereochemistry, ready for Vina: each isomer a ligand, one PDBQT per ring pucker,
and the whole ensembles as an SD file. It needs ``pip install "rdkit-ebd[dock]"``.
"""

from __future__ import annotations

from pathlib import Path

from rdkit import Chem

from rdkit_ebd import EnumerateStereo
from rdkit_ebd.io import SDFWriter
from rdkit_ebd_docking import DockPrep, PrepareLigand

mol = Chem.MolFromSmiles("CC1CCC(NC(=O)c2ccccc2)CC1")  # cis or trans is not written
with SDFWriter("amide.sdf") as writer:
    for isomer in EnumerateStereo(mol):
        smiles = Chem.MolToSmiles(isomer)
        name = f"amide_{'trans' if smiles.count('@@') == 1 else 'cis'}"
        ligand = PrepareLigand(isomer, DockPrep(numConfs=12), name)
        for number, text in enumerate(ligand.pdbqts, start=1):
            Path(f"{name}_p{number}.pdbqt").write_text(text)
        records = writer.write(ligand.mol, ligand.name)
        print(f"{name} {smiles}: {ligand.puckers} ring puckers, {len(ligand.pdbqts)} PDBQT files, {records} conformers")

# %%
# For a library the same is one command, which an interruption does not set back:
# ``rdkit-ebd dock-prep library.smi -o ligands``.
