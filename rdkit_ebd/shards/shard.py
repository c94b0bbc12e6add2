"""What is in a shard? The conformers of one chunk, as a Parquet table or as SD records."""

from __future__ import annotations

import gzip
from typing import Protocol

from rdkit import Chem

from rdkit_ebd.io.conformer_table import ConformerTable, parquet_bytes
from rdkit_ebd.io.sdf import record_text

SUFFIXES = {"parquet": ".parquet", "sdf": ".sdf.gz"}


class Shard(Protocol):
    """Gathers conformers."""

    def add(self, mol: Chem.Mol, position: int, isomer: int, name: str, bare: Chem.Mol | None) -> None:
        """Add the conformers of a molecule, as `ConformerTable.add` does; a ValueError where that cannot be."""
        ...

    def content(self) -> bytes:
        """The file; the same conformers give the same bytes."""
        ...


class ParquetShard:
    """A table, as `io.conformer_table` describes it."""

    def __init__(self) -> None:
        self._table = ConformerTable()

    def add(self, mol: Chem.Mol, position: int, isomer: int, name: str, bare: Chem.Mol | None) -> None:
        """As `Shard.add`."""
        self._table.add(mol, position, isomer, name, bare)

    def content(self) -> bytes:
        """As `Shard.content`."""
        return parquet_bytes(self._table.table())


class SDFShard:
    """SD records, compressed."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def add(self, mol: Chem.Mol, position: int, isomer: int, name: str, bare: Chem.Mol | None) -> None:
        """As `Shard.add`; the records of a molecule are written all or none."""
        self._texts.extend([record_text(mol, conformer, name) for conformer in mol.GetConformers()])

    def content(self) -> bytes:
        """As `Shard.content`."""
        return gzip.compress("".join(self._texts).encode(), mtime=0)


def new_shard(form: str) -> Shard:
    """An empty shard of a form, one of `SUFFIXES`."""
    return ParquetShard() if form == "parquet" else SDFShard()
