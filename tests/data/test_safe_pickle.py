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

from rdkit_ebd.data.untrusted import load_settings, load_torch, settings_in, tensors_in


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
    found = settings_in(path)
    assert found == {"inner": {"a": 1, "b": [{"c": 2.5}]}, "rate": 0.1, "name": None}
    assert (type(found), type(found["inner"]), type(found["inner"]["b"][0])) == (dict, dict, dict)
    path.write_bytes(pickle.dumps([1], protocol))
    with pytest.raises(ValueError, match="list"):
        settings_in(path)


def test_a_checkpoint_is_tensors_and_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    weights = torch.nn.Linear(3, 2).state_dict()
    torch.save({"model": weights, "parameter": torch.nn.Parameter(torch.ones(2)), "config": Own(a=Own(b=1))}, path)
    found = tensors_in(path)
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
        settings_in(settings)
    with pytest.raises(ValueError, match=call.__name__):
        tensors_in(checkpoint)
    assert not trace.exists()


@pytest.mark.parametrize("state", [(3, "|", None, None, None, 1 << 40, 1, 0), (3, "|", None, ("a",), {}, 8, 1, 16), 7])
def test_kinds_of_numbers_have_no_state(tmp_path: Path, state: Any) -> None:
    path = tmp_path / "args.pickle"
    kind = Malicious(np.dtype, "f8", False, True)
    path.write_bytes(_built(pickle.dumps({"a": kind}, 2), pickle.dumps(state, 2)))
    with pytest.raises(ValueError, match="state"):
        settings_in(path)
    for name in ("V8", "O", "S1000000000", "f8,f8", "U8", "M8[s]", "f16"):
        path.write_bytes(pickle.dumps({"a": Malicious(np.dtype, name, False, True)}))
        with pytest.raises(ValueError, match="kind"):
            settings_in(path)


def _built(thing: bytes, state: bytes) -> bytes:
    """A pickle that gives its innermost thing a state: BUILD, after the REDUCE that makes it."""
    before, call, after = thing.rpartition(b"R")
    return before + call + state[2:-1] + b"b" + after


class Tensor:
    """Four numbers that say to pickle that they are a tensor of some size."""

    def __init__(self, offset: int, size: int, stride: int) -> None:
        self.words = torch.ones(4).untyped_storage(), offset, (size,), (stride,), False, {}

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return torch._utils._rebuild_tensor_v2, self.words


@pytest.mark.parametrize(
    "thing", [Malicious(bytearray, 6_000_000_000), Tensor(0, 10**6, 1), Tensor(0, 10**6, 0), Tensor(8, 12, 1)]
)
def test_nothing_has_more_bytes_than_were_written(tmp_path: Path, thing: Any) -> None:
    path = tmp_path / "c.pt"
    torch.save({"model": thing}, path)
    with pytest.raises(ValueError, match=r"c\.pt cannot be read as tensors, numbers and mappings"):
        tensors_in(path)


def test_an_archive_holds_no_more_than_it_is_long(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.pt", tmp_path / "c.pt"
    torch.save({"model": torch.zeros(1_000_000)}, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for info in source.infolist():
            packed.writestr(info.filename, source.read(info))
    with pytest.raises(ValueError, match="compressed"):
        tensors_in(path)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as fewer:
        for info in source.infolist():
            content = source.read(info)
            fewer.writestr(info.filename, content[:-4] if info.filename.endswith("data/0") else content)
    with pytest.raises(ValueError, match="3999996 bytes, and not 1000000 numbers"):
        tensors_in(path)


def test_a_thing_that_is_in_itself_many_times_is_given_up(tmp_path: Path) -> None:
    path, nested = tmp_path / "args.pickle", [1]
    for _ in range(40):
        nested = [nested, nested]  # type: ignore[list-item]
    path.write_bytes(pickle.dumps({"a": nested}))
    with pytest.raises(ValueError, match="more than 1000000 values"):
        settings_in(path)
    path.write_bytes(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
    with pytest.raises(ValueError, match="nested too deeply"):
        settings_in(path)
    path.write_bytes(pickle.dumps({"a": 1 << 100_000}))
    with pytest.raises(ValueError, match="100001 bits"):
        settings_in(path)


def test_both_are_read_in_a_process_of_bounded_memory(tmp_path: Path) -> None:
    settings, checkpoint = tmp_path / "args.pickle", tmp_path / "c.pt"
    settings.write_bytes(pickle.dumps(Namespace(rate=0.1, inner=Own(a=1))))
    torch.save({"model": torch.arange(6.0).reshape(2, 3).T, "config": Own(a=1)}, checkpoint)
    assert load_settings(settings) == {"rate": 0.1, "inner": {"a": 1}}
    assert torch.equal(load_torch(checkpoint)["model"], torch.arange(6.0).reshape(2, 3).T)
    settings.write_bytes(b"\x80\x02}r\xff\xff\xff\x7f.")  # the memo's place two thousand million
    with pytest.raises(ValueError, match=r"args\.pickle cannot be read: it asks for more memory"):
        load_settings(settings)


def test_older_files_and_programs_are_no_way_in(tmp_path: Path) -> None:
    path, trace = tmp_path / "c.pt", tmp_path / "trace"
    torch.save({"config": Malicious(exec, f"open({str(trace)!r}, 'w')")}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match=r"c\.pt"):
        tensors_in(path)
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    with pytest.raises(ValueError, match="TorchScript"):
        tensors_in(path)
    torch.save({"model": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    assert torch.equal(tensors_in(path)["model"], torch.ones(2))
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
            tensors_in(path)
    for content in (b"", b"no pickle", pickle.dumps({"a": list(range(99))})[:-40]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"c\.pt cannot be read"):
            settings_in(path)


@pytest.mark.parametrize("content", [b".", b"\x80\x02.", b"0.", b"\x00\x00\x00\x00\x00\x00\x00\x00{}"])
def test_what_is_no_checkpoint_says_so(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no archive as torch") as caught:
        tensors_in(path)
    assert "pop" not in str(caught.value).replace(str(tmp_path), "")
