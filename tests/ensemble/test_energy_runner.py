"""Do conformers come through a surface the same way in one process and in several?"""

from __future__ import annotations

import os

import numpy as np
import pytest
from helpers import embedded
from spoiled import OnlyHere

from rdkit_ebd.ensemble import energy_runner as engines
from rdkit_ebd.ensemble.energy_runner import Engine, potential_of, through
from rdkit_ebd.potentials import Potential, Surface
from rdkit_ebd.potentials.rdkit_ff import RDKitForceField
from rdkit_ebd.runtime.deadline import Deadline


def where(surface: Surface, coords: np.ndarray) -> tuple[float, int]:
    """The minimum's energy, and the process that found it."""
    return surface.minimise(coords, 100).energy, os.getpid()


def engine_and_coords(potential: Potential | None = None, count: int = 3) -> tuple[Engine, list[np.ndarray]]:
    mol = embedded("captopril", count)
    return Engine(potential or RDKitForceField("MMFF94s"), mol), [c.GetPositions() for c in mol.GetConformers()]


def test_all_conformers_share_one_surface() -> None:
    engine, coords = engine_and_coords()
    surfaces = dict(through(engine, lambda surface, x: surface, coords))
    assert [id(surfaces[k]) for k in range(3)] == [id(engine.surface)] * 3


def test_processes_change_nothing_but_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, coords = engine_and_coords()
    serial = dict(through(engine, where, coords, threads=2))  # too little work for a second process
    assert {pid for _, pid in serial.values()} == {os.getpid()}
    monkeypatch.setattr(engines, "POOL_PAYS", -1.0)
    parallel = dict(through(engine, where, coords, threads=2))
    assert os.getpid() not in {pid for _, pid in parallel.values()}
    assert {k: energy for k, (energy, _) in parallel.items()} == {k: energy for k, (energy, _) in serial.items()}


def test_where_processes_fail_the_work_is_done_here(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engines, "POOL_PAYS", -1.0)
    engine, coords = engine_and_coords(OnlyHere(), 2)
    found = dict(through(engine, where, coords, threads=2))
    assert sorted(found) == [0, 1]
    assert {pid for _, pid in found.values()} == {os.getpid()}
    assert "not in another process" in capfd.readouterr().err


def test_nothing_begins_after_the_deadline() -> None:
    engine, coords = engine_and_coords()
    assert list(through(engine, where, coords, deadline=Deadline(0.0))) == []
    assert len(list(through(engine, where, coords, deadline=Deadline.after(60)))) == 3


def test_a_method_is_a_name_or_a_potential() -> None:
    potential = RDKitForceField("UFF")
    assert potential_of(potential) is potential
    assert potential_of("uff").name == "UFF"
    with pytest.raises(TypeError, match="None"):
        potential_of(None)  # type: ignore[arg-type]
