"""How do tables of conformers become SD files, and these tables? `rdkit-ebd convert out/ -o conformers.sdf`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdkit_ebd.cli.cluster import CHUNK, ChunkSize, Form, ShardForm
from rdkit_ebd.cli.common import PROBLEMS, count, shown, usage_errors, written_or_reported
from rdkit_ebd.cli.records import together

if TYPE_CHECKING:  # RDKit is imported by the commands that need it: `--help` answers at once
    from rdkit import Chem

Molecule = tuple["Chem.Mol", int, int]
"""With its conformers, its position in the input, and its number among the isomers."""


@dataclass
class _Source:
    """The molecules of INPUT, and what could not be read of it."""

    source: str
    problems: list[str] = field(default_factory=list)

    def molecules(self) -> Iterator[Molecule]:
        from rdkit_ebd.io.conformer_table import molecule_key
        from rdkit_ebd.io.places import files_at
        from rdkit_ebd.io.read import place
        from rdkit_ebd.io.texts import kind_of
        from rdkit_ebd.shards.tables import molecules_at, pieces_at, shards_of

        source = shards_of(self.source)
        files = files_at(source, lambda file: kind_of(file) in ("parquet", "sd"))
        if files and kind_of(files[0]) == "parquet":
            tables = pieces_at(source)
            return ((mol, *molecule_key(mol)) for table in tables for mol in molecules_at(table.file))
        if any(place(file) != "record" for file in files):
            raise ValueError(f"{self.source!r} has no coordinates: give SD records or Parquet tables of conformers")
        return self._of_records(files)

    def _of_records(self, files: list[str]) -> Iterator[Molecule]:
        from rdkit_ebd.io.conformer_runs import conformer_runs
        from rdkit_ebd.io.read import read_molecules

        position = 0
        for file in files:
            for group in conformer_runs(read_molecules(file), by_fields=True):
                if group[0].mol is None or not group[0].mol.GetNumConformers():
                    problem = group[0].problem or "it has no coordinates"
                    self.problems.append(f"{file}: record {group[0].number} ({group[0].name}): {problem}")
                else:
                    yield _with_fields(together(group), group[0].mol), position, 0
                    position += 1


def _with_fields(mol: Chem.Mol, record: Chem.Mol) -> Chem.Mol:
    """A molecule with the SD fields of its first record."""
    from rdkit_ebd.io.conformer_table import fields_of

    for name, value in fields_of(record):
        mol.SetProp(name, value)
    return mol


def convert(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="Folder of a run or of shards, a pattern, an address, a .parquet or an .sdf file."
        ),
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", help="SD file (.gz: compressed), .parquet file, or FOLDER/ for shards.")
    ],
    form: ShardForm = None,
    chunk: ChunkSize = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only problems: no summary.")] = False,
) -> None:
    """Turn Parquet tables of conformers into SD records, and SD records into tables.

    Coordinates have four decimals on both sides, so that nothing is lost. SD records that follow one another and are
    conformers of one molecule become its rows. Exit code: 0 all is well, 1 some records could not be read or written,
    2 wrong usage.
    """
    read = _Source(source)
    with written_or_reported(output), usage_errors(), _sink(output, form, chunk or CHUNK, source) as write:
        molecules, conformers = write(read.molecules(), read.problems)
    for problem in read.problems:
        typer.echo(shown(problem), err=True)
    if not quiet:
        typer.echo(f"{count(molecules, 'molecule')}, {count(conformers, 'conformer')} in {output}", err=True)
    raise typer.Exit(PROBLEMS if read.problems or not molecules else 0)


@contextmanager
def _sink(output: str, form: Form | None, chunk: int, source: str) -> Iterator[Any]:
    """What writes molecules to OUTPUT, and says how many molecules and conformers it wrote."""
    from rdkit_ebd.cli.cluster import Place
    from rdkit_ebd.cli.embed_shards import is_sharded
    from rdkit_ebd.io.sdf import SDFWriter, check_output
    from rdkit_ebd.runtime.whole_file import whole_file

    if is_sharded(output, Place(), form.value if form else None):
        from rdkit_ebd.shards.store import Store

        store = Store.at(output)
        if store.sizes(""):
            raise ValueError(f"{output!r} is not empty: write to another folder")
        store.begin()
        yield lambda molecules, problems: _to_shards(molecules, problems, store, form or Form.parquet, chunk)
    elif output.lower().endswith(".parquet"):
        with whole_file(output) as stream:
            yield lambda molecules, problems: _to_table(molecules, problems, stream, chunk)
    else:
        check_output(output, source)
        with SDFWriter(output) as writer:
            yield lambda molecules, problems: _to_records(molecules, problems, writer)


def _to_records(molecules: Iterable[Molecule], problems: list[str], writer: Any) -> tuple[int, int]:
    total = 0
    for mol, _, _ in molecules:
        try:
            total += bool(writer.write(mol))
        except ValueError as error:
            problems.append(f"{mol.GetProp('_Name')}: {error}")
    return total, writer.records


def _to_table(molecules: Iterable[Molecule], problems: list[str], stream: Any, chunk: int) -> tuple[int, int]:
    from rdkit_ebd.io.conformer_table import EXTRA, REPEATED, ConformerTable, schema
    from rdkit_ebd.runtime.extras import needed

    parquet, total, rows = needed("pyarrow.parquet", EXTRA, "Parquet"), 0, 0
    with parquet.ParquetWriter(stream, schema(), compression="zstd", use_dictionary=list(REPEATED)) as writer:
        for group in _chunks(molecules, chunk):
            table = ConformerTable()
            total += _added(group, problems, table)
            rows += len(table)
            writer.write_table(table.table())
    return total, rows


def _to_shards(
    molecules: Iterable[Molecule], problems: list[str], store: Any, form: Form, chunk: int
) -> tuple[int, int]:
    from rdkit_ebd.shards.chunks import chunk_name
    from rdkit_ebd.shards.shard import SUFFIXES, new_shard

    total = conformers = 0
    for group in _chunks(molecules, chunk):
        shard = new_shard(form.value)
        added = _added(group, problems, shard)
        conformers += sum(mol.GetNumConformers() for mol, _, _ in group)
        store.write(f"conformers/{chunk_name(total)}{SUFFIXES[form.value]}", shard.content())
        total += added
    return total, conformers


def _added(group: list[Molecule], problems: list[str], shard: Any) -> int:
    """Add molecules to a shard or table; how many it took."""
    taken = 0
    for mol, position, isomer in group:
        name = mol.GetProp("_Name") if mol.HasProp("_Name") else ""
        try:
            shard.add(mol, position, isomer, name, None)
            taken += 1
        except ValueError as error:
            problems.append(f"{name}: {error}")
    return taken


def _chunks(molecules: Iterable[Molecule], size: int) -> Iterator[list[Molecule]]:
    left = iter(molecules)
    while group := list(islice(left, size)):
        yield group
