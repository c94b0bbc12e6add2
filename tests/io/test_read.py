"""Molecules come in with their line, name and reason; conformers go out whole, with stereo, name and properties."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from rdkit_ebd.chem.provenance import set_provenance
from rdkit_ebd.io.read import Entry, content_hash, count_molecules, place, read_molecules
from rdkit_ebd.io.sdf import SDFWriter
from rdkit_ebd.runtime.whole_file import is_replaceable, whole_file

SMILES_FILE = """SMILES Name
CC(=O)Nc1ccc(O)cc1 paracetamol

# a comment
C1CC broken ring
CC(C)(C)(C)C\tfive bonds
C[C@H](N)C(=O)O\tL-alanine, neutral
c1ccccc1
"""
STEREO = {
    "artemisinin": "C[C@@H]1CC[C@H]2[C@@H](C)C(=O)O[C@@H]3O[C@@]4(C)CC[C@@H]1[C@@]23OO4",
    "tamoxifen": r"CC/C(c1ccccc1)=C(\c1ccccc1)c1ccc(OCCN(C)C)cc1",
    "alanine": "C[C@H]([NH3+])C(=O)[O-]",
    "sulfoxide": "C[S@@](=O)c1ccccc1",
    "cis-cyclohexanediol": "O[C@H]1CCCC[C@H]1O",
}


def embedded(smiles: str, count: int = 2) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert len(rdDistGeom.EmbedMultipleConfs(mol, count, randomSeed=7)) == count
    return mol


def isomeric(mol: Chem.Mol) -> str:
    return Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(mol)))


def read(path: Path) -> list[Entry]:
    return list(read_molecules(path))


@pytest.fixture
def smiles_file(tmp_path: Path) -> Path:
    path = tmp_path / "in.smi"
    path.write_text(SMILES_FILE)
    return path


def test_smiles_lines_keep_number_and_name(smiles_file: Path) -> None:
    entries = read(smiles_file)
    assert [entry.number for entry in entries] == [2, 5, 6, 7, 8]
    assert [entry.name for entry in entries] == [
        "paracetamol", "broken ring", "five bonds", "L-alanine, neutral", "c1ccccc1",
    ]  # fmt: skip
    assert place(smiles_file) == "line"


def test_bad_lines_tell_why_and_stop_nothing(smiles_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    entries = {entry.name: entry for entry in read(smiles_file)}
    assert [name for name, entry in entries.items() if entry.mol is None] == ["broken ring", "five bonds"]
    assert "unclosed ring" in entries["broken ring"].problem
    assert "valence" in entries["five bonds"].problem
    assert not entries["c1ccccc1"].problem
    assert capfd.readouterr().err == ""  # it is reported once, by whoever reads


def test_first_line_is_a_header_only_if_it_looks_like_one(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("nonsense name\nCCO ethanol\n")
    assert [entry.mol is None for entry in read(path)] == [True, False]
    path.write_text("\ufeffcanonical_smiles id\nCCO ethanol\n", encoding="utf-8")
    assert [entry.name for entry in read(path)] == ["ethanol"]


def test_compressed_is_read_like_plain(smiles_file: Path) -> None:
    packed = smiles_file.with_suffix(".smi.gz")
    packed.write_bytes(gzip.compress(SMILES_FILE.encode()))
    assert [(e.number, e.name, e.problem) for e in read(packed)] == [
        (e.number, e.name, e.problem) for e in read(smiles_file)
    ]


def test_damage_ends_the_file_as_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "in.smi.gz"
    path.write_bytes(gzip.compress(b"CCO ethanol\n" * 3)[:-9])
    assert "damaged" in read(path)[-1].problem


def test_a_smiles_is_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = read_molecules("C[C@H](O)F |&1:1| racemic fluoroethanol")
    assert entry.name == "racemic fluoroethanol"
    assert entry.mol is not None
    assert len(entry.mol.GetStereoGroups()) == 1
    monkeypatch.setattr("sys.stdin", io.StringIO("CCO ethanol\nC methane\n"))
    assert [entry.name for entry in read_molecules("-")] == ["ethanol", "methane"]


@pytest.mark.parametrize("source", ["C1CC", "molecules.xlsx", "", "C1CC or not"])
def test_neither_file_nor_smiles_is_rejected_at_once(source: str) -> None:
    with pytest.raises(ValueError, match="neither a file"):
        read_molecules(source)


def test_missing_and_unknown_files_are_rejected_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_molecules(tmp_path / "none.sdf")
    (tmp_path / "a.cif").write_text("ATOM")
    with pytest.raises(ValueError, match="no known kind"):
        read_molecules(str(tmp_path / "a.cif"))


def test_stereo_names_properties_and_order_survive_the_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "out.sdf"
    with SDFWriter(path) as writer:
        for name, smiles in STEREO.items():
            mol = embedded(smiles)
            mol.SetProp("zeta", "first\nsecond line")
            mol.SetProp("alpha", "007")
            assert writer.write(mol, name) == 2
    supplier = list(Chem.SDMolSupplier(str(path), removeHs=False))
    assert [mol.GetProp("_Name") for mol in supplier] == [name for name in STEREO for _ in range(2)]
    for mol in supplier:
        smiles = STEREO[mol.GetProp("_Name")]
        assert isomeric(mol) == isomeric(Chem.MolFromSmiles(smiles))
        assert mol.GetNumAtoms() == Chem.AddHs(Chem.MolFromSmiles(smiles)).GetNumAtoms()
        assert list(mol.GetPropNames()) == ["zeta", "alpha"]
        assert mol.GetProp("alpha") == "007"


def test_read_records_keep_properties_and_hydrogens(tmp_path: Path) -> None:
    mol = embedded(STEREO["alanine"])
    mol.SetProp("dose", "5 mg")
    with SDFWriter(tmp_path / "out.sdf.gz") as writer:
        writer.write(mol, "alanine")
    entries = read(tmp_path / "out.sdf.gz")
    assert [(entry.number, entry.name) for entry in entries] == [(1, "alanine"), (2, "alanine")]
    for entry in entries:
        assert entry.mol is not None
        assert entry.mol.GetNumAtoms() == mol.GetNumAtoms()
        assert entry.mol.GetProp("dose") == "5 mg"
    assert count_molecules(tmp_path / "out.sdf.gz") == 2


def test_bad_record_tells_why_and_stops_nothing(tmp_path: Path) -> None:
    good = Chem.SDWriter.GetText(embedded("CCO"))
    path = tmp_path / "in.sdf"
    path.write_text(
        good + "no molecule\n$$$$\n" + good.replace("  1  2  1", "  1 99  1", 1) + good.removesuffix("$$$$\n")
    )
    entries = read(path)
    assert [entry.mol is not None for entry in entries] == [True, False, False, True]
    assert all(entry.problem and len(entry.problem) < 200 for entry in entries[1:3])
    assert place(path) == "record"
    assert count_molecules(path) == 4


def test_provenance_is_written_and_that_of_an_earlier_run_is_not(tmp_path: Path) -> None:
    mol = embedded("CCCO")
    mol.SetProp("ebd_energy", "-1.0")
    for conformer in mol.GetConformers():
        set_provenance(conformer, model="m", weights="12e45678", seed=3, index=conformer.GetId(), stage="deblurred")
    with SDFWriter(tmp_path / "out.sdf") as writer:
        writer.write(mol)
    records = list(Chem.SDMolSupplier(str(tmp_path / "out.sdf")))
    assert [record.GetProp("ebd_index") for record in records] == ["0", "1"]
    assert records[0].GetProp("ebd_weights") == "12e45678"
    assert not records[0].HasProp("ebd_energy")
    assert mol.HasProp("ebd_energy")  # the molecule itself is as it was


def test_the_target_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path, mol = tmp_path / "out.sdf", embedded("CCO")
    path.write_text("earlier")
    writer = SDFWriter(path)
    with pytest.raises(KeyboardInterrupt), writer:  # noqa: PT012  # what is written before the end matters
        writer.write(mol)
        raise KeyboardInterrupt
    assert path.read_text() == "earlier"
    with SDFWriter(path) as writer:
        writer.write(mol)
        assert path.read_text() == "earlier"
    assert len(read(path)) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["out.sdf"]


def test_links_and_devices_stay_what_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mol = embedded("CCO", 1)
    (tmp_path / "link.sdf").symlink_to(tmp_path / "real.sdf")
    for target in (tmp_path / "link.sdf", Path("/dev/null"), "-"):
        with SDFWriter(target) as writer:
            writer.write(mol, "two\nlines")
    assert (tmp_path / "link.sdf").is_symlink()
    assert len(read(tmp_path / "real.sdf")) == 1
    assert Path("/dev/null").is_char_device()
    assert capsys.readouterr().out.startswith("two lines\n")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"), SDFWriter(tmp_path / "nowhere" / "out.sdf"):
        pass


def test_what_is_skipped_keeps_the_numbers_of_the_rest(smiles_file: Path, tmp_path: Path) -> None:
    assert [(e.number, e.name) for e in read_molecules(smiles_file, skip=2)] == [
        (e.number, e.name) for e in read(smiles_file)[2:]
    ]
    assert list(read_molecules(smiles_file, skip=5)) == []
    assert list(read_molecules("CCO", skip=1)) == []
    with SDFWriter(tmp_path / "in.sdf") as writer:
        writer.write(embedded("CCO"), "ethanol")
    assert [e.number for e in read_molecules(tmp_path / "in.sdf", skip=1)] == [2]


def test_compressed_bytes_depend_on_the_content_alone(tmp_path: Path) -> None:
    mols = [embedded("CCO"), embedded("c1ccccc1O")]
    with SDFWriter(tmp_path / "a.sdf.gz") as writer:
        for mol in mols:
            writer.write(mol)
    with whole_file(tmp_path / "b.sdf.gz") as stream:
        for line in gzip.decompress((tmp_path / "a.sdf.gz").read_bytes()).splitlines(keepends=True):
            stream.write(line)
            stream.flush()
    assert (tmp_path / "a.sdf.gz").read_bytes() == (tmp_path / "b.sdf.gz").read_bytes()


def test_content_hash_is_that_of_the_content(smiles_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.smi"
    copy.write_text(SMILES_FILE)
    assert content_hash(copy) == content_hash(smiles_file)
    copy.write_text(SMILES_FILE + "C methane\n")
    assert content_hash(copy) != content_hash(smiles_file)
    assert content_hash("CCO") != content_hash("CCN")
    with pytest.raises(ValueError, match="standard input"):
        content_hash("-")


def test_only_files_are_replaced(tmp_path: Path) -> None:
    assert is_replaceable(tmp_path / "new.sdf")
    assert not any(map(is_replaceable, ("-", "/dev/null", tmp_path)))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("smiles,name\nCCO,ethanol\nCCN,ethylamine\n", ["ethanol", "ethylamine"]),
        ("CCO,ethanol\nCCN,ethylamine\n", ["ethanol", "ethylamine"]),
        ("ID SMILES\ne1 CCO\ne2 CCN\n", ["e1", "e2"]),
        ("ID\tSMILES\nE 1\tCCO\nE 2\tCCN\n", ["E 1", "E 2"]),
        ("price;canonical_smiles;Compound Name\n1;CCO;ethanol\n2;CCN;ethylamine\n", ["ethanol", "ethylamine"]),
        ('"smiles","id"\n"CCO","e1"\n"CCN","e2"\n', ["e1", "e2"]),
        ("SMILES\nCCO\nCCN\n", ["CCO", "CCN"]),
        ("SMILES Name\nCCO ethyl alcohol\nCCN |&1:0| b\n", ["ethyl alcohol", "b"]),
        ("CO smiling\nCCO ethyl alcohol\nCCN b, or not\n", ["smiling", "ethyl alcohol", "b, or not"]),
    ],
)
def test_tables_are_read_by_their_columns(tmp_path: Path, text: str, names: list[str]) -> None:
    path = tmp_path / "in.smi"
    path.write_text(text)
    entries = read(path)
    assert [entry.problem for entry in entries] == [""] * len(names)
    assert [entry.name for entry in entries] == names
    assert [Chem.MolToSmiles(entry.mol) for entry in entries][-2:] == ["CCO", "CCN"]
    assert [entry.name for entry in read_molecules(path, skip=1)] == names[1:]


def test_a_row_that_is_too_short_is_a_problem_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("ID,SMILES\ne1,CCO\ne2\ne3,CCN\n")
    assert [(entry.number, entry.problem[:18]) for entry in read(tmp_path / "in.txt")] == [
        (2, ""), (3, "there is no column"), (4, ""),
    ]  # fmt: skip


def test_standard_input_is_what_it_begins_as(monkeypatch: pytest.MonkeyPatch) -> None:
    text = Chem.SDWriter.GetText(embedded("CCO")) * 2
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert place("-") == "record"
    assert [entry.mol is not None for entry in read_molecules("-")] == [True, True]
    monkeypatch.setattr("sys.stdin", io.StringIO("\ufeffCCO ethanol\nCCN ethylamine\n"))
    assert place("-") == "line"
    assert [entry.name for entry in read_molecules("-")] == ["ethanol", "ethylamine"]
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert list(read_molecules("-")) == []


def test_what_is_longer_than_any_molecule_costs_itself_alone(tmp_path: Path) -> None:
    source = tmp_path / "in.smi"
    source.write_text("CCO a\n" + "C" * 60_000 + " b\n" + "x" * 21_000_000 + "\nCCN c\n")
    found = list(read_molecules(source))
    assert [entry.name for entry in found if entry.mol] == ["a", "c"]
    assert [(entry.number, entry.problem) for entry in found if not entry.mol] == [
        (2, "the line is longer than 50000 letters"),
        (3, "the line is longer than 50000 letters"),
    ]
    with pytest.raises(ValueError, match="longer than 50000"):
        read_molecules("C" * 60_000)
    good = Chem.SDWriter.GetText(embedded("CCO"))
    field = ">  <note>\n" + "y" * 1_000_000 + "\n\n"
    records = tmp_path / "in.sdf"
    records.write_text(
        good + good.replace("$$$$", field * 11 + "$$$$") + good.replace("$$$$", field + "$$$$") + "z" * 10_000_001
    )
    assert [(entry.mol is not None, entry.problem[:28]) for entry in read_molecules(records)] == [
        (True, ""),
        (False, "the record is longer than 10"),
        (True, ""),
        (False, "the record is longer than 10"),
    ]
    assert count_molecules(records) == 4
