"""
Hold a core, choose a layout
============================

Poses of a series over a common core; atoms put right over a known shape, or over a few points.
"""

from __future__ import annotations

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdMolAlign

import rdkit_ebd

# %%
# A series with a benzothiazole core: its atoms stay exactly where the template has them.

core = Chem.MolFromSmarts("c1nc2ccccc2s1")
template = Chem.AddHs(Chem.MolFromSmiles("c1ccc2scnc2c1"))
rdkit_ebd.EmbedMolecule(template, randomSeed=7)
held = template.GetConformer().GetPositions()[list(template.GetSubstructMatch(core))]

for smiles in ("CCNC(=O)c1nc2ccccc2s1", "c1ccc(cc1)COc1nc2ccccc2s1", "CN1CCC(CC1)c1nc2ccc(F)cc2s1"):
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    match = mol.GetSubstructMatch(core)
    ids = rdkit_ebd.EmbedMoleculeEBD(mol, 5, randomSeed=42, coordMap=dict(zip(match, held, strict=True)))
    off = max(np.abs(mol.GetConformer(i).GetPositions()[list(match)] - held).max() for i in ids)
    print(f"{smiles}: {len(ids)} conformers, core atoms at most {off:.4f} angstrom from where they were put")

# %%
# The other way round: keep the whole shape, and let the model put the atoms right. The seeds are the molecule's own
# conformers, here of a rough force field; they could be docked poses or shapes drawn by hand.

mol = Chem.AddHs(Chem.MolFromSmiles("CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O"))
rdDistGeom.EmbedMultipleConfs(mol, 3, randomSeed=5)
rough = Chem.Mol(mol)
ids = rdkit_ebd.EmbedMoleculeEBD(mol, 3, coarse="conformers", numRounds=1)
moved = [rdMolAlign.GetBestRMS(Chem.RemoveHs(mol), Chem.RemoveHs(rough), i, i) for i in ids]
print(f"ibuprofen: moved by {', '.join(f'{m:.2f}' for m in moved)} angstrom from the shapes given")

# %%
# Or give less than that, one point for each fragment: the fragment model finds places for the atoms about them, and
# the hand that is written. The points here are those of the rough shapes; they could be drawn, or of a simulation.

layout = rdkit_ebd.FragmentLayout(rough)  # of the fragments of the model "ebd-c2f"
points = layout.points(rough)
drawn = layout.with_points(points)
ids = rdkit_ebd.EmbedMoleculeEBD(drawn, 3, model=layout.model, coarse="conformers", randomSeed=1)
print(f"ibuprofen from {len(layout)} points: {len(ids)} conformers")
