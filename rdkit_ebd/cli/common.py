"""What do all commands do alike? Exit codes, wrong usage in one line, a progress bar, plurals."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from tqdm import tqdm

# Exit codes; 0 is for a run in which every molecule went well.
PROBLEMS, USAGE, INTERRUPTED, READER_GONE = 1, 2, 130, 141


# Options of the commands whose parameter in Python has another name; the others differ in their spelling alone.
_OPTIONS = {
    "numConfs": "num-confs",
    "num_confs": "num-confs",
    "randomSeed": "seed",
    "pruneRmsThresh": "prune",
    "numSteps": "steps",
    "numRounds": "rounds",
    "numThreads": "threads",
    "maxIters": "max-iters",
    "overSample": "over-sample",
    "seedPool": "seed-pool",
    "energyWindow": "energy-window",
    **{name: name for name in ("refine", "score", "model", "device", "coarse", "stereo", "timeout", "fallback")},
    **{name: name for name in ("workers", "restraint", "method", "core", "smarts", "atoms", "mcs")},
}
_LONGEST_NAME = 100
_SETTING = re.compile(rf"\b({'|'.join(_OPTIONS)})=('[^']*'|\.\.\.|[\w.+-]+)")


@contextmanager
def usage_errors() -> Iterator[None]:
    """Say what is wrong with an option or a file in one line, without a traceback."""
    from safetensors import SafetensorError

    try:
        yield
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise typer.BadParameter(shown(message)) from None
    except (ValueError, TypeError, ImportError, SafetensorError) as error:
        raise typer.BadParameter(shown(in_options(str(error)))) from None


@contextmanager
def written_or_reported(output: str) -> Iterator[None]:
    """Answer Ctrl-C, a full disk and a reader that has gone with a line and an exit code."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        typer.echo("interrupted; the output was not written", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:  # `| head` has what it wants
        _silence_output()
        raise typer.Exit(READER_GONE) from None
    except OSError as error:  # a full disk, a folder that went away
        typer.echo(f"{output} was not written: {error}", err=True)
        raise typer.Exit(USAGE) from None


def _silence_output() -> None:
    """Let nothing more be written to standard output, not even when Python ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def in_options(message: str) -> str:
    """A message in the words of the command line: `--fallback ETKDGv3` for `fallback='ETKDGv3'`."""
    return _SETTING.sub(_as_option, message.replace(", call Chem.AddHs(mol, addCoords=True)", ""))


def _as_option(setting: re.Match[str]) -> str:
    name, value = _OPTIONS[setting[1]], setting[2].strip("'")
    return f"--{name}" if value == "True" else f"--{name} {value}"


def shown(text: str) -> str:
    """A text for the terminal: what is no letter, sign or blank is written as its code, such as \\x1b."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def called(name: str) -> str:
    """A molecule's name for a message."""
    return f"{name[:_LONGEST_NAME]}..." if len(name) > _LONGEST_NAME else name or "no name"


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


@contextmanager
def stages(wanted: bool) -> Iterator[None]:
    """Show on a terminal what is being done to a molecule, where it is the only one; nothing in log files."""
    if not wanted or not sys.stderr.isatty():
        yield
        return
    from tqdm import tqdm

    from rdkit_ebd.report.listening import listening

    with tqdm(total=None, file=sys.stderr, bar_format="{desc} {elapsed}", leave=False) as line:
        made = ""

        def show(words: str) -> None:
            nonlocal made
            made = words if words[0].isdigit() else made
            line.set_description_str(", ".join(part for part in (_STAGES.get(words, ""), made) if part))

        with listening(show):
            yield


_STAGES = {
    "model": "loading the model",
    "prepare": "looking at the molecule",
    "coarse": "making seeds",
    "deblur": "deblurring",
    "judge": "judging",
    "refine": "refining",
    "score": "scoring",
    "prune": "choosing",
}


def count(number: int, what: str) -> str:
    """Such as "1 molecule" and "2 molecules"."""
    return f"{number} {what}" + "s" * (number != 1)
