"""Does a library get what single calls give, in order, with every failure reported and nothing lost?"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from crew import children, running
from helpers import coords_of, with_hydrogens
from rdkit import Chem

from rdkit_ebd import EBD, EmbedMoleculeEBD, EmbedMolecules, StreamMolecules, conformers_by_rotors
from rdkit_ebd.library.runner import LocalRunner
from rdkit_ebd.report import EmbedReport

PARAMS = EBD(randomSeed=7, device="cpu")
NAMES = ("captopril", "tamoxifen", "C(C)(=O)[O-].[Na+]", "metformin", "nicotine")


def mols_of(names: Sequence[str] = NAMES) -> list[Chem.Mol]:
    return [with_hydrogens(name) for name in names]


def served(mols: Sequence[Chem.Mol], counts: Sequence[int], params: EBD) -> list[EmbedReport]:
    """As a machine with a GPU does it, on the CPU."""
    return EmbedMolecules(mols, counts, params, runner=LocalRunner(2, served=True)).reports


def by_workers(number: int, mols: Sequence[Chem.Mol], counts: Sequence[int], params: EBD) -> list[EmbedReport]:
    return EmbedMolecules(mols, counts, params, workers=number).reports


@pytest.fixture(scope="module")
def singles() -> list[np.ndarray]:
    """Coordinates that single calls give, 3 conformers each."""
    mols = mols_of()
    for mol in mols:
        assert EmbedMoleculeEBD(mol, 3, PARAMS) == [0, 1, 2]
    return [coords_of(mol) for mol in mols]


@pytest.mark.parametrize(
    "run", [partial(by_workers, 0), partial(by_workers, 2), served], ids=["here", "two workers", "served"]
)
def test_each_molecule_gets_what_a_single_call_gives(
    run: partial[list[EmbedReport]], singles: list[np.ndarray]
) -> None:
    mols, counts = mols_of(), [3, 2, 1, 0, 3]
    before = [mol.GetProp("id") for mol in mols if not mol.SetProp("id", Chem.MolToSmiles(mol))]
    reports = run(mols, counts, PARAMS)
    assert [report.ids for report in reports] == [list(range(count)) for count in counts]
    assert [report.requested for report in reports] == counts
    for mol, alone, count in zip(mols, singles, counts, strict=True):
        assert mol.GetNumConformers() == count
        assert count == 0 or np.abs(coords_of(mol) - alone[:count]).max() < 0.01
    assert [mol.GetProp("id") for mol in mols] == before == [Chem.MolToSmiles(mol) for mol in mols]


def test_bad_molecules_are_reported_and_stop_nobody() -> None:
    good, germanium = mols_of(("nicotine", "C[Ge](C)(C)CO"))
    germanium.AddConformer(Chem.Conformer(germanium.GetNumAtoms()))
    query = Chem.MolFromSmarts("[#6]-[#7]")
    report = EmbedMolecules([None, Chem.Mol(), good, query, germanium], [2, 1, 2, 1, 1], PARAMS, workers=0)
    causes = [[cause for _, cause in r.failed] for r in report.reports]
    assert causes == [["BAD_MOLECULE"] * 2, ["BAD_MOLECULE"], [], ["BAD_MOLECULE"], ["UNSUPPORTED"]]
    words = ["None", "no atoms", "", "SanitizeMol", "Ge"]
    assert all(word in " ".join(r.messages) for word, r in zip(words, report.reports, strict=True))
    assert [r.ok for r in report.reports] == [False, False, True, False, False]
    assert good.GetNumConformers() == 2
    assert germanium.GetNumConformers() == 1  # nothing took its place
    assert not report.ok
    assert (report.total.requested, len(report.total.ids), report.total.missing) == (7, 2, 5)
    summary = report.summary()
    assert summary.startswith("5 molecules: 2 of 7 conformers in ")
    assert "(5 failed: BAD_MOLECULE 4, UNSUPPORTED 1)" in summary
    assert "mol/s" in summary
    assert "\n" not in summary


@pytest.mark.parametrize("missing", [None, math.nan, np.float64("nan")])
def test_a_molecule_that_is_missing_is_one_that_failed(missing: object) -> None:
    good = mols_of(("nicotine",))[0]
    report = EmbedMolecules([missing, good], 1, PARAMS, workers=0)  # type: ignore[list-item]
    assert [[cause for _, cause in r.failed] for r in report.reports] == [["BAD_MOLECULE"], []]
    streamed = list(StreamMolecules(iter([missing, good]), 1, PARAMS, workers=0))  # type: ignore[list-item]
    assert [(mol is good, r.ok) for mol, r in streamed] == [(False, False), (True, True)]
    with pytest.raises(TypeError, match=r"mols\[1\] is 2\.5"):
        EmbedMolecules([good, 2.5], 1, PARAMS, workers=0)  # type: ignore[list-item]


def test_kept_conformers_properties_and_finish_go_through_workers() -> None:
    params = EBD(randomSeed=2, refine="MMFF94s", pruneRmsThresh=0.5, clearConfs=False, trackFailures=True)
    mols, alone = mols_of(("metformin", "paracetamol")), mols_of(("metformin", "paracetamol"))
    for mol in (*mols, *alone):
        EmbedMoleculeEBD(mol, 1, randomSeed=1)
        mol.SetProp("source", "a drug")
        mol.GetConformer().SetProp("rank", "first")
    report = EmbedMolecules(mols, 4, params, workers=2)
    assert len(params.GetFailureCounts()) > 0
    assert report.total.pruned > 0
    for mol, one, said in zip(mols, alone, report.reports, strict=True):
        assert said.ids == EmbedMoleculeEBD(one, 4, params) == list(range(1, 1 + len(said.ids)))
        assert np.abs(coords_of(mol) - coords_of(one)).max() < 0.01
        assert mol.GetProp("source") == "a drug"
        assert mol.GetConformer(0).GetProp("rank") == "first"
        new, other = mol.GetConformer(1).GetPropsAsDict(), one.GetConformer(1).GetPropsAsDict()
        assert new.pop("ebd_energy") == pytest.approx(other.pop("ebd_energy"), abs=1e-3)
        assert new == other
        assert new["ebd_refined"] == "MMFF94s"


def test_rules_and_streams() -> None:
    small, bad, flexible = with_hydrogens("nicotine"), None, Chem.MolFromSmiles("CCCCCCCCCCC")
    assert [conformers_by_rotors(mol) for mol in (small, flexible)] == [50, 200]
    assert conformers_by_rotors(Chem.MolFromSmiles("C" * 20)) == 300
    read: list[int] = []

    def source() -> Iterator[Chem.Mol | None]:
        for k, mol in enumerate((small, bad, flexible)):
            read.append(k)
            yield mol

    stream = StreamMolecules(source(), lambda mol: mol.GetNumAtoms() % 3, PARAMS, workers=0)
    assert read == []
    mol, report = next(stream)
    assert mol is small
    assert read == [0]  # as late as can be
    assert small.GetNumConformers() == len(report.ids) == report.requested == small.GetNumAtoms() % 3
    assert [(m, r.ok) for m, r in stream] == [(None, False), (flexible, True)]


def test_what_the_input_raises_comes_in_its_turn_and_early_ends_leave_nothing() -> None:
    def source() -> Iterator[Chem.Mol]:
        yield from mols_of(("nicotine", "captopril"))
        raise OSError("the disk has gone")

    before = set(children(os.getpid()))
    stream = StreamMolecules(source(), 1, PARAMS, workers=2)
    assert next(stream)[1].ok
    assert len(set(children(os.getpid())) - before) == 2
    assert next(stream)[1].ok
    with pytest.raises(OSError, match="gone"):
        next(stream)
    assert set(children(os.getpid())) <= before


@pytest.mark.parametrize(
    ("mols", "counts", "keywords", "error", "said"),
    [
        (["C", None, "CCO"], 1, {}, TypeError, r"mols\[2\] is 'CCO'"),
        ("CCO", 1, {}, TypeError, "sequence of molecules"),
        ([None], [1, 2], {}, ValueError, "2 entries for 1 molecules"),
        ([None, None], [1, -2], {}, OverflowError, "molecule 1: .*-2"),
        (["C", "C", "C"], ["y", 1, "x"], {}, TypeError, "molecule 0: .*'y'.*molecule 2: .*'x'"),
        (["C"], lambda mol: 1.5, {}, TypeError, r"molecule 0: .*1\.5"),
        (["C"], -1, {}, OverflowError, "-1"),
        (["C"], "3", {}, TypeError, "'3'"),
        (["C"], 1, {"workers": -1}, ValueError, "workers"),
        (["C"], 1, {"workers": "two"}, TypeError, "workers"),
        (
            ["C"],
            1,
            {"runner": "remote"},
            TypeError,
            "'local', 'ray' or an object with a method `outcomes`, not 'remote'",
        ),
        (["C"], 1, {"runner": LocalRunner}, TypeError, "method `outcomes`"),
        (["C"], 1, {"runner": LocalRunner(0), "workers": 2}, ValueError, "workers=2 is for runner='local'"),
        (["C"], 1, {"randomsed": 1}, TypeError, "randomSeed"),
        (["C"], 1, {"model": "none such"}, ValueError, "none such"),
        (["C"], 1, {"params": EBD(), "randomSeed": 1}, TypeError, "not both"),
    ],
)
def test_bad_arguments_are_rejected_before_any_work(
    mols: object, counts: object, keywords: dict[str, object], error: type[Exception], said: str
) -> None:
    if isinstance(mols, list):
        mols = [Chem.MolFromSmiles(mol) if mol == "C" else mol for mol in mols]
    with pytest.raises(error, match=said):
        EmbedMolecules(mols, counts, **keywords)  # type: ignore[arg-type]
    assert not isinstance(mols, list) or all(not m.GetNumConformers() for m in mols if isinstance(m, Chem.Mol))


def test_a_stream_rejects_what_is_no_molecule_in_its_turn() -> None:
    with pytest.raises(TypeError, match="workers"):
        StreamMolecules([], 1, workers=1.5)  # type: ignore[arg-type]
    stream = StreamMolecules([with_hydrogens("nicotine"), "CCO"], 1, PARAMS, workers=0)  # type: ignore[list-item]
    assert next(stream)[1].ok
    with pytest.raises(TypeError, match="molecule 1 is 'CCO'"):
        next(stream)


# No `if __name__ == "__main__"`, as in users' scripts and notebooks.
SCRIPT = """
import sys
from rdkit import Chem
from rdkit_ebd import StreamMolecules
mols = (Chem.AddHs(Chem.MolFromSmiles(s)) for s in {smiles})
for mol, report in StreamMolecules(mols, 2, randomSeed=7, device="cpu", workers=2):
    print([c.GetPositions().tolist() for c in mol.GetConformers()], flush=True)
"""


def script(smiles: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT.format(smiles=smiles)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_scripts_need_no_guard() -> None:
    mol = with_hydrogens("C[C@H](N)C(=O)O")
    EmbedMoleculeEBD(mol, 2, PARAMS)
    with script("['C[C@H](N)C(=O)O'] * 3") as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    expected = np.array([c.GetPositions() for c in mol.GetConformers()])
    for line in out.splitlines():
        assert np.abs(np.array(json.loads(line)) - expected).max() < 0.01
    assert len(out.splitlines()) == 3


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize("what", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_workers_end_with_their_parent(what: signal.Signals) -> None:
    with script("['CC(C)Cc1ccc(cc1)C(C)C(=O)O'] * 100000") as process:
        assert process.stdout is not None
        process.stdout.readline()
        pids = children(process.pid)
        assert len(pids) >= 2
        process.send_signal(what)
        _, err = process.communicate()
    assert process.returncode == -what
    assert ("KeyboardInterrupt" in err) == (what == signal.SIGINT)
    until = time.monotonic() + 60
    while any(running(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(running(pid) for pid in pids)
