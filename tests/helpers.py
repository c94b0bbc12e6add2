"""What several tests share: real molecules, coordinates, a tiny network, and geometry done the slow way."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from safetensors.torch import save_file
from torch import Tensor

from rdkit_ebd.arrays.batch import Batch, collate
from rdkit_ebd.arrays.molgraph import MolGraph
from rdkit_ebd.chem.featurise import mol_graph
from rdkit_ebd.chem.fragments import Vocabulary, learn_vocabulary
from rdkit_ebd.generators.ebd.layers import NetworkConfig
from rdkit_ebd.generators.ebd.network import DeblurNetwork
from rdkit_ebd.generators.model_config import ModelConfig

DRUGS = {
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "paracetamol": "CC(=O)Nc1ccc(O)cc1",
    "ibuprofen": "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O",
    "naproxen": "COc1ccc2cc([C@H](C)C(=O)O)ccc2c1",
    "nicotine": "CN1CCC[C@H]1c1cccnc1",
    "caffeine": "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "metformin": "CN(C)C(=N)NC(N)=N",
    "salbutamol": "CC(C)(C)NC[C@H](O)c1ccc(O)c(CO)c1",
    "penicillin_v": "CC1(C)S[C@@H]2[C@H](NC(=O)COc3ccccc3)C(=O)N2[C@H]1C(=O)O",
    "captopril": "C[C@H](CS)C(=O)N1CCC[C@H]1C(=O)O",
    "levodopa": "N[C@@H](Cc1ccc(O)c(O)c1)C(=O)O",
    "ephedrine": "CN[C@@H](C)[C@H](O)c1ccccc1",
    "diazepam": "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21",
    "fluoxetine": "CNCC[C@H](Oc1ccc(C(F)(F)F)cc1)c1ccccc1",
    "sertraline": "CN[C@H]1CC[C@@H](c2ccc(Cl)c(Cl)c2)c2ccccc21",
    "tamoxifen": "CC/C(=C(/c1ccccc1)c1ccc(OCCN(C)C)cc1)c1ccccc1",
    "diethylstilbestrol": "CC/C(=C(/CC)c1ccc(O)cc1)c1ccc(O)cc1",
    "terbinafine": "CN(C/C=C/C#CC(C)(C)C)Cc1cccc2ccccc12",
    "cinnarizine": "C(=C\\c1ccccc1)\\CN1CCN(CC1)C(c1ccccc1)c1ccccc1",
    "morphine": "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
    "testosterone": "C[C@]12CC[C@H]3[C@@H](CCC4=CC(=O)CC[C@]34C)[C@@H]1CC[C@@H]2O",
    "sulfamethoxazole": "Cc1cc(NS(=O)(=O)c2ccc(N)cc2)no1",
    "zidovudine": "Cc1cn([C@H]2C[C@H](N=[N+]=[N-])[C@@H](CO)O2)c(=O)[nH]c1=O",
    "fluconazole": "OC(Cn1cncn1)(Cn1cncn1)c1ccc(F)cc1F",
    "esomeprazole": "COc1ccc2[nH]c([S@](=O)Cc3ncc(C)c(OC)c3C)nc2c1",
    "fosfomycin": "C[C@@H]1O[C@@H]1P(=O)(O)O",
}
TINY = NetworkConfig(width=16, heads=4, blocks=4, radial=8, twist_every=2, torques=True, hinges=True, sees_prior=True)

Denoise = Callable[[Tensor, Tensor, Batch, Tensor], Tensor]


def needs(package: str) -> pytest.MarkDecorator:
    """Skips a test, and that test alone, where an optional package is not installed."""
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")


def with_hydrogens(smiles: str) -> Chem.Mol:
    """A molecule, given by SMILES or by its name in `DRUGS`, with explicit hydrogens."""
    return Chem.AddHs(Chem.MolFromSmiles(DRUGS.get(smiles, smiles)))


@lru_cache
def tiny_vocabulary() -> Vocabulary:
    return learn_vocabulary([with_hydrogens(smiles) for smiles in DRUGS.values()], 30)


def graph_of(smiles: str | Chem.Mol) -> MolGraph:
    return mol_graph(with_hydrogens(smiles) if isinstance(smiles, str) else smiles, tiny_vocabulary())


@lru_cache
def _embedded(smiles: str, count: int, seed: int, relaxed: bool) -> Chem.Mol:
    mol = with_hydrogens(smiles)
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = seed
    assert len(rdDistGeom.EmbedMultipleConfs(mol, count, parameters)) == count
    if relaxed:
        rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol)
    return mol


def embedded(smiles: str, count: int = 1, seed: int = 7, relaxed: bool = False) -> Chem.Mol:
    """A molecule with ETKDG conformers, minimised with MMFF if `relaxed`."""
    return Chem.Mol(_embedded(smiles, count, seed, relaxed))


def coords_of(mol: Chem.Mol) -> np.ndarray:
    """(K, N, 3) float64, angstrom, centred."""
    x = np.array([conformer.GetPositions() for conformer in mol.GetConformers()])
    return x - x.mean(1, keepdims=True)


def conformers(smiles: str, count: int = 1, seed: int = 7, relaxed: bool = False) -> np.ndarray:
    return coords_of(embedded(smiles, count, seed, relaxed))


def rows(graph: MolGraph, count: int) -> Batch:
    """A batch of the same molecule, `count` times."""
    return collate([graph]).rows(torch.zeros(count, dtype=torch.long))


def system(smiles: str, count: int = 2) -> tuple[MolGraph, Batch, Tensor]:
    """Graph, batch and (K, N, 3) float64 coordinates of a molecule."""
    graph = graph_of(smiles)
    return graph, rows(graph, count), torch.from_numpy(conformers(smiles, count))


def save_as_0_1_0(path: Path, config: ModelConfig, state: dict[str, Tensor], nested: bool = False) -> None:
    """A model file as release 0.1.0 wrote it, with a confidence and what it was worth.

    Args:
        path: The file to write.
        config: The model.
        state: Weights of its network.
        nested: Whether the sampling defaults have a place of their own, as in files from just before 0.2.
    """
    data = json.loads(config.to_json())
    data["network"]["confidence"], data["sampling"]["quality_weight"] = True, 17.0
    if not nested:
        data |= data.pop("sampling")
    sizes = {"inner.weight": (16, 90), "inner.bias": (16,), "outer.weight": (1, 16), "mean": (90,), "spread": (90,)}
    head = {f"confidence.{name}": torch.ones(size) for name, size in sizes.items()}
    tensors = {name: value.half() for name, value in {**state, **head}.items()}
    save_file(tensors, path, {"format": "rdkit_ebd 1", "config": json.dumps(data)})


def shaken(config: NetworkConfig = TINY, scale: float = 0.1, seed: int = 0) -> DeblurNetwork:
    """An untrained network in double precision, none of whose parameters is zero or one any more."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DeblurNetwork(config).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))
    return network.requires_grad_(False).eval()


