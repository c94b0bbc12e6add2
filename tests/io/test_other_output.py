"""Do XYZ and PDB files read back as the molecules they were written from, and is what has no place in them refused?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import call
from helpers import embedded
from rdkit import Chem

from rdkit_ebd import ScoreConformers
from rdkit_ebd.io import read_molecules
from rdkit_ebd.io.other_output import writer_of

LACTATE = "C[C@H](O)C(=O)[O-]"


def smiles(mol: Chem.Mol | None) -> str:
    return str(Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(mol))))


@pytest.mark.parametrize("name", ["out.xyz", "out.XYZ.gz", "out.pdb", "out.pdb.gz"])
def test_written_and_read_back(name: str, tmp_path: Path) -> None:
    mol = Chem.Mol(embedded(LACTATE, 3))
    mol.SetProp("_Name", "sodium-free\nlactate")
    ScoreConformers(mol, "MMFF94s")
    with writer_of(tmp_path / name) as writer:
        assert writer.write(mol) == 3
    found = list(read_molecules(tmp_path / name))
    assert [(entry.name, smiles(entry.mol)) for entry in found] == [
        ("sodium-free lactate", Chem.CanonSmiles(LACTATE))
    ] * 3
    for entry, conformer in zip(found, mol.GetConformers(), strict=True):
        assert entry.mol is not None
        apart = entry.mol.GetConformer().GetPositions() - conformer.GetPositions()
        assert np.abs(apart).max() < (6e-4 if "pdb" in name else 6e-7)


def test_frames_have_charge_and_energy(tmp_path: Path) -> None:
    mol = Chem.Mol(embedded(LACTATE, 2))
    mol.SetProp("_Name", "lactate")
    energies = ScoreConformers(mol, "MMFF94s")
    with writer_of(tmp_path / "out.xyz") as writer:
        writer.write(mol)
    lines = (tmp_path / "out.xyz").read_text().splitlines()
    assert lines[0] == str(mol.GetNumAtoms())
    assert lines[1] == f"lactate charge=-1 ebd_energy={energies[0]:.6f}"
    assert len(lines) == 2 * (mol.GetNumAtoms() + 2)


def test_a_pdb_file_is_of_one_molecule(tmp_path: Path) -> None:
    with writer_of(tmp_path / "out.pdb") as writer:
        writer.write(embedded("aspirin", 1))
        with pytest.raises(ValueError, match="this is another: write SD"):
            writer.write(embedded("captopril", 1))
    assert len(list(read_molecules(tmp_path / "out.pdb"))) == 1


def test_commands_write_them(tmp_path: Path) -> None:
    xyz, pdb, ranked = tmp_path / "out.xyz", tmp_path / "out.pdb", tmp_path / "ranked.xyz"
    assert call("embed", "CC(=O)Nc1ccc(O)cc1", "-n", 3, "-o", xyz).exit_code == 0
    assert call("refine", xyz, "-o", pdb).exit_code == 0
    assert call("rank", pdb, "--by", "MMFF94s", "--top", 1, "-o", ranked).exit_code == 0
    assert [smiles(entry.mol) for entry in read_molecules(ranked)] == ["CC(=O)Nc1ccc(O)cc1"]
    (tmp_path / "two.smi").write_text("CCO ethanol\nCCCN amine\n")
    result = call("embed", tmp_path / "two.smi", "-n", 1, "-o", pdb, "--workers", 0, "--part-size", 1)
    assert result.exit_code == 1
    assert "line 2 (amine): a PDB file is of one molecule" in result.stderr
    for words, said in (
        (("-o", tmp_path / "out.mol2"), "RDKit reads MOL2 and does not write it"),
        (("-o", tmp_path / "out.cif"), "must end in .sdf, .sd, .xyz, .pdb"),
        (("-o", xyz, "--resume"), "--resume needs an SD file"),
    ):
        refused = call("embed", "CCO", *words)
        assert refused.exit_code == 2
        assert said in " ".join(refused.stderr.split())
