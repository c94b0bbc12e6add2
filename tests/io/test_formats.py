"""Are molecules of other programs' files the same molecules, with their names, stereochemistry and coordinates?"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from helpers import embedded
from rdkit import Chem

from rdkit_ebd.io import count_molecules, read_molecules
from rdkit_ebd.io.columns import ColumnChoice
from rdkit_ebd.io.read import place

# Of Open Babel's kind: Sybyl types, aromatic bonds.
PHENOL = """@<TRIPOS>MOLECULE
{name}
 13 13 0 0 0
SMALL
GASTEIGER

@<TRIPOS>ATOM
      1 C1          1.2090    0.6980    0.0000 C.ar    1  UNL1        0.0000
      2 C2          0.0000    1.3960    0.0000 C.ar    1  UNL1        0.0000
      3 C3         -1.2090    0.6980    0.0000 C.ar    1  UNL1        0.0000
      4 C4         -1.2090   -0.6980    0.0000 C.ar    1  UNL1        0.0000
      5 C5          0.0000   -1.3960    0.0000 C.ar    1  UNL1        0.0000
      6 C6          1.2090   -0.6980    0.0000 C.ar    1  UNL1        0.0000
      7 O7          0.0000    2.7600    0.0000 O.3     1  UNL1        0.0000
      8 H8          2.1480    1.2400    0.0000 H       1  UNL1        0.0000
      9 H9         -2.1480    1.2400    0.0000 H       1  UNL1        0.0000
     10 H10        -2.1480   -1.2400    0.0000 H       1  UNL1        0.0000
     11 H11         0.0000   -2.4800    0.0000 H       1  UNL1        0.0000
     12 H12         2.1480   -1.2400    0.0000 H       1  UNL1        0.0000
     13 H13         0.9100    3.0800    0.0000 H       1  UNL1        0.0000
@<TRIPOS>BOND
     1     1     2   ar
     2     2     3   ar
     3     3     4   ar
     4     4     5   ar
     5     5     6   ar
     6     1     6   ar
     7     2     7    1
     8     1     8    1
     9     3     9    1
    10     4    10    1
    11     5    11    1
    12     6    12    1
    13     7    13    1
