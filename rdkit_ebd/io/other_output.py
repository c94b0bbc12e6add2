"""How do conformers go out where SD is not wanted? As XYZ or PDB, which have less room for what is known of them."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from types import TracebackType
from typing import ClassVar

from rdkit import Chem

from rdkit_ebd.chem.provenance import get_provenance
from rdkit_ebd.io.sdf import OUTPUT_SUFFIXES, SDFWriter
from rdkit_ebd.runtime.whole_file import is_replaceable, text_output

_LONGEST_TITLE = 60  # letters of a COMPND line


class TextWriter:
    """Writes every conformer of a molecule as one text; the file appears whole, when the `with` block ends well.

    Args:
        path: File to write, compressed if it ends in .gz.

    Raises:
        OSError: On entering the block, the file cannot be written.
    """

    end: ClassVar[str] = ""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.records = 0
        self._path = path

    def __enter__(self) -> TextWriter:
        self._output = text_output(self._path)
        self._stream = self._output.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._stream.write(self.end)
        self._output.__exit__(kind, error, trace)

    def write(self, mol: Chem.Mol, name: str | None = None) -> int:
        """Write the conformers of a molecule; its properties have no place in these formats.

        Args:
            mol: Its conformers are 3D; it is not changed.
            name: As in `SDFWriter.write`.

        Returns:
            Records written.

        Raises:
            ValueError: The format has no place for the molecule; what was written before stays.
            OSError: The file cannot be written.
        """
        if name is None:
            name = mol.GetProp("_Name") if mol.HasProp("_Name") else ""
        for conformer in mol.GetConformers():
            self._stream.write(self.text(mol, conformer, " ".join(name.split())))
            self.records += 1
        return mol.GetNumConformers()

    def text(self, mol: Chem.Mol, conformer: Chem.Conformer, name: str) -> str:
        """A conformer in this format."""
        raise NotImplementedError


class XYZWriter(TextWriter):
    """Atoms alone; the comment has name, charge and what is known of the energy, as `read_molecules` reads it."""

    def text(self, mol: Chem.Mol, conformer: Chem.Conformer, name: str) -> str:
        """One frame; coordinates in angstrom, energy in kcal/mol."""
        words = [name, f"charge={Chem.GetFormalCharge(mol)}"]
        energy = get_provenance(conformer).get("ebd_energy")
        words += [f"ebd_energy={energy:.6f}"] if energy is not None else []
        places = zip(mol.GetAtoms(), conformer.GetPositions(), strict=True)
        lines = [f"{atom.GetSymbol():<2} {x:12.6f} {y:12.6f} {z:12.6f}" for atom, (x, y, z) in places]
        return "\n".join([str(mol.GetNumAtoms()), " ".join(words).strip(), *lines, ""])


class PDBWriter(TextWriter):
    """One ligand, each conformer a model; CONECT records at the end are of all of them."""

    end = "END\n"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._bonds: str | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._stream.write(self._bonds or "")
        super().__exit__(kind, error, trace)

    def text(self, mol: Chem.Mol, conformer: Chem.Conformer, name: str) -> str:
        """One model.

        Raises:
            ValueError: The file is of another molecule.
        """
        titled = Chem.Mol(mol, False, conformer.GetId())
        titled.SetProp("_Name", name[:_LONGEST_TITLE])
        lines = Chem.MolToPDBBlock(titled).splitlines(keepends=True)
        bonds = "".join(line for line in lines if line.startswith("CONECT"))
        if self._bonds not in (None, bonds):
            raise ValueError("a PDB file is of one molecule, and this is another: write SD")
        self._bonds = bonds
        atoms = "".join(line for line in lines if line.startswith(("ATOM", "HETATM", "COMPND")))
        return f"MODEL     {self.records + 1:>4}\n{atoms}ENDMDL\n"


def writer_of(path: str | os.PathLike[str]) -> AbstractContextManager[SDFWriter | TextWriter]:
    """The writer of the format that a name ends in; SD for standard output and for what has no such end."""
    name = os.fspath(path).lower().removesuffix(".gz")
    kinds: dict[str, type[TextWriter]] = {".xyz": XYZWriter, ".pdb": PDBWriter}
    if not is_replaceable(path):
        return SDFWriter(path)
    return next((kind(path) for ending, kind in kinds.items() if name.endswith(ending)), None) or SDFWriter(path)


def is_sd(path: str | os.PathLike[str]) -> bool:
    """Whether a name is that of an SD file, whose parts are joined as they are."""
    return os.fspath(path).lower().removesuffix(".gz").endswith(OUTPUT_SUFFIXES)
