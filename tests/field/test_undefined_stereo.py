"""Molecules whose stereochemistry is not defined: is it said, rejected, or every isomer made a molecule of its own?"""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import call, records
from rdkit import Chem

from rdkit_ebd import EmbedMolecules, EmbedWithReport, EnumerateStereo, StreamMolecules
from rdkit_ebd.chem.undefined_stereo import undefined_stereo
from rdkit_ebd_docking import DockPrep, PrepareLibrary, PrepareLigand

# SMILES, the open elements in words, and how many isomers there are
OPEN = {
    "two centres": ("CC(O)C(F)c1ccccc1", "C1, C3 (R/S)", 4),
    "olefin": ("CC=CC", "C1=C2 (E/Z)", 2),
    "oxime": ("CC(=NO)CC", "C1=N2 (E/Z)", 2),
    "ring cis/trans": ("CC1CCC(O)CC1", "C1, C4 (R/S)", 2),
    "anomers": ("OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O", "C4 (R/S)", 2),
    "sulfoxide": ("CS(=O)CC", "S1 (R/S)", 2),
    "racemate": ("C[C@H](O)[C@@H](F)Cl |&1:1,3|", "group &1 (C1, C3: a mixture of both)", 2),
    "unknown enantiomer": ("C[C@H](O)[C@@H](F)Cl |o1:1,3|", "group o1 (C1, C3: one of the two)", 2),
    "decalin": ("C1CCC2CCCCC2C1", "C3, C8 (R/S)", 2),
    "tropane ester": ("CC(=O)OC1CC2CCC(C1)N2C", "C4, C6, C9 (R/S)", 2),
}
DEFINED = ["CC(=O)Oc1ccccc1", "C[C@H](O)F", "C/C=C/C", "CN(CC)C(C)C", "CC(=N)N", "FC=C=CF", "CC1CCNCC1"]


def perceived(mol: Chem.Mol, conf_id: int) -> str:
    """The stereoisomer that the written coordinates show, read by RDKit from them alone."""
    bare = Chem.Mol(mol, False, conf_id)
    Chem.RemoveStereochemistry(bare)
    Chem.AssignStereochemistryFrom3D(bare)
    return Chem.MolToSmiles(Chem.RemoveHs(bare))


@pytest.mark.parametrize("case", OPEN)
def test_what_is_open_is_named_and_enumerated(case: str) -> None:
    smiles, words, count = OPEN[case]
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert str(undefined_stereo(mol)) == words
    isomers = EnumerateStereo(mol)
    assert len({Chem.MolToSmiles(isomer) for isomer in isomers}) == count
    assert [isomer.GetProp("ebd_isomer") for isomer in isomers] == [f"{k} of {count}" for k in range(1, count + 1)]
    flat = Chem.MolToSmiles(mol, isomericSmiles=False)
    assert all(Chem.MolToSmiles(isomer, isomericSmiles=False) == flat for isomer in isomers)
    assert not any(undefined_stereo(isomer) for isomer in isomers)


@pytest.mark.parametrize("smiles", DEFINED)
def test_what_is_defined_stays_one_molecule(smiles: str) -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert not undefined_stereo(mol)
    [same] = EnumerateStereo(mol)
    assert Chem.MolToSmiles(same) == Chem.MolToSmiles(mol)


@pytest.mark.parametrize("case", ["two centres", "oxime", "ring cis/trans"])
def test_a_mixture_is_reported_with_its_composition(case: str) -> None:
    smiles, words, _ = OPEN[case]
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    report = EmbedWithReport(mol, 12, randomSeed=1)
    shown = [perceived(mol, index) for index in report.ids]
    assert words in report.undefined_stereo
    assert f"12 conformers of {len(set(shown))} stereoisomers" in report.undefined_stereo
    assert report.undefined_stereo in report.summary()


def test_what_symmetry_or_a_cage_decides_is_no_mixture() -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles("C1CC2CC1CCC2"))  # its bridgeheads can only be cis
    assert undefined_stereo(mol)
    assert EmbedWithReport(mol, 6, randomSeed=1).undefined_stereo == ""
    assert len(EnumerateStereo(mol)) == 1


@pytest.mark.parametrize("stereo", ["refuse", "enumerate"])
def test_a_single_molecule_cannot_hold_isomers(stereo: str) -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles("CC(O)C(F)c1ccccc1"))
    with pytest.raises(ValueError, match=r"not defined: C1, C3 \(R/S\)"):
        EmbedWithReport(mol, 2, stereo=stereo)
    defined = Chem.AddHs(Chem.MolFromSmiles("C[C@H](O)F"))
    library = EmbedMolecules([mol, defined], 2, stereo=stereo, randomSeed=1, workers=0)
    assert [len(report.ids) for report in library.reports] == [0, 2]
    assert {str(cause) for _, cause in library.reports[0].failed} == {"UNDEFINED_STEREO"}


def test_a_stream_gives_each_isomer_its_own_molecule() -> None:
    mols = [Chem.AddHs(Chem.MolFromSmiles(smiles)) for smiles in ("CC(O)C(F)c1ccccc1", "CCO")]
    answers = list(StreamMolecules(mols, 3, stereo="enumerate", randomSeed=1, workers=0))
    assert [len(report.ids) for _, report in answers] == [3] * 5
    assert mols[0].GetNumConformers() == 0
    written = [{perceived(mol, index) for index in report.ids} for mol, report in answers if mol is not None]
    assert all(len(shown) == 1 for shown in written)
    assert len(set.union(*written)) == 5


