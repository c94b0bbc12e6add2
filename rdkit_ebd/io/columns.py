"""Which column of a table has the SMILES, which the name? As its header says, or as the user does."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from rdkit import Chem, rdBase

LONGEST_LINE = 50_000  # letters of a line; longer ones are of no molecule that is treated here

_SMILES_COLUMN = re.compile(r"(\w*[_ -])?smi(les)?([_ -]\w*)?", re.IGNORECASE)
_INCHI_COLUMN = re.compile(r"(\w*[_ -])?inchi", re.IGNORECASE)
_NAME_COLUMN = re.compile(r"(\w*[_ -])?(name|title|id|identifier|chembl\w*)", re.IGNORECASE)
SEPARATORS = ("\t", ",", ";")


class Text(NamedTuple):
    """A line or a record before it is a molecule.

    Attributes:
        number: Of the line or record, from 1.
        text: It; of a line with columns the SMILES alone.
        problem: Why the file could not be read on.
        name: What a column gives as the name; None where there are no columns.
        fields: What the other columns of a table have, by their names.
    """

    number: int
    text: str
    problem: str = ""
    name: str | None = None
    fields: Mapping[str, str] = {}  # of a tuple, and never changed


@dataclass(frozen=True)
class ColumnChoice:
    """Columns by name, in any case, or by number from 1; None: as the header says.

    Attributes:
        smiles: Of the SMILES or InChI.
        name: Of the name.
    """

    smiles: str | None = None
    name: str | None = None

    def __bool__(self) -> bool:
        return self.smiles is not None or self.name is not None


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
        return self.text(number, [field.strip().strip('"') for field in line.split(self.separator)])

    def text(self, number: int, fields: list[str], header: list[str] | None = None) -> Text:
        """The fields of a line by its columns; those that the header names beside the two are kept."""
        if len(fields) <= self.smiles:
            return Text(number, "", f"there is no column {self.smiles + 1}, in which the SMILES is")
        if len(fields[self.smiles]) > LONGEST_LINE:
            return Text(number, "", f"the SMILES is longer than {LONGEST_LINE} letters")
        name = fields[self.name] if self.name is not None and self.name < len(fields) else ""
        kept = {
            title: value
            for k, (title, value) in enumerate(zip(header or [], fields, strict=False))
            if k not in (self.smiles, self.name) and title and value
        }
        return Text(number, fields[self.smiles], name=name, fields=kept)


def columns_of(line: str) -> Columns | None:
    """The columns that a header names; None where the line is none."""
    separator = next((sign for sign in SEPARATORS if sign in line), None)
    names = [field.strip().strip('"') for field in line.split(separator)]
    kinds = (_SMILES_COLUMN, _INCHI_COLUMN)
    smiles = next((k for kind in kinds for k, name in enumerate(names) if kind.fullmatch(name)), None)
    if smiles is None:
        # No SMILES has these three letters in a row; headers are "canonical_smiles id", "SMI", ...
        return Columns(None, 0, None) if "smi" in line.split()[0].lower() else None
    if smiles and _is_smiles(names[0]):
        return None
    others = [k for k in range(len(names)) if k != smiles]
    named = [k for k in others if _NAME_COLUMN.fullmatch(names[k])]
    return Columns(separator, smiles, next(iter([*named, *others]), None))


@dataclass
class Table:
    """The rows of a CSV or TSV file, quotes and all.

    Attributes:
        choice: Columns that the user names.
        separator: Between the columns; None: as the first line has it.
    """

    choice: ColumnChoice = field(default_factory=ColumnChoice)
    separator: str | None = None

    def texts(self, lines: Iterator[str]) -> Iterator[Text]:
        """Its rows; the first may be a header.

        Raises:
            ValueError: There is no such column.
        """
        before, first = [], ""
        for first in lines:
            if first.strip():
                break
            before.append(first)
        separator = self.separator or next((sign for sign in SEPARATORS if sign in first), ",")
        reader = csv.reader(chain(before, [first], lines), delimiter=separator)
        columns, header = None, None
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                yield Text(reader.line_num, "", f"the table is damaged here: {error}")
                continue
            if row is None:
                return
            fields = [value.strip() for value in row]
            if not any(fields):
                continue
            if columns is None:
                columns, is_header = self.layout(fields, separator)
                if is_header:
                    header = fields
                    continue
            yield columns.text(reader.line_num, fields, header)

    def layout(self, fields: list[str], separator: str) -> tuple[Columns, bool]:
        """The layout, and whether the first row is a header."""
        found = columns_of(separator.join(fields)) if len(fields) > 1 else columns_of(fields[0])
        guessed = found or Columns(separator, 0, 1 if len(fields) > 1 else None)
        smiles, named = _place(self.choice.smiles, fields), _place(self.choice.name, fields)
        name = guessed.name if self.choice.name is None else named
        place = guessed.smiles if smiles is None else smiles
        if name == place:
            name = None if self.choice.name is None else name
        by_title = any(c and not c.isdecimal() for c in (self.choice.smiles, self.choice.name))
        # A first row without a known title is a molecule, which says so where it is none: nothing is passed over.
        return Columns(separator, place, name), found is not None or by_title


def _place(wanted: str | None, header: list[str]) -> int | None:
    """Number of a column from 0.

    Raises:
        ValueError: There is no such column.
    """
    if wanted is None:
        return None
    titles = [title.lower() for title in header]
    if wanted.lower() in titles:
        return titles.index(wanted.lower())
    if wanted.isdecimal() and 1 <= int(wanted) <= len(header):
        return int(wanted) - 1
    raise ValueError(f"there is no column {wanted!r}; the first line has {', '.join(header)}")


def _is_smiles(word: str) -> bool:
    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(word, sanitize=False) is not None
