"""Are these the answers of the authors' own code? Golden outputs that were measured there, and nothing from here."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import published_book as book
import pytest
import torch
from helpers import graph_of
from rdkit import Chem
from torch import Tensor

from rdkit_ebd.arrays.batch import Batch, collate
from rdkit_ebd.chem.fragments import Vocabulary
from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.generators.ebd.published_network import PaperNetwork, PaperNetworkConfig
from rdkit_ebd.generators.ebd.sampler import deblur, deblur_times
from rdkit_ebd.train.fit.objective import Pairs, training_loss
from rdkit_ebd.train.recipes import recipe

GOLDEN = np.load(Path(__file__).parents[2] / "published" / "golden.npz")
MOLECULES = range(12)
TOLERANCE = {torch.float64: 1e-7, torch.float32: 1e-5}  # angstrom
BLUR = BlurConfig("fragments", 0.01, "constant", timesteps=50)


def drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A weight as the recipe in the golden file draws it."""
    name = "encoder.enc." + name.replace("coord_mlp_frag.4", "coord_mlp_atom.4")
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little"))
    scale = 0.5 / shape[-1] ** 0.5
    if name.endswith(".4.weight"):
        scale = 3e-4
    elif name.endswith(("atom_embedding.0.weight", "bond_emb.weight")):
        scale = 0.3
    elif len(shape) == 1:
        scale = 0.02
    return random.standard_normal(shape) * scale


@lru_cache
def weights() -> dict[str, np.ndarray]:
    shapes = PaperNetwork(PaperNetworkConfig()).state_dict()
    return {name: drawn(name, tuple(value.shape)) for name, value in shapes.items()}


@lru_cache
def network(dtype: torch.dtype) -> PaperNetwork:
    made = PaperNetwork(PaperNetworkConfig()).to(dtype)
    made.load_state_dict({name: torch.from_numpy(value) for name, value in weights().items()})
    return made.requires_grad_(False).eval()


def molecule(n: int) -> tuple[Chem.Mol, np.ndarray, Batch]:
    """Number n, the fragment of each of its atoms, and a batch of five."""
    mol, owner = Chem.AddHs(Chem.MolFromSmiles(str(GOLDEN[f"smiles_{n}"]))), GOLDEN[f"fragments_{n}"]
    graph = replace(graph_of(mol), fragments=owner.astype(np.int16))
    return mol, owner, collate([graph]).repeated(5)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("n", MOLECULES)
def test_the_network_gives_the_authors_answers(n: int, dtype: torch.dtype) -> None:
    _, _, batch = molecule(n)
    x_t, t = torch.from_numpy(GOLDEN[f"x_t_{n}"]).to(dtype), torch.from_numpy(GOLDEN["t"]).to(dtype)
    found = network(dtype)(x_t, t, batch, torch.zeros_like(x_t)).double().numpy()
    assert np.abs(found - GOLDEN[f"x_0_{n}"]).max() < TOLERANCE[dtype]
    assert np.abs(found - GOLDEN[f"x_t_{n}"]).max() > 0.1


@pytest.mark.parametrize("n", [0, 7, 10])
def test_the_written_out_equations_do_too(n: int) -> None:
    mol, owner, _ = molecule(n)
    for k in (0, 4):
        found = book.predicted(weights(), mol, owner, GOLDEN[f"x_t_{n}"][k], float(GOLDEN["t"][k]))
        assert np.abs(found - GOLDEN[f"x_0_{n}"][k]).max() < 1e-9


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("n", [0, 5, 10])
def test_sampling_is_the_papers_with_that_network(n: int, dtype: torch.dtype) -> None:
    _, owner, batch = molecule(n)
    seed = torch.from_numpy(GOLDEN[f"x_t_{n}"][0])
    noise = torch.randn(50, *seed.shape, generator=torch.Generator().manual_seed(n), dtype=torch.float64)

    def asked(x_t: np.ndarray, t: float) -> np.ndarray:
        one = batch.rows(torch.zeros(1, dtype=torch.long))
        x = torch.from_numpy(x_t)[None]
        return network(torch.float64)(x, torch.tensor([t], dtype=x.dtype), one, x)[0].numpy()

    expected, times = book.sampled(asked, seed.numpy(), owner, noise.numpy())
    asked_for: list[float] = []

    def denoise(x_t: Tensor, t: Tensor, *rest: Tensor) -> Tensor:
        asked_for.append(float(t[0]))
        return network(dtype)(x_t, t, *rest)

    one = batch.rows(torch.zeros(1, dtype=torch.long))
    found = deblur(denoise, seed[None].to(dtype), one, BLUR, deblur_times(50), 1.25 * noise[None].to(dtype))[0]
    assert np.abs(found.double().numpy() - expected).max() < TOLERANCE[dtype]
    assert np.allclose(asked_for, times, rtol=0, atol=1e-6)
    assert len(times) == 49
    assert np.abs(expected - seed.numpy()).max() > 0.3


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_blur_and_loss_are_the_papers_with_that_network(dtype: torch.dtype) -> None:
    mol, owner, batch = molecule(0)
    reference = torch.from_numpy(GOLDEN["x_t_0"][[0] * 5]).to(dtype)
    seed = torch.from_numpy(GOLDEN["x_t_0"][[1, 2, 0, 3, 1]]).to(dtype)
    objective = recipe("paper", Vocabulary(1, ("C",), (1,)), [1, 6, 8], ["any"]).objective
    seen: list[tuple[Tensor, Tensor]] = []

    def denoise(x_t: Tensor, t: Tensor, *rest: Tensor) -> Tensor:
        seen.append((x_t, t))
        return network(dtype)(x_t, t, *rest)

    pairs = Pairs(seed, reference, torch.zeros(5, dtype=torch.bool), batch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        loss = float(training_loss(denoise, pairs, BLUR, objective)["loss"])
    [(x_t, t)] = seen
    squares, noise = [], []
    for k in range(5):
        x_0 = book.aligned(reference[k].double().numpy(), seed[k].double().numpy())
        state, time = x_t[k].double().numpy(), round(50 * float(t[k])) / 50
        noise.append((state - book.blurred(x_0, seed[k].double().numpy(), owner, time)) / 0.01)
        guess = book.predicted(weights(), mol, owner, state, time)
        squares.append(book.square(book.aligned(guess, x_0), x_0))
    found, expected = (np.sqrt(total / len(owner)) for total in (loss, np.mean(squares)))
    assert abs(found - expected) < TOLERANCE[dtype]
    assert expected > 0.3
    assert 0.9 < np.std(noise) < 1.1
