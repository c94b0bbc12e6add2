"""
Figures of the paper
====================

The paper's figures, of the shipped model: what blurring does, and what deblurring does to the fragments.

It writes three pictures where it is run, with MMFF94s minima as references. With ``--data FILE`` (.npz, .sdf) the
references are those of the first molecules in it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

import rdkit_ebd
from rdkit_ebd.viz import draw_deblurring, draw_fragment_scatter, draw_spectra, fragment_rmsd

DRUGS = {
    "(S)-ibuprofen": "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O",
    "lidocaine": "CCN(CC)CC(=O)Nc1c(C)cccc1C",
    "propranolol": "CC(C)NCC(O)COc1cccc2ccccc12",
}
CONFORMERS = 8


def references() -> dict[str, tuple[Chem.Mol, np.ndarray]]:
    """A molecule and its MMFF94s minima (R, N, 3), by name."""
    found = {}
    for name, smiles in DRUGS.items():
        mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
        rdDistGeom.EmbedMultipleConfs(mol, CONFORMERS, randomSeed=7)
        rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, maxIters=2000, mmffVariant="MMFF94s")
        found[name] = mol, np.array([c.GetPositions() for c in mol.GetConformers()])
    return found


def read(data: Path) -> dict[str, tuple[Chem.Mol, np.ndarray]]:
    """The same from a data set."""
    records = rdkit_ebd.read_records(data, limit=len(DRUGS), max_confs=CONFORMERS)
    return {record.title: (record.mol, record.coords.astype(float)) for record in records}


def deblurred(mol: Chem.Mol) -> tuple[np.ndarray, np.ndarray, Chem.Mol]:
    """Seeds and conformers (K, N, 3), and the path of the first."""
    paths: dict[int, Chem.Mol] = {}
    rdkit_ebd.EmbedMoleculeEBD(Chem.Mol(mol), CONFORMERS, randomSeed=1, callback=paths.__setitem__)
    states = [[state.GetPositions() for state in path.GetConformers()] for path in paths.values()]
    return np.array([s[0] for s in states]), np.array([s[-1] for s in states]), paths[0]


def main() -> None:
    """Embed, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="reference conformers")
    data = parser.parse_args().data
    spectra, distances = [], {}
    for name, (mol, known) in (read(data) if data else references()).items():
        fragments = rdkit_ebd.FragmentLayout(mol, "default").fragments
        seeds, made, path = deblurred(mol)
        before, after = (fragment_rmsd(x, known, fragments) for x in (seeds, made))
        nearest = np.arange(len(seeds)), before.argmin(1)  # each seed has one reference to come nearer to
        distances[name] = before[nearest], after[nearest]
        spectra.append((mol, known, fragments))
        then, now = (x.mean() for x in distances[name])
        print(f"{name}: fragments of the seeds are {then:.2f} Å from the references, deblurred {now:.2f} Å")
    print(f"wrote {draw_spectra(spectra, 'spectra.png')}")
    print(f"wrote {draw_fragment_scatter(distances, 'fragments.png')}")
    print(f"wrote {draw_deblurring(path, 'deblurring.png')}")


if __name__ == "__main__":
    main()
