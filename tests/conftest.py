"""Fixtures that several test files share; what is not a fixture is in `helpers`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import DRUGS, conformers, graph_of, shaken, tiny_vocabulary, with_hydrogens
from rdkit import Chem, rdBase

from rdkit_ebd.chem.fragments import Vocabulary
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.generators.ebd.network import DeblurNetwork
from rdkit_ebd.train.data_prep.pairing import pair
from rdkit_ebd.train.data_prep.shards import Example


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many strange files of each kind the tests of reliability try."""
    parser.addoption("--cases", type=int, default=15, help="strange files of each kind; 250 for all")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tiny tensors are slower on many threads, and much slower beside other processes."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def rdkits_log() -> None:
    """RDKit's log goes to standard error, whatever was imported meanwhile: PoseBusters and Meeko send it elsewhere."""
    rdBase.LogToCppStreams()


@pytest.fixture(params=DRUGS)
def drug(request: pytest.FixtureRequest) -> Chem.Mol:
    """Each of the drugs in turn, with explicit hydrogens."""
    return with_hydrogens(request.param)


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """Thirty fragments learned from the drugs."""
    return tiny_vocabulary()


@pytest.fixture(scope="session")
def network() -> DeblurNetwork:
    """An untrained network in double precision with every parameter shaken; not to be changed."""
    return shaken()


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """Training examples: ETKDG seeds paired with MMFF minima."""
    return [make_example(smiles) for smiles in ("CCCO", "C[C@H](N)C(=O)O", "CC(=O)NCC", "c1ccccc1CO")]


@pytest.fixture(scope="session")
def judged(examples: list[Example]) -> Example:
    """A validation example: natural seeds, symmetries, no pairs."""
    smiles = "CCC(C)(C)O"
    symmetries = symmetry_mappings(with_hydrogens(smiles)).astype(np.int16)
    example = make_example(smiles)
    return Example(example.graph, example.references, example.seeds, np.zeros((0, 2), np.int16), symmetries)


def make_example(smiles: str) -> Example:
    references = conformers(smiles, 2, relaxed=True).astype(np.float32)
    seeds = conformers(smiles, 4, seed=11).astype(np.float32)
    graph = graph_of(smiles)
    return Example(graph, references, seeds, pair(graph, references, seeds))
