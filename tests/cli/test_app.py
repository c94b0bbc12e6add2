"""The command line embeds what it can, tells what it cannot, and answers with its exit code."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from command_line import call, records
from rdkit import Chem
from rdkit.Chem import rdDepictor, rdDistGeom
from tqdm import tqdm

from rdkit_ebd import __version__, available_models
from rdkit_ebd.cli.embed_job import Tally
from rdkit_ebd.cli.embed_run import Screen
from rdkit_ebd.io.resumable_output import count_parts, parts_folder

LACTIC, OSELTAMIVIR = "C[C@H](O)C(=O)O", "CCOC(=O)C1=C[C@@H](OC(CC)CC)[C@H](NC(C)=O)[C@@H](N)C1"
MIXED = f"{LACTIC} lactic acid\nC1CC broken\nCC[Ge](C)(C)C germane\nF/C=C/Cl e-olefin\n"
NITROS = [f"O=[N+]([O-])c1ccc(C{'C' * k}N)cc1 nitro {k}" for k in (1, 2, 3, 0, 2)]
LIBRARY = "\n".join(["SMILES name", *NITROS, "C1CC broken", "", *NITROS, "CC[Ge](C)(C)C germane"]) + "\n"  # 12 entries
# A test runner in the background hands down an ignored SIGINT; a user's shell does not.
INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from rdkit_ebd.cli import main; main()"
)


def flat(said: str) -> str:
    """Text in one line, whatever its frame and width."""
    return " ".join(said.replace("│", " ").split())


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


def test_bad_lines_stop_nothing_and_are_reported(tmp_path: Path, out: Path) -> None:
    (tmp_path / "in.smi").write_text(MIXED)
    result = call("embed", tmp_path / "in.smi", "-n", 2, "-o", out, "--workers", 0)
    assert result.exit_code == 1
    assert [mol.GetProp("_Name") for mol in records(out)] == ["lactic acid"] * 2 + ["e-olefin"] * 2
    assert "line 2 (broken): " in result.stderr
    assert "unclosed ring" in result.stderr
    assert "line 3 (germane): " in result.stderr
    assert "Ge" in result.stderr
    assert "4 molecules, 4 conformers, 2 failures" in result.stderr.splitlines()[-1]


def test_fallback_and_quiet(tmp_path: Path, out: Path) -> None:
    (tmp_path / "in.smi").write_text(MIXED)
    result = call("embed", tmp_path / "in.smi", "-n", 2, "-o", out, "--fallback", "ETKDGv3", "--quiet", "--workers", 0)
    assert result.exit_code == 1
    stages = {mol.GetProp("_Name"): mol.GetProp("ebd_stage") for mol in records(out)}
    assert stages["germane"] == "fallback"
    assert stages["lactic acid"] == "deblurred"
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
    assert call("embed", source, "-n", 2, "-o", out, "--workers", 0).exit_code == 0
    written = records(out)
    assert [(mol.GetProp("_Name"), mol.GetProp("price")) for mol in written] == [
        ("b", "b 1.50"), ("b", "b 1.50"), ("a", "a 1.50"), ("a", "a 1.50"),
    ]  # fmt: skip
    assert isomeric(written[0]) == Chem.CanonSmiles(LACTIC)
    assert written[0].GetNumAtoms() == 12
    assert call("embed", source, "-n", 1, "-o", out, "--no-hydrogens", "--workers", 0).exit_code == 0
    assert [mol.GetNumAtoms() for mol in records(out)] == [6, 5]
    assert isomeric(records(out)[0]) == Chem.CanonSmiles(LACTIC)


def test_coordinates_of_the_input_are_no_conformers_of_a_molecule_that_failed(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "in.sdf"
    with Chem.SDWriter(str(source)) as writer:
        for smiles in ("CC[Ge](C)(C)C", LACTIC):
            mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
            rdDistGeom.EmbedMolecule(mol, randomSeed=1)
            writer.write(mol)
    result = call("embed", source, "-n", 1, "-o", out, "--workers", 0)
    assert result.exit_code == 1
    assert "record 1 (no name): model" in result.stderr
    assert [isomeric(mol) for mol in records(out)] == [Chem.CanonSmiles(LACTIC)]


def test_streams(tmp_path: Path) -> None:
    result = call("embed", "-", "-n", 1, "-o", "-", "--workers", 0, stdin="CCO ethanol\nCCN ethylamine\n")
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
    ("words", "said"),
    [
        (["embed", "none.smi"], "none.smi"),
        (["embed", "C1CC"], "unclosed ring"),
        (["embed", "CCO", "-n", "0"], "num-confs"),
        (["embed", "CCO", "-n", "many"], "num-confs"),
        (["embed", "CCO", "--workers", "2", "--threads", "4"], "--threads"),
        (["embed", "-", "--resume"], "standard input"),
        (["embed", "CCO", "--resume", "--seed", "-1"], "--seed"),
        (["embed", "CCO", "--part-size", "0"], "part-size"),
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
def test_wrong_usage_is_reported_without_a_traceback(words: list[str], said: str, out: Path) -> None:
    result = call(*words, *(["-o", out] if words[0] == "embed" else []))
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Error" in result.stderr
    assert "Traceback" not in result.stderr
    assert not out.exists()


def test_an_output_that_cannot_be_is_wrong_usage(tmp_path: Path) -> None:
    assert call("embed", "CCO").exit_code == 2
    for output in ("-", "/dev/null"):
        result = call("embed", "CCO", "-o", output, "--resume")
        assert result.exit_code == 2
        assert "--resume needs a file" in flat(result.stderr)
    for target in (tmp_path, tmp_path / "nowhere" / "out.sdf"):
        result = call("embed", "CCO", "-o", target)
        assert result.exit_code == 2
        assert target.name in result.stderr or "nowhere" in result.stderr


def started(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", INTERRUPTIBLE, *map(str, words)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str], out: Path, parts: int, how: signal.Signals) -> str:
    """What a process said that was ended once so many parts of its output were finished."""
    deadline = time.monotonic() + 120
    journal = parts_folder(out) / "journal.jsonl"
    while not (journal.exists() and count_parts(out) >= parts) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    if not parts:
        time.sleep(1)  # until it is at work
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -how), said
    return said


def test_interrupted_before_the_first_part_leaves_nothing_behind(tmp_path: Path, out: Path) -> None:
    (tmp_path / "in.smi").write_text(f"{OSELTAMIVIR} oseltamivir\n" * 500)
    process = started("embed", tmp_path / "in.smi", "-n", 5, "-o", out, "--part-size", 400, "--workers", 0)
    said = ended(process, out, 0, signal.SIGINT)
    assert "Traceback" not in said
    assert "interrupted; the output was not written" in said
    assert [path.name for path in tmp_path.iterdir()] == ["in.smi"]


def test_interrupted_later_keeps_the_parts_and_says_so(tmp_path: Path, out: Path) -> None:
    (tmp_path / "in.smi").write_text(f"{OSELTAMIVIR} oseltamivir\n" * 500)
    out.write_text("earlier")
    process = started("embed", tmp_path / "in.smi", "-n", 2, "-o", out, "--part-size", 1, "--threads", 1)
    said = ended(process, out, 2, signal.SIGINT)
    assert "Traceback" not in said
    assert "--resume continues from there" in said
    assert out.read_text() == "earlier"
    parts = sorted(path.name for path in (tmp_path / "out.sdf.parts").iterdir())
    assert parts[:2] == ["000000.sdf", "000001.sdf"]
    assert parts[-1] == "journal.jsonl"
    assert all(name.startswith("0") for name in parts[:-1])


@pytest.fixture
def one_thread() -> Iterator[list[object]]:
    """Options of a run in this process whose number of threads is said, and undone afterwards."""
    before = torch.get_num_threads()
    yield ["--threads", 1]
    torch.set_num_threads(before)


def test_killed_and_resumed_is_the_file_of_an_uninterrupted_run(
    tmp_path: Path, out: Path, one_thread: list[object]
) -> None:
    (tmp_path / "in.smi").write_text(LIBRARY)
    whole, parts = tmp_path / "whole.sdf", tmp_path / "out.sdf.parts"
    words = ["embed", tmp_path / "in.smi", "-n", 2, "--seed", 7]
    uninterrupted = call(*words, "-o", whole, *one_thread)
    assert uninterrupted.exit_code == 1
    words += ["-o", out, "--part-size", 2]
    ended(started(*words, "--workers", 2), out, 1, signal.SIGKILL)
    ended(started(*words, *one_thread, "--resume"), out, 4, signal.SIGKILL)
    assert not out.exists()
    kept = shutil.copytree(parts, tmp_path / "kept")
    before = count_parts(out)
    assert 4 <= before < 6

    resumed = call(*words, *one_thread, "--resume")
    assert resumed.exit_code == 1
    assert out.read_bytes() == whole.read_bytes()
    assert not parts.exists()
    assert [mol.GetProp("_Name") for mol in records(out)] == [f"nitro {k}" for k in 2 * (1, 2, 3, 0, 2) for _ in "ab"]
    *problems, summary = resumed.stderr.splitlines()
    assert problems == uninterrupted.stderr.splitlines()[:-1]  # those of earlier runs are said again
    assert ["line 7 (broken)" in problems[0], "line 14 (germane)" in problems[1]] == [True, True]
    assert summary.startswith(f"12 molecules ({2 * before} in earlier runs), 20 conformers, 2 failures, ")

    shutil.copytree(kept, parts)
    for changed, said in (
        ([], "--resume"),
        (["--resume", "--prune", 0.5], "pruneRmsThresh was 0.0 and is 0.5"),
        (["--resume", "-n", "rotors"], "--num-confs was '2' and is 'rotors'"),
        (["--resume", "--no-hydrogens"], "--hydrogens was True and is False"),
        (["--resume", "--part-size", 3], "--part-size was 2 and is 3"),
        (["--resume", "--part-size", 50], "--part-size was 2 and is 50"),
        (["--seed", -1], "--resume"),
    ):
        rejected = call(*words, *one_thread, *changed)
        assert (rejected.exit_code, said in flat(rejected.stderr)) == (2, True), rejected.stderr
    (tmp_path / "in.smi").write_text(LIBRARY + "CCO ethanol\n")
    rejected = call(*words, *one_thread, "--resume")
    assert rejected.exit_code == 2
    assert "INPUT was" in flat(rejected.stderr)
    assert {path.name: path.read_bytes() for path in parts.iterdir()} == {
        path.name: path.read_bytes() for path in kept.iterdir()
    }


def test_parts_compressed_and_compressed_at_once_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "in.smi").write_text("CCO a\nCCN b\nCCO a\n")
    outputs = [tmp_path / "a.sdf.gz", tmp_path / "b.sdf.gz"]
    for output, size in zip(outputs, (1, 3), strict=True):
        words = ["embed", tmp_path / "in.smi", "-n", 1, "-o", output, "--part-size", size, "--workers", 0, "--resume"]
        assert call(*words).exit_code == 0  # nothing to go on from is no mistake
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert gzip.decompress(outputs[0].read_bytes()).startswith(b"a\n")


def test_the_bar_of_a_resumed_run_starts_at_what_was_done() -> None:
    shown = io.StringIO()
    with tqdm(total=10, file=shown) as bar:
        screen = Screen(bar, "line")
        screen.resume(Tally(4, 8, 1, entries=4))
        assert (bar.n, bar.format_dict["initial"]) == (4, 4)  # the rate is that of what came after
        screen.advance(Tally(1, 2, 0, entries=1))
    assert "5/10" in shown.getvalue()
    assert "10 conformers, 1 failure" in shown.getvalue()
    assert screen.before == 4


def test_as_many_conformers_as_rotatable_bonds_suggest(out: Path) -> None:
    assert call("embed", "CCO", "-n", "rotors", "-o", out).exit_code == 0
    assert len(records(out)) == 50


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
    assert Tally(1, 2, 0).summary(0.25) == "1 molecule, 2 conformers, 0 failures, 0.2 s (4 mol/s)"
    assert Tally(2, 1, 1, stereo_judged=3, stereo_right=2).summary(1) == (
        "2 molecules, 1 conformer, 1 failure, stereo yield 66.7 %, 1.0 s (2 mol/s)"
    )
    assert Tally(7, 9, 0).summary(2, before=4).startswith("7 molecules (4 in earlier runs), 9 conformers, ")
    assert Tally(7, 9, 0).summary(2, before=4).endswith("2.0 s (1.5 mol/s)")
