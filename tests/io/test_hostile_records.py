"""Does one record of whatever content cost more than itself? Read by RDKit, written by us, read by both."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import embedded
from rdkit import Chem

from rdkit_ebd.io.read import read_molecules
from rdkit_ebd.io.sdf import SDFWriter, check_output

GOOD = Chem.SDWriter.GetText(embedded("CCO"))


def among_good_ones(path: Path, record: str) -> list[tuple[bool, str]]:
    """Whether each could be read, and its problem; the record stands between two good ones."""
    path.write_text(GOOD + record + GOOD, encoding="utf-8")
    return [(entry.mol is not None, entry.problem) for entry in read_molecules(path)]


@pytest.mark.parametrize("symbol", ["CC\u00e9", "\u00e9\u00e9", "C\u20ac", "\U0001f600", "\u00e9"])
def test_letters_beyond_ascii_in_an_atom_line_cost_one_record(tmp_path: Path, symbol: str) -> None:
    record = GOOD.replace(" C   0", f" {symbol}".ljust(3) + "  0", 1)
    assert record != GOOD
    found = among_good_ones(tmp_path / "in.sdf", record)
    assert [read for read, _ in found] == [True, False, True]
    assert found[1][1]


def test_a_field_named_like_rdkits_own_list_is_left_out(tmp_path: Path) -> None:
    fields = ">  <dose>\n5 mg\n\n>  <__computedProps>  (7)\nx\ny\n\n>  <price>\n1.50\n\n"
    path = tmp_path / "in.sdf"
    path.write_text(GOOD.replace("$$$$", fields + "$$$$"))
    [entry] = read_molecules(path)
    assert entry.mol is not None
    assert entry.mol.GetPropsAsDict() == {"dose": "5 mg", "price": 1.5}
    with SDFWriter(tmp_path / "out.sdf") as writer:
        writer.write(Chem.AddHs(entry.mol))
    assert [mol.GetProp("price") for mol in Chem.SDMolSupplier(str(tmp_path / "out.sdf"))] == ["1.50"]


@pytest.mark.parametrize("name", ["$$$$", "$$$$ 7", "a\n$$$$\nb", "> <x>", "M  END", "", "\u2028$$$$", "\x1b[31mred"])
@pytest.mark.parametrize(
    "value",
    ["$$$$", "x\n$$$$\ny", "> <y>\nz", "x\n\ny", "\n", "", "x\r\n$$$$", ">", "x\n>  <y>  (1)\nz", "\u2028$$$$"],
)
def test_what_is_written_reads_back_as_one_record(tmp_path: Path, name: str, value: str) -> None:
    mol = embedded("CCO", 2)
    mol.SetProp("first", value)
    mol.SetProp("second", "kept")
    path = tmp_path / "out.sdf"
    with SDFWriter(path) as writer:
        writer.write(mol, name)
        writer.write(embedded("CCO", 1), "last")
    theirs = list(Chem.SDMolSupplier(str(path), removeHs=False))
    ours = [entry.mol for entry in read_molecules(path)]
    for read in (theirs, ours):
        assert [m is not None and m.GetNumAtoms() for m in read] == [9, 9, 9]
        assert read[-1].GetProp("_Name") == "last"
        for m in read[:2]:
            assert m.GetProp("second") == "kept"
            assert set(m.GetPropNames()) <= {"first", "second"}
            assert m.GetProp("_Name").split() == name.split()
            if m.HasProp("first"):
                assert m.GetProp("first").split() == value.split()


@pytest.mark.parametrize(
    ("name", "written"), [("a>b", "a)b"), ("<a>", "(a)"), ("a\nb", "a b"), ("a\n$$$$\nb", "a $$$$ b")]
)
def test_names_of_fields_end_where_they_should(tmp_path: Path, name: str, written: str) -> None:
    mol = embedded("CCO", 1)
    mol.SetProp(name, "value")
    with SDFWriter(tmp_path / "out.sdf") as writer:
        writer.write(mol, "x")
    [read] = Chem.SDMolSupplier(str(tmp_path / "out.sdf"))
    assert read.GetPropsAsDict() == {written: "value"}


def test_a_record_that_rdkit_cannot_write_is_an_error_of_its_own(tmp_path: Path) -> None:
    bad = embedded("CCO", 1)
    bad.SetProp("__computedProps", "x")
    with SDFWriter(tmp_path / "out.sdf") as writer:
        with pytest.raises(ValueError, match="cannot be written: bad any_cast"):
            writer.write(bad, "bad")
        writer.write(embedded("CCO", 1), "good")
    assert [entry.name for entry in read_molecules(tmp_path / "out.sdf")] == ["good"]


def test_outputs_of_other_formats_and_the_input_are_rejected(tmp_path: Path) -> None:
    for name in ("x.mol2", "x", "x.gz", "x.smi"):
        with pytest.raises(ValueError, match=r"must end in \.sdf|does not write it"):
            check_output(str(tmp_path / name))
    for name in ("-", "/dev/null", str(tmp_path / "x.sdf"), str(tmp_path / "x.SDF.gz")):
        check_output(name)
    (tmp_path / "in.sdf").write_text(GOOD)
    (tmp_path / "link.sdf").symlink_to(tmp_path / "in.sdf")
    with pytest.raises(ValueError, match="the input as well"):
        check_output(str(tmp_path / "in.sdf"), tmp_path / "link.sdf")
