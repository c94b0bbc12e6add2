"""Is the mean of models the mean of their weights, and rejected where there is none?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import TINY, save_as_0_1_0, shaken, tiny_vocabulary
from safetensors.torch import load_file
from typer.testing import CliRunner

from rdkit_ebd.cli import app as cli
from rdkit_ebd.generators.checkpoint import read_config, save_model
from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.generators.model_config import ModelConfig, SamplingDefaults
from rdkit_ebd.train.fit.averaging import average_models

CONFIG = ModelConfig(
    name="tiny",
    network=TINY,
    blur=BlurConfig("atoms"),
    vocabulary=tiny_vocabulary().to_dict(),
    elements=(1, 6, 7, 8),
    sampling=SamplingDefaults(rounds=3),
)


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Models of one kind, the second of an earlier release."""
    paths = []
    for seed in range(3):
        card = {"history": [{"samples": seed}]}
        paths.append(tmp_path / f"{seed}.safetensors")
        save = save_as_0_1_0 if seed == 1 else save_model
        save(paths[-1], replace(CONFIG, card=card), shaken(seed=seed).state_dict())
    return paths


def test_the_mean_is_the_mean(three: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "mean.safetensors"
    average_models(three, out, [1.0, 2.0, 1.0])
    parts = [load_file(path) for path in three]
    found = load_file(out)
    assert found.keys() == parts[0].keys()
    for name, value in found.items():
        wanted = 0.25 * parts[0][name].float() + 0.5 * parts[1][name].float() + 0.25 * parts[2][name].float()
        assert torch.allclose(value.float(), wanted, atol=2e-3, rtol=2e-3), name
    config = read_config(out)
    assert (config.sampling.rounds, config.network) == (3, TINY)
    assert config.card == {"history": [{"samples": 0}], "beside": [{"samples": 1}, {"samples": 2}]}


def test_the_command_makes_equal_shares(three: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "mean.safetensors"
    result = CliRunner().invoke(cli.app, ["train", "average", str(three[0]), str(three[2]), "-o", str(out)])
    assert result.exit_code == 0, result.output
    first, last, mean = (load_file(path)["blocks.0.shift.bias"].float() for path in (three[0], three[2], out))
    assert torch.allclose(mean, (first + last) / 2, atol=2e-3)


def test_what_has_no_mean_is_rejected(three: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "mean.safetensors"
    other = tmp_path / "other.safetensors"
    save_model(other, replace(CONFIG, elements=(1, 6)), shaken().state_dict())
    with pytest.raises(ValueError, match=r"other\.safetensors differs from .*0\.safetensors in its elements"):
        average_models([three[0], other], out)
    for paths, shares in ((three[:1], None), (three, [1.0, 1.0]), (three, [0.0, 0.0, 0.0]), (three, [1.0, 1.0, -1.0])):
        with pytest.raises(ValueError, match="two models or more"):
            average_models(paths, out, shares)
    result = CliRunner().invoke(cli.app, ["train", "average", str(three[0]), str(other), "-o", str(out)])
    assert result.exit_code == 2
    assert not out.exists()
