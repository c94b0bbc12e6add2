"""Does the command line behave as other commands of a shell do? Short help everywhere, completion, `python -m`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from command_line import call

COMMANDS = ([], ["embed"], ["score"], ["models"], ["models", "show"], ["train", "prepare"])


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_short_help_is_help(words: list[str]) -> None:
    short, long = call(*words, "-h"), call(*words, "--help")
    assert short.exit_code == 0
    assert "Usage: " in short.stdout
    assert short.stdout == long.stdout


@pytest.mark.parametrize(("typed", "wanted"), [("rdkit-ebd em", "embed"), ("rdkit-ebd train a", "ablate\naverage")])
def test_completion_knows_commands(typed: str, wanted: str) -> None:
    asked = {"_RDKIT_EBD_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    command = [sys.executable, "-m", "rdkit_ebd"]
    done = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert sorted(done.stdout.split()) == wanted.split(), done.stderr


def test_completion_can_be_shown() -> None:
    # The shell is that which calls, so there must be one.
    asked = f"{sys.executable} -m rdkit_ebd --show-completion; true"
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=False)
    assert "complete -o default -F _rdkit_ebd_completion rdkit-ebd" in done.stdout, done.stderr
