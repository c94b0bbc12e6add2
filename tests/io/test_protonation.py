"""Are states of molecules those that the tools give, each with its name, and is a tool that is not there named?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_line import call, records
from rdkit import Chem

from rdkit_ebd.io import read_molecules
from rdkit_ebd.io.protonation import entry_states, protonator

PACKAGES = {"dimorphite": "dimorphite_dl", "molscrub": "molscrub"}


def states_of(smiles: str, tool: str, ph: float) -> list[tuple[str, str]]:
    [entry] = read_molecules(smiles)
    found = entry_states(entry, protonator(tool, ph), ph)
    return [(state.name, Chem.MolToSmiles(state.mol) if state.mol else state.problem) for state in found]


@pytest.mark.parametrize("tool", PACKAGES)
def test_states_at_a_ph(tool: str) -> None:
    pytest.importorskip(PACKAGES[tool])
    assert states_of("CC(=O)O acid", tool, 7.4) == [("acid", "CC(=O)[O-]")]
    assert states_of("CC(=O)O acid", tool, 1.0) == [("acid", "CC(=O)O")]
    assert states_of("C[C@H](N)Cc1ccccc1 amine", tool, 7.4) == [("amine", "C[C@H]([NH3+])Cc1ccccc1")]


def test_several_states_are_molecules_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("dimorphite_dl")
    source, out = tmp_path / "in.smi", tmp_path / "out.sdf"
    source.write_text("NCC(=O)O glycine\nCCO ethanol\nC1CC broken\n")
    result = call("embed", source, "-n", 1, "-o", out, "--protonate", "dimorphite", "--workers", 0)
    assert result.exit_code == 1  # of the broken one
    found = {mol.GetProp("_Name"): Chem.MolToSmiles(Chem.RemoveHs(mol)) for mol in records(out)}
    assert found.pop("ethanol") == "CCO"
    assert set(found) == {f"glycine_p{k}" for k in range(1, len(found) + 1)}
    assert {"NCC(=O)[O-]", "[NH3+]CC(=O)[O-]"} == set(found.values())
    assert {mol.GetProp("ebd_parent") for mol in records(out)[: len(found)]} == {"glycine"}
    assert "line 1 (glycine_p1): at pH 7.4, 1 of 2 states: " in result.stderr


@pytest.mark.parametrize("tool", PACKAGES)
def test_a_tool_that_is_not_there_is_named(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGES[tool], None)
    result = call("embed", "CCO", "-o", tmp_path / "out.sdf", "--protonate", tool)
    assert result.exit_code == 2
    assert "pip install" in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


def test_what_is_out_of_range_is_named() -> None:
    with pytest.raises(ValueError, match="from 0 to 14, not 15"):
        protonator("molscrub", 15)
    with pytest.raises(ValueError, match="dimorphite or molscrub, not 'magic'"):
        protonator("magic", 7)
