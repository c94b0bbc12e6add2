"""Do settings and checkpoints come out of pickles as plain values, with nothing run on the way?"""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import zipfile
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from rdkit_ebd.data.safe_pickle import load_settings, load_torch


class Malicious:
    """Says what to call when it is unpickled."""

    def __init__(self, call: Any, *words: Any) -> None:
        self.call, self.words = call, words

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call, self.words


class Own(dict[str, Any]):
    """A mapping with attributes, of a class that no reader knows."""


@pytest.mark.parametrize("protocol", [0, 1, 2, 5])
def test_settings_are_plain_dicts_whatever_their_class(tmp_path: Path, protocol: int) -> None:
    inner, path = Own(a=1), tmp_path / "args.pickle"
    inner.b = [Own(c=2.5)]  # type: ignore[attr-defined]
    path.write_bytes(pickle.dumps(Namespace(inner=inner, rate=np.float64(0.1), name=None), protocol))
    found = load_settings(path)
    assert found == {"inner": {"a": 1, "b": [{"c": 2.5}]}, "rate": 0.1, "name": None}
    assert (type(found), type(found["inner"]), type(found["inner"]["b"][0])) == (dict, dict, dict)
    path.write_bytes(pickle.dumps([1], protocol))
    with pytest.raises(ValueError, match="list"):
        load_settings(path)


def test_a_checkpoint_is_tensors_and_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    weights = torch.nn.Linear(3, 2).state_dict()
    torch.save({"model": weights, "parameter": torch.nn.Parameter(torch.ones(2)), "config": Own(a=Own(b=1))}, path)
    found = load_torch(path)
    assert all(torch.equal(found["model"][name], value) for name, value in weights.items())
    assert torch.equal(found["parameter"], torch.ones(2))
    assert found["config"] == {"a": {"b": 1}}
    assert {type(found["config"]), type(found["config"]["a"])} == {dict}


CALLS = [exec, eval, __import__, getattr, os.system, subprocess.Popen, SimpleNamespace, torch.load, open, list]


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_named_and_not_made(tmp_path: Path, call: Any, protocol: int) -> None:
    trace = tmp_path / "trace"
    words = {exec: f"open({str(trace)!r}, 'w')", eval: f"open({str(trace)!r}, 'w')", __import__: "antigravity"}
    evil = Malicious(call, words.get(call, f"touch {trace}" if call is os.system else str(trace)))
    if call is open:
        evil = Malicious(call, str(trace), "w")
    settings, checkpoint = tmp_path / "args.pickle", tmp_path / "c.pt"
    settings.write_bytes(pickle.dumps({"config": evil}, protocol))
    torch.save({"config": evil}, checkpoint, pickle_protocol=max(protocol, 2))
    with pytest.raises(ValueError, match=call.__name__):
        load_settings(settings)
    with pytest.raises(ValueError, match=call.__name__):
        load_torch(checkpoint)
    assert not trace.exists()


def test_older_files_and_programs_are_no_way_in(tmp_path: Path) -> None:
    path, trace = tmp_path / "c.pt", tmp_path / "trace"
    torch.save({"config": Malicious(exec, f"open({str(trace)!r}, 'w')")}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match=r"c\.pt"):
        load_torch(path)
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    with pytest.raises(ValueError, match="TorchScript"):
        load_torch(path)
    torch.save({"model": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    assert torch.equal(load_torch(path)["model"], torch.ones(2))
    assert not trace.exists()


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path, whole = tmp_path / "c.pt", io.BytesIO()
    torch.save({"model": torch.ones(1000)}, whole)
    emptied = io.BytesIO()
    with zipfile.ZipFile(emptied, "w") as archive:
        archive.writestr("c/data.pkl", b"")
    for content in (b"", b"no checkpoint", whole.getvalue()[:-300], emptied.getvalue()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"c\.pt cannot be read"):
            load_torch(path)
    for content in (b"", b"no pickle", pickle.dumps({"a": list(range(99))})[:-40]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"c\.pt cannot be read"):
            load_settings(path)
