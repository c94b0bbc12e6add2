"""How does a command outlive an interruption? Parts of its output are kept, and it continues from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdkit_ebd.cli.common import count

if TYPE_CHECKING:  # RDKit is imported when it is needed: `--help` answers at once
    from rdkit_ebd.io.resumable_output import Parts

PART_SIZE = 50
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue from the parts in OUTPUT.parts, made with the same options.")
]
PartSize = Annotated[
    int, typer.Option(min=1, help="Lines or records of INPUT in one part, which --resume has whole or not at all.")
]

Manifest = Mapping[str, Any]
"""Everything that determines an output, as JSON takes it."""


def check_resumable(source: str, output: str) -> None:
    """See that INPUT can be read again and OUTPUT be put together.

    Raises:
        ValueError: One of them cannot.
    """
    from rdkit_ebd.io.other_output import is_sd
    from rdkit_ebd.io.read import STANDARD_STREAM
    from rdkit_ebd.runtime.whole_file import is_replaceable

    if source == STANDARD_STREAM:
        raise ValueError("--resume needs an INPUT that can be read again, not standard input")
    if not is_replaceable(output):
        raise ValueError(f"--resume needs a file as OUTPUT, which {output!r} is not")
    if not is_sd(output):
        raise ValueError(f"--resume needs an SD file as OUTPUT, which {output!r} is not")


def finished_before(output: str, manifest: Manifest) -> dict[str, Any] | None:
    """The summary of an output that an earlier run of the same command has finished; None where there is none.

    Raises:
        ValueError: There is an output, and nothing says that it is this command's.
    """
    from rdkit_ebd.io.finished import finished_summary
    from rdkit_ebd.io.resumable_output import count_parts

    if count_parts(output) or not Path(output).exists():
        return None
    summary = finished_summary(output, manifest)
    if summary is None:
        raise ValueError(
            f"there is nothing to resume, and {output!r} is not known to be the output of this command: "
            "delete it, or leave out --resume, which replaces it"
        )
    return summary


def mark_if_file(source: str, output: str, manifest: Manifest, summary: Mapping[str, Any]) -> None:
    """Mark an output as finished, where the same command could make it again."""
    from rdkit_ebd.io.finished import mark_finished
    from rdkit_ebd.io.read import STANDARD_STREAM
    from rdkit_ebd.runtime.whole_file import is_replaceable

    if source != STANDARD_STREAM and is_replaceable(output):
        mark_finished(output, manifest, summary)


def parts_of(output: str, manifest: Manifest, worth_it: bool, resume: bool) -> Parts | None:
    """The parts of an output; None where it is written in one go.

    Args:
        output: OUTPUT.
        manifest: What determines it.
        worth_it: Whether there is more than one part to write, and it would come out the same again.
        resume: Whether parts of an earlier run are continued from.

    Raises:
        ValueError: There are parts of an earlier run, and they are not to be continued from, or cannot be.
    """
    from rdkit_ebd.io.other_output import is_sd
    from rdkit_ebd.io.resumable_output import Parts, count_parts
    from rdkit_ebd.runtime.whole_file import is_replaceable

    if not is_replaceable(output) or not is_sd(output):
        return None
    # Parts that are there are looked at in any case: they are resumed, or what hinders is said.
    return Parts(output, manifest, resume) if worth_it or count_parts(output) else None


@contextmanager
def kept(parts: Parts) -> Iterator[None]:
    """Say what an interruption or a full disk leaves."""
    try:
        yield
    except (KeyboardInterrupt, OSError):
        if parts.tallies:
            number = count(len(parts.tallies), "finished part")
            typer.echo(
                f"{number} kept in {parts.folder}; the same command with --resume continues from there", err=True
            )
        raise
