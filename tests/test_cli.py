"""The command line embeds what it can, tells what it cannot, and answers with its exit code."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rdkit import Chem
from rdkit.Chem import rdDepictor
from typer.testing import CliRunner, Result

from rdkit_ebd import __version__, available_models
from rdkit_ebd.cli import Tally, app

LACTIC, OSELTAMIVIR = "C[C@H](O)C(=O)O", "CCOC(=O)C1=C[C@@H](OC(CC)CC)[C@H](NC(C)=O)[C@@H](N)C1"
MIXED = f"{LACTIC} lactic acid\nC1CC broken\nCC[Si](C)(C)C silane\nF/C=C/Cl e-olefin\n"
# A test runner in the background hands down an ignored SIGINT; a user's shell does not.
INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from rdkit_ebd.cli import main; main()"
)


def call(*words: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=stdin)


def records(path: Path) -> list[Chem.Mol]:
    return list(Chem.SDMolSupplier(str(path), removeHs=False))


def isomeric(mol: Chem.Mol) -> str:
    return Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(mol)))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.sdf"


def test_embeds_a_smiles_with_hydrogens_stereo_and_provenance(out: Path) -> None:
    result = call("embed", OSELTAMIVIR, "-n", 3, "-o", out, "--seed", 5)
    assert result.exit_code == 0, result.output
    written = records(out)
    assert len(written) == 3
    for index, mol in enumerate(written):
        assert isomeric(mol) == Chem.CanonSmiles(OSELTAMIVIR)
        assert mol.GetNumAtoms() == Chem.AddHs(mol).GetNumAtoms() == 50
        assert mol.GetConformer().Is3D()
        assert mol.GetProp("ebd_index") == str(index)
        assert mol.GetProp("ebd_seed") == "5"
        assert mol.GetProp("ebd_model") in available_models()
        assert mol.HasProp("ebd_weights")
        assert mol.HasProp("ebd_stage")
    assert "1 molecule, 3 conformers, 0 failures, stereo yield" in result.stderr
    assert result.stdout == ""


def test_same_seed_same_file(out: Path) -> None:
    texts = []
    for seed in (1, 1, 2):
        assert call("embed", LACTIC, "-n", 2, "-o", out, "--seed", seed).exit_code == 0
        texts.append(out.read_text().replace("  RDKit  ", ""))
    assert texts[0] == texts[1] != texts[2]


def test_bad_lines_stop_nothing_and_are_told(tmp_path: Path, out: Path) -> None:
    (tmp_path / "in.smi").write_text(MIXED)
    result = call("embed", tmp_path / "in.smi", "-n", 2, "-o", out)
    assert result.exit_code == 1
    assert [mol.GetProp("_Name") for mol in records(out)] == ["lactic acid"] * 2 + ["e-olefin"] * 2
    assert "line 2 (broken): " in result.stderr
    assert "unclosed ring" in result.stderr
    assert "line 3 (silane): " in result.stderr
    assert "Si" in result.stderr
    assert "4 molecules, 4 conformers, 2 failures" in result.stderr.splitlines()[-1]


def test_fallback_and_quiet(tmp_path: Path, out: Path) -> None:
    (tmp_path / "in.smi").write_text(MIXED)
    result = call("embed", tmp_path / "in.smi", "-n", 2, "-o", out, "--fallback", "ETKDGv3", "--quiet")
    assert result.exit_code == 1
    stages = {mol.GetProp("_Name"): mol.GetProp("ebd_stage") for mol in records(out)}
    assert stages["silane"] == "fallback"
    assert stages["lactic acid"] == "seed"  # too small for the model, and nothing wrong with it
    assert "broken" in result.stderr
    assert "molecules" not in result.stderr


def test_sd_records_keep_order_names_and_properties(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "in.sdf"
    with Chem.SDWriter(str(source)) as writer:
        for name, smiles in (("b", LACTIC), ("a", "NCC(=O)O")):
            mol = Chem.MolFromSmiles(smiles)  # flat, without hydrogens: stereo is in the wedges
            rdDepictor.Compute2DCoords(mol)
            mol.SetProp("_Name", name)
            mol.SetProp("price", f"{name} 1.50")
            writer.write(mol)
    assert call("embed", source, "-n", 2, "-o", out).exit_code == 0
    written = records(out)
    assert [(mol.GetProp("_Name"), mol.GetProp("price")) for mol in written] == [
        ("b", "b 1.50"), ("b", "b 1.50"), ("a", "a 1.50"), ("a", "a 1.50"),
    ]  # fmt: skip
    assert isomeric(written[0]) == Chem.CanonSmiles(LACTIC)
    assert written[0].GetNumAtoms() == 12
    assert call("embed", source, "-n", 1, "-o", out, "--no-hydrogens").exit_code == 0
    assert [mol.GetNumAtoms() for mol in records(out)] == [6, 5]
    assert isomeric(records(out)[0]) == Chem.CanonSmiles(LACTIC)


def test_streams(tmp_path: Path) -> None:
    result = call("embed", "-", "-n", 1, "-o", "-", stdin="CCO ethanol\nCCN ethylamine\n")
    assert result.exit_code == 0
    assert result.stdout.count("$$$$") == 2
    assert result.stdout.startswith("ethanol\n")
    assert call("embed", "CCO", "-n", 1, "-o", tmp_path / "out.sdf.gz").exit_code == 0
    assert b"$$$$" in gzip.decompress((tmp_path / "out.sdf.gz").read_bytes())


def test_pruning_drops_conformers_without_being_a_failure(out: Path) -> None:
    result = call("embed", "c1ccccc1O", "-n", 4, "-o", out, "--prune", 0.5)
    assert result.exit_code == 0
    assert len(records(out)) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["embed", "none.smi"], "none.smi"),
        (["embed", "C1CC"], "unclosed ring"),
        (["embed", "CCO", "-n", "0"], "num-confs"),
        (["embed", "CCO", "-n", "many"], "num-confs"),
        (["embed", "CCO", "--model", "nonesuch"], "nonesuch"),
        (["embed", "CCO", "--model", __file__], ""),
        (["embed", "CCO", "--device", "abacus"], "abacus"),
        (["embed", "CCO", "--coarse", "fine"], "fine"),
        (["embed", "CCO", "--steps", "0"], "steps"),
        (["embed", "CCO", "--prune", "-1"], "prune"),
        (["embed", "CCO", "--seed", "-5"], "seed"),
        (["models", "show", "nonesuch"], "nonesuch"),
    ],
)
def test_wrong_usage_is_told_without_a_traceback(words: list[str], told: str, out: Path) -> None:
    result = call(*words, *(["-o", out] if words[0] == "embed" else []))
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Error" in result.stderr
    assert "Traceback" not in result.stderr
    assert not out.exists()


def test_an_output_that_cannot_be_is_wrong_usage(tmp_path: Path) -> None:
    assert call("embed", "CCO").exit_code == 2
    for target in (tmp_path, tmp_path / "nowhere" / "out.sdf"):
        result = call("embed", "CCO", "-o", target)
        assert result.exit_code == 2
        assert target.name in result.stderr or "nowhere" in result.stderr


def test_interrupted_leaves_nothing_behind(tmp_path: Path, out: Path) -> None:
    (tmp_path / "in.smi").write_text(f"{OSELTAMIVIR} oseltamivir\n" * 500)
    words = ["embed", str(tmp_path / "in.smi"), "-n", "5", "-o", str(out)]
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTIBLE, *words], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".*.partial")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert [path.name for path in tmp_path.iterdir()] == ["in.smi"]


def test_models_are_listed_and_their_cards_are_json() -> None:
    listed = call("models")
    assert listed.exit_code == 0
    for name in available_models():
        assert name in listed.stdout
        assert isinstance(json.loads(call("models", "show", name).stdout), dict)
    assert "elements: H C N O" in listed.stdout
    assert "steps: " in listed.stdout
    assert "prior: " in listed.stdout


def test_version_and_help_answer_without_torch() -> None:
    assert call("--version").stdout.strip() == f"rdkit-ebd {__version__}"
    assert "130 interrupted" in " ".join(call("embed", "--help").stdout.split())
    code = "import sys, rdkit_ebd.cli; sys.exit(bool({'torch', 'rdkit', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_summary_line() -> None:
    assert Tally(1, 2, 0).summary(0.25) == "1 molecule, 2 conformers, 0 failures, 0.2 s"
    assert Tally(2, 1, 1, stereo_judged=3, stereo_right=2).summary(1) == (
        "2 molecules, 1 conformer, 1 failure, stereo yield 66.7 %, 1.0 s"
    )
