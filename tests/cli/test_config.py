"""Do options come from a file, and go into one, so that the same command is the same again?"""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import call, records

tomllib = pytest.importorskip("tomllib")


@pytest.fixture
def words(tmp_path: Path) -> list[object]:
    return ["embed", "CC(O)F", "-o", tmp_path / "out.sdf", "--config", tmp_path / "run.toml"]


def names(tmp_path: Path) -> list[str]:
    return [mol.GetProp("_Name") for mol in records(tmp_path / "out.sdf")]


def test_options_come_from_a_file_and_the_command_line_comes_before(words: list[object], tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('num-confs = 2\nseed = 5\nstereo = "enumerate"\nhydrogens = false\n')
    assert call(*words).exit_code == 0
    assert names(tmp_path) == ["CC(O)F_s1"] * 2 + ["CC(O)F_s2"] * 2
    assert {mol.GetProp("ebd_seed") for mol in records(tmp_path / "out.sdf")} == {"5"}
    assert {mol.GetNumAtoms() for mol in records(tmp_path / "out.sdf")} == {4}
    assert call(*words, "-n", 1, "--stereo", "keep").exit_code == 0
    assert names(tmp_path) == ["CC(O)F"]


def test_what_was_given_is_saved_and_gives_the_same(words: list[object], tmp_path: Path) -> None:
    saved = tmp_path / "saved.toml"
    (tmp_path / "run.toml").write_text("prune = 0.25\n")
    given = [*words, "-n", 3, "--seed", 7, "--refine", "MMFF94s", "--no-hydrogens", "--save-config", saved]
    assert call(*given).exit_code == 0
    assert tomllib.loads(saved.read_text()) == {
        "prune": 0.25, "num-confs": "3", "seed": 7, "refine": "MMFF94s", "hydrogens": False,
    }  # fmt: skip
    first = (tmp_path / "out.sdf").read_bytes()
    assert call("embed", "CC(O)F", "-o", tmp_path / "out.sdf", "--config", saved).exit_code == 0
    assert (tmp_path / "out.sdf").read_bytes() == first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("numconfs = 2\n", "no option is called numconfs"),
        ('output = "x.sdf"\n', "no option is called output"),
        ("seed = \n", "run.toml: "),
        ("seed = [1]\n", "seed must be one value"),
        ('seed = "many"\n', "valid integer"),
        ('stereo = "both"\n', "both"),
        ("quality-weight = 4.0\n", "--quality-weight': it was retired"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_before_any_work(
    text: str, said: str, words: list[object], tmp_path: Path
) -> None:
    (tmp_path / "run.toml").write_text(text)
    result = call(*words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert not (tmp_path / "out.sdf").exists()
