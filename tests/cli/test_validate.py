"""Does `validate` find what `embed` will fail on, and what its user should know?"""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import call
from helpers import embedded
from rdkit import Chem

LINES = [
    ("CCO ethanol", ""),
    ("C1CC broken", "unclosed ring"),
    ("CC[Ge](C)(C)C germane", "atom 2 is Ge"),
    ("CC(O)F open", "stereochemistry is not defined: C1 (R/S)"),
    ("[Na+].CC(=O)[O-] salt", "it has 2 components"),
    ("OCC again", "it is the molecule of line 1, by its InChIKey LFQSCWFLJHTTHZ-UHFFFAOYSA-N"),
    ("C[C@H](O)F written", ""),
]


def test_findings_have_their_places(tmp_path: Path) -> None:
    source = tmp_path / "in.smi"
    source.write_text("\n".join(line for line, _ in LINES) + "\n")
    result = call("validate", source)
    assert result.exit_code == 1
    said = {line.partition(": ")[0]: line.partition(": ")[2] for line in result.stdout.splitlines()}
    wanted = {f"line {k} ({line.split()[1]})": finding for k, (line, finding) in enumerate(LINES, start=1) if finding}
    assert said.keys() == wanted.keys()
    assert all(finding in said[place] for place, finding in wanted.items())
    assert "7 molecules: 1 unreadable, 1 unsupported, 1 with undefined stereochemistry, 1 of several components, " in (
        result.stderr
    )


@pytest.mark.parametrize(("kept", "code"), [([0, 3, 4, 5, 6], 0), ([1], 1), ([2], 1)])
def test_the_exit_code_is_that_of_embedding(kept: list[int], code: int, tmp_path: Path) -> None:
    source = tmp_path / "in.smi"
    source.write_text("\n".join(LINES[k][0] for k in kept) + "\n")
    assert call("validate", source, "-q").exit_code == code
    assert call("embed", source, "-n", 1, "-o", tmp_path / "out.sdf", "--workers", 0).exit_code == code


def test_conformers_of_one_molecule_are_not_given_twice(tmp_path: Path) -> None:
    mol, source = embedded("CCO", 3), tmp_path / "in.sdf"
    source.write_text("".join(Chem.SDWriter.GetText(mol, confId=i) for i in range(3)))
    result = call("validate", source)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "1 molecule: nothing found" in result.stderr


def test_empty_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "in.smi").touch()
    assert call("validate", tmp_path / "in.smi").exit_code == 1
    assert call("validate", tmp_path / "nowhere.smi").exit_code == 2
