"""How are options kept in a file? `--save-config` writes those of a call, `--config` gives them to another."""

from __future__ import annotations

import json
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

_OF_ONE_CALL = {"config", "save", "resume", "source", "output"}  # not kept: they are of the call, not of the job


def _given(ctx: typer.Context, path: Path | None) -> Path | None:
    """Make what a file has the defaults of a command's options; what is written on the command line comes before."""
    if path is None or ctx.resilient_parsing:
        return path
    known = {str(parameter.name) for parameter in ctx.command.params} - _OF_ONE_CALL - {"help"}
    shown = {str(p.name) for p in ctx.command.params if not getattr(p, "hidden", False)} & known
    values = {name.replace("-", "_"): value for name, value in _read(path).items()}
    unknown = [name for name in values if name not in known]
    if unknown:
        names = ", ".join(sorted(name.replace("_", "-") for name in shown))
        raise typer.BadParameter(f"{path}: no option is called {', '.join(unknown)}; there are {names}")
    nested = [name for name, value in values.items() if isinstance(value, (dict, list))]
    if nested:
        raise typer.BadParameter(f"{path}: {', '.join(nested)} must be one value")
    ctx.default_map = {**(ctx.default_map or {}), **values}
    return path


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        is_eager=True,
        callback=_given,
        exists=True,
        dir_okay=False,
        help="TOML file with options, such as num-confs = 20; options on the command line come before.",
        show_default="none",
    ),
]


def _refuse(given: str | None) -> None:
    if given is not None:
        raise typer.BadParameter(
            "it was retired with the network's guess that it weighed, which did flexible molecules harm: --seed-pool "
            "says how many seeds there are to choose from, and --preset docking takes the least alike of all"
        )


RetiredWeight = Annotated[  # an option until 0.1.0, that scripts and files of options may still have
    str | None, typer.Option("--quality-weight", hidden=True, expose_value=False, callback=_refuse)
]
SaveConfig = Annotated[
    Path | None,
    typer.Option(
        "--save-config", dir_okay=False, help="TOML file to write the options of this call to.", show_default="none"
    ),
]


def save_config(ctx: typer.Context, path: Path) -> None:
    """Write the options that were given, on the command line or by another such file.

    Raises:
        OSError: The file cannot be written.
    """
    from rdkit_ebd.runtime.whole_file import whole_file

    given = [
        (name, value)
        for name, value in ctx.params.items()
        if name not in _OF_ONE_CALL and (source := ctx.get_parameter_source(name)) and source.name != "DEFAULT"
    ]
    lines = [f"{name.replace('_', '-')} = {_toml(value)}\n" for name, value in given]
    with whole_file(path) as stream:
        stream.write("".join(lines).encode())


def _toml(value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)


def _read(path: Path) -> dict[str, Any]:
    """What a TOML file has.

    Raises:
        typer.BadParameter: It is none, or nothing here can read TOML.
    """
    try:
        toml = import_module("tomllib")  # since Python 3.11
    except ImportError:
        try:
            toml = import_module("tomli")
        except ImportError:
            raise typer.BadParameter("--config needs Python 3.11, or: pip install tomli") from None
    try:
        return dict(toml.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{path}: {error}") from None
