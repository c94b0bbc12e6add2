"""How do conformers stand in a table? A row for each, coordinates as whole numbers, in Parquet that anybody reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import numpy as np
from rdkit import Chem

from rdkit_ebd.chem.conformers import new_conformer
from rdkit_ebd.chem.provenance import get_provenance, set_provenance
from rdkit_ebd.io.atom_order import smiles_and_order
from rdkit_ebd.io.places import EXTRA
from rdkit_ebd.runtime.extras import needed

UNIT = 1e-4  # angstrom, of the coordinates; what an SD file has, too
PREFIX = "ebd_"  # which SD properties have and columns have not
OF_MOLECULES: dict[str, str] = {
    "molecule": "position of the molecule in the input, from 0",
    "isomer": "which of its states and stereoisomers, from 1; 0 where it is as it was written",
    "name": "name",
    "smiles": "canonical SMILES with stereochemistry, without hydrogens",
    "conformer": "which of the molecule's conformers that were written, from 0",
    "atoms": "number of atoms, hydrogens included",
    "coordinates": "atoms x 3 little-endian int32, unit 0.0001 angstrom, in the order of AddHs(MolFromSmiles(smiles))",
}
OF_CONFORMERS: dict[str, str] = {
    "energy": "kcal/mol; null where none was asked for",
    "energy_method": "its method",
    "stage": "where the coordinates come from: deblurred, refined, fallback or seed",
    "refined": "method that relaxed them",
    "converged": "1 where that is a minimum, else 0",
    "refine_problem": "why a conformer that was to be relaxed is as it was",
    "index": "which of the conformers asked for, from 0",
    "attempt": "which attempt at it, from 0",
    "seed": "random seed with which the same call makes it again",
    "model": "name of the model",
    "weights": "hash of its weights",
    "version": "of this package",
}
COLUMNS = {**OF_MOLECULES, **OF_CONFORMERS, "fields": "other columns or SD fields of the input, name and value"}
"""What each column holds."""
REPEATED = tuple(name for name in COLUMNS if name not in ("coordinates", "energy", "fields"))

_WHOLE = {"molecule": "int64", "isomer": "int32", "conformer": "int32", "atoms": "int32", "seed": "int64"}
_WHOLE |= {"index": "int32", "attempt": "int32", "converged": "int32"}
_KEY = ("molecule", "isomer")
_OWN = (PREFIX, "_")  # properties that begin so are not the input's


def schema() -> Any:
    """The columns with their types, as pyarrow has them.

    Raises:
        ImportError: pyarrow is not installed.
    """
    pa = needed("pyarrow", EXTRA, "Parquet")
    kinds = {**{name: pa.type_for_alias(kind) for name, kind in _WHOLE.items()}, "coordinates": pa.binary()}
    kinds |= {"energy": pa.float64(), "fields": pa.map_(pa.string(), pa.string())}
    return pa.schema([pa.field(name, kinds.get(name, pa.string())) for name in COLUMNS], {"format": "rdkit_ebd 1"})


class ConformerTable:
    """Rows that are gathered, molecule by molecule, and written as one Parquet file."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}

    def __len__(self) -> int:
        return len(self._columns["molecule"])

    def add(self, mol: Chem.Mol, position: int, isomer: int = 0, name: str = "", bare: Chem.Mol | None = None) -> None:
        """Add a row for each conformer of a molecule.

        Args:
            mol: With all of its hydrogens.
            position: Of the molecule in the input, from 0.
            isomer: Which of its stereoisomers, from 1; 0 where there is but one.
            name: Of the molecule.
            bare: As `smiles_and_order` takes it.

        Raises:
            ValueError: RDKit cannot write it, or hydrogens are missing.
        """
        try:
            smiles, order = smiles_and_order(mol, bare)
        except Exception as error:  # whatever RDKit raises, it is about this molecule
            raise ValueError(f"it cannot be written: {' '.join(str(error).split())}") from error
        shared = {"molecule": position, "isomer": isomer, "name": name, "smiles": smiles, "atoms": len(order)}
        shared["fields"] = fields_of(mol)
        for number, conformer in enumerate(mol.GetConformers()):
            own = {key.removeprefix(PREFIX): value for key, value in get_provenance(conformer).items()}
            row = {**shared, **own, "conformer": number, "coordinates": packed(conformer.GetPositions()[order])}
            for column, values in self._columns.items():
                values.append(row.get(column))

    def table(self) -> Any:
        """The rows as a table of pyarrow."""
        return needed("pyarrow", EXTRA, "Parquet").table(self._columns, schema=schema())


def parquet_bytes(table: Any) -> bytes:
    """A table as a Parquet file; equal tables give equal bytes, with the same pyarrow."""
    pa, parquet = needed("pyarrow", EXTRA, "Parquet"), needed("pyarrow.parquet", EXTRA, "Parquet")
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd", use_dictionary=list(REPEATED), write_page_index=False)
    return bytes(sink.getvalue())


def packed(positions: np.ndarray) -> bytes:
    """(N, 3) coordinates in angstrom as they are stored."""
    return np.rint(positions / UNIT).astype("<i4").tobytes()


def unpacked(coordinates: bytes) -> np.ndarray:
    """(N, 3) float64 coordinates in angstrom as they were stored, to the last of four decimals."""
    return np.frombuffer(coordinates, "<i4").reshape(-1, 3).astype(np.float64) / round(1 / UNIT)


def fields_of(mol: Chem.Mol) -> list[tuple[str, str]]:
    """Properties that a molecule has from its input, in the order of their names."""
    return [(name, mol.GetProp(name)) for name in sorted(mol.GetPropNames()) if not name.startswith(_OWN)]


def molecules_of_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[Chem.Mol]:
    """Molecules with their conformers, their provenance, names and fields.

    Args:
        rows: Of such a table, those of one molecule behind one another.

    Raises:
        ValueError: The SMILES of a row is none, or of a molecule with another number of atoms; the row is named.
    """
    for _, run in groupby(rows, lambda row: (row["molecule"], row["isomer"])):
        yield _molecule(list(run))


def molecule_key(mol: Chem.Mol) -> tuple[int, int]:
    """Position in the input, and number among the isomers, of a molecule that came from a table; else (0, 0)."""
    found = [mol.GetProp(f"_{PREFIX}{key}") if mol.HasProp(f"_{PREFIX}{key}") else "0" for key in _KEY]
    return int(found[0]), int(found[1])


def _molecule(rows: list[Mapping[str, Any]]) -> Chem.Mol:
    first = rows[0]
    where = f"molecule {first['molecule']} ({first['name']}): {first['smiles']!r}"
    bare = Chem.MolFromSmiles(first["smiles"])
    if bare is None:
        raise ValueError(f"{where} is no SMILES")
    mol = Chem.AddHs(bare)
    if mol.GetNumAtoms() != first["atoms"]:
        raise ValueError(f"{where} has {mol.GetNumAtoms()} atoms, and {first['atoms']} have coordinates")
    mol.SetProp("_Name", first["name"] or "")
    for key in _KEY:
        mol.SetProp(f"_{PREFIX}{key}", str(first[key]))
    for name, value in first["fields"] or ():
        mol.SetProp(name, value)
    for row in rows:
        conformer = new_conformer(unpacked(row["coordinates"]))
        conformer.SetId(row["conformer"])
        set_provenance(conformer, **{name: row.get(name) for name in OF_CONFORMERS})
        mol.AddConformer(conformer, assignId=False)
    return mol