"""
LACTATE = "C[C@H](O)C(=O)[O-]"


def smiles(mol: Chem.Mol | None) -> str:
    assert mol is not None
    return str(Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(mol))))


def pdb(mol: Chem.Mol, conect: bool = True) -> str:
    lines = Chem.MolToPDBBlock(mol).splitlines()
    return "\n".join(line for line in lines if conect or not line.startswith("CONECT")) + "\n"


def test_mol2(tmp_path: Path) -> None:
    path = tmp_path / "two.mol2"
    path.write_text("# a comment\n" + PHENOL.format(name="phenol") + PHENOL.format(name="again"))
    first, second = read_molecules(path)
    assert (first.name, second.name) == ("phenol", "again")
    assert smiles(first.mol) == "Oc1ccccc1"
    assert first.mol is not None
    assert first.mol.GetConformer().GetPositions()[6] == pytest.approx([0, 2.76, 0])
    assert (count_molecules(path), place(path)) == (2, "record")
    path.write_text(PHENOL.format(name="phenol").replace("  13     7    13    1", "  13     7    99    1"))
    [broken] = read_molecules(path)
    assert (broken.mol, broken.name) == (None, "phenol")
    assert broken.problem


@pytest.mark.parametrize("text", ["captopril", "C[NH2+]C", LACTATE, "C/C=C/C#N", "O=[N+]([O-])c1ccccc1"])
@pytest.mark.parametrize("kind", ["xyz", "pdb", "mae"])
def test_the_molecule_is_found_again(text: str, kind: str, tmp_path: Path) -> None:
    mol = embedded(text)
    mol.SetProp("_Name", "one two")
    path = tmp_path / f"in.{kind}"
    if kind == "mae":
        with Chem.MaeWriter(str(path)) as writer:
            writer.write(mol)
            writer.write(mol)
    elif kind == "xyz":
        path.write_text(Chem.MolToXYZBlock(mol) * 2)
    else:
        path.write_text(f"MODEL 1\n{pdb(mol, False)}ENDMDL\nMODEL 2\n{pdb(mol, False)}ENDMDL\nEND\n")
    found = list(read_molecules(path))
    assert [entry.problem for entry in found] == ["", ""]
    assert [entry.number for entry in found] == [1, 2]
    for entry in found:
        assert smiles(entry.mol) == smiles(mol)
        assert entry.name == "one two"
        assert entry.mol is not None
        moved = entry.mol.GetConformer().GetPositions() - mol.GetConformer().GetPositions()
        assert np.abs(moved).max() < 2e-3


def test_charges_that_are_written_are_heeded(tmp_path: Path) -> None:
    mol = embedded("[O-]C(=O)CCC(=O)[O-]")
    block = Chem.MolToXYZBlock(mol).splitlines()
    for comment, good in (("succinate charge=-2", True), ("charge = 1", False)):
        (tmp_path / "in.xyz").write_text("\n".join([block[0], comment, *block[2:]]) + "\n")
        [entry] = read_molecules(tmp_path / "in.xyz")
        assert (entry.mol is not None) == good
        assert ("no molecule with the charge +1" in entry.problem) != good


def test_a_pdb_without_hydrogens_or_bonds_is_of_many_molecules(tmp_path: Path) -> None:
    path = tmp_path / "ligand.pdb"
    mol = Chem.RemoveHs(embedded("CC(=O)Nc1ccc(O)cc1"))
    path.write_text(pdb(mol, conect=False))
    [entry] = read_molecules(path)
    assert entry.mol is None
    assert "neither bond orders nor hydrogens" in entry.problem
    path.write_text(pdb(mol, conect=True))  # RDKit writes double bonds twice
    [entry] = read_molecules(path)
    assert smiles(entry.mol) == smiles(mol)


def test_damage_ends_where_it_is(tmp_path: Path) -> None:
    good = Chem.MolToXYZBlock(embedded("CCO"))
    (tmp_path / "in.xyz").write_text(good + "no number\n")
    first, second = read_molecules(tmp_path / "in.xyz")
    assert first.mol is not None
    assert "a number of atoms is expected" in second.problem
    with gzip.open(tmp_path / "in.xyz.gz", "wt") as stream:
        stream.write(good * 3)
    assert [entry.mol is not None for entry in read_molecules(tmp_path / "in.xyz.gz")] == [True] * 3


def test_inchi(tmp_path: Path) -> None:
    alanine = Chem.MolToInchi(Chem.MolFromSmiles("C[C@H](N)C(=O)O"))
    [literal] = read_molecules(alanine)
    assert smiles(literal.mol) == "C[C@H](N)C(=O)O"
    (tmp_path / "in.inchi").write_text(f"{alanine} alanine\nInChI=1S/nonsense broken\n")
    first, second = read_molecules(tmp_path / "in.inchi")
    assert (first.name, smiles(first.mol)) == ("alanine", "C[C@H](N)C(=O)O")
    assert (second.name, second.mol) == ("broken", None)
    (tmp_path / "in.csv").write_text(f'id,InChI\n7,"{alanine}"\n')
    [row] = read_molecules(tmp_path / "in.csv")
    assert (row.name, smiles(row.mol)) == ("7", "C[C@H](N)C(=O)O")


@pytest.mark.parametrize(
    ("text", "choice", "names"),
    [
        ('smiles,name,note\nCCO,"ethanol, pure","a ""b"""\nCCN,amine,\n', None, ["ethanol, pure", "amine"]),
        ("CCO,ethanol\nCCN,amine\n", None, ["ethanol", "amine"]),
        ("key;structure;label\n1;CCO;ethanol\n2;CCN;amine\n", ("structure", "label"), ["ethanol", "amine"]),
        ("key,Structure,label\n1,CCO,ethanol\n2,CCN,amine\n", ("STRUCTURE", "1"), ["1", "2"]),
        ("1,CCO,ethanol\n2,CCN,amine\n", ("2", "3"), ["ethanol", "amine"]),
        ("smiles,isomeric_smiles,name\nC,CCO,ethanol\nC,CCN,amine\n", ("isomeric_smiles", None), ["ethanol", "amine"]),
        ("\n\nsmiles,name\n\nCCO,ethanol\nCCN,amine\n", None, ["ethanol", "amine"]),
    ],
)
def test_tables(text: str, choice: tuple[str | None, str | None] | None, names: list[str], tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(text)
    columns = ColumnChoice(*choice) if choice else None
    entries = list(read_molecules(tmp_path / "in.csv", columns=columns))
    assert [entry.name for entry in entries] == names
    assert [smiles(entry.mol) for entry in entries] == ["CCO", "CCN"]
    assert count_molecules(tmp_path / "in.csv", columns) == 2
    last = text.splitlines().index(text.splitlines()[-1]) + 1
    assert entries[-1].number == last


def test_other_columns_are_fields(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_text("smiles\tname\tIC50, nM\tnote\nCCO\tethanol\t12\t\n")
    [entry] = read_molecules(tmp_path / "in.tsv")
    assert entry.mol is not None
    assert {name: entry.mol.GetProp(name) for name in entry.mol.GetPropNames()} == {"IC50, nM": "12"}


def test_columns_that_are_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("smiles,name\nCCO,ethanol\n")
    for choice in (ColumnChoice("SMILE"), ColumnChoice(None, "3")):
        with pytest.raises(ValueError, match=r"there is no column '(SMILE|3)'; the first line has smiles, name"):
            list(read_molecules(tmp_path / "in.csv", columns=choice))
    (tmp_path / "in.sdf").write_text("")
    with pytest.raises(ValueError, match="has no columns"):
        read_molecules(tmp_path / "in.sdf", columns=ColumnChoice("x"))


def test_a_first_row_that_is_no_header_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("C1CC,broken\nCCO,ethanol\n")
    assert [(entry.name, entry.mol is None) for entry in read_molecules(tmp_path / "in.csv")] == [
        ("broken", True), ("ethanol", False),
    ]  # fmt: skip
