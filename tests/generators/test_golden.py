"""Do the shipped weights still make the coordinates that they made when they were released?"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden.make_golden import FOLDER, MOLECULES, Golden, deblurred, load_golden

from rdkit_ebd.generators.checkpoint import LoadedModel, available_models, load_model, make_network

# Angstrom. Instruction sets and versions of torch differ by rounding: weights off by a millionth, which is ten times as
# much, move an atom of these molecules by up to 5e-4. Weights off by a percent move it by .03 to .1.
TOLERANCE = 0.01
ANEW = "recorded coordinates belong to other weights: run `python tests/golden/make_golden.py` with each release"


def furthest(made: Golden, recorded: Golden) -> float:
    """Largest distance of an atom from where it was, angstrom."""
    return float(np.linalg.norm(made.coords - recorded.coords, axis=-1).max())


@pytest.mark.parametrize("name", available_models())
@pytest.mark.parametrize("molecule", MOLECULES)
def test_shipped_weights_make_what_they_made(name: str, molecule: str) -> None:
    model = load_model(name, "cpu")
    weights, recorded = load_golden(name)
    assert weights == model.weights_hash, ANEW
    made = deblurred(model, MOLECULES[molecule], recorded[molecule].seeds)
    assert furthest(made, recorded[molecule]) < TOLERANCE
    moved = np.linalg.norm(made.coords - made.seeds, axis=-1)
    assert moved.mean() > 10 * TOLERANCE  # they are no copies of the seeds


@pytest.mark.parametrize("name", available_models())
def test_other_weights_make_something_else(name: str) -> None:
    model = load_model(name, "cpu")
    other = make_network(model.config)
    state = model.network.state_dict()
    state["blocks.3.qkv.weight"] = 1.01 * state["blocks.3.qkv.weight"]
    other.load_state_dict(state)
    changed = LoadedModel(model.config, other.requires_grad_(False).eval(), "changed", torch.device("cpu"))
    _, recorded = load_golden(name)
    gaps = [furthest(deblurred(changed, MOLECULES[m], kept.seeds), kept) for m, kept in recorded.items()]
    assert max(gaps) > TOLERANCE


def test_every_file_is_of_a_shipped_model() -> None:
    assert {path.stem for path in FOLDER.glob("*.npz")} == set(available_models())
    assert sum(path.stat().st_size for path in FOLDER.glob("*.npz")) < 100_000
