"""Do `--core` and what goes with it lay analogues on a pose, and say how?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import call, records
from helpers import embedded
from rdkit import Chem
from rdkit.Chem import rdFMCS

KNOWN = "COc1cc2ncnc(Nc3ccc(F)c(Cl)c3)c2cc1OCCCN1CCOCC1"
ANALOGUES = {
    "bromo": "COc1cc2ncnc(Nc3cccc(Br)c3)c2cc1OC",
    "acetonitrile": "CC#N",
    "ethynyl": "COCCOc1cc2ncnc(Nc3cccc(C#C)c3)c2cc1OCCOC",
    "quinoline": "COc1cc2ncccc2cc1OCCCN1CCCC1",
}


@pytest.fixture
def pose(tmp_path: Path) -> Path:
    """A relaxed conformer of gefitinib, far from the origin, as a crystal would have it."""
    mol = embedded(KNOWN, seed=11, relaxed=True)
    mol.GetConformer().SetPositions(mol.GetConformer().GetPositions() + np.array([31.0, -7.0, 12.0]))
    path = tmp_path / "pose.sdf"
    with Chem.SDWriter(str(path)) as writer:
        writer.write(mol)
    return path


@pytest.fixture
def series(tmp_path: Path) -> Path:
    path = tmp_path / "series.smi"
    path.write_text("".join(f"{smiles} {name}\n" for name, smiles in ANALOGUES.items()))
    return path


def off(record: Chem.Mol, reference: Chem.Mol) -> tuple[int, float]:
    """Atoms in common, and how far they are from the reference at most, in the best of the ways to lay them on."""
    bare, other = Chem.RemoveHs(record), Chem.RemoveHs(reference)
    common = rdFMCS.FindMCS([bare, other], ringMatchesRingOnly=True, completeRingsOnly=True)
    core = Chem.MolFromSmarts(common.smartsString)
    there = other.GetConformer().GetPositions()
    return common.numAtoms, min(
        float(np.abs(bare.GetConformer().GetPositions()[list(ours)] - there[list(theirs)]).max())
        for ours in bare.GetSubstructMatches(core, uniquify=False)
        for theirs in other.GetSubstructMatches(core, uniquify=False)
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_common_cores_lie_on_the_pose(workers: int, pose: Path, series: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.sdf"
    result = call("embed", series, "-n", 2, "-o", out, "--core", pose, "--mcs", "--workers", workers)
    assert result.exit_code == 1
    [reference], written = records(pose), records(out)
    assert [mol.GetProp("_Name") for mol in written] == ["bromo"] * 2 + ["ethynyl"] * 2 + ["quinoline"] * 2
    for mol in written:
        atoms, distance = off(mol, reference)
        assert distance < 1e-3
        assert f"({mol.GetProp('_Name')}): core of {atoms} atoms: RMSD 0.0000 angstrom from the" in result.stderr
    assert "line 2 (acetonitrile): the molecule and the reference have no core of at least 3 atoms" in result.stderr
    assert "NO_CORE" in result.stderr
    assert "6 conformers, 1 failure" in result.stderr


def test_parts_of_the_reference(pose: Path, tmp_path: Path) -> None:
    out, [reference] = tmp_path / "out.sdf", records(pose)
    ring = reference.GetSubstructMatch(Chem.MolFromSmarts("c1ncnc2ccccc12"))
    numbers = ",".join(map(str, ring))
    for words in (["--smarts", "c1ncnc2ccccc12"], ["--atoms", numbers]):
        result = call("embed", ANALOGUES["bromo"], "-n", 1, "-o", out, "--core", pose, *words)
        assert result.exit_code == 0, result.output
        assert "core of 10 atoms: RMSD 0.0000" in result.stderr
        [mol] = records(out)
        own = mol.GetSubstructMatch(Chem.MolFromSmarts("c1ncnc2ccccc12"))
        moved = mol.GetConformer().GetPositions()[list(own)] - reference.GetConformer().GetPositions()[list(ring)]
        assert np.abs(moved).max() < 1e-3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mcs"], "give a --core as well"),
        (["--core", "POSE", "--mcs", "--smarts", "c1ccccc1"], "--mcs and --smarts both say"),
        (["--core", "POSE", "--atoms", "1,two"], "not 'two'"),
        (["--core", "POSE", "--atoms", "1,900"], "names atoms [900]"),
        (["--core", "POSE", "--smarts", "c1ccc"], "--smarts c1ccc cannot be read"),
        (["--core", "POSE", "--smarts", "[Si]"], "is not in the reference"),
        (["--core", "nowhere.sdf"], "nowhere.sdf"),
        (["--core", "CCO"], "a pose has coordinates"),
        (["--core", "TWO"], "holds 2 molecules"),
        (["--core", "FLAT"], "three dimensions"),
    ],
)
def test_wrong_usage_is_reported_before_any_molecule(words: list[str], said: str, pose: Path, tmp_path: Path) -> None:
    files = {"POSE": pose, "TWO": tmp_path / "two.sdf", "FLAT": tmp_path / "flat.sdf"}
    files["TWO"].write_text(pose.read_text() * 2)
    files["FLAT"].write_text(Chem.MolToMolBlock(Chem.MolFromSmiles("CCO")))
    out = tmp_path / "out.sdf"
    result = call("embed", "CCO", "-o", out, *(files.get(word, word) for word in words))
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert not out.exists()
