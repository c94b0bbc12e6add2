"""
Watch it happen
===============

What does a deblurring look like, and what do twenty conformers look like together? Two pictures of gefitinib, a
flexible drug.
"""

from __future__ import annotations

from rdkit import Chem

import rdkit_ebd
from rdkit_ebd.viz import draw_deblurring, draw_ensemble

mol = Chem.AddHs(Chem.MolFromSmiles("COc1cc2ncnc(Nc3ccc(F)c(Cl)c3)c2cc1OCCCN1CCOCC1"))
mol.SetProp("_Name", "gefitinib")

# %%
# The callback gets each deblurring as a molecule whose conformers are its states: the seed first, the finished
# conformer last.

paths: dict[int, Chem.Mol] = {}
ids = rdkit_ebd.EmbedMoleculeEBD(mol, 20, randomSeed=42, callback=paths.__setitem__)
states = paths[0].GetNumConformers()
print(f"{len(ids)} conformers; the first has {states} states")
print(f"{draw_deblurring(paths[0], 'deblurring.png')}: how the first comes about")

# %%
# All of them, aligned on their heavy atoms; of the hydrogens only the polar ones are drawn.

print(f"{draw_ensemble(mol, 'ensemble.png')}: all {mol.GetNumConformers()}")
