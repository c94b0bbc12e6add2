"""Do imports go one way, and does the package cost nothing until it is used?"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import rdkit_ebd

PACKAGE = Path(rdkit_ebd.__file__).parent

# From low to high. A module may import its own layer and those below.
LAYERS = (
    {"params", "report", "streams", "molgraph", "rmsd"},
    {"fragments", "stereo", "featurise", "coarse", "components"},
    {"batch", "geometry", "blur"},
    {"network"},
    {"sampler", "weights"},
    {"checks", "prune"},
    {"attempt"},
    {"embed"},
    {"api"},
    {"files", "draw", "evaluate", "cli_evaluate"},
    {"cli"},
)
MAY_IMPORT_TRAINING = {"cli", "evaluate"}
NEED_NO_RDKIT = ("molgraph", "streams", "rmsd", "batch", "geometry", "blur", "network", "sampler", "weights")
HEAVY = ("torch", "rdkit", "numpy", "safetensors", "tqdm", "typer")
OPTIONAL = ("scipy", "matplotlib", "openmm", "tblite", "mdtraj", "meeko", "gemmi", "vina", "openff", "posebusters")

PACKAGES = ("rdkit_ebd", "rdkit_ebd.train")
LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}
BELOW_EMBED = {module for module, level in LEVEL.items() if level < LEVEL["embed"]}
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")
TRAINING = sorted(path.stem for path in (PACKAGE / "train").glob("*.py") if path.stem != "__init__")


def imported(source: str) -> set[str]:
    """Modules of this package that a source imports anywhere, functions and type checking included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = f"rdkit_ebd.{node.module or ''}".rstrip(".") if node.level else str(node.module)
            found |= {f"{module}.{_home(alias.name)}" for alias in node.names} if module in PACKAGES else {module}
    return {name.removeprefix("rdkit_ebd.") for name in found if name.startswith("rdkit_ebd.")} - {"__init__"}


def _home(name: str) -> str:
    """The module behind a public name, which the package imports when it is asked for it."""
    return rdkit_ebd._HOMES.get(name, "__init__" if name.startswith("__") else name)


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter, from the folder that holds the package."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)


def test_imports_are_seen_wherever_they_hide() -> None:
    source = (
        "from rdkit_ebd import api\ndef f():\n    from rdkit_ebd.train.loop import main\n    import rdkit_ebd.cli\n"
    )
    assert imported(source) == {"api", "train.loop", "cli"}
    assert imported("from rdkit_ebd import EBD, __version__\nfrom rdkit_ebd.batch import Batch") == {"params", "batch"}
    assert imported("from rdkit_ebd.train import loop\nimport numpy\nfrom . import prune\n") == {"train.loop", "prune"}


def test_every_module_has_its_layer() -> None:
    assert [module for module in MODULES if module not in LEVEL] == []


@pytest.mark.parametrize("module", MODULES)
def test_no_import_goes_up(module: str) -> None:
    uses = imported((PACKAGE / f"{module}.py").read_text())
    training = {name for name in uses if name.split(".")[0] == "train"}
    assert not training or module in MAY_IMPORT_TRAINING
    assert {name for name in uses - training if LEVEL[name] > LEVEL[module]} == set()


def test_no_imports_go_round() -> None:
    edges = {module: imported((PACKAGE / f"{module}.py").read_text()) & set(MODULES) for module in MODULES}
    while leaves := {module for module, uses in edges.items() if not uses}:
        edges = {module: uses - leaves for module, uses in edges.items() if module not in leaves}
    assert edges == {}


@pytest.mark.parametrize("module", TRAINING)
def test_training_uses_what_lies_below_embedding(module: str) -> None:
    uses = imported((PACKAGE / "train" / f"{module}.py").read_text())
    assert {name for name in uses if not name.startswith("train.") and name not in BELOW_EMBED} == set()


@pytest.mark.parametrize("module", ["rdkit_ebd", "rdkit_ebd.cli"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    done = run(f"import json, sys; import {module}; print(json.dumps(sorted(sys.modules)))")
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    allowed = {"typer"} if module == "rdkit_ebd.cli" else set()
    assert loaded & {*HEAVY, *OPTIONAL} <= allowed


def test_using_the_package_loads_nothing_optional() -> None:
    code = "import json, sys, rdkit_ebd; [getattr(rdkit_ebd, name) for name in rdkit_ebd.__all__]"
    done = run(f"{code}; print(json.dumps(sorted(sys.modules)))")
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert loaded & set(OPTIONAL) == set()
    assert {"torch", "rdkit"} <= loaded


def test_the_maths_needs_no_rdkit() -> None:
    names = ", ".join(f"rdkit_ebd.{name}" for name in NEED_NO_RDKIT)
    done = run(f"import sys; sys.modules['rdkit'] = None; import {names}, rdkit_ebd.train.loop")
    assert done.returncode == 0, done.stderr
    refused = run("import sys; sys.modules['rdkit'] = None; import rdkit_ebd.featurise")
    assert "rdkit" in refused.stderr


def test_every_public_name_is_there() -> None:
    assert [name for name in rdkit_ebd.__all__ if getattr(rdkit_ebd, name, None) is None] == []
    assert set(rdkit_ebd.__all__) <= set(dir(rdkit_ebd))
    with pytest.raises(AttributeError, match="EmbedMolekule"):
        _ = rdkit_ebd.EmbedMolekule
