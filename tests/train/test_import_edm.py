"""Do checkpoints of the published EDM's names and shapes become models that draw, and are others refused in words?"""

from __future__ import annotations

import pickle
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import call
from helpers import embedded
from rdkit import Chem
from rdkit.Chem import rdDepictor
from torch import Tensor

from rdkit_ebd import LogLikelihood
from rdkit_ebd.generators.edm.published.model import load_published
from rdkit_ebd.generators.edm.published.process import ProcessConfig, log_snr
from rdkit_ebd.generators.edm.published.sampler import draw_molecules, draw_sizes
from rdkit_ebd.train.edm_facts import QM9_HALF_SIZES, QM9_SIZES
from rdkit_ebd.train.import_edm import convert_edm, import_edm

# As in the args.pickle of the published models.
QM9: dict[str, Any] = {
    "model": "egnn_dynamics", "probabilistic_model": "diffusion", "diffusion_steps": 1000, "nf": 256, "n_layers": 9,
    "diffusion_noise_schedule": "polynomial_2", "diffusion_noise_precision": 1e-5, "condition_time": True, "tanh": True,
    "attention": True, "norm_constant": 1, "inv_sublayers": 1, "sin_embedding": False, "dataset": "qm9",
    "conditioning": [], "normalize_factors": [1, 4, 10], "include_charges": True, "remove_h": False,
    "normalization_factor": 1, "aggregation_method": "sum", "lr": 1e-4, "wandb_usr": None,
}  # fmt: skip
ALPHA = QM9 | {
    "dataset": "qm9_second_half", "conditioning": ["alpha"], "normalize_factors": [1, 8, 1], "include_charges": False,
    "nf": 192, "context_node_nf": 1,
}  # fmt: skip


