"""Where are the conformers of an earlier run? In Parquet tables, one to a chunk, which are pieces again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rdkit import Chem

from rdkit_ebd.io.conformer_table import COLUMNS, molecules_of_rows
from rdkit_ebd.io.parquet_input import parquet_file
from rdkit_ebd.io.places import files_at, open_binary
from rdkit_ebd.io.texts import PARQUET_SUFFIXES
from rdkit_ebd.shards.manifest import MANIFEST
from rdkit_ebd.shards.run import SHARDS
from rdkit_ebd.shards.store import Store

ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Piece:
    """One table of conformers.

    Attributes:
        name: Of the piece, and of its shard.
        file: Where it is.
    """

    name: str
    file: str


def shards_of(source: str) -> str:
    """The folder of shards of a run, where a source is a run's folder; else the source."""
    is_run = "*" not in source and Store.at(source).read(MANIFEST) is not None
    return f"{source.rstrip('/')}/{SHARDS}" if is_run else source


def pieces_at(source: str) -> list[Piece]:
    """The tables of a run's folder, of any folder or pattern, or a single one; in the order of their names.

    Raises:
        OSError: There is nothing of this name.
        ValueError: There are no tables of conformers in it, or two of one name.
    """
    files = files_at(shards_of(source), lambda place: place.lower().endswith(PARQUET_SUFFIXES))
    pieces = [Piece(file.rpartition("/")[2].rpartition(".")[0], file) for file in files]
    if not pieces or not files[0].lower().endswith(PARQUET_SUFFIXES):
        raise ValueError(f"{source!r} is no folder of Parquet shards: `rdkit-ebd convert` makes them")
    if len({piece.name for piece in pieces}) < len(pieces):
        raise ValueError(f"{source!r} has two tables of one name in two folders")
    with parquet_file(pieces[0].file) as first:
        missing = [name for name in COLUMNS if name not in first.schema_arrow.names]
    if missing:
        raise ValueError(f"{pieces[0].file!r} is no table of conformers: there is no column {', '.join(missing)}")
    return pieces


def rows_of(file: str) -> Iterator[dict[str, Any]]:
    """The rows of a table, a bounded number of them in memory."""
    with parquet_file(file) as table:
        for batch in table.iter_batches(ROWS_AT_ONCE):
            yield from batch.to_pylist()


def molecules_at(file: str) -> Iterator[Chem.Mol]:
    """The molecules of a table with their conformers, as `molecules_of_rows` gives them."""
    return molecules_of_rows(rows_of(file))


def count_rows(pieces: list[Piece]) -> int:
    """How many conformers there are."""
    total = 0
    for piece in pieces:
        with parquet_file(piece.file) as table:
            total += int(table.metadata.num_rows)
    return total


def fingerprint(pieces: list[Piece]) -> dict[str, Any]:
    """What tells whether they are the same tables again: their number, names and bytes."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece.name.encode())
        with open_binary(piece.file) as stream:
            while block := stream.read(1 << 20):
                size += len(block)
                digest.update(block)
    return {"files": len(pieces), "bytes": size, "sha256": digest.hexdigest()}
