"""From SMILES to docked poses: puckers, PDBQT, a real Vina run, and a library that survives being killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import embedded, needs, with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDistGeom
from typer.testing import CliRunner

from rdkit_ebd.cli import app as cli
from rdkit_ebd_docking import DockPrep, PreparedLigand, PrepareLibrary, PrepareLigand, ring_puckers
from rdkit_ebd_docking.puckers import ring_torsions, torsion_angles

FEW = DockPrep(numConfs=4)
needs_meeko = needs("meeko")


def test_a_flipped_chair_is_another_pucker() -> None:
    mol = embedded("C[C@H]1CC[C@@H](F)CC1", 20, relaxed=True)
    groups = ring_puckers(mol)
    assert len(groups) >= 2
    assert sorted(i for group in groups for i in group) == list(range(20))
    quads = ring_torsions(mol)
    assert len(quads) == 6
    first, second = (torsion_angles(mol.GetConformer(group[0]).GetPositions(), quads) for group in groups[:2])
    assert np.abs(np.sin(np.radians(first - second))).max() > 0.3


def test_mirrored_chairs_of_a_symmetric_ring_are_one_pucker() -> None:
    mol = embedded("C1CCCCC1", 12, relaxed=True)
    angles = {c.GetId(): torsion_angles(c.GetPositions(), ring_torsions(mol)) for c in mol.GetConformers()}
    chairs = {i for i, seen in angles.items() if np.abs(np.abs(seen) - 55).max() < 10}
    assert {bool(angles[i][0] > 0) for i in chairs} == {True, False}  # the same molecule turned round
    assert [set(group) & chairs for group in ring_puckers(mol) if set(group) & chairs] == [chairs]
    assert len(ring_puckers(mol)) > 1  # boats are something else


def test_flat_molecules_have_one_pucker() -> None:
    assert ring_puckers(embedded("aspirin", 3)) == [[0, 1, 2]]
    assert len(ring_torsions(with_hydrogens("caffeine"))) == 0
    with pytest.raises(ValueError, match=r"\[7\]"):
        ring_puckers(embedded("aspirin", 3), [0, 7])


def test_preference_decides_who_stands_for_a_pucker() -> None:
    assert ring_puckers(embedded("aspirin", 3), [2, 0]) == [[2, 0]]


def test_torsion_angles_are_rdkits() -> None:
    from rdkit.Chem import rdMolTransforms

    mol = embedded("nicotine", 1)
    conformer, quads = mol.GetConformer(), ring_torsions(mol)
    expected = [rdMolTransforms.GetDihedralDeg(conformer, *quad.tolist()) for quad in quads]
    assert np.allclose(torsion_angles(conformer.GetPositions(), quads), expected, atol=1e-6)


@needs_meeko
def test_a_ligand_keeps_its_name_stereo_and_provenance() -> None:
    mol = Chem.MolFromSmiles("C[C@H]1CC[C@@H](NC(=O)c2ccccc2)CC1")
    mol.SetProp("_Name", "amide 7")
    ligand = PrepareLigand(mol, DockPrep(numConfs=8))
    assert ligand.ok
    assert ligand.name == "amide 7"
    assert mol.GetNumConformers() == 0  # what was given is not touched
    assert 1 <= len(ligand.pdbqts) == len(ligand.conf_ids) <= min(4, ligand.puckers)
    energies = [ligand.mol.GetConformer(i).GetDoubleProp("ebd_energy") for i in ligand.conf_ids]
    assert energies == sorted(energies)
    for text in ligand.pdbqts:
        assert "REMARK  Name = amide 7" in text
        assert "ebd_model=ebd-f2f" in text
        assert "ebd_seed=42" in text
        smiles = next(line.split()[2] for line in text.splitlines() if line.startswith("REMARK SMILES "))
        assert Chem.CanonSmiles(smiles) == Chem.MolToSmiles(mol)


@needs_meeko
def test_poses_find_their_way_back() -> None:
    from rdkit_ebd_docking.pdbqt import poses_to_mol

    ligand = PrepareLigand(Chem.MolFromSmiles("OC[C@H](N)c1ccccc1"), FEW)
    back = poses_to_mol(ligand.pdbqts[0], ligand.mol)
    heavy = [a.GetIdx() for a in ligand.mol.GetAtoms() if a.GetAtomicNum() > 1]
    expected = ligand.mol.GetConformer(ligand.conf_ids[0]).GetPositions()[heavy]
    assert np.allclose(back.GetConformer().GetPositions()[heavy], expected, atol=2e-3)
    with pytest.raises(ValueError, match="not of the ligand"):
        poses_to_mol(ligand.pdbqts[0], with_hydrogens("aspirin"))


@needs_meeko
def test_what_cannot_be_docked_says_why() -> None:
    salt = PrepareLigand(Chem.MolFromSmiles("CC(=O)[O-].[Na+]"), FEW)
    assert not salt.ok
    assert salt.failures["COMPONENTS"] == 1
    assert "counterions" in salt.messages[0]
    with pytest.raises(TypeError, match="NoneType"):
        PrepareLigand(Chem.MolFromSmiles("not a smiles"))
    for wrong in ({"format": "mol2"}, {"maxPuckers": 0}, {"pruneRmsThresh": "a"}):
        with pytest.raises((ValueError, TypeError)):
            DockPrep(**wrong)  # type: ignore[arg-type]


def test_sdf_has_the_whole_ensemble() -> None:
    ligand = PrepareLigand(Chem.MolFromSmiles("CCOC(=O)[C@H](C)NC"), DockPrep(numConfs=6, format="sdf"))
    assert ligand.conf_ids
    assert not ligand.pdbqts
    assert sorted(ligand.conf_ids) == [c.GetId() for c in ligand.mol.GetConformers()]


@pytest.fixture(scope="module")
def receptor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A peptide made here, rigid: enough of a protein for a docking run to have something to stick to."""
    pytest.importorskip("meeko")
    from meeko import MoleculePreparation, PDBQTWriterLegacy

    peptide = Chem.AddHs(Chem.MolFromSequence("GWFSDYK"))
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = 11
    assert rdDistGeom.EmbedMolecule(peptide, parameters) == 0
    text, fine, said = PDBQTWriterLegacy.write_string(MoleculePreparation().prepare(peptide)[0])
    assert fine, said
    path = tmp_path_factory.mktemp("receptor") / "peptide.pdbqt"
    path.write_text("\n".join(line for line in text.splitlines() if line.startswith("ATOM")) + "\n")
    return path


