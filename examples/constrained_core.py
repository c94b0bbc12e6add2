"""
Hold a core, choose a layout
============================

Poses of a series over a common core; atoms put right over a known shape, or over a few points.
"""

from __future__ import annotations

from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdMolAlign

import rdkit_ebd

# %%
# A series with a benzothiazole core: its atoms stay exactly where the template has them.

template = Chem.AddHs(Chem.MolFromSmiles("c1ccc2scnc2c1"))
rdkit_ebd.EmbedMolecule(template, randomSeed=7)

for smiles in ("CCNC(=O)c1nc2ccccc2s1", "c1ccc(cc1)COc1nc2ccccc2s1", "CN1CCC(CC1)c1nc2ccc(F)cc2s1"):
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    core = rdkit_ebd.MatchCore(mol, template)
    ids = rdkit_ebd.EmbedMoleculeEBD(mol, 5, core=core, randomSeed=42)
    off = max(core.rmsd(mol.GetConformer(i).GetPositions()) for i in ids)
    print(f"{smiles}: {len(ids)} conformers, core at most {off:.4f} angstrom from the template")

# %%
# A relative that lacks a part of the template: what both have in common is the core.

mol = Chem.AddHs(Chem.MolFromSmiles("Cc1csc(n1)NCCc1ccccc1"))
thiazole = Chem.AddHs(Chem.MolFromSmiles("CCc1csc(n1)NC(C)=O"))
rdkit_ebd.EmbedMolecule(thiazole, randomSeed=7)
report = rdkit_ebd.EmbedWithReport(mol, 5, core=rdkit_ebd.MatchCore(mol, thiazole, mcs=True), randomSeed=42)
print(f"thiazole: {report.summary()}")

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