def published(width: int, inputs: int, blocks: int) -> dict[str, Tensor]:
    """A random state dict of the published names and shapes."""
    shapes: dict[str, tuple[int, ...]] = {
        "buffer": (1,),
        "dynamics.egnn.embedding.weight": (width, inputs),
        "dynamics.egnn.embedding.bias": (width,),
        "dynamics.egnn.embedding_out.weight": (inputs, width),
        "dynamics.egnn.embedding_out.bias": (inputs,),
    }
    for i in range(blocks):
        block = f"dynamics.egnn.e_block_{i}"
        for name, rows, columns in (
            ("gcl_0.edge_mlp.0", width, 2 * width + 2),
            ("gcl_0.edge_mlp.2", width, width),
            ("gcl_0.node_mlp.0", width, 2 * width),
            ("gcl_0.node_mlp.2", width, width),
            ("gcl_0.att_mlp.0", 1, width),
            ("gcl_equiv.coord_mlp.0", width, 2 * width + 2),
            ("gcl_equiv.coord_mlp.2", width, width),
        ):
            shapes |= {f"{block}.{name}.weight": (rows, columns), f"{block}.{name}.bias": (rows,)}
        shapes[f"{block}.gcl_equiv.coord_mlp.4.weight"] = (1, width)
    generator = torch.Generator().manual_seed(4)
    state = {name: 0.05 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return state | {"gamma.gamma": -log_snr(ProcessConfig()).float()}


def written(folder: Path, state: dict[str, Tensor], flags: dict[str, Any] | None) -> Path:
    path = folder / "generative_model_ema.npy"
    torch.save(state, path)
    if flags is not None:
        (folder / "args.pickle").write_bytes(pickle.dumps(Namespace(**flags)))
    return path


def test_the_unconditional_model_draws(tmp_path: Path) -> None:
    state = published(256, 7, 9)
    assert sum(t.numel() for t in state.values()) == 5_339_920 + 1_002
    config = import_edm(written(tmp_path, state, QM9), tmp_path / "edm.safetensors")
    assert config.sizes == QM9_SIZES
    model = load_published(tmp_path / "edm.safetensors", "cpu")
    held = model.network.state_dict()
    assert all(torch.equal(held[name.removeprefix("dynamics.egnn.")], t) for name, t in state.items() if "egnn" in name)
    drawn = draw_molecules(model, [5, 3], [1, 2], steps=4)
    assert [len(one.numbers) for one in drawn] == [5, 3]
    assert all(np.isfinite(one.coords).all() and set(one.numbers) <= {1, 6, 7, 8, 9} for one in drawn)


def test_the_conditional_model_draws_what_it_is_told(tmp_path: Path) -> None:
    config = convert_edm(published(192, 7, 9), ALPHA, Path("ema.npy"), tmp_path / "alpha.safetensors")
    assert [one.name for one in config.conditions] == ["alpha"]
    assert (config.sizes, config.process.charge, config.process.scales) == (QM9_HALF_SIZES, False, (1.0, 8.0, 1.0))
    model = load_published(tmp_path / "alpha.safetensors", "cpu")
    low, high = (draw_molecules(model, [6], [1], torch.tensor([[told]]), steps=3)[0] for told in (-2.0, 2.0))
    assert np.abs(low.coords - high.coords).max() > 1e-6
    with pytest.raises(ValueError, match="conditioned on 1 properties, not on 0"):
        draw_molecules(model, [6], [1], steps=3)


def test_without_flags_it_is_the_model_for_qm9(tmp_path: Path) -> None:
    config = convert_edm(published(16, 7, 2), {}, Path("ema.npy"), tmp_path / "edm.safetensors")
    assert (config.network.width, config.network.blocks, config.process.scales) == (16, 2, (1.0, 4.0, 10.0))
    assert config.card["imported"]["flags"] == "those published"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sin_embedding": True}, "sin_embedding is True, not False"),
        ({"aggregation_method": "mean"}, "aggregation_method is 'mean'"),
        ({"inv_sublayers": 2}, "inv_sublayers is 2, not 1"),
        ({"dataset": "moses"}, "dataset is 'moses'"),
        ({"conditioning": ["logp"]}, "conditioned on 'logp', not on alpha"),
        ({"diffusion_noise_schedule": "cosine"}, "diffusion_noise_schedule is 'cosine'"),
        ({"diffusion_noise_schedule": "polynomial_3"}, "another schedule than flags say"),
        ({"diffusion_steps": 500}, "not the schedule of as many steps"),
        ({"include_charges": False}, r"embedding\.weight is \(16, 7\), not \(16, 6\)"),
        ({"normalize_factors": [1, 4]}, "scales must be three numbers"),
        ({"normalize_factors": "none"}, "a flag is no number"),
    ],
)
def test_flags_of_another_model_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        convert_edm(published(16, 7, 1), QM9 | change, Path("ema.npy"), tmp_path / "edm.safetensors")
    assert not (tmp_path / "edm.safetensors").exists()


def test_weights_that_are_wrong_are_named(tmp_path: Path) -> None:
    state = published(16, 7, 1)
    del state["dynamics.egnn.embedding.bias"]
    state["dynamics.egnn.extra"] = torch.zeros(2)
    state["dynamics.egnn.e_block_0.gcl_0.att_mlp.0.bias"] = torch.tensor([float("inf")])
    with pytest.raises(
        ValueError, match=r"embedding\.bias is missing.*extra is unknown.*att_mlp\.0\.bias is not finite"
    ):
        import_edm(written(tmp_path, state, QM9), tmp_path / "edm.safetensors")


def test_the_command_tells_edm_from_ebd(tmp_path: Path) -> None:
    checkpoint = written(tmp_path, published(192, 7, 1), ALPHA)
    done = call("models", "import", checkpoint, "-o", tmp_path / "alpha.safetensors")
    assert done.exit_code == 0, done.output
    assert "an EDM conditioned on alpha" in done.stderr
    shown = call("models", "show", tmp_path / "alpha.safetensors")
    assert '"checkpoint": "generative_model_ema.npy"' in shown.stdout


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    convert_edm(published(16, 7, 2), QM9, Path("ema.npy"), tmp_path / "edm.safetensors")
    return tmp_path / "edm.safetensors"


@pytest.fixture
def mols() -> list[Chem.Mol]:
    return [embedded(name, 1) for name in ("ibuprofen", "nicotine", "ibuprofen")]