def test_vina_docks_the_ensemble(receptor: Path) -> None:
    pytest.importorskip("vina")
    from rdkit_ebd_docking import Box, DockLigand

    ligand = PrepareLigand(Chem.MolFromSmiles("C[C@@H]1CCCC[C@H]1O"), DockPrep(numConfs=6, maxPuckers=2))
    atoms = [line for line in receptor.read_text().splitlines() if line.startswith("ATOM")]
    centre = np.mean([[float(line[30 + 8 * k : 38 + 8 * k]) for k in range(3)] for line in atoms], axis=0)
    docked = DockLigand(ligand, receptor, Box(tuple(centre), (18.0, 18.0, 18.0)), exhaustiveness=1, numPoses=3)
    affinities = [c.GetDoubleProp("vina_affinity") for c in docked.GetConformers()]
    assert 1 <= len(affinities) <= 3
    assert affinities == sorted(affinities)
    assert affinities[0] < -1
    assert ligand.mol.GetNumConformers() >= 1  # the ensemble stays
    for pose in docked.GetConformers():
        assert np.abs(pose.GetPositions() - centre).max() < 9 + 6
        pucker = ligand.conf_ids[pose.GetIntProp("vina_pucker")]
        quads = ring_torsions(ligand.mol)
        before = torsion_angles(ligand.mol.GetConformer(pucker).GetPositions(), quads)
        assert np.allclose(torsion_angles(pose.GetPositions(), quads), before, atol=1.0)  # rings are rigid in Vina
    Chem.AssignStereochemistryFrom3D(docked, docked.GetConformer().GetId())
    assert Chem.FindMolChiralCenters(docked) == Chem.FindMolChiralCenters(ligand.mol)
    with pytest.raises(FileNotFoundError):
        DockLigand(ligand, "nowhere.pdbqt", Box((0, 0, 0)))
    with pytest.raises(ValueError, match="no PDBQT"):
        DockLigand(PreparedLigand(ligand.mol, "x"), receptor, Box((0, 0, 0)))


@needs_meeko
def test_a_library_is_resumed_and_bad_ligands_do_not_stop_it(tmp_path: Path) -> None:
    source, out = tmp_path / "lib.smi", tmp_path / "out"
    source.write_text("CCO ethanol\nthis is wrong\nCC(=O)[O-].[Na+] salt\nOC1CCCCC1 cyclo/hexanol\n")
    report = PrepareLibrary(source, out, FEW)
    assert report.ligands == 4
    assert [number for number, _, _ in report.failed] == [2, 3]
    files = {p.name: p.read_text() for p in out.iterdir()}
    assert "000001_ethanol.pdbqt" in files
    assert any(name.startswith("000004_cyclo_hexanol") for name in files)
    manifest = out / "manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(lines[:3]) + lines[3][:20])  # killed in the middle of a line
    before = {p.name: p.stat().st_ino for p in out.iterdir()}
    again = PrepareLibrary(source, out, FEW)
    assert (again.skipped, again.ligands) == (2, 4)
    assert (out / "000001_ethanol.pdbqt").stat().st_ino == before["000001_ethanol.pdbqt"]  # not done again
    assert manifest.read_text().splitlines(keepends=True) == lines
    assert {p.name: p.read_text() for p in out.iterdir()} == files
    with pytest.raises(ValueError, match="another folder"):
        PrepareLibrary(source, out, DockPrep(numConfs=5))
    source.write_text("CCN ethylamine\n")
    with pytest.raises(ValueError, match="another file"):
        PrepareLibrary(source, out, FEW)


