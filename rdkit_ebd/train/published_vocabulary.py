"""What does a vocabulary file of the published tokeniser hold? Its unions, with their sizes and frequencies."""

from __future__ import annotations

import json

from rdkit import Chem, rdBase

from rdkit_ebd.chem.fragments import Vocabulary


def published_vocabulary(text: str) -> Vocabulary:
    """Read a vocabulary file: a line of JSON, then SMILES, number of atoms and frequency, separated by tabs.

    Elements come first in what is returned, then unions as they were learned: the most frequent first.

    Raises:
        ValueError: The file is of another kind; the first line that does not fit is named.
    """
    head, *lines = text.strip().splitlines()
    settings = json.loads(head)
    if not isinstance(settings, dict) or settings.get("kekulize", False) is not False:
        raise ValueError(f'its first line should be {{"kekulize": false}}, the one way that is replayed, not {head!r}')
    entries = [_entry(number, line) for number, line in enumerate(lines, 2)]
    if len({smiles for smiles, _, _ in entries}) < len(entries):
        raise ValueError("it names a fragment twice")
    entries.sort(key=lambda entry: (entry[1] > 1, -entry[2] if entry[1] > 1 else 0, entry[1]))
    smiles, _, counts = zip(*entries, strict=True) if entries else ((), (), ())
    return Vocabulary(len(entries), smiles, counts, "published")


def _entry(number: int, line: str) -> tuple[str, int, int]:
    """SMILES, atoms and frequency of a line."""
    parts = line.split("\t")
    if len(parts) != 3 or not (parts[1].isdecimal() and parts[2].isdecimal()):
        raise ValueError(f"line {number} is not SMILES, number of atoms and frequency: {line!r}")
    smiles, atoms = parts[0], int(parts[1])
    with rdBase.BlockLogs():  # elements are written as symbols, "Si" and the like
        mol = Chem.MolFromSmiles(f"[{smiles}]" if atoms == 1 else smiles, sanitize=False)
    if mol is None or mol.GetNumAtoms() != atoms:
        raise ValueError(f"line {number} does not name a fragment of {atoms} atoms: {smiles!r}")
    return smiles, atoms, int(parts[2])
