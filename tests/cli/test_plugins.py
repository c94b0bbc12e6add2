"""Can a plugin break more than itself, or take the place of one of our commands?"""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from command_line import call

from rdkit_ebd.cli import plugins

SOUND = '''
import typer
def greet(name: str = "you"):
    """Say hello."""
    typer.echo(f"hello {name}")
def hijack():
    typer.echo("hijacked")
'''


@pytest.fixture(autouse=True)
def entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins of every kind: sound, broken in four ways, and one named like ours."""
    (tmp_path / "sound_plugin.py").write_text(SOUND)
    (tmp_path / "syntax_plugin.py").write_text("def f(:\n")
    (tmp_path / "exit_plugin.py").write_text("import sys\nsys.exit('licence expired')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sound_plugin", raising=False)
    found = {
        "greet": "sound_plugin:greet",
        "embed": "sound_plugin:hijack",
        "gone": "no_such_module:f",
        "renamed": "sound_plugin:no_such_function",
        "syntax": "syntax_plugin:f",
        "exits": "exit_plugin:f",
    }
    points = [EntryPoint(name, value, plugins.COMMANDS) for name, value in found.items()]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points if group == plugins.COMMANDS else [])


def test_help_lists_all_and_says_what_is_broken() -> None:
    result = call("--help")
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    assert "greet Say hello." in words
    assert words.count("(broken: ") == 4
    assert "No module named" in words
    assert words.count(" embed Make conformers ") == 1


def test_a_sound_one_works_beside_broken_ones() -> None:
    assert call("greet", "--name", "chemist").stdout == "hello chemist\n"
    assert call("models").exit_code == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [("gone", "no_such_module"), ("renamed", "no_such_function"), ("syntax", "SyntaxError"), ("exits", "licence")],
)
def test_a_broken_one_says_why(name: str, reason: str) -> None:
    result = call(name, "input.smi", "--with", "options")
    assert result.exit_code == 2
    assert f"the command {name} of " in result.stderr
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


def test_ours_is_not_replaced() -> None:
    result = call("embed", "--help")
    assert "Make conformers and write them to an SD file." in result.stdout
    assert "hijacked" not in result.stdout


def test_plugins_of_other_commands_are_not_loaded() -> None:
    assert call("models").exit_code == 0
    assert "sound_plugin" not in sys.modules
