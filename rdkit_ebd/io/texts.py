"""Where does one molecule of an input end and the next begin? Lines and records, before they are molecules."""

from __future__ import annotations

import gzip
import os
import re
import sys
import zlib
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from rdkit import Chem, rdBase

from rdkit_ebd.runtime.whole_file import STANDARD_STREAM

SMILES_SUFFIXES = (".smi", ".smiles", ".txt")
SD_SUFFIXES = (".sdf", ".sd", ".mol")

# Longer ones are of no molecule that is treated here, and are not read into memory.
LONGEST_LINE, LONGEST_RECORD = 50_000, 10_000_000  # letters, of a line of SMILES and of an SD record

_SMILES_COLUMN = re.compile(r"(\w*[_ -])?smi(les)?([_ -]\w*)?", re.IGNORECASE)
_NAME_COLUMN = re.compile(r"(\w*[_ -])?(name|title|id|identifier|chembl\w*)", re.IGNORECASE)


class Text(NamedTuple):
    """A line or a record before it is a molecule.

    Attributes:
        number: Of the line or record, from 1.
        text: It; of a line with columns the SMILES alone.
        problem: Why the file could not be read on.
        name: What a column gives as the name; None where there are no columns.
    """

    number: int
    text: str
    problem: str = ""
    name: str | None = None


class Columns(NamedTuple):
    """How the lines of a table are laid out.

    Attributes:
        separator: Between the columns; None for blanks.
        smiles: Number of the column, from 0.
        name: Number of the column; None where there is none.
    """

    separator: str | None
    smiles: int
    name: int | None

    def read(self, number: int, line: str) -> Text:
        """A line by its columns."""
        fields = [field.strip().strip('"') for field in line.split(self.separator)]
        if len(fields) <= self.smiles:
            return Text(number, "", f"there is no column {self.smiles + 1}, in which the SMILES is")
        name = fields[self.name] if self.name is not None and self.name < len(fields) else ""
        return Text(number, fields[self.smiles], name=name)


def kind_of(source: str | os.PathLike[str]) -> str:
    """ "smiles" or "sd" for a file, by its suffix, and for standard input, by how it begins; "" for a SMILES."""
    if str(source) == STANDARD_STREAM:
        return "sd" if any(line.rstrip()[-5:] in ("V2000", "V3000") for line in _beginning()) else "smiles"
    name = os.fspath(source).lower().removesuffix(".gz")
    return "smiles" if name.endswith(SMILES_SUFFIXES) else "sd" if name.endswith(SD_SUFFIXES) else ""


def texts_of(source: str | os.PathLike[str]) -> Iterator[Text]:
    """Lines or records of a file; that it exists is checked at once, and damage further on ends it as a problem."""
    sd = kind_of(source) == "sd"
    if str(source) == STANDARD_STREAM:
        return _from_stream(chain(_beginning(), _bounded(sys.stdin)), sd)
    path = Path(source)
    path.stat()  # raises FileNotFoundError now, not when the first molecule is asked for
    if path.is_dir():
        raise ValueError(f"{str(path)!r} is a folder")
    return _from_file(path, sd)


_peeked: tuple[Any, list[str]] = (None, [])  # standard input, and the lines of it that were looked at


def _beginning() -> list[str]:
    """The first four lines of standard input, which stay to be read: in the fourth a mol block says its version."""
    global _peeked
    if _peeked[0] is not sys.stdin:
        if hasattr(sys.stdin, "reconfigure"):
            sys.stdin.reconfigure(encoding="utf-8", errors="replace")
        _peeked = sys.stdin, list(islice(_bounded(sys.stdin), 4))
    return _peeked[1]


def _from_file(path: Path, sd: bool) -> Iterator[Text]:
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    number = 0
    try:
        # A wrong byte in a name is not worth a molecule.
        with opener(path, "rt", encoding="utf-8", errors="replace") as stream:
            for text in _from_stream(_bounded(stream), sd):
                number = text.number
                yield text
    except (OSError, EOFError, zlib.error) as error:
        yield Text(number + 1, "", f"the file is damaged from here on: {error}")


def _bounded(stream: IO[str]) -> Iterator[str]:
    """Lines, of which those longer than a record may be are cut off behind that."""
    while line := stream.readline(LONGEST_RECORD + 1):
        yield line
        while len(line) > LONGEST_RECORD and not line.endswith("\n"):
            line = stream.readline(LONGEST_RECORD + 1)


def _from_stream(stream: Iterator[str], sd: bool) -> Iterator[Text]:
    return _records(_unmarked(stream)) if sd else _lines(_unmarked(stream))


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
            columns = Columns(",", 0, 1) if "," in line.split()[0] else None  # there is no comma in a SMILES
        yield columns.read(number, line) if columns else Text(number, line)


def columns_of(line: str) -> Columns | None:
    """The columns that a header names; None where the line is none."""
    separator = next((sign for sign in ("\t", ",", ";") if sign in line), None)
    names = [field.strip().strip('"') for field in line.split(separator)]
    smiles = next((k for k, name in enumerate(names) if _SMILES_COLUMN.fullmatch(name)), None)
    if smiles is None:
        # No SMILES has these three letters in a row; headers are "canonical_smiles id", "SMI", ...
        return Columns(None, 0, None) if "smi" in line.split()[0].lower() else None
    if smiles and _is_smiles(names[0]):
        return None
    others = [k for k in range(len(names)) if k != smiles]
    named = [k for k in others if _NAME_COLUMN.fullmatch(names[k])]
    return Columns(separator, smiles, next(iter([*named, *others]), None))


def _is_smiles(word: str) -> bool:
    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(word, sanitize=False) is not None


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
