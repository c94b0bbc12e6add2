"""Does `generate` write what it draws, say what is wrong in a line, and continue after an interruption?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import call, records
from rdkit import Chem

from rdkit_ebd.io.resumable_output import count_parts
from rdkit_ebd.molecules.generate import Plan
from rdkit_ebd.molecules.generate_report import Generated

ASKED = ("generate", "-n", 12, "--atoms", "9-20", "--seed", 5, "--steps", 25, "--part-size", 4)


def test_resumed_is_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, broken = tmp_path / "whole.sdf", tmp_path / "broken.sdf"
    done = call(*ASKED, "-o", whole)
    assert done.exit_code == 0, done.output
    assert "of 12 molecules valid" in done.output
    made = Plan.molecules

    def interrupted(self: Plan, count: int, first: int = 0) -> Iterator[Generated]:
        for one in made(self, count, first):
            if one.index == 9:
                raise KeyboardInterrupt
            yield one

    with monkeypatch.context() as patch:
        patch.setattr(Plan, "molecules", interrupted)
        assert call(*ASKED, "-o", broken).exit_code == 130
    assert count_parts(broken) == 2
    assert not broken.exists()
    assert call(*ASKED, "-o", broken).exit_code == 2  # there are parts
    resumed = call(*ASKED, "-o", broken, "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert broken.read_bytes() == whole.read_bytes()
    found = records(whole)
    assert all(9 <= mol.GetNumAtoms() <= 20 for mol in found)
    assert [mol.GetProp("_Name") for mol in found] == [f"edm-qm9_{mol.GetProp('ebd_index')}" for mol in found]


def test_a_value_of_each_is_written(tmp_path: Path) -> None:
    out = tmp_path / "out.sdf"
    done = call("generate", "-n", 12, "--atoms", "9-20", "--seed", 5, "--draw", "gap", "--cv", 30, "-o", out)
    assert done.exit_code == 0, done.output
    for mol in records(out):
        assert float(mol.GetProp("wanted_cv")) == 30
        assert 0.1 < float(mol.GetProp("wanted_gap")) < 0.4


def test_a_fragment_from_a_file(tmp_path: Path) -> None:
    from rdkit.Chem import rdDistGeom

    mol = Chem.AddHs(Chem.MolFromSmiles("CC(N)=O"))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    core, out = tmp_path / "core.sdf", tmp_path / "out.sdf"
    core.write_text(Chem.MolToMolBlock(Chem.RemoveHs(mol)))
    assert call("generate", "-n", 8, "--core", core, "-o", out).exit_code in (0, 1)
    for drawn in records(out):
        atoms = [drawn.GetAtomWithIdx(i).GetAtomicNum() for i in range(4)]
        assert atoms == [6, 6, 7, 8]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--gap", 9), "gap must be from"),
        (("--atoms", "20-15"), "20 is more than 15"),
        (("--atoms", "few"), "must be a number or a span such as 15-20"),
        (("--draw", "colour"), "knows no property 'colour'"),
        (("--model", "edm-zinc"), "no model 'edm-zinc'"),
        (("--seed", -1, "--resume"), "--resume needs a --seed"),
        (("--alpha", 80, "--draw", "alpha"), "--draw alpha and --alpha 80: only one of them"),
    ],
)
def test_wrong_usage_is_one_line(words: tuple[object, ...], message: str, tmp_path: Path) -> None:
    done = call("generate", "-n", 2, "-o", tmp_path / "out.sdf", *words)
    assert done.exit_code == 2
    assert message in " ".join(done.output.replace("│", " ").split())
    assert not (tmp_path / "out.sdf").exists()


def test_what_cannot_be_continued_is_not(tmp_path: Path) -> None:
    done = call("generate", "-n", 2, "-o", tmp_path / "out.xyz", "--resume")
    assert done.exit_code == 2
    assert "--resume needs an SD file" in " ".join(done.output.split())


def test_what_is_drawn_can_be_judged_again(tmp_path: Path) -> None:
    done = call("evaluate-generator", "-n", 2, "-o", tmp_path / "drawn.txt")
    assert done.exit_code == 2
    assert "NAME.safetensors, not drawn.txt" in " ".join(done.output.split())
