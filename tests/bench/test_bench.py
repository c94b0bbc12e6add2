"""Are all methods timed alike, are the figures what the timings say, and does the command tell and keep them?"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rdkit import Chem
from reference_sets import record, write_references
from typer.testing import CliRunner

from rdkit_ebd import EBD, EmbedReport
from rdkit_ebd.bench import SCALING, Plan, Table, Timing, describe_machine, gpu, in_words, prepare, time_methods
from rdkit_ebd.bench.gpu import device_table, largest_difference
from rdkit_ebd.bench.molecules import DRUGS, SIZES, read_targets
from rdkit_ebd.bench.scaling import compared, steps, with_atoms, with_conformers, with_threads, with_workers
from rdkit_ebd.bench.speed import REFERENCE, speed_table, stage_table
from rdkit_ebd.bench.startup import overhead_table, startup_table
from rdkit_ebd.bench.timing import on_equal_terms
from rdkit_ebd.cli.app import app
from rdkit_ebd.cli.bench import DEFAULT_METHODS
from rdkit_ebd.evaluation.measures import positions
from rdkit_ebd.evaluation.methods import EBDMethod, generate, parse_method, parse_methods

FEW = Plan(confs=2)
METHODS = parse_methods(["ETKDGv3", REFERENCE, "EBD:numRounds=1"])


def timing(method: str, title: str, conformers: int, seconds: float, **more: Any) -> Timing:
    return Timing(method, title, 20, 4, conformers, seconds, seconds / 2, **more)


@pytest.fixture
def butanol(tmp_path: Path) -> Path:
    path = tmp_path / "butanol.smi"
    path.write_text("C[C@H](O)CCc1ccccc1 phenylbutanol\nCCCCO butanol\n")
    return path


def positive(table: Table, *names: str) -> bool:
    return bool(table.rows) and all(row[name] > 0 for row in table.rows for name in names)


def test_the_molecules_that_come_with_it() -> None:
    drugs, sizes = read_targets(DRUGS), read_targets(SIZES)
    atoms = [record.mol.GetNumAtoms() for record in drugs]
    assert len({record.smiles for record in drugs}) == len({record.title for record in drugs}) == 20
    assert (min(atoms), max(atoms)) == (47, 68)
    assert [record.mol.GetNumAtoms() for record in sizes] == [21, 38, 61, 98, 146]
    assert all(len(record.coords) == 0 for record in [*drugs, *sizes])
    for known in drugs:  # a centre that nobody wrote would be another molecule with every seed
        assert "?" not in dict(Chem.FindMolChiralCenters(known.mol, includeUnassigned=True)).values()


def test_all_bad_molecules_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.smi"
    path.write_text("CCO ethanol\nC1CC one\nc1cc two\n")
    with pytest.raises(ValueError, match=r"line 2.*line 3"):
        read_targets(path)
    path.write_text("")
    with pytest.raises(ValueError, match="no molecules"):
        read_targets(path)


def test_every_method_is_timed_for_every_molecule(butanol: Path) -> None:
    before = torch.get_num_threads()
    timings = time_methods(read_targets(butanol), METHODS, Plan(confs=2, repeat=2))
    names = [method.name for method in METHODS]
    assert [(t.title, t.method) for t in timings] == [(m, n) for m in ("phenylbutanol", "butanol") for n in names]
    assert [(t.requested, t.conformers) for t in timings] == [(2, 2)] * 6
    assert all(t.seconds > 0 < t.cpu_seconds and not t.problem and not t.metrics for t in timings)
    assert [bool(t.stages) for t in timings] == [False, False, True] * 2
    assert "deblur" in timings[2].stages
    assert torch.get_num_threads() == before
    speed, stages = speed_table(timings), stage_table(timings)
    reference = speed.rows[1]
    assert reference["relative"] == reference["cpu_relative"] == 1
    assert positive(speed, "ms", "cpu_ms", "relative", "molecules_per_second")
    assert sum(row["share"] for row in stages.rows) == pytest.approx(1)
    assert sum(row["ms"] for row in stages.rows) == pytest.approx(speed.rows[2]["ms"])


def test_methods_get_the_same_threads_and_stay_on_the_cpu() -> None:
    for name in (*DEFAULT_METHODS, "EBD:numThreads=3"):
        assert on_equal_terms(parse_method(name), 2).threads == 2
    plain, chosen = (on_equal_terms(parse_method(name), 1) for name in ("EBD", "EBD:device=cpu"))
    assert isinstance(plain, EBDMethod)
    assert isinstance(chosen, EBDMethod)
    assert plain.params.device == chosen.params.device == "cpu"


@pytest.mark.parametrize("name", [REFERENCE, "EBD:numRounds=1"])
def test_threads_change_no_conformer(name: str) -> None:
    mol = record("CCCCO", 1).mol
    one, two = (generate(mol, on_equal_terms(parse_method(name), threads), 3, 0).mol for threads in (1, 2))
    assert one.GetNumConformers() == 3
    assert np.allclose(positions(one), positions(two), atol=1e-6)


def test_references_are_judged_beside_the_clock() -> None:
    known = record("C[C@H](O)CCc1ccccc1", 2)
    timings = time_methods([known], METHODS[:2], Plan(confs=9, factor=2))
    assert [t.requested for t in timings] == [4, 4]
    raw, minimised = (t.metrics for t in timings)
    assert raw["mat_p"] > minimised["mat_p"] > 0  # the references are minima of the same force field
    assert speed_table(timings).rows[1]["mat_p"] == minimised["mat_p"]
    assert "MAT-P" in speed_table(timings).markdown()


def test_sums_are_over_molecules_and_per_conformer_made() -> None:
    stages = {"coarse": 1.0, "deblur": 2.0}
    timings = [
        timing(REFERENCE, "a", 4, 8.0),
        timing("EBD", "a", 4, 4.0, stages=stages, metrics={"mat_r": 0.5}),
        timing(REFERENCE, "b", 4, 8.0),
        timing("EBD", "b", 1, 1.0, stages=stages, metrics={"mat_r": 0.7}),
    ]
    speed = speed_table(timings)
    assert speed.title.startswith("Speed: 2 molecules")
    theirs, ours = speed.rows
    assert (ours["ms"], ours["cpu_ms"], ours["relative"]) == (1000, 500, 0.5)
    assert (ours["molecules_per_second"], ours["conformers"], ours["requested"]) == (0.4, 5, 8)
    assert ours["mat_r"] == pytest.approx(0.6)
    assert "mat_r" not in theirs
    rows = {row["stage"]: row for row in stage_table(timings).rows}
    assert [rows[stage]["ms"] for stage in ("coarse", "deblur", "rest")] == pytest.approx([400, 800, -200])
    assert rows["deblur"]["share"] == pytest.approx(0.8)


def test_who_makes_nothing_has_no_speed() -> None:
    timings = [timing("EBD", "a", 0, 0.1, problem="no"), timing("DG", "a", 4, 1.0)]
    rejected, other = speed_table(timings).rows
    assert "ms" not in rejected
    assert (rejected["conformers"], rejected["requested"]) == (0, 4)
    assert "relative" not in other  # the method that all are compared with was not asked for
    assert "relative" not in speed_table(timings).markdown().splitlines()[2]
    assert "| EBD | - | - | - | 0 | 4 |" in speed_table(timings).markdown()


def test_scaling_has_a_row_for_each_size(butanol: Path) -> None:
    methods = compared(METHODS)
    large, small = read_targets(butanol)
    assert [method.name for method in methods] == [REFERENCE, "EBD:numRounds=1"]
    names = [f"{method.name}{clock}" for method in methods for clock in ("", ", CPU")]
    sizes = with_atoms([large, small], methods, FEW)
    assert [(row["molecule"], row["atoms"]) for row in sizes.rows] == [("butanol", 15), ("phenylbutanol", 25)]
    counts = with_conformers(small, methods, FEW, [2, 1])
    assert [row["confs"] for row in counts.rows] == [1, 2]
    threads = with_threads(small, methods, FEW, [1, 2])
    assert [row["threads"] for row in threads.rows] == [1, 2]
    assert all(positive(table, *names) for table in (sizes, counts, threads))
    assert steps()[0] == 1


def test_scaling_with_workers_makes_the_same_number_everywhere(butanol: Path) -> None:
    table = with_workers(read_targets(butanol), FEW, [0, 1])
    assert [(row["call"], row.get("workers")) for row in table.rows] == [
        ("one by one", None),
        ("EmbedMolecules", 0),
        ("EmbedMolecules", 1),
    ]
    assert [row["conformers"] for row in table.rows] == [4, 4, 4]
    assert positive(table, "molecules_per_second", "ms")


def test_first_calls_and_overhead() -> None:
    startup = startup_table(1)
    assert len(startup.rows) == 6
    assert positive(startup, "ms")
    overhead = overhead_table(2)
    _, aspirin = overhead.rows
    assert positive(overhead, "call", "seed")
    for row in overhead.rows:
        assert row["overhead"] == pytest.approx(row["call"] - row["seed"])
        assert "overhead_cpu" in row
    assert 0 < aspirin["deblur"] < aspirin["call"]


def test_rates_of_a_device(butanol: Path) -> None:
    table = device_table(read_targets(butanol, limit=1), FEW, "cpu", counts=[2], batch_atoms=[25, 4096])
    single, together = table.rows[::2], table.rows[1::2]
    for rows in (single, together):
        assert [(row["batch_atoms"], row["conformers"]) for row in rows] == [(25, 2), (4096, 2)]
    assert all(row["without_coarse"] > row["per_second"] > 0 for row in single)
    assert all(row["per_second"] > 0 for row in together)


def test_conformers_of_two_devices_are_compared(butanol: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records, params = read_targets(butanol, limit=1), EBD.preset("fast", randomSeed=1)
    assert largest_difference(records, "cpu", params) == 0
    embed = gpu.EmbedWithReport
    calls: list[str] = []

    def moved(mol: Chem.Mol, count: int, params: EBD) -> EmbedReport:
        report = embed(mol, count, params)
        calls.append(params.device)
        if len(calls) == 2:
            x = mol.GetConformer(0).GetPositions()
            x[3, 1] += 0.25
            mol.GetConformer(0).SetPositions(x)
        return report

    monkeypatch.setattr(gpu, "EmbedWithReport", moved)
    assert largest_difference(records, "cpu", params) == pytest.approx(0.25)


def test_the_script_for_a_gpu_runs_on_a_cpu(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--device", "cpu", "--molecules", "1", "--confs", "2", "--batch-atoms", "4096", "--presets", "fast"]
    monkeypatch.setattr(sys, "argv", ["gpu.py", *options])
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "benchmarks" / "gpu.py"), run_name="__main__")
    told = capsys.readouterr().out
    assert "preset fast" in told
    assert "at most 0.0000 angstrom apart" in told
    assert "conformers / s" in told


def test_the_machine_is_named() -> None:
    machine = describe_machine(3)
    line = in_words(machine)
    assert "threads used: 3" in line
    assert all(f"{name} {machine[name]}" in line for name in ("rdkit_ebd", "rdkit", "torch", "python"))
    assert machine["cpu"]
    assert json.loads(json.dumps(machine)) == machine


@pytest.mark.parametrize(
    ("methods", "keywords", "complaint"),
    [
        (["OMEGA", "EBD:x"], {}, r"OMEGA.*EBD:x"),
        (["DG"], {"scaling": ["atoms"]}, "none of these"),
        (["EBD"], {"scaling": ["atoms", "weight"]}, "weight"),
        (["EBD"], {"references": Path("missing.sdf")}, "missing"),
        (["EBD"], {"molecules": Path("missing.smi")}, "missing"),
    ],
)
def test_wrong_requests_are_rejected(methods: list[str], keywords: dict[str, Any], complaint: str) -> None:
    with pytest.raises((ValueError, OSError), match=complaint):
        prepare(methods, FEW, **keywords)


def test_wrong_numbers_are_named_together() -> None:
    with pytest.raises(ValueError, match=r"confs.*repeat.*seed"):
        Plan(confs=0, repeat=0, seed=-1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a device")
def test_without_a_device_rates_are_rejected() -> None:
    with pytest.raises(ValueError, match="cuda"):
        prepare(["EBD"], FEW, gpu=True)


def test_the_command_prints_and_keeps_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # the command sets it where it is not set
    references, output = write_references(tmp_path / "few.npz", ["CCCO"], 1), tmp_path / "figures.json"
    options = ["--factor", "2", "-m", "ETKDGv3", "-m", REFERENCE, "--no-gpu", "-q", "-o", str(output)]
    done = CliRunner().invoke(app, ["bench", "--references", str(references), *options])
    assert done.exit_code == 0, done.output
    stored = json.loads(output.read_text())
    assert done.stdout.startswith(in_words(stored["machine"]))
    assert list(stored) == ["machine", "settings", "tables", "timings"]
    assert [row["method"] for row in stored["tables"]["speed"]] == ["ETKDGv3", REFERENCE]
    assert [t["conformers"] for t in stored["timings"]] == [2, 2]
    assert stored["settings"]["references"] == "few.npz"
    assert "RDKit" in stored["settings"]["methods"]["ETKDGv3"]
    assert "MAT-R" in done.stdout


def test_the_command_stops_before_any_work(tmp_path: Path) -> None:
    for options, complaint in (
        (["-o", str(tmp_path / "no" / "x.json")], "folder that exists"),
        (["-m", "OMEGA"], "OMEGA"),
        (["--scaling", "weight"], "weight"),
    ):
        done = CliRunner().invoke(app, ["bench", *options])
        assert done.exit_code == 2
        assert complaint in done.output
    assert list(tmp_path.iterdir()) == []


def test_what_is_finished_survives_an_interrupt(butanol: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Table:
        raise KeyboardInterrupt

    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setattr("rdkit_ebd.bench.run.with_threads", interrupted)
    output = tmp_path / "figures.json"
    options = ["-m", REFERENCE, "--confs", "1", "--scaling", "threads", "--no-gpu", "-q", "-o", str(output)]
    done = CliRunner().invoke(app, ["bench", "--molecules", str(butanol), *options])
    assert done.exit_code == 130
    assert list(json.loads(output.read_text())["tables"]) == ["speed", "stages"]
    assert "| ETKDGv3+MMFF94s |" in done.stdout


def test_the_command_offers_what_can_be_scaled() -> None:
    from rdkit_ebd.cli.bench import Scaling

    assert tuple(choice.value for choice in Scaling) == SCALING
