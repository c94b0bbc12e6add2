"""
Refine and rank
===============

Relax with one method, rank with another: MMFF94s minima, GFN2-xTB energies, Boltzmann weights. It needs
``pip install "rdkit-ebd[xtb]"``.
"""

from __future__ import annotations

from rdkit import Chem

import rdkit_ebd

mol = Chem.AddHs(Chem.MolFromSmiles("OCCNC(=O)CCO"))
rdkit_ebd.EmbedMoleculeEBD(mol, 8, randomSeed=42, pruneRmsThresh=0.3)
for conformer, (not_converged, energy) in zip(
    mol.GetConformers(), rdkit_ebd.RefineConformers(mol, "MMFF94s"), strict=True
):
    print(f"conformer {conformer.GetId()}: {energy:8.2f} kcal/mol{', not converged' if not_converged else ''}")
energies = rdkit_ebd.ScoreConformers(mol, "GFN2-xTB")
weights = rdkit_ebd.BoltzmannWeights(energies, temperature=298.15)
for conformer, energy, weight in zip(mol.GetConformers(), energies, weights, strict=True):
    print(f"conformer {conformer.GetId()}: {energy - min(energies):6.2f} kcal/mol above the lowest, {weight:6.1%}")
