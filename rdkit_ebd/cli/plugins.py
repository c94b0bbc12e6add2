"""Which commands do other packages bring? Each is loaded when it is asked for, and a broken one breaks itself alone."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from rdkit_ebd.cli.common import USAGE
from rdkit_ebd.cli.tasks import OTHERS, TASKS, example_of, task_of

MOST_LETTERS = 200  # of a command's line in the help
COMMANDS = "rdkit_ebd.commands"  # entry points with commands of other packages, each a typer function


class Commands(TyperGroup):
    """Our commands, and then those of plugins; a plugin's that is named like one of ours is not reached."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names."""
        own = super().list_commands(ctx)
        return [*own, *(name for name in sorted(_plugins()) if name not in own)]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write them into the help by task, each with an example."""
        for task in [*TASKS, OTHERS]:
            rows = []
            for name in [name for name in self.list_commands(ctx) if task_of(name) == task]:
                command = self.get_command(ctx, name)
                rows.append((name, command.get_short_help_str(MOST_LETTERS)))
                rows += [("", example)] if (example := example_of(name)) else []
            if rows:
                with formatter.section(task):
                    formatter.write_dl(rows)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name; None where there is none."""
        own = super().get_command(ctx, cmd_name)
        plugin = None if own else _plugins().get(cmd_name)
        return own if plugin is None else _loaded(plugin)


def _plugins() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=COMMANDS)}


def _loaded(plugin: EntryPoint) -> Any:
    """A plugin's command; where it cannot be loaded, one that says why."""
    try:
        return _command(plugin.name, plugin.load())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a package may even call sys.exit when it is imported
        return _broken(plugin, f"{type(error).__name__}: {' '.join(str(error).split())}")


def _broken(plugin: EntryPoint, reason: str) -> Any:
    def tell_why() -> None:
        typer.echo(f"the command {plugin.name} of {plugin.value} is broken: {reason}", err=True)
        raise typer.Exit(USAGE)

    tell_why.__doc__ = f"(broken: {reason})"
    return _command(plugin.name, tell_why, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})


def _command(name: str, function: Any, **settings: Any) -> Any:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(name, **settings)(function)
    return typer.main.get_command(app)
