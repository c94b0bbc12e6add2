"""Which molecules does a JSON hold? SMILES with names and fields, or molecules as RDKit's own JSON has them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rdkit import Chem

from rdkit_ebd.io.columns import Text, columns_of

LONGEST_DOCUMENT = 200_000_000  # letters; more molecules come as JSON lines
_HEADS = ("rdkitjson", "commonchem")  # keys that say which version of molecules as JSON this is


def json_texts(lines: Iterator[str], by_line: bool) -> Iterator[Text]:
    """The molecules of a document, or of one a line, each before it is one.

    Args:
        lines: Of the file.
        by_line: Whether each line is a document.
    """
    number = 0
    for document, problem in _documents(lines, by_line):
        try:
            found = [Text(0, "", problem)] if problem else list(_molecules(json.loads(document)))
        except (ValueError, RecursionError) as error:
            found = [Text(0, "", f"it is no JSON: {error}")]
        for text in found:
            number += 1
            yield text._replace(number=number)


def from_json(text: str) -> Chem.Mol | None:
    """The molecule of a text that is no SMILES."""
    mols = Chem.JSONToMols(text)
    return mols[0] if mols else None


def _documents(lines: Iterator[str], by_line: bool) -> Iterator[tuple[str, str]]:
    if by_line:
        yield from ((line, "") for line in lines if line.strip())
        return
    parts, size = [], 0
    for line in lines:
        parts.append(line)
        size += len(line)
        if size > LONGEST_DOCUMENT:
            yield "", f"the document is longer than {LONGEST_DOCUMENT} letters: give JSON lines (.jsonl)"
            return
    if size:
        yield "".join(parts), ""


def _molecules(data: Any) -> Iterator[Text]:
    if isinstance(data, Mapping) and "molecules" in data and any(head in data for head in _HEADS):
        common = {key: value for key, value in data.items() if key != "molecules"}
        for molecule in data["molecules"]:
            name = molecule.get("name", "") if isinstance(molecule, Mapping) else ""
            yield Text(0, json.dumps({**common, "molecules": [molecule]}), name=str(name))
        return
    for item in data if isinstance(data, list) else [data]:
        yield _molecule(item)


def _molecule(item: Any) -> Text:
    if isinstance(item, str):
        return Text(0, item)
    fields = {str(key): _plain(value) for key, value in item.items()} if isinstance(item, Mapping) else {}
    columns = columns_of(",".join(key.replace(",", " ") for key in fields)) if fields else None
    if columns is None:
        return Text(0, "", 'a SMILES is expected, or an object such as {"smiles": "CCO", "name": "ethanol"}')
    return columns.text(0, list(fields.values()), list(fields))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
