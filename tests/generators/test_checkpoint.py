"""Is a model file complete in itself, and is everything else rejected in words?"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import DRUGS, TINY, graph_of, save_as_0_1_0, shaken, system, tiny_vocabulary, with_hydrogens
from safetensors import safe_open
from safetensors.torch import save_file

from rdkit_ebd.arrays.batch import collate
from rdkit_ebd.chem.featurise import mol_graph, unsupported
from rdkit_ebd.chem.fragments import Vocabulary
from rdkit_ebd.generators import checkpoint
from rdkit_ebd.generators.checkpoint import (
    available_models,
    load_model,
    model_path,
    read_config,
    read_weights,
    resolve_device,
    save_model,
)
from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.generators.ebd.layers import NetworkConfig
from rdkit_ebd.generators.ebd.network import DeblurNetwork
from rdkit_ebd.generators.model_config import ModelConfig, SamplingDefaults

CONFIG = ModelConfig(
    name="tiny",
    network=replace(TINY, levels=3),
    blur=BlurConfig("fragments", 0.25, "constant"),
    vocabulary=tiny_vocabulary().to_dict(),
    elements=(1, 6, 7, 8),
    max_atoms=123,
    sampling=SamplingDefaults(steps=3),
    levels=("a", "b", "c"),
    card={"data": ["x", 1], "licence": "MIT"},
)
MOST_BYTES = 16 * 2**20


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, DeblurNetwork]:
    """A model file and the network that is in it."""
    network = shaken(CONFIG.network).float()
    path = tmp_path / "tiny.safetensors"
    save_model(path, CONFIG, network.state_dict())
    return path, network


def write(path: Path, metadata: dict[str, str] | None) -> Path:
    save_file({"a": torch.zeros(2)}, path, metadata)
    return path


def test_a_model_comes_back_from_its_file(saved: tuple[Path, DeblurNetwork]) -> None:
    path, network = saved
    assert read_config(path) == CONFIG
    loaded = load_model(str(path), "cpu")
    assert loaded.config == CONFIG
    assert loaded.weights_hash == hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    assert loaded.device.type == "cpu"
    assert not loaded.network.training
    assert not any(p.requires_grad for p in loaded.network.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], value.half().float())
    assert not list(path.parent.glob("*.partial"))


def test_a_loaded_model_predicts_what_the_saved_one_did(saved: tuple[Path, DeblurNetwork]) -> None:
    path, network = saved
    _, batch, x = system("ibuprofen")
    x, t = x.float(), torch.ones(2)
    after = load_model(str(path), "cpu").network(x, t, batch, x)
    assert not torch.equal(after, network(x, t, batch, x))
    network.load_state_dict({name: value.half().float() for name, value in network.state_dict().items()})
    assert torch.equal(after, network(x, t, batch, x))  # half precision is all that was lost


@pytest.mark.parametrize("nested", [False, True])
def test_a_file_of_an_earlier_release_is_read_without_what_is_retired(
    saved: tuple[Path, DeblurNetwork], nested: bool
) -> None:
    path, network = saved
    old = path.with_name("old.safetensors")
    save_as_0_1_0(old, CONFIG, network.state_dict(), nested)
    with safe_open(old, "pt") as f:
        assert any(name.startswith("confidence.") for name in f.keys())  # noqa: SIM118  # it is no dictionary
        assert "quality_weight" in f.metadata()["config"]
    assert read_config(old) == CONFIG
    now, before = load_model(str(path), "cpu").network.state_dict(), load_model(str(old), "cpu").network.state_dict()
    assert now.keys() == before.keys() == read_weights(old).keys()
    assert all(torch.equal(now[name], before[name]) for name in now)


def test_a_model_is_loaded_once_until_its_file_changes(saved: tuple[Path, DeblurNetwork]) -> None:
    path, network = saved
    first = load_model(str(path), "cpu")
    assert load_model(str(path), "cpu") is first
    stamp = path.stat().st_mtime_ns
    save_model(path, replace(CONFIG, sampling=SamplingDefaults(steps=9)), network.state_dict())
    assert path.stat().st_mtime_ns != stamp
    assert load_model(str(path), "cpu").config.sampling.steps == 9


def test_what_is_no_model_is_rejected(tmp_path: Path) -> None:
    text = tmp_path / "notes.safetensors"
    text.write_text("not a model at all, but quite some text")
    empty = tmp_path / "empty.safetensors"
    empty.touch()
    bare, foreign = write(tmp_path / "a.safetensors", None), write(tmp_path / "b.safetensors", {"format": "pt"})
    for path in (text, empty, bare, foreign):
        with pytest.raises(ValueError, match=path.name):
            read_config(path)
        with pytest.raises(ValueError, match=path.name):
            load_model(str(path), "cpu")


def test_a_model_that_is_not_there_is_rejected_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="no-such-model") as error:
        model_path("no-such-model")
    assert all(name in str(error.value) for name in available_models())


def damaged(how: str) -> dict[str, torch.Tensor]:
    """Weights of the tiny network with one fault, in the tensors of its first block."""
    state, name = dict(shaken(CONFIG.network).state_dict()), "blocks.0.shift.weight"
    if how == "wider":
        return DeblurNetwork(replace(CONFIG.network, width=24)).state_dict()
    if how == "missing":
        del state[name]
    elif how == "unknown":
        state["blocks.9.shift.weight"] = state[name]
    elif how == "integers":
        state[name] = torch.zeros_like(state[name], dtype=torch.int64)
    else:
        state[name] = state[name].index_fill(0, torch.tensor([0]), float(how))
    return state


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        ("wider", r"blocks.0.feed.0.bias is \(72,\), not \(48,\).* and \d+ more"),
        ("missing", r"blocks.0.shift.weight is missing"),
        ("unknown", r"blocks.9.shift.weight is unknown"),
        ("integers", r"blocks.0.shift.weight is no tensor of floating-point numbers"),
        ("nan", r"blocks.0.shift.weight is not finite"),
        ("inf", r"blocks.0.shift.weight is not finite"),
    ],
)
def test_weights_that_do_not_fit_are_named(tmp_path: Path, how: str, complaint: str) -> None:
    path = tmp_path / "other.safetensors"
    save_model(path, CONFIG, damaged(how))
    with pytest.raises(ValueError, match=rf"other.safetensors .*{complaint}"):
        load_model(str(path), "cpu")


def test_a_network_too_large_for_its_file_is_never_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.safetensors"
    large = replace(CONFIG, network=replace(CONFIG.network, width=1024, blocks=48))
    save_model(path, large, shaken(CONFIG.network).state_dict())
    made: list[DeblurNetwork] = []

    def watched(config: ModelConfig) -> DeblurNetwork:
        made.append(DeblurNetwork(config.network))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(checkpoint, "make_network", watched)
    with pytest.raises(ValueError, match=r"blocks.4.types is missing"):
        load_model(str(path), "cpu")
    assert {p.device.type for network in made for p in network.parameters()} == {"meta"}


@pytest.mark.parametrize(
    "device", ["tpu", "cuda:99", "gpu", "", *([] if torch.backends.mps.is_available() else ["mps"])]
)
def test_devices_that_are_not_there_are_rejected(device: str) -> None:
    with pytest.raises(ValueError, match=repr(device)):
        resolve_device(device)


def test_devices_that_are_there_are_taken() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["default", *available_models()])
def test_shipped_models_are_complete_in_themselves(name: str) -> None:
    path = model_path(name)
    assert path.stat().st_size < MOST_BYTES
    model = load_model(name, "cpu")
    config = model.config
    assert config.name == path.stem
    assert ModelConfig.from_json(config.to_json()) == config
    assert all(bool(torch.isfinite(p).all()) for p in model.network.parameters())
    assert config.sampling.steps >= 1
    assert 1 <= len(config.levels) <= config.network.levels
    assert config.card
    vocabulary = Vocabulary.from_dict(config.vocabulary)
    for smiles in DRUGS:
        mol = with_hydrogens(smiles)
        assert unsupported(mol, config.elements, config.max_atoms) == []
        assert mol_graph(mol, vocabulary).num_fragments < mol.GetNumAtoms()
    assert unsupported(with_hydrogens("[Xe]"), config.elements, config.max_atoms)


def test_a_checkpoint_knows_how_big_its_network_is(saved: tuple[Path, DeblurNetwork]) -> None:
    path, _ = saved
    small = NetworkConfig(width=8, heads=2, blocks=2, radial=4)
    other = path.with_name("small.safetensors")
    save_model(other, replace(CONFIG, network=small), DeblurNetwork(small).state_dict())
    batch = collate([graph_of("CCO")])
    for file, width in ((path, TINY.width), (other, 8)):
        network = load_model(str(file), "cpu").network
        assert network.config.width == width
        x = torch.zeros(*batch.mask.shape, 3)
        assert network(x, torch.ones(1), batch, x).shape == x.shape
