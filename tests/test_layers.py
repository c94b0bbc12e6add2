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
    {"potentials"},
    {"params", "report", "conformers", "streams", "molgraph", "rmsd", "turning"},
    {"fragments", "stereo", "featurise", "coarse", "components", "skeleton"},
    {"batch", "geometry", "blur"},
    {"network_base"},
    {"network_confidence", "network_hinges", "network_torsions"},
    {"network", "paper_network"},
    {"sampler", "weights", "checkpoint_import"},
    {"checks", "prune", "deblurring"},
    {"choice", "recombine", "relief"},
    {"seeding"},
    {"engine", "relax"},
    {"refine", "score", "task"},
    {"passage"},
    {"attempt"},
    {"finish"},
    {"embed"},
    {"jobs"},
    {"wire"},
    {"worker", "pool"},
    {"api"},
    {"library"},
    {"files", "draw", "figures", "evaluation", "properties", "parts"},
    {"cli_common", "cli_embed", "cli_embed_job", "cli_evaluate", "cli_refine"},
    {"bench", "cli_bench"},
    {"cli"},
)
MAY_IMPORT_TRAINING = {"bench", "cli", "evaluation", "properties"}
NEED_NO_RDKIT = (
    "molgraph",
    "streams",
    "rmsd",
    "batch",
    "geometry",
    "blur",
    "network",
    "network_base",
    "network_confidence",
    "network_hinges",
    "network_torsions",
    "paper_network",
    "sampler",
    "weights",
    "deblurring",
)
HEAVY = ("torch", "rdkit", "numpy", "safetensors", "tqdm", "typer")
OPTIONAL = ("scipy", "matplotlib", "openmm", "tblite", "mdtraj", "meeko", "gemmi", "vina", "openff", "posebusters")

SUBPACKAGES = ("potentials", "evaluation", "bench")  # in `LAYERS` under their own names
LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}
BELOW_EMBED = {module for module, level in LEVEL.items() if level < LEVEL["embed"]}


def modules_in(*folders: str) -> dict[str, Path]:
    """File of each module of these folders of the package: "api", "train.loop", and "train" for its __init__."""
    paths = [path for folder in folders for path in sorted((PACKAGE / folder).glob("*.py"))]
    names = [".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return {name: path for name, path in zip(names, paths, strict=True) if name != "__init__"}


MODULES = modules_in("", *SUBPACKAGES)
TRAINING = modules_in("train")


def imported(source: str) -> set[str]:
    """Modules of this package that a source imports anywhere, functions and type checking included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = f"rdkit_ebd.{node.module or ''}".rstrip(".") if node.level else str(node.module)
            found |= {_target(module, alias.name) for alias in node.names}
    return {name.removeprefix("rdkit_ebd.") for name in found if name.startswith("rdkit_ebd.")} - {"__init__"}


def _target(module: str, name: str) -> str:
    """The module that `from module import name` reaches; that behind a public name is imported when it is asked for."""
    if module == "rdkit_ebd":
        name = rdkit_ebd._HOMES.get(name, "__init__" if name.startswith("__") else name)
        return f"{module}.{name}"
    deeper = f"{module}.{name}"
    return deeper if deeper.removeprefix("rdkit_ebd.") in MODULES | TRAINING else module


def unit(module: str) -> str:
    """What has a layer: a module of the package itself, or a sub-package as a whole."""
    return module.split(".")[0]


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
    assert imported("from rdkit_ebd.potentials import base, get_potential") == {"potentials.base", "potentials"}
    assert imported("from rdkit_ebd.train import loop\nimport numpy\nfrom . import prune\n") == {"train.loop", "prune"}


def test_every_module_has_its_layer() -> None:
    assert [module for module in MODULES if unit(module) not in LEVEL] == []
    assert {"potentials", "potentials.base", "refine"} <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_no_import_goes_up(module: str) -> None:
    uses = imported(MODULES[module].read_text())
    training = {name for name in uses if unit(name) == "train"}
    assert not training or unit(module) in MAY_IMPORT_TRAINING
    assert {name for name in uses - training if LEVEL[unit(name)] > LEVEL[unit(module)]} == set()


def test_no_imports_go_round() -> None:
    edges = {module: imported(path.read_text()) & set(MODULES) for module, path in MODULES.items()}
    while leaves := {module for module, uses in edges.items() if not uses}:
        edges = {module: uses - leaves for module, uses in edges.items() if module not in leaves}
    assert edges == {}


@pytest.mark.parametrize("module", TRAINING)
def test_training_uses_what_lies_below_embedding(module: str) -> None:
    uses = imported(TRAINING[module].read_text())
    assert {name for name in uses if unit(name) != "train" and unit(name) not in BELOW_EMBED} == set()


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
