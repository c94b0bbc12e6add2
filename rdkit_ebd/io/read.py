"""How do molecules come in? From SMILES and SD files, each on its own: what cannot be read says why."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from rdkit import Chem, rdBase

from rdkit_ebd.io.blocks import SUFFIXES as OTHER_SUFFIXES
from rdkit_ebd.io.columns import LONGEST_LINE, ColumnChoice, Text
from rdkit_ebd.io.formats import name_in, read_block
from rdkit_ebd.io.json_molecules import from_json
from rdkit_ebd.io.parquet_input import parquet_rows
from rdkit_ebd.io.places import open_binary
from rdkit_ebd.io.texts import SD_SUFFIXES, SMILES_SUFFIXES, TABULAR_SUFFIXES, kind_of, texts_of
from rdkit_ebd.runtime.whole_file import STANDARD_STREAM

# Stack frames, banners, and lines that say again what the first one said.
_NOISE = re.compile(
    r"^\d+# |\*\*\*|check for mistakes|Failed parsing SMILES|moving to the beginning|Violation occurred"
)
# A field of this name takes the place of RDKit's own list of properties, and nothing can be done with the molecule.
_UNREADABLE_FIELD = re.compile(r"^>[^\n]*<__computedProps>[^\n]*\n(?:[^\n]+\n)*\n?", re.MULTILINE)
_INCHI = "InChI="
_SMILES = re.compile(r"\S+([ \t]+\|[^|]*\|)?")  # with its extensions, without a name
_LOG_STAMP = re.compile(r"^\[\d\d:\d\d:\d\d\] ", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """What stands at one place of an input.

    Attributes:
        number: Line of a SMILES file or record of an SD file, from 1.
        name: The molecule's name; a SMILES without one is its own name.
        mol: As it was written, no hydrogens added or removed; None where it could not be read.
        problem: Why it could not be read.
        text: Its SMILES as it was written; empty for a record.
        left_out: Why nothing is made of it though it can be read, such as "the molecule of line 3"; empty: it is not.
        notes: What was done to it before, such as "without [Na+]".

    Example:
        >>> [entry] = read_molecules("CCO")
        >>> entry.number, entry.name, entry.mol.GetNumAtoms(), entry.problem
        (1, 'CCO', 3, '')
    """

    number: int
    name: str
    mol: Chem.Mol | None
    problem: str = ""
    text: str = ""
    left_out: str = ""
    notes: tuple[str, ...] = ()


def read_molecules(
    source: str | os.PathLike[str], skip: int = 0, columns: ColumnChoice | None = None
) -> Iterator[Entry]:
    """Read molecules one by one; what cannot be read becomes an entry that says why, and the reading continues.

    Args:
        source: A SMILES or InChI; or a file of SMILES or InChI lines (.smi, .smiles, .txt, .inchi: SMILES, blanks, a
            tab or a comma, name, or the columns that a header names; blank lines and lines that start with # are
            skipped), a table (.csv, .tsv, .parquet), JSON (.json, .jsonl: SMILES, objects with "smiles" and "name",
            RDKit's own), SD records (.sdf, .sd, .mol), MOL2, Maestro (.mae, .maegz), PDB (.pdb, .ent: one ligand, each
            model a molecule) or XYZ, also with .gz or .zst, also at an address such as s3://bucket/library.parquet; or
            "-" for lines or SD records on standard input. Bond orders that PDB and XYZ leave open are perceived where
            all hydrogens are there.
        skip: Entries at the beginning that are left out; they are passed over without being parsed.
        columns: Which columns have the SMILES and the name; None: as the header says.

    Returns:
        Entries in the order of the input. SD properties, and other columns of a table, are properties of the molecules.

    Raises:
        FileNotFoundError: `source` has a suffix of the above and does not exist.
        ValueError: It is neither a file of these kinds nor a SMILES; or, once it is iterated, it has no such column.
        ImportError: What reads or unpacks such files is not installed; the message has the install line.

    Example:
        >>> with open("two.smi", "w") as file:
        ...     print("CCO ethanol", "C1CC broken", sep="\\n", file=file)
        >>> for entry in read_molecules("two.smi"):
        ...     print(entry.number, entry.name, "read" if entry.mol else entry.problem)
        1 ethanol read
        2 broken ...
    """
    kind = kind_of(source)
    if kind == "":
        return iter([_literal(str(source))][skip:])
    return map(parser_of(kind), islice(texts_of(source, columns), skip, None))


def parser_of(kind: str) -> Callable[[Text], Entry]:
    """What makes entries of the texts of a kind, as `kind_of` names it."""
    known = {"sd": _parse_record, "json": _parse_json, **dict.fromkeys(("smiles", "table", "parquet"), _parse_line)}
    return partial(_parsed, known.get(kind) or partial(_parse_block, kind))


def count_molecules(source: str | os.PathLike[str], columns: ColumnChoice | None = None) -> int | None:
    """How many entries `read_molecules` will give.

    Args:
        source: As there.
        columns: As there.

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
    if kind_of(source) == "parquet":
        return parquet_rows(source)
    return sum(1 for _ in texts_of(source, columns)) if kind_of(source) else 1


