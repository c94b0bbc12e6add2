"""Where does one molecule of an input end and the next begin? Lines and records, before they are molecules."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterator
from itertools import chain, islice
from typing import IO, Any

from rdkit_ebd.io.blocks import SUFFIXES as OTHER_SUFFIXES
from rdkit_ebd.io.blocks import blocks_of
from rdkit_ebd.io.columns import LONGEST_LINE, ColumnChoice, Columns, Table, Text, columns_of
from rdkit_ebd.io.json_molecules import json_texts
from rdkit_ebd.io.parquet_input import parquet_texts
from rdkit_ebd.io.places import check_there, open_text, unpacked_name
from rdkit_ebd.runtime.whole_file import STANDARD_STREAM

SMILES_SUFFIXES = (".smi", ".smiles", ".txt", ".inchi")
SD_SUFFIXES = (".sdf", ".sd", ".mol")

TABLE_SUFFIXES = (".csv", ".tsv")
PARQUET_SUFFIXES = (".parquet", ".pq")

JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
TABULAR_SUFFIXES = (*TABLE_SUFFIXES, *PARQUET_SUFFIXES, *JSON_SUFFIXES)

LONGEST_RECORD = 10_000_000  # letters of an SD record; longer ones are not read into memory


def kind_of(source: str | os.PathLike[str]) -> str:
    """ "smiles", "table", "parquet", "sd", "json", "mol2", "pdb", "xyz" or "mae" by a file's suffix; "" for a SMILES.

    Standard input is "sd" or "smiles", by how it begins.
    """
    if str(source) == STANDARD_STREAM:
        return "sd" if any(line.rstrip()[-5:] in ("V2000", "V3000") for line in _beginning()) else "smiles"
    name = unpacked_name(source)
    kinds = {SMILES_SUFFIXES: "smiles", TABLE_SUFFIXES: "table", PARQUET_SUFFIXES: "parquet"}
    kinds |= {SD_SUFFIXES: "sd", JSON_SUFFIXES: "json"}
    found = next((kind for endings, kind in kinds.items() if name.endswith(endings)), "")
    return found or next((kind for ending, kind in OTHER_SUFFIXES.items() if name.endswith(ending)), "")


def texts_of(source: str | os.PathLike[str], choice: ColumnChoice | None = None) -> Iterator[Text]:
    """Lines or records of a file; that it exists is checked at once, and damage further on ends it as a problem.

    Args:
        source: As `read_molecules` takes it.
        choice: Columns that the user names.

    Raises:
        OSError: There is no such file.
        ValueError: It is a folder, or has no columns though some are named.
    """
    kind = kind_of(source)
    if choice and kind not in ("smiles", "table", "parquet"):
        raise ValueError(f"{str(source)!r} has no columns: they are for tables (.parquet, .csv, .tsv, .smi, .txt)")
    if choice and kind == "smiles":
        kind = "table"
    choice = choice or ColumnChoice()
    if str(source) == STANDARD_STREAM:
        return _from_stream(chain(_beginning(), _bounded(sys.stdin)), kind, choice)
    check_there(source)  # now, not when the first molecule is asked for
    return parquet_texts(source, choice) if kind == "parquet" else _from_file(os.fspath(source), kind, choice)


_peeked: tuple[Any, list[str]] = (None, [])  # standard input, and the lines of it that were looked at


def _beginning() -> list[str]:
    """The first four lines of standard input, which stay to be read: in the fourth a mol block says its version."""
    global _peeked
    if _peeked[0] is not sys.stdin:
        if hasattr(sys.stdin, "reconfigure"):
            sys.stdin.reconfigure(encoding="utf-8", errors="replace")
        _peeked = sys.stdin, list(islice(_bounded(sys.stdin), 4))
    return _peeked[1]


def _from_file(place: str, kind: str, choice: ColumnChoice) -> Iterator[Text]:
    number = 0
    try:
        with open_text(place) as stream:
            for text in _from_stream(_bounded(stream), kind, choice, place):
                number = text.number
                yield text
    except _damages() as error:
        yield Text(number + 1, "", f"the file is damaged from here on: {error}")


def _damages() -> tuple[type[Exception], ...]:
    """What those raise who unpack files."""
    zstandard = sys.modules.get("zstandard")
    return OSError, EOFError, zlib.error, *([zstandard.ZstdError] if zstandard else [])


def _bounded(stream: IO[str]) -> Iterator[str]:
    """Lines, of which those longer than a record may be are cut off behind that."""
    while line := stream.readline(LONGEST_RECORD + 1):
        yield line
        while len(line) > LONGEST_RECORD and not line.endswith("\n"):
            line = stream.readline(LONGEST_RECORD + 1)


def _from_stream(stream: Iterator[str], kind: str, choice: ColumnChoice, name: str = "") -> Iterator[Text]:
    lines = _unmarked(stream)
    if kind == "sd":
        return _records(lines)
    if kind == "smiles":
        return _lines(lines)
    if kind == "table":
        return Table(choice, "\t" if unpacked_name(name).endswith(".tsv") else None).texts(lines)
    if kind == "json":
        return json_texts(lines, by_line=not unpacked_name(name).endswith(".json"))
    return (Text(number, block, problem) for number, (block, problem) in enumerate(blocks_of(lines, kind), start=1))


def _unmarked(lines: Iterator[str]) -> Iterator[str]:
    """Lines without the byte order mark that spreadsheets put in front."""
    for number, line in enumerate(lines):
        yield line.removeprefix("\ufeff") if not number else line


def _lines(lines: Iterator[str]) -> Iterator[Text]:
    columns, first = None, True
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if len(line) > LONGEST_LINE:
            yield Text(number, "", f"the line is longer than {LONGEST_LINE} letters")
            continue
        if first:
            first = False
            header = columns_of(line)
            if header is not None:
                # What stands after SMILES and a blank is the name, blanks and all, or extends the SMILES.
                columns = header if header.separator or header.smiles else None
                continue
            commas = "," in line.split()[0] and not line.startswith("InChI=")  # there is none in a SMILES
            columns = Columns(",", 0, 1) if commas else None
        yield columns.read(number, line) if columns else Text(number, line)


def _records(lines: Iterator[str]) -> Iterator[Text]:
    """Records of an SD file, each on its own: RDKit's supplier loses its place after some kinds of damage."""
    number, block, size = 1, "", 0
    for line in lines:
        if line.startswith("$$$$"):
            yield _record(number, block, size)
            number, block, size = number + 1, "", 0
        else:
            size += len(line)
            block = block + line if size <= LONGEST_RECORD else ""
    if block.strip() or size > LONGEST_RECORD:  # a mol file, or an SD file without its last separator
        yield _record(number, block, size)


def _record(number: int, block: str, size: int) -> Text:
    return Text(number, block, f"the record is longer than {LONGEST_RECORD} letters" * (size > LONGEST_RECORD))