def test_likelihood_of_molecules(tiny: Path, mols: list[Chem.Mol]) -> None:
    alone = LogLikelihood(mols[:1], tiny, draws=24, randomSeed=1)
    three = LogLikelihood(mols, tiny, draws=24, batchSize=2)
    assert three.values.shape == three.errors.shape == (3,)
    assert abs(three.values[0] - three.values[2]) < 5 * np.hypot(three.errors[0], three.errors[2])
    assert abs(three.values[0] - alone.values[0]) < 5 * np.hypot(three.errors[0], alone.errors[0])
    turned = Chem.Mol(mols[0])
    turned.GetConformer().SetPositions(mols[0].GetConformer().GetPositions()[:, [1, 2, 0]] + 7.0)
    same = LogLikelihood([turned], tiny, draws=24, randomSeed=3)
    assert abs(same.values[0] - alone.values[0]) < 5 * np.hypot(same.errors[0], alone.errors[0])
    assert np.array_equal(LogLikelihood(mols[:1], tiny, draws=24, randomSeed=1).values, alone.values)


def test_likelihood_does_not_depend_on_the_others(tiny: Path, mols: list[Chem.Mol]) -> None:
    three = LogLikelihood(mols, tiny, draws=4)
    assert three.values[0] != three.values[2]  # the same molecule, other noise
    for settings in ({"batchSize": 1}, {"batchSize": 2}):
        assert np.allclose(LogLikelihood(mols, tiny, draws=4, **settings).values, three.values, rtol=1e-4)
    assert np.allclose(LogLikelihood(mols[:2], tiny, draws=4).values, three.values[:2], rtol=1e-4)


def test_molecules_that_have_no_likelihood_are_named(tiny: Path, mols: list[Chem.Mol]) -> None:
    bare, strange = Chem.Mol(mols[0], True), embedded("nicotine", 1)
    strange.GetAtomWithIdx(0).SetAtomicNum(16)
    with pytest.raises(
        ValueError, match="molecule 1 has no conformer; molecule 2 has S, which the model does not know"
    ):
        LogLikelihood([mols[0], bare, strange], tiny)
    with pytest.raises(ValueError, match="conditioned on nothing, and conditions are gap"):
        LogLikelihood(mols[:1], tiny, conditions={"gap": 0.25})
    flat, lost = Chem.MolFromSmiles("CCO"), embedded("nicotine", 1)
    rdDepictor.Compute2DCoords(flat)
    lost.GetConformer().SetAtomPosition(0, (float("nan"), 0.0, 0.0))
    with pytest.raises(
        ValueError,
        match="molecule 0 has coordinates that are no numbers; molecule 1 is a drawing in two dimensions; "
        "molecule 1 has 6 hydrogens that are no atoms",
    ):
        LogLikelihood([lost, flat], tiny)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"draws": 2.5}, TypeError, "draws must be an integer"),
        ({"batchSize": 0}, ValueError, "batchSize must be at least 1"),
        ({"randomSeed": -1}, ValueError, "randomSeed must be at least 0"),
        ({"confId": -2}, ValueError, "confId must be at least -1"),
        ({"device": None}, ValueError, "device must be"),
        ({"model": "edm-qm9"}, ValueError, "no file 'edm-qm9' of an imported EDM"),
        ({"mols": "CCO"}, TypeError, "mols must be molecules, not 'C'"),
        ({"mols": [None]}, TypeError, "mols must be molecules, not None"),
        ({"mols": Chem.MolFromSmiles("C")}, TypeError, "not a molecule"),
    ],
)
def test_bad_settings_are_named(
    tiny: Path, mols: list[Chem.Mol], settings: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        LogLikelihood(**{"mols": mols, "model": tiny, **settings})


def test_sizes_of_the_published_model() -> None:
    sizes = draw_sizes(QM9_SIZES, 3000, 0)
    assert np.mean(sizes) == pytest.approx(18.03, abs=0.3)
    assert sum(QM9_SIZES.values()) == 100_000
    assert sum(QM9_HALF_SIZES.values()) == 50_000
