"""Are the files that a published checkpoint comes with read as they are, and is another network's named?"""

from __future__ import annotations

import gzip
import json
import pickle
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from helpers import with_hydrogens
from typer.testing import CliRunner

from rdkit_ebd import EmbedWithReport
from rdkit_ebd.chem.fragments import Vocabulary, assign_fragments
from rdkit_ebd.cli.app import app
from rdkit_ebd.generators.checkpoint import load_model, read_config
from rdkit_ebd.generators.ebd.published_network import PaperNetwork, PaperNetworkConfig
from rdkit_ebd.train.import_published import PREFIX, import_checkpoint, read_vocabulary

MEASURED = json.loads(gzip.decompress((Path(__file__).parents[1] / "published" / "fragments.json.gz").read_bytes()))
SMALL = PaperNetworkConfig(width=16, blocks=2)
FLAGS = {"nf": 16, "n_layers": 2, "inv_sublayers": 1, "attention": True, "tanh": True, "lr": 1e-4, "cutoff": None}
Write = Callable[[Any, Path], Path]


class EasyDict(dict[str, Any]):
    """A mapping whose entries are attributes, too, as configurations in checkpoints are."""

    def __init__(self, **entries: Any) -> None:
        super().__init__(entries)
        self.__dict__.update(entries)


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes with `torch.save`, or as a pickle, what holds objects of a class that is nowhere when it is read."""
    module = ModuleType("easydict")
    monkeypatch.setattr(module, "EasyDict", EasyDict, raising=False)
    monkeypatch.setattr(EasyDict, "__module__", "easydict")

    def writing(content: Any, path: Path) -> Path:
        with monkeypatch.context() as there:
            there.setitem(sys.modules, "easydict", module)
            if path.suffix == ".pt":
                torch.save(content, path)
            else:
                path.write_bytes(pickle.dumps(content, 4))
        return path

    return writing


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {PREFIX + name: value for name, value in PaperNetwork(SMALL).state_dict().items()}


def checkpoint(state: dict[str, torch.Tensor], **model: Any) -> dict[str, Any]:
    config = EasyDict(
        model=EasyDict(**{"cutoff": 10.0, "edge_order": 3, **model}), train=EasyDict(seed=2021, ema=[0.999])
    )
    return {"model": state, "model_ema": state, "config": config, "iteration": 1_000_000}


def test_a_checkpoint_as_it_is_published_imports_and_embeds(
    state: dict[str, torch.Tensor], write: Write, tmp_path: Path
) -> None:
    path, out = write(checkpoint(state), tmp_path / "drugs_ckpt.pt"), tmp_path / "park.safetensors"
    write(Namespace(**FLAGS), tmp_path / "args.pickle")
    (tmp_path / "vocab.txt").write_text(MEASURED["vocabulary"])
    words = ["models", "import", str(path), "-o", str(out), "--vocabulary", str(tmp_path / "vocab.txt")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    config = read_config(out)
    assert config.network == SMALL
    assert config.card["imported"]["flags"] == "args.pickle"
    assert all(torch.equal(v, state[PREFIX + k]) for k, v in load_model(str(out), "cpu").network.state_dict().items())
    vocabulary = Vocabulary.from_dict(config.vocabulary)
    assert (len(vocabulary), vocabulary.replay) == (50, "published")
    mol = with_hydrogens("CC(=O)NCC")
    assert assign_fragments(mol, vocabulary).max() > 1
    report = EmbedWithReport(mol, 1, model=str(out), randomSeed=5, maxIterations=1)
    assert report.attempts == 1
    assert len(report.ids) + len(report.failed) == 1  # untrained weights


def test_the_cap_can_be_taken_off(state: dict[str, torch.Tensor], write: Write, tmp_path: Path) -> None:
    path, out = write(checkpoint(state), tmp_path / "c.pt"), tmp_path / "free.safetensors"
    assert CliRunner().invoke(app, ["models", "import", str(path), "-o", str(out), "--no-cap"]).exit_code == 0
    assert read_config(out).network == PaperNetworkConfig(width=16, blocks=2, neighbours=0)


@pytest.mark.parametrize(
    ("flags", "model", "named"),
    [
        ({"inv_sublayers": 2}, {}, ["args.inv_sublayers (rounds of messages in a block) is 2, not 1"]),
        ({"tanh": False, "attention": False}, {}, ["args.tanh", "args.attention"]),
        ({"sin_embedding": True, "aggregation_method": "mean"}, {}, ["args.sin_embedding", "'mean', not 'sum'"]),
        ({"normalization_factor": 100}, {"cutoff": 5.0}, ["normalization_factor", "config.model.cutoff"]),
        ({"nf": 128}, {"edge_order": 4}, ["args.nf (width) is 128, not 16", "config.model.edge_order"]),
    ],
)
def test_another_network_is_rejected_by_its_flags(
    state: dict[str, torch.Tensor],
    write: Write,
    tmp_path: Path,
    flags: dict[str, Any],
    model: dict[str, Any],
    named: list[str],
) -> None:
    path = write(checkpoint(state, **model), tmp_path / "c.pt")
    given = write(Namespace(**{**FLAGS, **flags}), tmp_path / "other.pickle")
    with pytest.raises(ValueError, match="another network") as rejected:
        import_checkpoint(path, tmp_path / "out.safetensors", flags=given)
    assert [words for words in named if words not in str(rejected.value)] == []
    assert not (tmp_path / "out.safetensors").exists()


def test_the_published_vocabulary_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text(MEASURED["vocabulary"])
    found = read_vocabulary(path)
    lines = [line.split("\t") for line in MEASURED["vocabulary"].splitlines()[1:]]
    assert dict(zip(found.fragments, found.counts, strict=True)) == {smiles: int(n) for smiles, _, n in lines}
    assert found.fragments[13:16] == ("[H]C", "cc", "[H]C[H]")
    for measured in MEASURED["molecules"][:10]:
        cut = assign_fragments(with_hydrogens(measured["smiles"]), found)
        parts = [np.flatnonzero(cut == k).tolist() for k in range(cut.max() + 1)]
        assert sorted(parts) == sorted(map(sorted, measured["fragments"]))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"kekulize": true}\nC\t1\t9\n', "kekulize"),
        ('{"kekulize": false}\nC\t1\t9\nCC\t2\n', "line 3"),
        ('{"kekulize": false}\nCC\t3\t9\n', "3 atoms"),
        ('{"kekulize": false}\nC(\t2\t9\n', "line 2"),
        ('{"kekulize": false}\nCC\t2\t9\nCC\t2\t9\n', "twice"),
        ("C\t1\t9\n", "no vocabulary"),
    ],
)
def test_a_vocabulary_file_of_another_kind_is_rejected(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=named):
        read_vocabulary(path)
