"""How do molecules come in from Parquet? Rows with a column of SMILES, as those of any other table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rdkit_ebd.io.columns import ColumnChoice, Table, Text
from rdkit_ebd.io.places import EXTRA, file_system, is_url
from rdkit_ebd.runtime.extras import needed

ROWS_AT_ONCE = 4096  # which are in memory


def parquet_texts(place: str | os.PathLike[str], choice: ColumnChoice) -> Iterator[Text]:
    """Rows of a file, numbered from 1; damage further on ends them as a problem.

    Raises:
        ImportError: pyarrow is not installed.
        ValueError: It is no Parquet file, or has no column of SMILES; what columns there are is said.
    """
    with parquet_file(place) as file:
        names = list(file.schema_arrow.names)
        columns, found = Table(choice).layout(names, "\t")
        if not found and choice.smiles is None:
            raise ValueError(f"{str(place)!r} has no column of SMILES: name it, of {', '.join(names)}")
        number = 0
        try:
            for batch in file.iter_batches(ROWS_AT_ONCE):
                values = [_strings(column) for column in batch.columns]
                for row in zip(*values, strict=True):
                    number += 1
                    yield columns.text(number, list(row), names)
        except OSError as error:
            yield Text(number + 1, "", f"the file is damaged from here on: {error}")


def parquet_rows(place: str | os.PathLike[str]) -> int:
    """How many rows a file has, as it says itself."""
    with parquet_file(place) as file:
        return int(file.metadata.num_rows)


@contextmanager
def parquet_file(place: str | os.PathLike[str]) -> Iterator[Any]:
    """A file, opened by pyarrow; errors as `parquet_texts`."""
    parquet = needed("pyarrow.parquet", EXTRA, f"{place} (Parquet)")
    system, path = file_system(str(place)) if is_url(place) else (None, place)
    try:
        file = parquet.ParquetFile(path, filesystem=system)
    except OSError:
        raise
    except Exception as error:  # pyarrow's own: no magic bytes, a damaged footer
        raise ValueError(f"{str(place)!r} cannot be read as Parquet: {error}") from error
    with file:
        yield file


def _strings(column: Any) -> list[str]:
    """Values of a column as text; empty where there is none."""
    return ["" if value is None else str(value) for value in column.to_pylist()]
