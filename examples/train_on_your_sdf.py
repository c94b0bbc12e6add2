"""
Train on your own SD file
=========================

Conformers of your own: an SD file, two minutes' worth of commands, a model that embeds.

A few seconds of training teach nothing; the point is that every command works on your file, and that it tells before
from after. The network starts from the shipped model, as it should when there is little data; one of the molecules is
kept back to judge by.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

import rdkit_ebd


def command(*words: str) -> None:
    """Run `rdkit-ebd WORDS`, as a shell would."""
    print("rdkit-ebd", *words, flush=True)
    subprocess.run([sys.executable, "-m", "rdkit_ebd.cli", *words], check=True)


def main() -> None:
    """Make an SD file, prepare, fit, embed."""
    with Chem.SDWriter("mine.sdf") as writer:
        for smiles in ("CC(=O)Nc1ccc(O)cc1", "CC(C)NCC(O)COc1ccccc1", "CN1CCC[C@H]1c1cccnc1"):
            mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
            rdDistGeom.EmbedMultipleConfs(mol, 4, randomSeed=1)
            rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, maxIters=2000)
            for conformer in mol.GetConformers():
                writer.write(mol, conformer.GetId())
    command("train", "prepare", "mine.sdf", "-o", "prepared", "--like", "ebd-f2f", "--seeds", "2", "--workers", "1")
    command("train", "fit", "prepared", "--run", "runs/mine", "--max-minutes", "0.1", "--threads", "1")
    model = Path("runs/mine/mine.safetensors")
    mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
    print(f"{len(rdkit_ebd.EmbedMoleculeEBD(mol, 3, model=str(model), randomSeed=1))} conformers by {model}")


if __name__ == "__main__":
    main()
