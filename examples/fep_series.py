"""
A series on one pose
====================

Ten analogues laid on the pose of one ligand, as relative free energies want them: the common core where the ligand has
it, what differs relaxed about it, one SD file with explicit hydrogens and defined stereochemistry, as OpenFF reads it.
"""

from __future__ import annotations

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

import rdkit_ebd
from rdkit_ebd.io import SDFWriter

# %%
# The pose would be a crystal's, `Chem.MolFromMolFile("ligand.sdf", removeHs=False)`. Here it is a conformer of a TYK2
# inhibitor, put where a binding site might be.

pose = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1cc(NC(=O)c2c(Cl)cccc2Cl)ccn1"))
rdkit_ebd.EmbedMolecule(pose, randomSeed=7, refine="MMFF94s")
site = np.eye(4)
site[:3, 3] = 12.0, -7.0, 31.0
rdMolTransforms.TransformConformer(pose.GetConformer(), site)

SERIES = {
    "ethyl": "CCC(=O)Nc1cc(NC(=O)c2c(Cl)cccc2Cl)ccn1",
    "isopropyl": "CC(C)C(=O)Nc1cc(NC(=O)c2c(Cl)cccc2Cl)ccn1",
    "cyclopropyl": "O=C(C1CC1)Nc1cc(NC(=O)c2c(Cl)cccc2Cl)ccn1",
    "cis-fluorocyclopropyl": "O=C([C@@H]1C[C@@H]1F)Nc1cc(NC(=O)c2c(Cl)cccc2Cl)ccn1",
    "cyclobutyl": "O=C(C1CCC1)Nc1cc(NC(=O)c2c(Cl)cccc2Cl)ccn1",
    "phenyl": "O=C(c1ccccc1)Nc1cc(NC(=O)c2c(Cl)cccc2Cl)ccn1",
    "methyl carbamate": "COC(=O)Nc1cc(NC(=O)c2c(Cl)cccc2Cl)ccn1",
    "methyl urea": "CNC(=O)Nc1cc(NC(=O)c2c(Cl)cccc2Cl)ccn1",
    "chloro-fluoro": "CC(=O)Nc1cc(NC(=O)c2c(F)cccc2Cl)ccn1",
    "chloro-cyano": "CC(=O)Nc1cc(NC(=O)c2c(C#N)cccc2Cl)ccn1",
}

# %%
# What each has in common with the pose is held, whole rings; the rest is made by the model and relaxed around it.

mols = [Chem.AddHs(Chem.MolFromSmiles(smiles)) for smiles in SERIES.values()]
report = rdkit_ebd.EmbedMolecules(
    mols,
    5,
    rdkit_ebd.EBD(randomSeed=42, refine="MMFF94s"),
    core=lambda mol: rdkit_ebd.MatchCore(mol, pose, mcs=True),
    workers=0,
)
for name, own in zip(SERIES, report.reports, strict=True):
    print(f"{name}: {own.summary()}")

# %%
# The conformer lowest in energy goes into the file. On the command line it is
#
#     rdkit-ebd embed series.smi -n 5 --core ligand.sdf --mcs --refine MMFF94s -o all.sdf
#     rdkit-ebd rank all.sdf --top 1 --by MMFF94s -o series.sdf

off = 0.0
with SDFWriter("series.sdf") as writer:
    for name, mol in zip(SERIES, mols, strict=True):
        lowest = rdkit_ebd.SortConformers(mol)[0]
        core = rdkit_ebd.MatchCore(mol, pose, mcs=True)
        off = max(off, core.rmsd(mol.GetConformer(lowest).GetPositions()))
        writer.write(Chem.Mol(mol, False, lowest), name)
print(f"{writer.records} ligands in series.sdf, cores at most {off:.4f} angstrom from the pose")

# %%
# With the OpenFF Toolkit, `Molecule.from_file("series.sdf")` reads them all: stereochemistry and hydrogens are there.

for ligand in Chem.SDMolSupplier("series.sdf", removeHs=False):
    assert Chem.AddHs(ligand).GetNumAtoms() == ligand.GetNumAtoms()
    assert "?" not in [label for _, label in Chem.FindMolChiralCenters(ligand, includeUnassigned=True)]
