"""How do conformers go out? SD files, one record per conformer, written whole or not at all."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from io import TextIOWrapper
from types import TracebackType
from typing import IO

from rdkit import Chem

from rdkit_ebd.chem.provenance import PROVENANCE, get_provenance
from rdkit_ebd.runtime.whole_file import STANDARD_STREAM, whole_file


class SDFWriter:
    """Writes every conformer of a molecule as one SD record; the file appears whole, when the `with` block ends well.

    Until then the records are in a file without a name, or one beside it; see `whole_file`.

    Args:
        path: File to write, compressed if it ends in .gz; "-" for standard output, which is written as it comes.

    Raises:
        OSError: On entering the block, the file cannot be written.

    Example:
        >>> mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
        >>> ids = EmbedMultipleConfs(mol, 3, randomSeed=1)
        >>> with SDFWriter("paracetamol.sdf") as writer:
        ...     writer.write(mol, name="paracetamol")
        3
        >>> [record.GetProp("_Name") for record in Chem.SDMolSupplier("paracetamol.sdf")]
        ['paracetamol', 'paracetamol', 'paracetamol']
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.records = 0
        self._path = path

    def __enter__(self) -> SDFWriter:
        with ExitStack() as stack:
            if str(self._path) == STANDARD_STREAM:
                self._stream: IO[str] = sys.stdout
                stack.callback(self._stream.flush)
            else:
                self._stream = TextIOWrapper(stack.enter_context(whole_file(self._path)), encoding="utf-8")
                stack.callback(self._stream.detach)  # its last bytes are written here, and may not fit on the disk
            self._end = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.__exit__(kind, error, trace)

    def write(self, mol: Chem.Mol, name: str | None = None) -> int:
        """Write the conformers of a molecule, with its properties and the provenance of each.

        Args:
            mol: Its conformers are 3D; it is not changed.
            name: Title of the records; None for the name the molecule has.

        Returns:
            Records written.
        """
        for conformer in mol.GetConformers():
            record = Chem.Mol(mol, False, conformer.GetId())
            if name is not None:
                record.SetProp("_Name", " ".join(name.split()))  # a line break would shift the whole record
            for key in PROVENANCE:  # of an earlier run, where its output is this one's input
                record.ClearProp(key)
            for key, value in get_provenance(conformer).items():
                record.SetProp(key, str(value))
            self._stream.write(Chem.SDWriter.GetText(record, conformer.GetId()))
            self.records += 1
        return mol.GetNumConformers()