@needs_meeko
@pytest.mark.parametrize("damage", ["a flipped bit", "gone", "a changed line"])
def test_a_ligand_that_is_not_what_was_written_is_made_again(tmp_path: Path, damage: str) -> None:
    source, out = tmp_path / "lib.smi", tmp_path / "out"
    source.write_text("CCO ethanol\nOCCN ethanolamine\n")
    PrepareLibrary(source, out, FEW)
    files = {p.name: p.read_bytes() for p in out.iterdir()}
    ligand, manifest = out / "000001_ethanol.pdbqt", out / "manifest.jsonl"
    if damage == "a flipped bit":
        ligand.write_bytes(bytes([files[ligand.name][0] ^ 1]) + files[ligand.name][1:])
    elif damage == "gone":
        ligand.unlink()
    else:
        manifest.write_text(manifest.read_text().replace('"puckers": 1', '"puckers": 2', 1))
    again = PrepareLibrary(source, out, FEW)
    assert (again.skipped, again.ligands) == (1, 2)
    found = {p.name: p.read_bytes() for p in out.iterdir()}
    assert {name: found[name] for name in files if name != manifest.name} == {
        name: content for name, content in files.items() if name != manifest.name
    }
    assert sorted(manifest.read_text().splitlines()) == sorted(files[manifest.name].decode().splitlines())


@needs_meeko
def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    source, out = tmp_path / "lib.smi", tmp_path / "out"
    source.write_text("CCO ethanol\nOCCN ethanolamine\n")

    def meanwhile(entry: object) -> None:
        with pytest.raises(OSError, match="another run"):
            PrepareLibrary(source, out, FEW)

    PrepareLibrary(source, out, FEW, meanwhile)
    assert len((out / "manifest.jsonl").read_text().splitlines()) == 3


def test_what_is_no_folder_of_ours_is_a_line_and_not_a_traceback(tmp_path: Path) -> None:
    source, out = tmp_path / "lib.smi", tmp_path / "out"
    source.write_text("CCO ethanol\n")
    out.mkdir()
    (out / "manifest.jsonl").write_text("my notes\n")
    words = ["dock-prep", str(source), "-o", str(out), "--format", "sdf"]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 2
    assert "holds something else" in result.stderr
    assert (out / "manifest.jsonl").read_text() == "my notes\n"
    result = CliRunner().invoke(cli.app, ["dock-prep", str(source), "-o", "/proc/nowhere", "--format", "sdf"])
    assert result.exit_code == 2
    assert "nowhere" in result.stderr
    assert "Traceback" not in result.output


def test_odd_records_cost_themselves_and_quiet_is_quiet(tmp_path: Path) -> None:
    good = Chem.SDWriter.GetText(embedded("CCO", 1))
    bad = good.replace(" C   0", " CC\u00e90", 1)
    (tmp_path / "lib.sdf").write_text("\x1b[31mred\n" + good.partition("\n")[2] + bad + good, encoding="utf-8")
    words = ["dock-prep", str(tmp_path / "lib.sdf"), "-o", str(tmp_path / "out"), "-n", "1", "--format", "sdf", "-q"]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 1
    assert len(list((tmp_path / "out").glob("*.sdf"))) == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("record 2 (")
    (tmp_path / "empty.smi").touch()
    result = CliRunner().invoke(cli.app, ["dock-prep", str(tmp_path / "empty.smi"), "-o", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "holds no molecules" in result.stderr


@needs_meeko
def test_from_the_command_line(tmp_path: Path) -> None:
    source = tmp_path / "lib.smi"
    source.write_text("CCO ethanol\nOCCN ethanolamine\n")
    words = ["dock-prep", str(source), "-o", str(tmp_path / "out"), "-n", "2"]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").glob("*.pdbqt"))) == 2
    assert "2 from an earlier run" in CliRunner().invoke(cli.app, words).output
    assert CliRunner().invoke(cli.app, [*words, "--max-puckers", "2"]).exit_code == 2