def test_the_command_line_separates_isomers_with_their_parents_name(tmp_path: Path) -> None:
    source, out = tmp_path / "in.smi", tmp_path / "out.sdf"
    source.write_text("CC(O)C(F)c1ccccc1 alpha\nCCO ethanol\n")
    result = call("embed", source, "-n", 2, "-o", out, "--stereo", "enumerate", "--part-size", 1, "--workers", 0)
    assert result.exit_code == 0, result.output
    found = records(out)
    assert [mol.GetProp("_Name") for mol in found[::2]] == ["alpha_s1", "alpha_s2", "alpha_s3", "alpha_s4", "ethanol"]
    for number, mol in enumerate(found[:8]):
        assert mol.GetProp("ebd_parent") == "alpha"
        shown = Chem.MolToSmiles(Chem.RemoveHs(mol))
        assert Chem.CanonSmiles(mol.GetProp("ebd_isomer_smiles")) == Chem.CanonSmiles(shown), number
    mixed = call("embed", source, "-n", 4, "-o", out, "--workers", 0)
    assert "line 1 (alpha): stereochemistry is not defined: C1, C3 (R/S)" in mixed.stderr
    rejected = call("embed", source, "-n", 4, "-o", out, "--stereo", "refuse", "--workers", 0)
    assert rejected.exit_code == 1
    assert [mol.GetProp("_Name") for mol in records(out)] == ["ethanol"] * 4


def test_energies_of_one_molecule_belong_together_whatever_stereo_its_records_show(tmp_path: Path) -> None:
    mixed, scored = tmp_path / "mixed.sdf", tmp_path / "scored.sdf"
    assert call("embed", "CC(O)C(F)c1ccccc1", "-n", 6, "-o", mixed).exit_code == 0
    assert call("score", mixed, "-o", scored, "--sort").exit_code == 0
    relative = [float(mol.GetProp("ebd_relative_energy")) for mol in records(scored)]
    assert relative[0] == 0
    assert relative == sorted(relative)
    assert sum(energy == 0 for energy in relative) == 1


def test_docking_preparation_makes_a_ligand_of_each_isomer(tmp_path: Path) -> None:
    source, long_name = tmp_path / "in.smi", "a-name-that-is-longer-than-what-a-file-name-should-have-by-far-and-more"
    source.write_text(f"CC(O)C(F)c1ccccc1 {long_name}\nCCO ethanol\n")
    settings = DockPrep(numConfs=2, format="sdf")
    report = PrepareLibrary(source, tmp_path / "out", settings)
    assert (report.ligands, report.failed) == (2, [])
    files = sorted((tmp_path / "out").glob("000001_*.sdf"))
    assert [path.stem[-3:] for path in files] == ["_s1", "_s2", "_s3", "_s4"]
    shown = [{Chem.MolToSmiles(Chem.RemoveHs(mol)) for mol in records(path)} for path in files]
    assert all(len(smiles) == 1 for smiles in shown)
    assert len(set.union(*shown)) == 4
    again = PrepareLibrary(source, tmp_path / "out", settings)
    assert (again.skipped, again.files) == (2, 0)
    assert again.isomers == report.isomers  # what is told of a finished run is told again
    ((number, name, told),) = report.isomers
    assert (number, name) == (1, long_name)
    assert "C1, C3 (R/S)" in told
    assert "4 isomers" in told


def test_a_ligand_of_open_stereo_is_prepared_only_where_a_mixture_is_wanted() -> None:
    mol = Chem.MolFromSmiles("CC(O)C(F)c1ccccc1")
    assert not PrepareLigand(mol, DockPrep(numConfs=4, format="sdf")).ok
    mixed = PrepareLigand(mol, DockPrep(numConfs=6, format="sdf", stereo="keep", energyWindow=None, pruneRmsThresh=0))
    assert mixed.ok
    assert any("C1, C3 (R/S)" in message for message in mixed.messages)


def test_what_was_not_made_is_no_mixture() -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles("CC(O)C(F)c1ccccc1"))
    assert EmbedWithReport(mol, 0, randomSeed=1).undefined_stereo == ""


def test_where_all_are_refused_there_is_no_output_that_looks_like_a_success(tmp_path: Path) -> None:
    source, out = tmp_path / "in.smi", tmp_path / "out.sdf"
    source.write_text("CC(O)C(F)Cl open\nCC(F)=C(C)Cl too\n")
    out.write_text("earlier")
    rejected = call("embed", source, "-n", 2, "-o", out, "--stereo", "refuse", "--workers", 0)
    assert rejected.exit_code == 1
    assert "was not written: none of 2 molecules has conformers" in rejected.stderr
    assert "UNDEFINED_STEREO" in rejected.stderr
    assert not out.exists()
    assert not list(tmp_path.glob("*.parts"))
    parts = ["--part-size", 1, "--resume"]
    assert call("embed", source, "-n", 2, "-o", out, "--stereo", "refuse", "--workers", 0, *parts).exit_code == 1
    assert not out.exists()
