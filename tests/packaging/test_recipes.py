"""Do the conda recipe and the Dockerfile say what pyproject.toml says?"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import rdkit_ebd

ROOT = Path(__file__).parents[2]
CONDA = {"torch": "pytorch"}  # names that differ


@pytest.fixture(scope="module")
def project() -> dict:
    if sys.version_info < (3, 11):
        pytest.skip("TOML is read since Python 3.11")
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def versions(lines: list[str]) -> dict[str, tuple[int, ...]]:
    """Least versions by name; 2026.03.1 is 2026.3.1."""
    found = {}
    for line in lines:
        name, _, least = re.fullmatch(r"([\w-]+)\s*(>=|==)?\s*([\w.{} ]*)", line).groups()
        found[name] = tuple(int(part) for part in re.findall(r"\d+", least or ""))
    return found


def test_the_recipe_requires_what_the_project_does(project: dict) -> None:
    recipe = (ROOT / "packaging/conda/meta.yaml").read_text()
    block = recipe.partition("  run:\n")[2].partition("\ntest:")[0]
    ours = versions([line.strip().removeprefix("- ") for line in block.splitlines() if line.strip()])
    wanted = versions(project["project"]["dependencies"])
    assert {CONDA.get(name, name): least for name, least in wanted.items()} == {
        name: least for name, least in ours.items() if name != "python"
    }
    assert f'version = "{rdkit_ebd.__version__}"' in recipe
    [(command, target)] = project["project"]["scripts"].items()
    assert f"- {command} = {target}" in recipe
    minimum = (ROOT / "packaging/conda/conda_build_config.yaml").read_text()
    assert project["project"]["requires-python"].removeprefix(">=") in minimum
    for folder in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert f"- {Path(folder).name}\n" in recipe


def test_the_dockerfile_copies_what_is_there(project: dict) -> None:
    lines = (ROOT / "packaging/docker/Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    assert all((ROOT / word).exists() for word in copied)
    assert f'ENTRYPOINT ["{next(iter(project["project"]["scripts"]))}"]' in lines
    assert any("-c /src/constraints.txt" in line for line in lines)


def test_nothing_else_needs_them() -> None:
    others = [ROOT / "Makefile", ROOT / "pyproject.toml", *(ROOT / "rdkit_ebd").rglob("*.py")]
    assert not [path for path in others if "packaging/docker" in path.read_text()]
