"""Where do molecules end in files that are not SMILES nor SD? MOL2, PDB, XYZ, Maestro: one text for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

Block = tuple[str, str]
"""The text of a molecule, and why it could not be read."""

LONGEST_BLOCK = 10_000_000  # letters
SUFFIXES = {".mol2": "mol2", ".pdb": "pdb", ".ent": "pdb", ".xyz": "xyz", ".mae": "mae", ".maegz": "mae"}
_CUT_OFF = f"the molecule is longer than {LONGEST_BLOCK} letters"


def blocks_of(lines: Iterator[str], kind: str) -> Iterator[Block]:
    """Molecules of a file, as text.

    Args:
        lines: Of the file.
        kind: One of the values of `SUFFIXES`.
    """
    split: Callable[[Iterator[str]], Iterator[Block]] = {"mol2": _mol2, "pdb": _pdb, "xyz": _xyz, "mae": _mae}[kind]
    return split(lines)


def _mol2(lines: Iterator[str]) -> Iterator[Block]:
    return _from_heads(lines, lambda line: line.startswith("@<TRIPOS>MOLECULE"))


def _pdb(lines: Iterator[str]) -> Iterator[Block]:
    """Each model is a molecule; CONECT records of the end belong to all of them."""
    models: list[str] = []
    block, size, bonds = "", 0, ""
    for line in lines:
        kind = line[:6].strip()
        if kind in ("MODEL", "ENDMDL", "END"):
            if block:
                models.append(block)
            block = ""
        elif kind == "CONECT":
            bonds += line
        elif kind in ("ATOM", "HETATM", "COMPND"):
            block += line
        size += len(line)
        if size > LONGEST_BLOCK:
            yield "", _CUT_OFF
            return
    models += [block] if block else []
    for model in models:
        yield model + bonds + "END\n", ""


def _xyz(lines: Iterator[str]) -> Iterator[Block]:
    for line in lines:
        if not line.strip():
            continue
        if not line.strip().isdecimal():
            yield "", f"a number of atoms is expected, not {line.strip()[:40]!r}"
            return
        count, text = int(line), line
        for _ in range(count + 1):
            text += next(lines, "")
            if len(text) > LONGEST_BLOCK:
                yield "", _CUT_OFF
                return
        yield text, ""


def _mae(lines: Iterator[str]) -> Iterator[Block]:
    head = ""
    for line in lines:
        if line.startswith("f_m_ct"):
            for block, problem in _from_heads(_with(line, lines), lambda line: line.startswith("f_m_ct")):
                yield head + block, problem
            return
        head += line


def _from_heads(lines: Iterator[str], begins: Callable[[str], bool]) -> Iterator[Block]:
    """Texts that begin with such a line; what is before the first of them is nothing."""
    block, size, inside = "", 0, False
    for line in lines:
        if begins(line):
            if inside:
                yield (block, "") if size <= LONGEST_BLOCK else ("", _CUT_OFF)
            block, size, inside = "", 0, True
        if inside:
            size += len(line)
            block = block + line if size <= LONGEST_BLOCK else ""
    if inside:
        yield (block, "") if size <= LONGEST_BLOCK else ("", _CUT_OFF)


def _with(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines
