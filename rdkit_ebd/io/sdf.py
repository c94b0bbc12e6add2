"""How do conformers go out? SD files, one record per conformer, written whole or not at all."""

from __future__ import annotations

import os
import re
from types import TracebackType

from rdkit import Chem

from rdkit_ebd.chem.provenance import PROVENANCE, get_provenance
from rdkit_ebd.runtime.whole_file import is_replaceable, text_output

OUTPUT_SUFFIXES = (".sdf", ".sd")
OTHER_OUTPUT = (".xyz", ".pdb")  # see `other_output`

_NO_BRACKETS = str.maketrans("<>", "()")
_ENDS_FIELD = re.compile(r"\s*$|\$\$\$\$|>")  # a line of a value that readers take for something else


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
        self._output = text_output(self._path)
        self._stream = self._output.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._output.__exit__(kind, error, trace)

    def write(self, mol: Chem.Mol, name: str | None = None) -> int:
        """Write the conformers of a molecule, with its properties and the provenance of each.

        Args:
            mol: Its conformers are 3D; it is not changed.
            name: Title of the records; None for the name the molecule has.

        Returns:
            Records written.

        Raises:
            ValueError: RDKit cannot write it; what was written before stays.
            OSError: The file cannot be written.
        """
        for conformer in mol.GetConformers():
            self._stream.write(record_text(mol, conformer, name))
            self.records += 1
        return mol.GetNumConformers()


def check_output(output: str, source: str | os.PathLike[str] | None = None) -> None:
    """Look at the name of an output before any work: it says the format, and is not that of its own input.

    Raises:
        ValueError: The name is that of another format or of none, or that of the input.
    """
    if not is_replaceable(output):  # standard output, a device; a folder is found out by whoever opens it
        return
    name = output.lower().removesuffix(".gz")
    if name.endswith(".mol2"):
        raise ValueError(f"{output!r}: RDKit reads MOL2 and does not write it; write .sdf, which Open Babel converts")
    if not name.endswith((*OUTPUT_SUFFIXES, *OTHER_OUTPUT)):
        endings = ", ".join((*OUTPUT_SUFFIXES, *OTHER_OUTPUT))
        raise ValueError(
            f"{output!r}: conformers are written as SD records, XYZ or PDB; its name must end in {endings}, also .gz"
        )
    _refuse_input(output, source)


PICTURES = (".png", ".pdf", ".svg")


def check_page(output: str, source: str | os.PathLike[str] | None = None) -> None:
    """Look at the name of a page or picture before any work: it says the format, and is not that of its input.

    Raises:
        ValueError: It is not.
    """
    if not is_replaceable(output):
        return
    if not output.lower().endswith((".html", ".htm", *PICTURES)):
        raise ValueError(f"{output!r}: its name must end in .html for a page, {', '.join(PICTURES)} for a picture")
    _refuse_input(output, source)


def check_table(output: str, source: str | os.PathLike[str] | None = None) -> None:
    """Look at the name of a table before any work: it is a CSV file's, and not that of its input.

    Raises:
        ValueError: It is not.
    """
    if not is_replaceable(output):
        return
    if not output.lower().removesuffix(".gz").endswith(".csv"):
        raise ValueError(f"{output!r}: tables are written as CSV; its name must end in .csv, also .gz")
    _refuse_input(output, source)


def _refuse_input(output: str, source: str | os.PathLike[str] | None) -> None:
    if source is not None and os.path.exists(output) and os.path.exists(source) and os.path.samefile(output, source):
        raise ValueError(f"{output!r} is the input as well: write to another file")


def record_text(mol: Chem.Mol, conformer: Chem.Conformer, name: str | None = None) -> str:
    """A conformer as SD text that reads back as one record.

    Raises:
        ValueError: RDKit cannot write it.
    """
    try:
        record = Chem.Mol(mol, False, conformer.GetId())
        if name is None:
            name = mol.GetProp("_Name") if mol.HasProp("_Name") else ""
        record.SetProp("_Name", _title(name))
        for key in list(record.GetPropNames()):
            _make_readable(record, key)
        for key in PROVENANCE:  # of an earlier run, where its output is this one's input
            record.ClearProp(key)
        for key, value in get_provenance(conformer).items():
            record.SetProp(key, str(value))
        return str(Chem.SDWriter.GetText(record, conformer.GetId()))
    except Exception as error:  # whatever RDKit raises, it is about this molecule
        raise ValueError(f"it cannot be written: {' '.join(str(error).split())}") from error


def _title(name: str) -> str:
    """A name in one line: a line break would shift the whole record, and one that looks like its end would end it."""
    line = " ".join(name.split())
    return f" {line}" if line.startswith("$$$$") else line


def _make_readable(record: Chem.Mol, key: str) -> None:
    """Give a field a name and a value that end where they should: no sign of a field's or record's own in either."""
    value = record.GetProp(key)
    name = " ".join(key.translate(_NO_BRACKETS).split()) or "field"
    lines = value.splitlines()
    safe = value
    if any(_ENDS_FIELD.match(line) for line in lines):
        safe = "\n".join(f" {line}" if line.startswith(("$$$$", ">")) else line for line in lines if line.strip())
    if name != key:
        record.ClearProp(key)
    if name != key or safe != value:
        record.SetProp(name, safe)
