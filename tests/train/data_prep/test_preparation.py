"""Is a preparation checked before it begins, and are minima learnt at the level that they are at?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import conformers, with_hydrogens
from reference_sets import write_references
from safetensors.torch import load_file

from rdkit_ebd.generators.checkpoint import load_model, model_path, read_config, save_model
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.train.data_prep.preparation import Preparation, prepare_training, surroundings_of
from rdkit_ebd.train.data_prep.relaxation import corrected, relax
from rdkit_ebd.train.data_prep.shards import load_shards


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A molecule that the shipped models treat, and one that is too small for them."""
    return write_references(tmp_path_factory.mktemp("data") / "mine.npz", ["CC(=O)NCCc1ccccc1", "C=O"], 2)


def wanted(data: Path, out: Path, **settings: object) -> Preparation:
    asked: dict[str, object] = {"vocabulary_size": 10, "seeds": 1, "workers": 1, "relaxed": 2, **settings}
    return Preparation((data,), out, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"recipe": "ebd-x"}, "ebd-f2f"),
        ({"pairing": "closest"}, "hungarian"),
        ({"coarse": "etk"}, "skeleton"),
        ({"levels": ("a", "b")}, "1 training sets"),
        ({"own_rounds": 2}, "corrected-by"),
        ({"relaxed": 0, "corrected_by": "ebd-f2f"}, "nothing to correct"),
    ],
)
def test_settings_that_do_not_fit_are_rejected(data: Path, tmp_path: Path, settings: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        wanted(data, tmp_path / "out", **settings)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"corrected_by": "ebd-c2f"}, "ebd-c2f"),
        ({"corrected_by": "nobody"}, "nobody"),
        ({"like": "nobody"}, "nobody"),
        ({"bulk_elements": ("I", "Xx")}, "'Xx'"),
    ],
)
def test_models_are_read_before_anything_is_written(data: Path, tmp_path: Path, settings: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        prepare_training(wanted(data, tmp_path / "out", **settings))
    assert not (tmp_path / "out").exists()


def test_a_damaged_corrector_stops_the_work_before_it_begins(data: Path, tmp_path: Path) -> None:
    state = load_file(model_path("default"))
    state["level.weight"] = torch.full_like(state["level.weight"], torch.nan)
    save_model(tmp_path / "damaged.safetensors", read_config(model_path("default")), state)
    with pytest.raises(ValueError, match=r"level\.weight is not finite"):
        prepare_training(wanted(data, tmp_path / "out", corrected_by=str(tmp_path / "damaged.safetensors")))
    assert not (tmp_path / "out").exists()


def test_where_there_is_nothing_to_correct_it_says_so(tmp_path: Path) -> None:
    small = write_references(tmp_path / "small.npz", ["C=O"], 2)
    with pytest.raises(ValueError, match="none of the molecules"):
        prepare_training(wanted(small, tmp_path / "out", corrected_by="ebd-f2f"))


def test_corrected_minima_have_the_level_of_their_model(data: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    config = prepare_training(wanted(data, tmp_path, corrected_by="ebd-f2f"), lines.append)
    assert lines == ["ebd-f2f treats 1 of 2 molecules: no minima of the others"]
    first = read_config(model_path("ebd-f2f")).levels[0]
    assert config.model.levels == ("mine", first)
    examples = load_shards(sorted((tmp_path / "train").iterdir()))
    elsewhere = [e for e in examples if e.natural and e.graph.level == 1]
    assert {e.graph.num_atoms for e in elsewhere} <= {with_hydrogens("CC(=O)NCCc1ccccc1").GetNumAtoms()}
    named = replace(wanted(data, tmp_path / "named", corrected_by="ebd-f2f"), levels=(first,))
    assert prepare_training(named, lines.append).model.levels == (first,)


def test_what_a_teacher_relaxed_is_learnt_as_it_fell(tmp_path: Path) -> None:
    path = write_references(tmp_path / "taught.npz", ["CC(=O)NCCc1ccccc1"], 2)
    with np.load(path) as read:
        arrays = dict(read)
    moved = arrays["coords"] + np.random.default_rng(0).integers(-50, 50, arrays["coords"].shape).astype(np.int16)
    np.savez(path, **arrays, start_coords=moved)
    prepare_training(wanted(path, tmp_path / "out", relaxed=0), lambda line: None)
    examples = load_shards(sorted((tmp_path / "out" / "train").iterdir()))
    [natural] = [e for e in examples if e.natural]
    np.testing.assert_allclose(natural.seeds, moved.reshape(2, -1, 3) / 1000, atol=1e-3)
    np.testing.assert_array_equal(natural.pairs, [[0, 0], [1, 1]])
    assert len(examples) == 2, "and as any other reference, too"


def test_kinds_of_atoms_are_counted_once_a_molecule(data: Path) -> None:
    seen = surroundings_of((data,), {"C4v4t": 0, "Si4v4t": 7})
    assert seen["C4v4t"] == 1, "one of the molecules has such carbons, and several of them"
    assert seen["Si4v4t"] == 7, "what a model has learnt before stays"
    assert sum(name.startswith("N") for name in seen) == 1


def test_minima_that_a_model_does_not_treat_are_not_corrected() -> None:
    model = load_model()
    for smiles, count in (("CC(=O)NCCc1ccccc1", 2), ("C=O", 0), ("C[Ge](C)(C)CCCCO", 0)):
        mol, seeds = with_hydrogens(smiles), conformers(smiles, 2).astype(np.float32)
        tables = check_tables(mol)
        minima = relax(mol, seeds, tables)[1] if count else seeds
        rows, found = corrected(mol, minima, tables, model)
        assert len(rows) == len(found) == min(count, len(minima))
        assert not count or np.abs(found - minima[rows]).max() > 0.005
