"""Are drifts, errors and costs of engines those that they say they are?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import coords_of, embedded
from typer.testing import CliRunner

from rdkit_ebd.cli import app as cli
from rdkit_ebd.data.record import Record
from rdkit_ebd.evaluation.engines import Finding, examine, row, table
from rdkit_ebd.potentials import get_potential


def record(smiles: str, count: int = 3) -> Record:
    """MMFF94s minima with their energies, as if they were references."""
    mol = embedded(smiles, count)
    surface = get_potential("MMFF94s").surface(mol)
    minima = [surface.minimise(x, 5000) for x in coords_of(mol)]
    coords = np.array([one.coords for one in minima])
    return Record(smiles, mol, coords, np.array([one.energy for one in minima]), smiles)


def test_an_engine_that_is_the_reference_drifts_nowhere() -> None:
    own, other = (examine(record("paracetamol"), method) for method in ("MMFF94s", "UFF"))
    assert own.converged
    assert own.drift < 0.01 < other.drift
    assert own.error < 0.01 < other.error
    assert own.released < 0.01 < other.released
    assert own.minimise_seconds >= 0


def test_energies_count_relative_to_their_mean() -> None:
    reference = record("paracetamol")
    shifted = Record(reference.smiles, reference.mol, reference.coords, reference.energy + 1000.0, "shifted")
    assert examine(shifted, "MMFF94s").error == pytest.approx(examine(reference, "MMFF94s").error, abs=1e-6)
    alone = Record(reference.smiles, reference.mol, reference.coords[:1], reference.energy[:1], "alone")
    assert np.isnan(examine(alone, "MMFF94s").error)


def test_what_cannot_be_treated_is_left_out_of_the_medians() -> None:
    boron = embedded("CB(O)O")
    lost = examine(Record("CB(O)O", boron, coords_of(boron), np.zeros(1), "boron"), "MMFF94s")
    assert "B" in lost.obstacle
    line = row("MMFF94s", [lost, Finding(drift=0.1, error=1.0, released=2.0, converged=True)])
    assert line.startswith("| MMFF94s | 1 of 2 | 0.100 (0.100) | 1.00 (1.00) | 2.0 |")
    assert len(list(table({"MMFF94s": [lost]}))) == 3


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    one = record("CCO", 1)
    arrays = {
        "smiles": np.array(["[H]OC([H])([H])C([H])([H])[H]"]),
        "title": np.array(["ethanol"]),
        "n_atoms": np.array([9]),
        "n_confs": np.array([1]),
        "energy": one.energy,
    }
    order = [8, 2, 1, 6, 7, 0, 3, 4, 5]
    arrays["coords"] = np.round(one.coords[:, order] * 1000).astype(np.int16).reshape(-1, 3)
    np.savez(tmp_path / "minima.npz", allow_pickle=False, **arrays)
    words = ["engines", str(tmp_path / "minima.npz"), "-m", "MMFF94s", "-m", "UFF"]
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 0, done.output
    assert [line for line in done.output.splitlines() if line.startswith("| MMFF94s | 1 of 1 | 0.0")]
    assert CliRunner().invoke(cli.app, [*words, "-m", "DFT"]).exit_code == 2
