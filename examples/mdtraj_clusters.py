"""
Cluster with mdtraj
===================

How many shapes has a drug? Conformers, saved as a trajectory, clustered and superposed with mdtraj, written as SDF.

It writes captopril.dcd, captopril.dcd.mol.json and captopril_shapes.sdf where it is run, and needs
``pip install "rdkit-ebd[mdtraj]"``.
"""

from __future__ import annotations

from rdkit import Chem

import rdkit_ebd
from rdkit_ebd_mdtraj import ClusterConformers, LoadEnsemble, MolToEnsemble, SaveEnsemble

SMILES = "C[C@H](CS)C(=O)N1CCC[C@H]1C(=O)O"
CONFORMERS = 40
CUTOFF = 1.0  # angstrom


def main() -> None:
    """Embed, refine, save and load, cluster, superpose, and write one conformer of each cluster."""
    mol = Chem.AddHs(Chem.MolFromSmiles(SMILES))
    rdkit_ebd.EmbedMoleculeEBD(mol, CONFORMERS, randomSeed=42)
    rdkit_ebd.RefineConformers(mol, "MMFF94s")  # leaves its energies on the conformers
    SaveEnsemble(MolToEnsemble(mol), "captopril.dcd")

    ensemble = LoadEnsemble("captopril.dcd")  # anywhere, any time: the molecule and the energies come along
    clusters = ClusterConformers(ensemble, CUTOFF)
    print(f"{len(ensemble)} conformers of captopril in {len(clusters.sizes)} clusters at {CUTOFF} angstrom")
    heavy = ensemble.trajectory.topology.select("element != H")
    ensemble.trajectory.superpose(ensemble.trajectory, frame=int(clusters.medoids[0]), atom_indices=heavy)
    lowest = ensemble.energies.min()
    for number, medoid in enumerate(clusters.medoids):
        members = ensemble[clusters.labels == number]
        best = members.energies.min() - lowest
        print(
            f"  cluster {number}: {len(members):2} conformers like {ensemble.ids[medoid]:2}, best {best:4.1f} kcal/mol"
        )

    shapes = ensemble[clusters.medoids].to_mol()
    with Chem.SDWriter("captopril_shapes.sdf") as writer:
        for conformer in shapes.GetConformers():
            writer.write(shapes, confId=conformer.GetId())
    print(f"captopril_shapes.sdf: {shapes.GetNumConformers()} conformers, superposed")


if __name__ == "__main__":
    main()
