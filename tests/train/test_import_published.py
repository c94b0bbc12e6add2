"""Does a checkpoint of the published names and shapes become a model that embeds, and is any other refused in words?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import coords_of, rows, tiny_vocabulary, with_hydrogens
from rdkit import Chem
from torch import Tensor
from typer.testing import CliRunner, Result

from rdkit_ebd import EBD, EmbedMoleculeEBD, EmbedWithReport
from rdkit_ebd.arrays.random_streams import coarse_base, noise_stream
from rdkit_ebd.chem.featurise import mol_graph
from rdkit_ebd.cli.app import app
from rdkit_ebd.generators.checkpoint import load_model, model_path, read_config
from rdkit_ebd.generators.ebd.published_network import PaperNetwork, PaperNetworkConfig
from rdkit_ebd.generators.ebd.sampler import deblur, deblur_times
from rdkit_ebd.generators.model_config import ModelConfig
from rdkit_ebd.seeds.rdkit_seeds import coarse_seeds
from rdkit_ebd.train.import_published import PREFIX, import_checkpoint, shipped_vocabulary

D = 128


def dense(name: str, out: int, inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, inputs), f"{name}.bias": (out,)}


def invariant(name: str, pair: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{name}.bond_emb.weight": (100, D),
        **dense(f"{name}.edge_mlp.0", D, pair),
        **dense(f"{name}.edge_mlp.2", D, D),
        **dense(f"{name}.node_mlp.0", D, 3 * D),
        **dense(f"{name}.node_mlp.2", D, D),
        **dense(f"{name}.att_mlp.0", 1, D),
    }


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published checkpoint, without its prefix."""
    shapes: dict[str, tuple[int, ...]] = {"atom_embedding.0.weight": (100, D)}
    shapes |= dense("atom_embedding.2", D, D + 1) | dense("frag_embedding.0", D, 4) | dense("frag_embedding.2", D, D)
    for i in range(6):
        block = f"e_block_{i}"
        shapes |= invariant(f"{block}.f_inv_0", 2 * D + 2) | invariant(f"{block}.a_inv_0", 3 * D + 2)
        shapes[f"{block}.a_eq.bond_emb.weight"] = (100, D)
        for mlp, pair in (("coord_mlp_atom", 3 * D + 2), ("coord_mlp_frag", 2 * D + 2)):
            name = f"{block}.a_eq.{mlp}"
            shapes |= dense(f"{name}.0", D, pair) | dense(f"{name}.2", D, D) | {f"{name}.4.weight": (1, D)}
    return shapes


def random_state(seed: int) -> dict[str, Tensor]:
    generator, state = torch.Generator().manual_seed(seed), {}
    for name, shape in published_shapes().items():
        scale = 3e-4 if name.endswith(".4.weight") else 0.5 * shape[-1] ** -0.5
        state[PREFIX + name] = scale * torch.randn(shape, generator=generator)
        if name.endswith("coord_mlp_frag.4.weight"):
            state[PREFIX + name] = state[PREFIX + name.replace("frag.4", "atom.4")].clone()
    return state


@pytest.fixture(scope="module")
def saved() -> dict[str, Any]:
    return {"model": random_state(0), "model_ema": random_state(1), "iteration": 7}


@pytest.fixture(scope="module")
def imported(saved: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported")
    torch.save(saved, folder / "drugs_ckpt.pt")
    import_checkpoint(folder / "drugs_ckpt.pt", folder / "park.safetensors")
    return folder / "park.safetensors"


def call(*words: object) -> Result:
    return CliRunner().invoke(app, ["models", "import", *map(str, words)])


def test_the_network_has_the_published_names_and_shapes() -> None:
    network = PaperNetwork(PaperNetworkConfig())
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == published_shapes()
    elements = sum(int(np.prod(shape)) for shape in published_shapes().values())
    assert elements - 6 * D == 2_457_356  # one layer of each block has two names


def test_weights_and_settings_arrive_as_published(saved: dict[str, Any], imported: Path) -> None:
    model = load_model(str(imported), "cpu")
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, saved["model_ema"][PREFIX + name])
    config = model.config
    assert (config.name, config.architecture, config.network) == ("park", "paper", PaperNetworkConfig())
    assert (config.blur.prior, config.blur.sigma, config.blur.noise) == ("fragments", 0.01, "constant")
    assert (config.blur.timesteps, config.sampling.steps, config.sampling.coarse) == (50, 50, "dg")
    assert config.blur.sigma * config.sampling.noise_scale == pytest.approx(0.0125)
    assert config.card["imported"]["checkpoint"] == "drugs_ckpt.pt"
    assert len(config.vocabulary["fragments"]) == 50


def test_the_command_takes_either_weights_and_a_vocabulary(saved: dict[str, Any], tmp_path: Path) -> None:
    torch.save(saved, tmp_path / "c.pt")
    (tmp_path / "v.json").write_text(json.dumps(tiny_vocabulary().to_dict()))
    out = tmp_path / "raw.safetensors"
    result = call(tmp_path / "c.pt", "-o", out, "--no-ema", "--vocabulary", tmp_path / "v.json")
    assert result.exit_code == 0, result.output
    network = load_model(str(out), "cpu").network
    assert all(torch.equal(v, saved["model"][PREFIX + k]) for k, v in network.state_dict().items())
    assert read_config(out).vocabulary == tiny_vocabulary().to_dict()
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".partial"] == []
    (tmp_path / "v.json").write_text("[1, 2]")
    assert "note" not in result.output
    refused = call(tmp_path / "c.pt", "-o", out, "--vocabulary", tmp_path / "v.json")
    assert refused.exit_code == 2
    assert "vocabulary" in refused.output


