"""From a data set to a model, by the commands in the README."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import conformers, graph_of, save_as_0_1_0, tiny_vocabulary, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from safetensors.torch import load_file
from typer.testing import CliRunner

from rdkit_ebd import EmbedMultipleConfs
from rdkit_ebd.cli import app as cli
from rdkit_ebd.generators.checkpoint import available_models, model_path, read_config
from rdkit_ebd.train.data_prep.pairing import SELF
from rdkit_ebd.train.data_prep.prepare import elements_of
from rdkit_ebd.train.data_prep.shards import Example, load_shards
from rdkit_ebd.train.fit.batches import batches
from rdkit_ebd.train.fit.train_config import TrainConfig
from rdkit_ebd.train.recipes import RECIPES, recipe, resumed


@pytest.fixture(scope="module")
def sdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "mine.sdf"
    with Chem.SDWriter(str(path)) as writer:
        for name in ("paracetamol", "ephedrine", "captopril", "nicotine"):
            mol = with_hydrogens(name)
            rdDistGeom.EmbedMultipleConfs(mol, 3, randomSeed=5)
            rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol)
            for conformer in mol.GetConformers():
                writer.write(mol, conformer.GetId())
    return path


@pytest.fixture(scope="module")
def prepared(sdf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prepared")
    words = ["train", "prepare", str(sdf), "-o", str(out), "--valid", str(sdf), "--vocabulary-size", "20"]
    result = CliRunner().invoke(cli.app, [*words, "--seeds", "2", "--workers", "1"])
    assert result.exit_code == 0, result.output
    return out


def test_prepare_writes_training_and_validation_shards(prepared: Path, sdf: Path) -> None:
    [train], [valid] = sorted((prepared / "train").iterdir()), sorted((prepared / "valid").iterdir())
    for example in load_shards([train]):
        assert example.seeds.shape == (2, *example.references.shape[1:])
        assert set(example.pairs[:, 0].tolist()) == {0, 1, 2}  # every reference teaches something
        assert set(example.pairs[:, 1].tolist()) <= {SELF, 0, 1}
        assert not len(example.symmetries)  # nothing is judged by it
    for example in load_shards([valid]):
        assert len(example.seeds) == 2 * len(example.references)
        assert len(example.symmetries) >= 1
        assert not len(example.pairs)
    assert elements_of([sdf]) == [1, 6, 7, 8, 16]


def test_prepare_keeps_finished_shards(prepared: Path, sdf: Path) -> None:
    [shard] = (prepared / "train").iterdir()
    before = shard.stat().st_mtime_ns
    result = CliRunner().invoke(cli.app, ["train", "prepare", str(sdf), "-o", str(prepared), "--workers", "1"])
    assert result.exit_code == 0, result.output
    assert shard.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--own-rounds", "2", "--relaxed", "1"], "corrected-by"),
        (["--corrected-by", "ebd-f2f"], "relaxed"),
        (["--relaxed", "1", "--corrected-by", "ebd-c2f"], "ebd-c2f"),
        (["--relaxed", "1", "--corrected-by", "nobody"], "nobody"),
        (["--like", "nobody"], "nobody"),
    ],
)
def test_prepare_names_what_is_wrong_before_it_begins(
    sdf: Path, tmp_path: Path, words: list[str], complaint: str
) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(cli.app, ["train", "prepare", str(sdf), "-o", str(out), *words])
    assert result.exit_code == 2
    assert complaint in result.output
    assert not out.exists()


def test_bulk_may_bring_elements_that_the_data_lack(sdf: Path, prepared: Path, tmp_path: Path) -> None:
    bulk = tmp_path / "iodine.smi"
    bulk.write_text("IC1CCOCC1 a\nC[Si](C)(C)I b\n")
    out = tmp_path / "out"
    words = [
        "train",
        "prepare",
        str(sdf),
        "-o",
        str(out),
        "--vocabulary-size",
        "20",
        "--relaxed",
        "2",
        "--workers",
        "1",
    ]
    result = CliRunner().invoke(cli.app, [*words, "--bulk", str(bulk), "--bulk-elements", "I"])
    assert result.exit_code == 0, result.output
    config = json.loads((out / "config.json").read_text())
    assert config["model"]["elements"] == [1, 6, 7, 8, 16, 53]
    [shard] = (out / "train").glob("iodine*")
    examples = load_shards([shard])
    assert {e.graph.num_atoms for e in examples} == {with_hydrogens("IC1CCOCC1").GetNumAtoms()}  # no silicon
    assert json.loads((prepared / "config.json").read_text())["model"]["elements"] == [1, 6, 7, 8, 16]


@pytest.mark.parametrize(("words", "coarse"), [([], "skeleton"), (["--coarse", "etkdg"], "etkdg")])
def test_a_model_is_used_with_the_seeds_it_was_trained_on(
    sdf: Path, tmp_path: Path, words: list[str], coarse: str
) -> None:
    common = [
        "train",
        "prepare",
        str(sdf),
        "-o",
        str(tmp_path),
        "--vocabulary-size",
        "20",
        "--seeds",
        "1",
        "--workers",
        "1",
    ]
    result = CliRunner().invoke(cli.app, [*common, *words])
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "config.json").read_text())["model"]["sampling"]["coarse"] == coarse


def test_fit_makes_a_model_that_embeds_and_goes_on(prepared: Path, tmp_path: Path) -> None:
    words = ["train", "fit", str(prepared), "--run", str(tmp_path), "--max-minutes", "0.05", "--threads", "1"]
    for _ in range(2):
        result = CliRunner().invoke(cli.app, words)
        assert result.exit_code == 0, result.output
    assert "continuing at step" in result.output
    model = tmp_path / f"{tmp_path.name}.safetensors"
    history = read_config(model).card["history"]
    assert [row["step"] for row in history] == sorted(row["step"] for row in history)
    assert {"mat_r", "mat_p", "bond", "1-3"} <= set(history[-1])
    mol = with_hydrogens("paracetamol")
    assert len(EmbedMultipleConfs(mol, 3, model=str(model), randomSeed=1)) == 3


def test_fit_without_shards_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.app, ["train", "fit", str(tmp_path), "--run", str(tmp_path / "run")])
    assert result.exit_code == 2
    assert "prepare" in result.output


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_survive_their_file(name: str) -> None:
    config = recipe(name, tiny_vocabulary(), [1, 6, 8], ["a", "b"])
    assert TrainConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ValueError, match="ebd-f2f"):
        recipe("ebd-x", tiny_vocabulary(), [1], ["a"])


CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("name", available_models())
def test_the_settings_of_shipped_models_are_in_the_repository(name: str) -> None:
    result = CliRunner().invoke(cli.app, ["train", "config", name])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output) == json.loads((CONFIGS / f"{name}.json").read_text())
    config, card = TrainConfig.from_dict(json.loads(result.output)), read_config(model_path(name)).card
    assert {name: value for name, value in card["training"].items() if name not in ("model", "objective")}.items() <= (
        config.to_dict().items()
    )
    assert replace(config.model, card=card) == read_config(model_path(name))
    assert {path.stem for path in CONFIGS.glob("*.json")} == set(available_models())


def test_learning_is_seeded() -> None:
    assert torch.equal(*(next(batches([_example()], 200, 3, 0.04)).seed for _ in range(2)))


def _example() -> Example:
    x = conformers("paracetamol", 2).astype(np.float32)
    return Example(graph_of("paracetamol"), x, x, np.array([[0, 1], [1, SELF]], np.int16))


def test_release_keeps_the_weights_and_adds_to_the_card(tmp_path: Path) -> None:
    source, out, card = model_path("default"), tmp_path / "mine.safetensors", tmp_path / "card.json"
    card.write_text('{"licence": "MIT"}')
    words = ["train", "release", str(source), "-o", str(out), "--steps", "3", "--card", str(card)]
    words += ["--tolerance", "0.07", "--seed-pool", "4", "--noise-scale", "0.3"]
    assert CliRunner().invoke(cli.app, words).exit_code == 0
    before, after = read_config(source), read_config(out)
    asked = {"steps": 3, "tolerance": 0.07, "seed_pool": 4, "noise_scale": 0.3}
    assert after.sampling == replace(before.sampling, **asked)
    assert after.card == {**before.card, "licence": "MIT"}
    assert all(torch.equal(a, b) for a, b in zip(load_file(source).values(), load_file(out).values(), strict=True))


def test_release_leaves_behind_what_is_retired(tmp_path: Path) -> None:
    source, old, out = model_path("default"), tmp_path / "old.safetensors", tmp_path / "new.safetensors"
    save_as_0_1_0(old, read_config(source), load_file(source))
    assert CliRunner().invoke(cli.app, ["train", "release", str(old), "-o", str(out)]).exit_code == 0
    assert read_config(out) == read_config(source)
    assert load_file(out).keys() == load_file(source).keys()


def test_judge_compares_networks_and_seeds(prepared: Path, sdf: Path, tmp_path: Path) -> None:
    words = ["train", "fit", str(prepared), "--run", str(tmp_path), "--max-minutes", "0", "--threads", "1"]
    assert CliRunner().invoke(cli.app, words).exit_code == 0
    models = ["-m", "default", "-m", str(tmp_path / f"{tmp_path.name}.safetensors")]
    result = CliRunner().invoke(cli.app, ["train", "judge", str(sdf), *models])
    assert result.exit_code == 0, result.output
    heading, _, *rows = [line.strip("|").split("|") for line in result.output.splitlines() if line.startswith("|")]
    table = {row[0].strip(): dict(zip(heading[1:], row[1:], strict=True)) for row in rows}
    shipped = table[next(name for name in table if name.startswith("ebd-f2f"))]
    bonds = {name: float(row[" bond MAE "]) for name, row in table.items()}
    assert bonds[next(iter(table))] > 1.5 * float(shipped[" bond MAE "])  # seeds are rough, the model mends them
    assert float(shipped[" evaluations "]) == read_config(model_path("default")).sampling.rounds
    assert float(shipped[" CPU ms / conf., network "]) > 0
    assert not table["seeds (skeleton)"][" evaluations "].strip()


def test_judge_wants_references(tmp_path: Path) -> None:
    source = tmp_path / "mine.smi"
    source.write_text("CCO\n")
    result = CliRunner().invoke(cli.app, ["train", "judge", str(source)])
    assert result.exit_code == 2
    assert "holds no conformers" in " ".join(result.output.split())


def test_going_on_from_a_model_of_a_gpu_takes_the_batches_of_a_cpu() -> None:
    parent = read_config(model_path("default"))
    training = {**parent.card["training"], "batch_atoms": 4 * TrainConfig.batch_atoms, "lr": 1e-3}
    config = resumed(replace(parent, card={**parent.card, "training": training}), [1, 6], [])
    assert config.batch_atoms == TrainConfig.batch_atoms
    assert config.lr == pytest.approx(5e-4)
    assert config.objective.unrolled_share == training["objective"]["unrolled_share"]
    small = {**training, "batch_atoms": 512}
    kept = resumed(replace(parent, card={**parent.card, "training": small}), [1, 6], [])
    assert (kept.batch_atoms, kept.lr) == (512, 1e-3)


def test_a_shipped_model_is_continued_named_and_judged(sdf: Path, tmp_path: Path) -> None:
    out, run = tmp_path / "prepared", tmp_path / "amines"
    common = ["--like", "ebd-f2f", "--seeds", "1", "--workers", "1"]
    result = CliRunner().invoke(cli.app, ["train", "prepare", str(sdf), "-o", str(out), *common])
    assert result.exit_code == 0, result.output
    assert "1 of 4 molecules are kept back to judge by" in result.stderr
    train = {e.graph.num_atoms for e in load_shards(sorted((out / "train").iterdir()))}
    valid = {e.graph.num_atoms for e in load_shards(sorted((out / "valid").iterdir()))}
    assert (len(train), len(valid), train & valid) == (3, 1, set())
    words = ["train", "fit", str(out), "--run", str(run), "--max-minutes", "0.01", "--threads", "1"]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    assert "starting from ebd-f2f" in result.stderr
    assert "before and after, on 1 validation molecule:" in result.stdout
    assert "recall (MAT-R, Å): " in result.stdout
    config = read_config(run / "amines.safetensors")
    assert config.name == "amines"
    assert config.surroundings == read_config(model_path("ebd-f2f")).surroundings, "four molecules add nothing to it"
    assert config.card["history"][0]["step"] == 0
    mol = with_hydrogens("ibuprofen")  # of which nothing was in the data
    assert list(EmbedMultipleConfs(mol, 1, model=str(run / "amines.safetensors"), randomSeed=1)) == [0]
    result = CliRunner().invoke(cli.app, [*words, "--init", "nobody"])
    assert result.exit_code == 2
    assert "nobody" in result.output
