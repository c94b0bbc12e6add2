"""Is a smaller network the whole one with the rest switched off, and are the parts that matter least cut?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import TINY, shaken, system
from tiny_training import MODEL
from torch import Tensor

from rdkit_ebd.generators.checkpoint import load_model, make_network, save_model
from rdkit_ebd.generators.ebd.network import DeblurNetwork
from rdkit_ebd.generators.model_config import ModelConfig
from rdkit_ebd.train.data_prep.shards import Example, save_shard
from rdkit_ebd.train.fit.batches import batches
from rdkit_ebd.train.fit.pruning import Importance, importance, main, pruned
from rdkit_ebd.train.fit.train_config import TrainConfig

WIDTH = TINY.width // TINY.heads
HIDDEN = 3 * TINY.width


def known_importance() -> Importance:
    """Head 1 and every second hidden unit matter least, of fragments head 2."""
    heads = torch.tensor([4.0, 1.0, 3.0, 2.0]).expand(TINY.blocks, -1)
    fragments = torch.tensor([4.0, 3.0, 1.0, 2.0]).expand(TINY.blocks, -1)
    return Importance(heads, heads, fragments, torch.arange(HIDDEN).remainder(2).expand(TINY.blocks, -1) + 1.0)


def switched_off(network: DeblurNetwork, head: int, fragment_head: int, units: Tensor) -> None:
    """Nothing that a head, its vector channel, a head among fragments or some hidden units say is heard any more."""
    state, channels = network.state_dict(), TINY.width
    for name, weight in state.items():
        if name.endswith("fragments.out.weight"):
            weight[:, WIDTH * fragment_head : WIDTH * (fragment_head + 1)] = 0
        elif name.startswith("blocks.") and name.endswith(".out.weight"):
            weight[:, WIDTH * head : WIDTH * (head + 1)] = 0
            weight[:, [channels + head, channels + TINY.heads + head]] = 0
        elif (".gate." in name and name.startswith("blocks.")) or ".shift." in name or ".moves." in name:
            weight[head] = 0
        elif name.endswith("feed.2.weight"):
            weight[:, units] = 0


def predictions(network: DeblurNetwork) -> Tensor:
    _, batch, x = system("CCC(=O)N[C@H](C)CO")
    with torch.no_grad():
        return network(x, torch.full((len(x),), 0.7, dtype=x.dtype), batch, x.flip(1))


def config() -> ModelConfig:
    return replace(MODEL, network=TINY)


def test_what_is_left_answers_as_the_whole_with_the_rest_switched_off() -> None:
    whole = shaken()
    smaller, weights = pruned(config(), whole.state_dict(), known_importance(), range(TINY.blocks), 3, HIDDEN // 2)
    network = make_network(smaller).to(torch.float64)
    network.load_state_dict(weights)
    before = predictions(whole)
    switched_off(whole, 1, 2, torch.arange(0, HIDDEN, 2))
    assert isinstance(network, DeblurNetwork)
    assert (predictions(whole) - before).abs().max() > 1e-3
    assert torch.allclose(predictions(network), predictions(whole), atol=1e-9)


def test_blocks_that_go_take_their_torsions_with_them() -> None:
    whole = shaken()
    smaller, weights = pruned(config(), whole.state_dict(), known_importance(), [0, 3], TINY.heads, HIDDEN)
    network = make_network(smaller)
    network.load_state_dict(weights)
    assert smaller.network.blocks == 2
    assert torch.equal(weights["blocks.1.qkv.weight"], whole.state_dict()["blocks.3.qkv.weight"])
    assert torch.equal(weights["twists.1.inner.weight"], whole.state_dict()["twists.3.inner.weight"])


@pytest.mark.parametrize(
    ("blocks", "heads", "hidden", "words"),
    [
        ([0, 4], 2, 8, "blocks must be some of 0 to 3"),
        ([1, 0], 2, 8, "ascending"),
        ([], 2, 8, "blocks must be"),
        ([0, 2], 2, 8, "torsions would turn after block 2"),
        ([0, 1], 5, 8, "5 of 4 heads"),
        ([0, 1], 2, 0, "0 of 48 hidden units"),
    ],
)
def test_what_cannot_be_is_named(blocks: list[int], heads: int, hidden: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pruned(config(), shaken().state_dict(), known_importance(), blocks, heads, hidden)


def test_a_part_that_says_nothing_matters_least(examples: list[Example]) -> None:
    network = shaken().to(torch.float32)
    switched_off(network, 2, 0, torch.tensor([5, 7]))
    pairs = [pair for pair, _ in zip(batches(examples, 200, 1, 0.04), range(3), strict=False)]
    matters = importance(TrainConfig(config()), network.state_dict(), pairs)
    assert (matters.heads.argmin(1) == 2).all()
    assert (matters.fragment_heads.argmin(1) == 0).all()
    assert (matters.hidden[:, [5, 7]] == 0).all()
    assert (matters.hidden > 0).sum() == TINY.blocks * (HIDDEN - 2)


def test_the_command_writes_what_training_takes(tmp_path: Path, examples: list[Example]) -> None:
    save_model(tmp_path / "whole.safetensors", config(), shaken().state_dict())
    save_shard(tmp_path / "a.shard", examples)
    (tmp_path / "config.json").write_text(json.dumps(TrainConfig(config(), batch_atoms=100).to_dict()))
    words = f"--model {tmp_path}/whole.safetensors --config {tmp_path}/config.json --shards {tmp_path}/a.shard"
    main([*words.split(), *f"--blocks 0 1 --heads 2 --hidden 8 --out {tmp_path}/small.safetensors".split()])
    loaded = load_model(str(tmp_path / "small.safetensors"))
    written = TrainConfig.from_dict(json.loads((tmp_path / "small.json").read_text()))
    assert written.model.network == loaded.config.network
    assert (loaded.config.network.blocks, loaded.config.network.heads) == (2, 2)
