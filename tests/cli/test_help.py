"""Is every command found by its task, with an example that is right?"""

from __future__ import annotations

import shlex

import pytest
from command_line import call
from typer.main import get_command
from typer.testing import CliRunner

from rdkit_ebd.cli.app import app
from rdkit_ebd.cli.plugins import COMMANDS
from rdkit_ebd.cli.tasks import OTHERS, TASKS

EXAMPLES = [example for commands in TASKS.values() for example in commands.values()]


def test_commands_stand_by_their_tasks_each_once() -> None:
    said = call("--help").stdout
    places = [said.index(f"\n{task}:\n") for task in TASKS]
    assert places == sorted(places)
    assert f"\n{OTHERS}:\n" not in said
    for example in EXAMPLES:
        assert said.count(f"  {example}\n") == 1
    own = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert own <= {name for commands in TASKS.values() for name in commands}
    assert "141 the reader of a pipe has gone" in " ".join(said.split())


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_have_options_that_there_are(example: str) -> None:
    tool, name, *words = shlex.split(example)
    assert tool == "rdkit-ebd"
    command = get_command(app).get_command(None, name)  # type: ignore[attr-defined]
    assert command is not None, f"{name} is no command, not of {COMMANDS} either"
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert [word for word in words if word.startswith("-") and word not in known] == []


def test_nothing_is_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for words in (["--help"], ["embed", "-h"], ["embed", "CCO", "-o", "x.mol2"]):
        result = CliRunner().invoke(app, words, color=True)
        assert "\x1b" not in result.output + result.stderr
