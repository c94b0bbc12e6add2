"""
Input for DFT
=============

From a SMILES to what a quantum chemist starts from: minima that differ, ranked, those within 3 kcal/mol as inputs of
ORCA, Psi4 and xtb, and the ensemble as CREST and CENSO take it.

MMFF94s ranks here, which needs nothing else; ``method = "GFN2-xTB/water"`` (``pip install "rdkit-ebd[xtb]"``) or
``"AIMNet2"`` ranks better.
"""

from __future__ import annotations

from pathlib import Path

from rdkit import Chem

import rdkit_ebd
from rdkit_ebd.io import QuantumInput, XYZEnsemble

method = "MMFF94s"
mol = Chem.AddHs(Chem.MolFromSmiles("C[NH2+]C[C@H](O)c1ccc(O)c(O)c1"))  # adrenaline as it is at pH 7
params = rdkit_ebd.EBD(randomSeed=42, refine=method, pruneRmsThresh=0.2)
print(rdkit_ebd.EmbedWithReport(mol, 20, params).summary())

# %%
# The lowest of each cluster, no two of which are alike; of these the ones that matter.

ranking = rdkit_ebd.RankConformers(mol, method, clusterRmsd=0.5)
place = {index: k for k, index in enumerate(ranking.ids)}
chosen = [index for index in ranking.representatives if ranking.relative[place[index]] <= 3.0]
for index in chosen:
    k = place[index]
    print(f"conformer {index}: {ranking.relative[k]:.2f} kcal/mol by {method}, cluster {ranking.clusters[k]}")

# %%
# Charge and multiplicity are the molecule's.

for program, suffix in (("orca", "inp"), ("psi4", "dat"), ("xtb", "xyz")):
    for index in chosen:
        Path(f"adrenaline_{index}.{suffix}").write_text(QuantumInput(mol, program, index))
Path("crest_conformers.xyz").write_text(XYZEnsemble(mol, chosen))
print(f"{len(chosen)} inputs each for ORCA, Psi4 and xtb; crest_conformers.xyz: {len(chosen)} conformers")
print("".join(Path(f"adrenaline_{chosen[0]}.inp").read_text().splitlines(keepends=True)[:4]), end="")
