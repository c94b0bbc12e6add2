"""What do all commands do alike? Exit codes, wrong usage in one line, a progress bar, plurals."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from tqdm import tqdm

PROBLEMS, USAGE, INTERRUPTED = 1, 2, 130  # exit codes; 0 is for a run in which every molecule went well


@contextmanager
def usage_errors() -> Iterator[None]:
    """Tell what is wrong with an option or a file in one line, without a traceback."""
    from safetensors import SafetensorError

    try:
        yield
    except OSError as error:
        raise typer.BadParameter(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from None
    except (ValueError, TypeError, ImportError, SafetensorError) as error:
        raise typer.BadParameter(str(error)) from None


@contextmanager
def written_or_told(output: str) -> Iterator[None]:
    """Answer Ctrl-C and a full disk with a line and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("interrupted; the output was not written", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:  # a full disk, a folder that went away
        typer.echo(f"{output} was not written: {error}", err=True)
        raise typer.Exit(USAGE) from None


def in_one_line(error: Exception) -> str:
    """What happened to one molecule; the others of a long file can do nothing about it, whatever it was."""
    if isinstance(error, (ValueError, RuntimeError)):
        return " ".join(str(error).split())
    return f"internal error, please report it: {error!r}"


def progress(total: int | None, quiet: bool) -> tqdm[NoReturn]:
    """A bar of molecules on stderr."""
    from tqdm import tqdm

    # None: shown where stderr is a terminal, so that log files stay readable
    return tqdm(total=total, unit="mol", file=sys.stderr, disable=True if quiet or total == 1 else None)


def count(number: int, what: str) -> str:
    """Such as "1 molecule" and "2 molecules"."""
    return f"{number} {what}" + "s" * (number != 1)
