"""
Shape search
============

Which molecules can take the shape of a query? Ensembles are aligned to one conformer of the query by RDKit's
Gaussian overlays, and ranked by the best of each: shape and pharmacophore colour, 0 to 1.
"""

from __future__ import annotations

from rdkit import Chem
from rdkit.Chem import rdShapeAlign

import rdkit_ebd

QUERY = "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O"  # (S)-ibuprofen
LIBRARY = {
    "(S)-naproxen": "COc1ccc2cc(ccc2c1)[C@H](C)C(=O)O",
    "(R)-naproxen": "COc1ccc2cc(ccc2c1)[C@@H](C)C(=O)O",
    "(S)-ketoprofen": "C[C@H](C(=O)O)c1cccc(c1)C(=O)c1ccccc1",
    "paracetamol": "CC(=O)Nc1ccc(O)cc1",
    "caffeine": "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
}

query = Chem.AddHs(Chem.MolFromSmiles(QUERY))
rdkit_ebd.EmbedMolecule(query, randomSeed=42)

# %%
# More conformers than are kept, the most diverse, is what a shape search wants: ``overSample=2``.

mols = [Chem.AddHs(Chem.MolFromSmiles(smiles)) for smiles in LIBRARY.values()]
report = rdkit_ebd.EmbedMolecules(mols, 20, rdkit_ebd.EBD(randomSeed=42, overSample=2), workers=0)
print(report.summary().partition(" in ")[0])


def best_overlay(mol: Chem.Mol) -> tuple[float, float, int]:
    """Shape and colour Tanimoto of the conformer that overlays best, and its id; the conformers are moved."""
    ids = [conformer.GetId() for conformer in mol.GetConformers()]
    scores = [(*rdShapeAlign.AlignMol(query, mol, probeConfId=i, opt_param=0.5), i) for i in ids]
    return max(scores, key=lambda score: score[0] + score[1])


ranked = sorted(((best_overlay(mol), name) for mol, name in zip(mols, LIBRARY, strict=True)), reverse=True)
for (shape, colour, conformer), name in ranked:
    print(f"{name:15} shape {shape:.2f}  colour {colour:.2f}  conformer {conformer}")
