"""How is a library cut into chunks? By position in the input alone, so that every run has the same ones."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from rdkit_ebd.io.columns import ColumnChoice, Text
from rdkit_ebd.io.places import files_at, is_url, open_binary
from rdkit_ebd.io.read import count_molecules
from rdkit_ebd.io.texts import STANDARD_STREAM, kind_of, texts_of

CHUNK = 256  # molecules in a chunk
MOST_BYTES = 16 << 20  # letters of a chunk: it ends earlier where molecules are long
HASHED = 1 << 30  # bytes of a library up to which its fingerprint is of all of it


@dataclass(frozen=True)
class Slice:
    """Lines or records that follow one another in one file.

    Attributes:
        file: It.
        kind: As `kind_of` names it.
        texts: Them.
    """

    file: str
    kind: str
    texts: tuple[Text, ...]


@dataclass(frozen=True)
class Chunk:
    """What is done in one piece.

    Attributes:
        first: Position in the input of the first entry, from 0.
        slices: The entries, file by file.
    """

    first: int
    slices: tuple[Slice, ...]

    def __len__(self) -> int:
        return sum(len(part.texts) for part in self.slices)

    @property
    def name(self) -> str:
        """What its files are called."""
        return chunk_name(self.first)


def chunk_name(first: int) -> str:
    """The name of the chunk that begins at a position of the input."""
    return f"part-{first:012d}"


@dataclass(frozen=True)
class Library:
    """The files of an input, in order.

    Attributes:
        files: Their places.
        columns: Of tables; None: as the header says.
    """

    files: tuple[str, ...]
    columns: ColumnChoice | None = None

    @staticmethod
    def at(source: str, columns: ColumnChoice | None = None) -> Library:
        """What a file, a folder, a pattern or an address of these stands for.

        Raises:
            OSError: There is nothing of this name.
            ValueError: Nothing in it is of a known kind.
        """
        if source == STANDARD_STREAM:
            raise ValueError("a run in shards needs an INPUT that can be read again, not standard input")
        if not is_url(source) and not os.path.exists(source) and kind_of(source) == "" and "*" not in source:
            raise ValueError(f"{source!r} is no file, folder or pattern")
        return Library(tuple(files_at(source, lambda place: kind_of(place) != "")), columns)

    def count(self) -> int:
        """How many entries there are.

        Raises:
            ValueError: A file has not the columns: said now, before anything is written.
        """
        for file in self.files:
            next(texts_of(file, self.columns), None)
        return sum(count_molecules(file, self.columns) or 0 for file in self.files)

    def texts(self) -> Iterator[tuple[str, str, Text]]:
        """(file, kind, text) of every entry."""
        for file in self.files:
            kind = kind_of(file)
            for text in texts_of(file, self.columns):
                yield file, kind, text

    def chunks(self, size: int, done: Collection[str] = ()) -> Iterator[Chunk]:
        """The chunks of so many entries, or fewer where these are long, but those with names in `done`."""
        return cut(self.texts(), size, done)

    def fingerprint(self) -> dict[str, Any]:
        """What tells whether it is the same input again: number of files, bytes, and a SHA-256.

        The hash is of all bytes up to `HASHED`; of what is larger, of each file's name, size and first MiB.
        """
        sizes = [_size(file) for file in self.files]
        digest, whole = hashlib.sha256(), sum(sizes) <= HASHED
        for file, size in zip(self.files, sizes, strict=True):
            digest.update(f"{os.path.basename(file)} {size}\n".encode())
            with open_binary(file) as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
                    if not whole:
                        break
        return {"files": len(self.files), "bytes": sum(sizes), "sha256": digest.hexdigest(), "of all bytes": whole}


def cut(texts: Iterator[tuple[str, str, Text]], size: int, done: Collection[str] = ()) -> Iterator[Chunk]:
    """Chunks of entries, each of which has its file and kind before it; see `Library.chunks`."""
    first, held, letters = 0, list[tuple[str, str, Text]](), 0
    for entry in texts:
        held.append(entry)
        letters += len(entry[2].text)
        if len(held) >= size or letters >= MOST_BYTES:
            if chunk_name(first) not in done:
                yield _chunk(first, held)
            first, held, letters = first + len(held), [], 0
    if held and chunk_name(first) not in done:
        yield _chunk(first, held)


def _chunk(first: int, held: list[tuple[str, str, Text]]) -> Chunk:
    slices: list[tuple[str, str, list[Text]]] = []
    for file, kind, text in held:
        if not slices or slices[-1][0] != file:
            slices.append((file, kind, []))
        slices[-1][2].append(text)
    return Chunk(first, tuple(Slice(file, kind, tuple(texts)) for file, kind, texts in slices))


def _size(file: str) -> int:
    if not is_url(file):
        return os.path.getsize(file)
    from rdkit_ebd.io.places import file_system

    system, path = file_system(file)
    return int(system.get_file_info(path).size or 0)
