"""Which columns of a table are the molecules and their names? Options that commands which read tables share."""

from __future__ import annotations

from typing import Annotated

import typer

SmilesColumn = Annotated[
    str | None,
    typer.Option(help="Column of the SMILES or InChI: title, or number from 1.", show_default="by the header"),
]
NameColumn = Annotated[str | None, typer.Option(help="Column of the name, likewise.", show_default="by the header")]
