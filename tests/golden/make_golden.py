"""What do the shipped models make of given seeds? One file per model; run it again when weights are released.

    python tests/golden/make_golden.py

Seeds are kept beside what became of them: another version of RDKit makes others, and must not pass for other weights.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDistGeom

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER.parents[1])]

from rdkit_ebd.arrays.random_streams import noise_stream  # noqa: E402
from rdkit_ebd.chem.featurise import mol_graph  # noqa: E402
from rdkit_ebd.chem.fragments import Vocabulary  # noqa: E402
from rdkit_ebd.generators.checkpoint import LoadedModel, available_models, load_model  # noqa: E402
from rdkit_ebd.generators.ebd.sampler import deblur_times  # noqa: E402
from rdkit_ebd.generators.service import LocalDeblurrer, Request  # noqa: E402

MOLECULES = {
    "penicillin_v": "CC1(C)S[C@@H]2[C@H](NC(=O)COc3ccccc3)C(=O)N2[C@H]1C(=O)O",
    "captopril": "C[C@H](CS)C(=O)N1CCC[C@H]1C(=O)O",
    "sulfamethoxazole": "Cc1cc(NS(=O)(=O)c2ccc(N)cc2)no1",
    "fluoxetine": "CNCC[C@H](Oc1ccc(C(F)(F)F)cc1)c1ccccc1",
}
SEEDS = 3  # of each


@dataclass(frozen=True)
class Golden:
    """What a model makes of one molecule's seeds: (K, N, 3) angstrom each."""

    seeds: np.ndarray
    coords: np.ndarray


def deblurred(model: LoadedModel, smiles: str, seeds: np.ndarray) -> Golden:
    """Deblur seeds (K, N, 3) as the model is used by default."""
    mol, sampling = Chem.AddHs(Chem.MolFromSmiles(smiles)), model.config.sampling
    times = deblur_times(sampling.steps, sampling.rounds)
    noise = np.stack([noise_stream(7, k, 0, len(times), mol.GetNumAtoms()).numpy() for k in range(len(seeds))])
    request = Request(
        graph=mol_graph(mol, Vocabulary.from_dict(model.config.vocabulary)),
        seeds=seeds.astype(np.float64),
        noise=sampling.noise_scale * noise,
        times=tuple(times),
        tolerance=sampling.tolerance,
    )
    return Golden(seeds, LocalDeblurrer(model)(request).coords.astype(np.float32))


def new_seeds(smiles: str) -> np.ndarray:
    """ETKDGv3 conformers (K, N, 3) float32, angstrom."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed, parameters.enableSequentialRandomSeeds = 7, True
    rdDistGeom.EmbedMultipleConfs(mol, SEEDS, parameters)
    return np.array([conformer.GetPositions() for conformer in mol.GetConformers()], np.float32)


def load_golden(name: str) -> tuple[str, dict[str, Golden]]:
    """Hash of the weights that were recorded, and what they made by molecule."""
    with np.load(FOLDER / f"{name}.npz") as data:
        recorded = {
            molecule: Golden(*(data[f"{molecule}/{part}"] for part in ("seeds", "coords"))) for molecule in MOLECULES
        }
        return str(data["weights"]), recorded


def main() -> None:
    """Record every shipped model."""
    for name in available_models():
        model = load_model(name, "cpu")
        arrays: dict[str, np.ndarray] = {"weights": np.array(model.weights_hash)}
        for molecule, smiles in MOLECULES.items():
            made = deblurred(model, smiles, new_seeds(smiles))
            arrays |= {f"{molecule}/{part}": array for part, array in vars(made).items()}
        np.savez_compressed(FOLDER / f"{name}.npz", **arrays)
        print(f"{name}  {model.weights_hash}")


if __name__ == "__main__":
    main()
