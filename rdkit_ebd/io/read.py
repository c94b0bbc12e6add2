"""How do molecules come in and conformers go out? SMILES and SD files, one bad line at a time, written whole or not."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from rdkit import Chem, rdBase

from rdkit_ebd.runtime.whole_file import STANDARD_STREAM

SMILES_SUFFIXES = (".smi", ".smiles", ".txt")
SD_SUFFIXES = (".sdf", ".sd", ".mol")

# Stack frames, banners, and lines that say again what the first one said.
_NOISE = re.compile(
    r"^\d+# |\*\*\*|check for mistakes|Failed parsing SMILES|moving to the beginning|Violation occurred"
)
_LOG_STAMP = re.compile(r"^\[\d\d:\d\d:\d\d\] ", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """What stands at one place of an input.

    Attributes:
        number: Line of a SMILES file or record of an SD file, from 1.
        name: The molecule's name; a SMILES without one is its own name.
        mol: As it was written, no hydrogens added or removed; None where it could not be read.
        problem: Why it could not be read.

    Example:
        >>> [entry] = read_molecules("CCO")
        >>> entry.number, entry.name, entry.mol.GetNumAtoms(), entry.problem
        (1, 'CCO', 3, '')
    """

    number: int
    name: str
    mol: Chem.Mol | None
    problem: str = ""


class _Text(NamedTuple):
    """A line or a record before it is a molecule; `problem` is set where the file itself could not be read on."""

    number: int
    text: str
    problem: str = ""


def read_molecules(source: str | os.PathLike[str], skip: int = 0) -> Iterator[Entry]:
    """Read molecules one by one; what cannot be read becomes an entry that says why, and the reading goes on.

    Args:
        source: A SMILES; or a file of SMILES lines (.smi, .smiles, .txt: SMILES, blanks or a tab, name; a header,
            blank lines and lines that start with # are skipped) or of SD records (.sdf, .sd, .mol), also with .gz;
            or "-" for SMILES lines on standard input.
        skip: Entries at the beginning that are left out; they are passed over without being parsed.

    Returns:
        Entries in the order of the input. SD properties are properties of the molecules.

    Raises:
        FileNotFoundError: `source` has a suffix of the above and does not exist.
        ValueError: It is neither a file of these kinds nor a SMILES.

    Example:
        >>> with open("two.smi", "w") as file:
        ...     print("CCO ethanol", "C1CC broken", sep="\\n", file=file)
        >>> for entry in read_molecules("two.smi"):
        ...     print(entry.number, entry.name, "read" if entry.mol else entry.problem)
        1 ethanol read
        2 broken ...
    """
    if _kind(source) == "":
        return iter([_literal(str(source))][skip:])
    parse = _parse_record if _kind(source) == "sd" else _parse_line
    texts = islice(_texts(source), skip, None)
    return (parse(text) if not text.problem else Entry(text.number, "", None, text.problem) for text in texts)


def count_molecules(source: str | os.PathLike[str]) -> int | None:
    """How many entries `read_molecules` will give.

    Args:
        source: As there.

    Returns:
        The number; None where only reading tells (standard input).

    Example:
        >>> with open("three.smi", "w") as file:
        ...     print("CCO", "CCN", "CCC", sep="\\n", file=file)
        >>> count_molecules("three.smi"), count_molecules("CCO")
        (3, 1)
    """
    if str(source) == STANDARD_STREAM:
        return None
    return sum(1 for _ in _texts(source)) if _kind(source) else 1


def place(source: str | os.PathLike[str]) -> str:
    """What an entry's number counts: "line" or "record"."""
    return "record" if _kind(source) == "sd" else "line"


def content_hash(source: str | os.PathLike[str]) -> str:
    """SHA-256 of what an input holds, in hex: of a file's bytes, or of a SMILES.

    Raises:
        OSError: The file cannot be read.
        ValueError: The input is standard input, which can be read only once.
    """
    if str(source) == STANDARD_STREAM:
        raise ValueError("standard input can be read only once")
    if not _kind(source):
        return hashlib.sha256(os.fspath(source).encode()).hexdigest()
    digest = hashlib.sha256()
    with open(source, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _kind(source: str | os.PathLike[str]) -> str:
    """ "smiles" or "sd" for a file, by its suffix; "" for a SMILES."""
    if str(source) == STANDARD_STREAM:
        return "smiles"
    name = os.fspath(source).lower().removesuffix(".gz")
    return "smiles" if name.endswith(SMILES_SUFFIXES) else "sd" if name.endswith(SD_SUFFIXES) else ""


def _literal(smiles: str) -> Entry:
    entry = _parse_line(_Text(1, smiles))
    if entry.mol is not None:
        return entry
    suffixes = ", ".join(SMILES_SUFFIXES + SD_SUFFIXES)
    if os.path.exists(smiles):
        raise ValueError(
            f"{smiles!r} is of no known kind; the name of a file must end in {suffixes} (or these with .gz)"
        )
    raise ValueError(f"{smiles!r} is neither a file ({suffixes}) nor a SMILES: {entry.problem}")


def _texts(source: str | os.PathLike[str]) -> Iterator[_Text]:
    """Lines or records of a file; that it exists is checked at once, and damage further on ends it as a problem."""
    if str(source) == STANDARD_STREAM:
        return _lines(sys.stdin)
    path = Path(source)
    path.stat()  # raises FileNotFoundError now, not when the first molecule is asked for
    if path.is_dir():
        raise ValueError(f"{str(path)!r} is a folder")
    return _from_file(path, _kind(source) == "sd")


def _from_file(path: Path, sd: bool) -> Iterator[_Text]:
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    number = 0
    try:
        # utf-8-sig: spreadsheets put a byte order mark in front. A wrong byte in a name is not worth a molecule.
        with opener(path, "rt", encoding="utf-8-sig", errors="replace") as stream:
            for text in _records(stream) if sd else _lines(stream):
                number = text.number
                yield text
    except (OSError, EOFError, zlib.error) as error:
        yield _Text(number + 1, "", f"the file is damaged from here on: {error}")


def _lines(stream: IO[str]) -> Iterator[_Text]:
    first = True
    for number, line in enumerate(stream, start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        # No SMILES has these three letters in a row; headers are "SMILES Name", "canonical_smiles", "smi id", ...
        if not (first and "smi" in line.split()[0].lower()):
            yield _Text(number, line)
        first = False


def _records(stream: IO[str]) -> Iterator[_Text]:
    """Records of an SD file, each on its own: RDKit's supplier loses its place after some kinds of damage."""
    number, block = 1, ""
    for line in stream:
        if line.startswith("$$$$"):
            yield _Text(number, block)
            number, block = number + 1, ""
        else:
            block += line
    if block.strip():  # a mol file, or an SD file without its last separator
        yield _Text(number, block)


def _parse_line(line: _Text) -> Entry:
    smiles, _, name = line.text.strip().partition("\t" if "\t" in line.text.strip() else " ")
    with rdBase.CaptureErrorLog() as log:
        mol = Chem.MolFromSmiles(line.text.strip())  # the whole line: extensions such as |&1:1| come before the name
    if mol is not None and mol.HasProp("_Name"):
        name = mol.GetProp("_Name")
    return _entry(line.number, name.strip() or smiles, mol, log.messages)


def _parse_record(record: _Text) -> Entry:
    supplier = Chem.SDMolSupplier()
    with rdBase.CaptureErrorLog() as log:
        supplier.SetData(record.text, removeHs=False)
        mol = next(iter(supplier), None)
    return _entry(record.number, record.text.partition("\n")[0].strip(), mol, log.messages)


def _entry(number: int, name: str, mol: Chem.Mol | None, messages: str) -> Entry:
    if mol is None:
        return Entry(number, name, None, _reason(messages) or "RDKit cannot read it and does not say why")
    if mol.GetNumAtoms() == 0:
        return Entry(number, name, None, "it has no atoms")
    return Entry(number, name, mol)


def _reason(messages: str) -> str:
    """RDKit's complaint in one line: without the time of day, its stack trace and what only repeats the input."""
    lines = [line.strip() for line in _LOG_STAMP.sub("", messages).splitlines()]
    telling = [line for line in lines if " " in line and not _NOISE.search(line)]
    return "; ".join(dict.fromkeys(telling))