def permuted(graph: MolGraph, order: np.ndarray) -> MolGraph:
    """The graph with atom order[i] at place i, as `RenumberAtoms(mol, order)` would give it."""
    place = np.argsort(order)
    fragments = graph.fragments[order]
    _, first = np.unique(fragments, return_index=True)
    renamed = np.argsort(fragments[np.sort(first)])  # fragments are numbered by their lowest atom
    return replace(
        graph,
        atom_features=graph.atom_features[order],
        pair_types=graph.pair_types[np.ix_(order, order)],
        fragments=renamed[fragments].astype(graph.fragments.dtype),
        stereo_quads=place[graph.stereo_quads].astype(np.int16),
        stereo_atoms=place[graph.stereo_atoms].astype(np.int16),
        torsions=place[graph.torsions].astype(np.int16),
        far_side=graph.far_side[:, order],
    )


def rotations(count: int, seed: int = 0) -> Tensor:
    """(count, 3, 3) float64 proper rotations, uniform, from the QR decomposition of Gaussian matrices."""
    q, r = torch.linalg.qr(torch.randn(count, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
    q = q * torch.sign(torch.diagonal(r, dim1=1, dim2=2))[:, None]
    return q * torch.sign(torch.linalg.det(q))[:, None, None]


def assert_equivariant(f: Callable[[Tensor], Tensor], x: Tensor, tolerance: float = 1e-8) -> None:
    """Moving the points x (B, N, 3) rigidly moves f(x) the same way, and f does not merely give x back."""
    rotation, shift = rotations(len(x)), torch.tensor([3.0, -5.0, 2.0], dtype=x.dtype)
    before, after = f(x), f(x @ rotation + shift)
    assert (before - x).abs().max() > 1e-2
    assert torch.allclose(after, before @ rotation + shift, rtol=0, atol=tolerance)


def bond_pairs(mol: Chem.Mol) -> np.ndarray:
    """(P, 2) bonded pairs."""
    return np.argwhere(np.triu(Chem.GetDistanceMatrix(mol)) == 1)


def angle_pairs(mol: Chem.Mol) -> np.ndarray:
    """(P, 2) pairs two bonds apart."""
    return np.argwhere(np.triu(Chem.GetDistanceMatrix(mol)) == 2)


def lengths(x: np.ndarray | Tensor, pairs: np.ndarray) -> np.ndarray:
    """(..., P) distances of index pairs."""
    x = np.asarray(x)
    return np.linalg.norm(x[..., pairs[:, 0], :] - x[..., pairs[:, 1], :], axis=-1)


def one_side(mol: Chem.Mol, a: int, b: int) -> set[int]:
    """Atoms reached from b without crossing the bond a-b."""
    seen, waiting = {b}, [b]
    while waiting:
        for neighbour in mol.GetAtomWithIdx(waiting.pop()).GetNeighbors():
            index = neighbour.GetIdx()
            if index not in seen and index != a:
                seen.add(index)
                waiting.append(index)
    return seen


def same_partition(first: Sequence[int], second: Sequence[int]) -> bool:
    """Whether two labellings group the same items."""
    return len(set(zip(first, second, strict=True))) == len(set(first)) == len(set(second))
