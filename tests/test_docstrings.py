"""Do the examples in the public docstrings run, and does every public name have one?"""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rdkit import Chem

import rdkit_ebd
import rdkit_ebd.io
import rdkit_ebd.viz

FOLDERS = (rdkit_ebd, rdkit_ebd.io, rdkit_ebd.viz)
NAMES = {f"{folder.__name__}.{name}": (folder, name) for folder in FOLDERS for name in folder.__all__ if name[0] != "_"}
ALIASES = {"rdkit_ebd.EmbedMultipleConfs"}  # the function that another name has


def examples(name: str) -> list[doctest.DocTest]:
    """Those of a public name and of its methods, with the names that docstrings take for granted."""
    folder, attribute = NAMES[name]
    given = {"Chem": Chem, "np": np, **{n: getattr(rdkit_ebd, n) for n in rdkit_ebd.__all__}}
    given |= {n: getattr(folder, n) for n in folder.__all__}
    found = doctest.DocTestFinder(recurse=True).find(getattr(folder, attribute), attribute, globs=given)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ALIASES])
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.startswith("rdkit_ebd.viz") and find_spec("matplotlib") is None:
        pytest.skip("matplotlib is not installed")
    monkeypatch.chdir(tmp_path)
    tests = examples(name)
    assert tests, f"{name} has no example"
    log: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in tests:
        runner.run(test, out=log.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(log)


def documented(value: Any) -> Iterator[tuple[str, Any]]:
    """A public function, or a class and its public methods and properties."""
    yield "", value
    if inspect.isclass(value):
        for name, member in vars(value).items():
            if not name.startswith("_") and (callable(member) or isinstance(member, property | classmethod)):
                yield f".{name}", member


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_is_in_the_docstring(name: str) -> None:
    folder, attribute = NAMES[name]
    value = getattr(folder, attribute)
    for suffix, member in documented(value):
        assert inspect.getdoc(member), f"{name}{suffix} has no docstring"
    signature = inspect.signature(value) if inspect.isfunction(value) else None
    text = inspect.getdoc(value) or ""
    missing = [a for a in (signature.parameters if signature else ()) if f"{a}:" not in text and f"`{a}`" not in text]
    assert missing == []


def test_the_parameters_are_a_page_with_their_defaults() -> None:
    text = inspect.getdoc(rdkit_ebd.EBD) or ""
    entries = dict(re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", text, re.MULTILINE))
    for name, value in rdkit_ebd.EBD().to_dict().items():
        assert " ".join(entries[name].split()).endswith(f". Default: {value!r}.")
    assert max(map(len, text.splitlines())) <= 120
