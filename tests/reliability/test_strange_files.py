"""Is whatever a file holds a result or a clear error, never a traceback, a hang or the end of the process?

Files of every kind are damaged at random, the same ones every time. Each is read within 1 GB and a time limit, as the
commands read it. By default it is a few files of each kind; `pytest tests/reliability --cases 250` is 2,250 files.
"""

from __future__ import annotations

import sys
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from fuzz_cases import KINDS, make_cases
from fuzz_targets import outcomes

from rdkit_ebd.runtime.apart import Limits, generated_apart

pytest.importorskip("msgpack")
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs limits of memory")

LIMITS = Limits(1 << 30, 30.0)
READ_APART = {"geom", "msgpack", "settings", "checkpoint"}  # in a process of their own, whose death is an error


def test_strange_files(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    cases = make_cases(tmp_path, request.config.getoption("cases"))
    ends: Counter[tuple[str, str]] = Counter()
    problems, done = [], 0
    while done < len(cases):
        try:
            for how, message in generated_apart(partial(outcomes, cases[done:]), tmp_path, LIMITS):
                kind, path = cases[done]
                ends[kind, how] += 1
                problems += [f"{path.name}: {message}"] * (how == "raised")
                done += 1
        except ValueError as error:
            kind, path = cases[done]
            ends[kind, "ended"] += 1
            if kind not in READ_APART or "given up" in str(error) or path.name not in str(error):
                problems.append(str(error))
            done += 1
    print(dict(ends))
    assert not problems, "\n".join(problems[:20])
    assert done == len(KINDS) * request.config.getoption("cases")
    for kind in KINDS:
        assert ends[kind, "read"] + ends[kind, "rejected"] > ends[kind, "ended"]
