"""Do imports go one way, and does the package cost nothing until it is used?"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import rdkit_ebd

PACKAGE = Path(rdkit_ebd.__file__).parent
# From low to high: a package may import those of lower levels, never a sibling. Modules of the root stand by name.
LEVELS = (
    {"_version", "_param_kinds", "_param_names", "runtime", "arrays"},
    {"chem", "potentials", "generators", "report"},
    {"params", "judge", "data", "io"},
    {"ensemble"},
    {"seeds"},
    {"embedding", "train", "viz"},
    {"api"},
    {"library", "molecules"},
    {"evaluation", "shards"},
    {"bench"},
    {"cli"},
    {"__main__", "_moved"},
)
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
NEURAL = "potentials.neural."  # networks: imported once a potential of theirs is used
WITHOUT = {"arrays": "rdkit", "generators": "rdkit", "runtime": "rdkit", "chem": "torch", "potentials": "torch"}
HEAVY = ("torch", "rdkit", "numpy", "safetensors", "tqdm", "typer")
OPTIONAL = ("scipy", "matplotlib", "openmm", "tblite", "mdtraj", "meeko", "gemmi", "vina", "openff", "posebusters")
OPTIONAL += ("pyarrow", "ray", "fsspec", "zstandard")


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"}


def imported(source: str) -> set[str]:
    """Modules of this package that a source imports anywhere, in functions and for type checking too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            found |= {_target(str(node.module), alias.name) for alias in node.names}
    return {name.removeprefix("rdkit_ebd.") for name in found if name.startswith("rdkit_ebd.")}


def _target(module: str, name: str) -> str:
    """The module that `from module import name` reaches; of a public name, the one it is kept in."""
    if module == "rdkit_ebd":
        return f"{module}.{rdkit_ebd._HOMES.get(name, '_version' if name == '__version__' else name)}"
    deeper = f"{module}.{name}"
    return deeper if deeper.removeprefix("rdkit_ebd.") in MODULES else module


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter, from the folder that holds the package."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)


def test_imports_are_seen_wherever_they_hide() -> None:
    hidden = (
        "from rdkit_ebd import api\ndef f():\n    from rdkit_ebd.train.loop import main\n    import rdkit_ebd.cli\n"
    )
    assert imported(hidden) == {"api", "train.loop", "cli"}
    assert imported("from rdkit_ebd import EBD, __version__") == {"params", "_version"}
    assert imported("from rdkit_ebd.potentials import base, get_potential") == {"potentials.base", "potentials"}


def test_every_package_has_its_level() -> None:
    assert {module.split(".")[0] for module in MODULES} == set(LEVEL)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    own = module.split(".")[0]
    uses = {name.split(".")[0] for name in imported(MODULES[module].read_text())} - {own}
    assert {name for name in uses if LEVEL[name] >= LEVEL[own]} == set()


def test_no_imports_go_round() -> None:
    edges = {module: imported(path.read_text()) & set(MODULES) for module, path in MODULES.items()}
    while leaves := {module for module, uses in edges.items() if not uses}:
        edges = {module: uses - leaves for module, uses in edges.items() if module not in leaves}
    assert edges == {}


@pytest.mark.parametrize("package", WITHOUT)
def test_packages_do_without(package: str) -> None:
    modules = [name for name in MODULES if name.split(".")[0] == package and not name.startswith(NEURAL)]
    names = ", ".join(f"rdkit_ebd.{name}" for name in modules)
    done = run(f"import sys; sys.modules[{WITHOUT[package]!r}] = None; import {names}")
    assert done.returncode == 0, done.stderr


def test_training_needs_no_rdkit() -> None:
    done = run("import sys; sys.modules['rdkit'] = None; import rdkit_ebd.train.loop")
    assert done.returncode == 0, done.stderr
    assert "rdkit" in run("import sys; sys.modules['rdkit'] = None; import rdkit_ebd.chem.featurise").stderr


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


OUTSIDE = [path for folder in ("examples", "plugins") for path in sorted((PACKAGE.parent / folder).rglob("*.py"))]
PUBLIC = {"rdkit_ebd", "rdkit_ebd.io", "rdkit_ebd.viz", "rdkit_ebd.bench"}  # packages whose names are for everyone


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: path.stem)
def test_plugins_and_examples_use_public_names_alone(path: Path) -> None:
    froms = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in froms if str(node.module).split(".")[0] == "rdkit_ebd"]
    assert {str(node.module) for node in ours} <= PUBLIC
    for node in ours:
        assert {alias.name for alias in node.names} <= set(import_module(str(node.module)).__all__)


def test_every_public_name_is_there() -> None:
    assert [name for name in rdkit_ebd.__all__ if getattr(rdkit_ebd, name, None) is None] == []
    assert set(rdkit_ebd.__all__) <= set(dir(rdkit_ebd))
    with pytest.raises(AttributeError, match="EmbedMolekule"):
        _ = rdkit_ebd.EmbedMolekule