def test_an_imported_model_embeds(imported: Path) -> None:
    """What reaches the molecule is what its network and the published sampler make of plain distance geometry."""
    mol, model, paths = with_hydrogens("CC(=O)NCC"), load_model(str(imported), "cpu"), []
    params = EBD(model=str(imported), coarse="dg", randomSeed=5, maxIterations=1)
    report = EmbedWithReport(mol, 1, params, callback=lambda _, path: paths.append(path))
    assert report.attempts == 1
    assert len(report.ids) + len(report.failed) == 1  # untrained weights: told, not written
    made = torch.from_numpy(np.array([c.GetPositions() for c in paths[0].GetConformers()]))
    seeds = coarse_seeds(mol, [0], coarse_base(5, 0), params.coarse_parameters).first
    noise = noise_stream(5, 0, 0, 50, mol.GetNumAtoms())[None] * model.config.sampling.noise_scale
    batch = rows(mol_graph(mol, shipped_vocabulary()), 1)
    states: list[Tensor] = []
    deblur(
        *(model.network, torch.from_numpy(seeds).float(), batch, model.config.blur, deblur_times(50), noise),
        callback=lambda step, t, x_t, x_0: states.append(x_t),
    )
    assert len(made) == 51
    assert np.abs(made[:-1] - torch.cat(states).double()).max() < 1e-3
    assert (made[-1] - made[0]).abs().max() > 0.1


def test_elements_it_was_not_trained_on_are_named_or_left_to_rdkit(imported: Path) -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles("C[As](C)CCO"))
    with pytest.raises(ValueError, match="atom 1 is As"):
        EmbedMoleculeEBD(mol, 1, model=str(imported))
    assert EmbedMoleculeEBD(mol, 1, model=str(imported), fallback="ETKDGv3", randomSeed=1) == [0]
    assert np.isfinite(coords_of(mol)).all()


def test_architectures_are_named_and_checked(imported: Path) -> None:
    data = json.loads(read_config(imported).to_json())
    for architecture, told in (("attention", "published_quirks"), ("transformer", "attention, paper")):
        with pytest.raises(ValueError, match=told):
            ModelConfig.from_json(json.dumps(data | {"architecture": architecture}))
    with pytest.raises(ValueError, match="PaperNetworkConfig"):
        replace(read_config(imported), architecture="attention")
    config = read_config(model_path("default"))
    older = json.loads(config.to_json())
    del older["architecture"]
    assert ModelConfig.from_json(json.dumps(older)) == config


def broken(state: dict[str, Tensor], how: str) -> dict[str, Tensor]:
    state, first = dict(state), PREFIX + "e_block_0.a_eq."
    if how == "names":
        del state[first + "bond_emb.weight"], state[PREFIX + "frag_embedding.0.bias"]
        state[first + "bond_embedding.weight"] = torch.zeros(2)
    elif how == "shapes":
        state[first + "coord_mlp_atom.0.weight"] = torch.zeros(D, 2 * D)
    elif how == "numbers":
        state[first + "bond_emb.weight"] = torch.full((100, D), torch.nan)
        state[PREFIX + "frag_embedding.0.bias"] = torch.zeros(D, dtype=torch.long)
    elif how == "shared":
        state[first + "coord_mlp_frag.4.weight"] = torch.ones(1, D)
    elif how == "prefix":
        state["decoder.weight"] = torch.zeros(3)
    return state


@pytest.mark.parametrize(
    ("how", "named"),
    [
        (
            "names",
            ["a_eq.bond_emb.weight is missing", "frag_embedding.0.bias is missing", "bond_embedding.weight is not"],
        ),
        ("shapes", ["coord_mlp_atom.0.weight is (128, 256), not (128, 386)"]),
        ("numbers", ["bond_emb.weight is not finite", "frag_embedding.0.bias is no tensor of floating"]),
        ("shared", ["coord_mlp_frag.4.weight are one layer, but differ"]),
        ("prefix", ["decoder.weight"]),
    ],
)
def test_weights_that_do_not_fit_are_all_named(
    saved: dict[str, Any], tmp_path: Path, how: str, named: list[str]
) -> None:
    torch.save({"model_ema": broken(saved["model_ema"], how)}, tmp_path / "c.pt")
    with pytest.raises(ValueError, match="model_ema") as refused:
        import_checkpoint(tmp_path / "c.pt", tmp_path / "out.safetensors")
    assert [words for words in named if words not in str(refused.value)] == []
    assert not (tmp_path / "out.safetensors").exists()


class Settings:
    """Something a checkpoint should not hold."""


def test_what_is_no_checkpoint_is_refused(saved: dict[str, Any], tmp_path: Path) -> None:
    path, out = tmp_path / "c.pt", tmp_path / "out.safetensors"
    for content, told in (({"model": {}}, "holds model"), ([1.0], "holds list"), ({"c": Settings()}, "holds c")):
        torch.save(content, path)
        result = call(path, "-o", out)
        assert result.exit_code == 2
        assert told in " ".join(result.output.split())
    for text in (b"", b"not a checkpoint"):
        path.write_bytes(text)
        with pytest.raises(ValueError, match=r"c\.pt cannot be read"):
            import_checkpoint(path, out)
    with pytest.raises(ValueError, match="safetensors"):
        import_checkpoint(path, tmp_path / "out.pt")
    assert call(tmp_path / "nowhere.pt", "-o", out).exit_code == 2
    assert not out.exists()
