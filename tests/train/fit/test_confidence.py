"""Can a network be taught which of its seeds are promising, and is it otherwise left as it was?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import conformers, graph_of, with_hydrogens
from safetensors.torch import load_file
from typer.testing import CliRunner

from rdkit_ebd.arrays.rmsd import best_rms
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.cli import app as cli
from rdkit_ebd.generators.checkpoint import load_model, model_path, read_config
from rdkit_ebd.generators.ebd.confidence import Confidence
from rdkit_ebd.generators.ebd.network import DeblurNetwork
from rdkit_ebd.generators.model_config import ModelConfig
from rdkit_ebd.train.data_prep.shards import Example, save_shard
from rdkit_ebd.train.fit.confidence import (
    ConfidenceConfig,
    ConfidenceExample,
    confidence_examples,
    correlation,
    fit_confidence,
    with_confidence,
)

NAMES = ("ibuprofen", "captopril", "salbutamol")


def example(name: str, seeds: int = 4) -> Example:
    mol = with_hydrogens(name)
    x = conformers(name, seeds + 2).astype(np.float32)
    symmetries = symmetry_mappings(mol, maxMatches=24).astype(np.int16)
    return Example(graph_of(name), x[seeds:], x[:seeds], np.zeros((0, 2), np.int16), symmetries)


@pytest.fixture(scope="module")
def known() -> tuple[ModelConfig, DeblurNetwork]:
    return with_confidence(read_config(model_path("ebd-f2f")), load_file(model_path("ebd-f2f")))


def test_lessons_tell_what_becomes_of_each_seed(known: tuple[ModelConfig, DeblurNetwork]) -> None:
    config, network = known
    examples = [example(name) for name in NAMES]
    found = confidence_examples(network, config, examples, rounds=2)
    assert [len(example.distance) for example in found] == [4, 4, 4]
    alone = confidence_examples(network, config, [examples[2]], rounds=2)[0]
    nearest = min(found, key=lambda example: float((example.distance - alone.distance).abs().max()))
    assert torch.allclose(nearest.distance, alone.distance, atol=1e-3)
    assert torch.allclose(nearest.traits, alone.traits, atol=1e-2)
    own = examples[2]
    before = np.min([best_rms(r, own.seeds, own.symmetries) for r in own.references], 0)
    assert np.abs(alone.distance.numpy() - before).max() > 0.01  # it has been deblurred


def test_what_says_nothing_is_left_out(known: tuple[ModelConfig, DeblurNetwork]) -> None:
    config, network = known
    whole = example("ibuprofen")
    useless = [
        replace(whole, seeds=whole.seeds[:1]),
        replace(whole, references=whole.references[:0]),
        replace(whole, symmetries=whole.symmetries[:0]),
        replace(whole, natural=True),
        replace(whole, graph=replace(whole.graph, level=1)),
    ]
    assert confidence_examples(network, config, useless, rounds=2) == []


def test_a_head_learns_the_order_within_molecules() -> None:
    """Some traits tell how promising a seed is; molecules differ more in how near references are at all."""
    torch.manual_seed(0)
    head = Confidence(read_config(model_path("ebd-f2f")).network)  # type: ignore[arg-type]
    size = len(head.mean)

    def example() -> ConfidenceExample:
        promise = torch.randn(8)
        traits = torch.randn(8, size)
        traits[:, :50] += promise[:, None]
        return ConfidenceExample(traits, 0.8 + float(torch.randn(())) - 0.3 * promise)

    train, valid = [example() for _ in range(150)], [example() for _ in range(40)]
    untaught = correlation(head, valid)
    fit_confidence(head, train, ConfidenceConfig(epochs=8))
    assert correlation(head, valid) > max(0.5, untaught + 0.3)
    assert not any(p.requires_grad for p in head.parameters())


def test_the_command_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "prepared" / "train").mkdir(parents=True)
    save_shard(tmp_path / "prepared" / "train" / "a.shard", [example(name) for name in NAMES])
    out = tmp_path / "out.safetensors"
    words = ["train", "confidence", str(model_path("ebd-f2f")), str(tmp_path / "prepared"), "-o", str(out)]
    result = CliRunner().invoke(cli.app, [*words, "--quality-weight", "2.5", "--epochs", "2"])
    assert result.exit_code == 0, result.output
    model = load_model(str(out), "cpu")
    assert model.has_confidence
    assert model.config.sampling.quality_weight == 2.5
    assert model.config.card["confidence"]["molecules"] == 3
    before, after = load_file(model_path("ebd-f2f")), load_file(out)
    same = [name for name in before if not name.startswith("confidence.")]
    assert all(torch.equal(before[name], after[name]) for name in same)
    assert (after["confidence.spread"] > 0).all()


def test_what_cannot_have_confidence_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="atom-level seeds"):
        with_confidence(read_config(model_path("ebd-c2f")), load_file(model_path("ebd-c2f")))
    (tmp_path / "prepared" / "train").mkdir(parents=True)
    words = ["train", "confidence", str(model_path("ebd-f2f")), str(tmp_path / "prepared"), "-o", "never"]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 2
    assert not Path("never").exists()
