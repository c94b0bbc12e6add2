"""Do datamol, PandasTools and joblib take our molecules, and we theirs?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import call
from rdkit import Chem

import rdkit_ebd

PARACETAMOL = "CC(=O)Nc1ccc(O)cc1"


def test_datamol_takes_and_gives_molecules(tmp_path: Path) -> None:
    dm = pytest.importorskip("datamol")
    mol = dm.to_mol(PARACETAMOL, add_hs=True)
    assert len(rdkit_ebd.EmbedMultipleConfs(mol, 3, randomSeed=1)) == 3
    assert dm.conformers.rmsd(mol).shape == (3, 3)
    with rdkit_ebd.SDFWriter(tmp_path / "out.sdf") as writer:
        writer.write(mol, "paracetamol")
    frame = dm.read_sdf(tmp_path / "out.sdf", as_df=True, remove_hs=False)
    assert len(frame) == 3
    assert len(set(frame["smiles"])) == 1
    made = dm.conformers.generate(dm.to_mol(PARACETAMOL), n_confs=2, minimize_energy=False)
    made = Chem.AddHs(made, addCoords=True)
    assert len(rdkit_ebd.RankConformers(made, "MMFF94s").ids) == made.GetNumConformers()


def test_pandastools_reads_and_writes_tables(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    from rdkit.Chem import PandasTools

    source, out = tmp_path / "in.sdf", tmp_path / "out.sdf"
    table = pandas.DataFrame({"ID": ["a", "b"], "smiles": [PARACETAMOL, "OCCN"], "IC50": [1.5, 2.5]})
    PandasTools.AddMoleculeColumnToFrame(table, "smiles", "ROMol")
    PandasTools.WriteSDF(table, str(source), idName="ID", properties=["IC50"])
    assert call("embed", source, "-n", 2, "-o", out, "--score", "MMFF94s", "--workers", 0).exit_code == 0
    frame = PandasTools.LoadSDF(str(out), idName="ID", removeHs=False)
    assert frame["ID"].tolist() == ["a", "a", "b", "b"]
    assert frame["IC50"].astype(float).tolist() == [1.5, 1.5, 2.5, 2.5]
    assert np.isfinite(frame["ebd_energy"].astype(float)).all()
    mols = [Chem.AddHs(mol) for mol in table["ROMol"]]
    report = rdkit_ebd.EmbedMolecules(mols, 1, rdkit_ebd.EBD(randomSeed=1), workers=0)
    assert report.to_frame()["conformers"].tolist() == [1, 1]


def embedded_by_joblib(smiles: str) -> Chem.Mol:
    Chem.SetDefaultPickleProperties(Chem.PropertyPickleOptions.AllProps)
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdkit_ebd.EmbedMultipleConfs(mol, 2, randomSeed=42, numThreads=1)
    return mol


def test_joblib_gives_what_a_loop_gives() -> None:
    joblib = pytest.importorskip("joblib")
    smiles = [PARACETAMOL, "OCCN"]
    pieces = joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(embedded_by_joblib)(one) for one in smiles)
    for mol, one in zip(pieces, smiles, strict=True):
        alone = embedded_by_joblib(one)
        for conformer, expected in zip(mol.GetConformers(), alone.GetConformers(), strict=True):
            assert np.array_equal(conformer.GetPositions(), expected.GetPositions())
            assert rdkit_ebd.get_provenance(conformer) == rdkit_ebd.get_provenance(expected)