def place(source: str | os.PathLike[str]) -> str:
    """What an entry's number counts: "line" or "record"."""
    return "line" if kind_of(source) in ("", "smiles", "table", "parquet") else "record"


def content_hash(source: str | os.PathLike[str]) -> str:
    """SHA-256 of what an input holds, in hex: of a file's bytes, or of a SMILES.

    Raises:
        OSError: The file cannot be read.
        ValueError: The input is standard input, which can be read only once.
    """
    if str(source) == STANDARD_STREAM:
        raise ValueError("standard input can be read only once")
    if not kind_of(source):
        return hashlib.sha256(os.fspath(source).encode()).hexdigest()
    digest = hashlib.sha256()
    with open_binary(source) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _literal(smiles: str) -> Entry:
    if len(smiles) > LONGEST_LINE:
        raise ValueError(f"a SMILES of {len(smiles)} letters is longer than {LONGEST_LINE}")
    entry = _parse_line(Text(1, smiles))
    if entry.mol is not None:
        return entry
    suffixes = ", ".join((*SMILES_SUFFIXES, *TABULAR_SUFFIXES, *SD_SUFFIXES, *OTHER_SUFFIXES))
    if os.path.exists(smiles):
        raise ValueError(
            f"{smiles!r} is of no known kind; the name of a file must end in {suffixes} (or these with .gz or .zst)"
        )
    raise ValueError(f"{smiles!r} is neither a file ({suffixes}) nor a SMILES: {entry.problem}")


def _parsed(parse: Callable[[Text], Entry], text: Text) -> Entry:
    return Entry(text.number, "", None, text.problem) if text.problem else parse(text)


def _parse_line(line: Text) -> Entry:
    text = line.text.strip()
    # The whole line: extensions such as |&1:1| come before the name.
    mol, messages = _asked(lambda: _from_inchi(text) if text.startswith(_INCHI) else Chem.MolFromSmiles(text))
    smiles, _, name = text.partition("\t" if "\t" in text else " ")
    if mol is not None and mol.HasProp("_Name"):
        name = mol.GetProp("_Name")
    if line.name is not None:
        name = line.name
    if mol is not None and (line.name is not None or text.startswith(_INCHI)):
        mol.SetProp("_Name", name.strip())
    for title, value in line.fields.items():
        if mol is not None:
            mol.SetProp(title, value)
    written = _SMILES.match(text)
    return replace(_entry(line.number, name.strip() or smiles, mol, messages), text=written[0] if written else "")


def _from_inchi(text: str) -> Chem.Mol | None:
    return Chem.MolFromInchi(text.split()[0])


def _parse_json(text: Text) -> Entry:
    if not text.text.startswith("{"):
        return _parse_line(text)
    return _entry(text.number, (text.name or "").strip(), *_asked(lambda: from_json(text.text)))


def _parse_block(kind: str, block: Text) -> Entry:
    name = name_in(block.text, kind)
    mol, messages = _asked(lambda: read_block(block.text, kind))
    if mol is not None and mol.HasProp("_Name"):
        name = mol.GetProp("_Name").strip()
    return _entry(block.number, name, mol, messages)


def _parse_record(record: Text) -> Entry:
    supplier = Chem.SDMolSupplier()

    def read() -> Chem.Mol | None:
        supplier.SetData(_UNREADABLE_FIELD.sub("", record.text), removeHs=False)
        return next(iter(supplier), None)

    return _entry(record.number, record.text.partition("\n")[0].strip(), *_asked(read))


def _asked(read: Callable[[], Chem.Mol | None]) -> tuple[Chem.Mol | None, str]:
    """What RDKit reads and what it says meanwhile; whatever it raises is something that it says."""
    mol, raised = None, ""
    with rdBase.CaptureErrorLog() as log:
        try:
            mol = read()
        except Exception as error:
            raised = f"{error}"
    try:
        messages = log.messages
    except UnicodeDecodeError:  # RDKit cuts letters beyond ASCII in the middle
        messages = "there are letters beyond ASCII where RDKit expects none"
    return mol, messages or raised


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
    return "; ".join(dict.fromkeys(telling)) or " ".join(messages.split())
