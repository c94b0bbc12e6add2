"""Does the table say what the reference sets show, and no more than they can know?"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call
from reference_sets import write_references

from rdkit_ebd.data.readers import read_records
from rdkit_ebd.judge.environments import Environments
from rdkit_ebd.judge.measures import lengths_of
from rdkit_ebd.judge.ranges import geometry_ranges
from rdkit_ebd.judge.reference import GREATEST, LEAST, MIDDLE, MOLECULES, Reference
from rdkit_ebd.train.data_prep.geometry_gather import Gathered
from rdkit_ebd.train.data_prep.geometry_minima import group_smiles, minima, same_bonds
from rdkit_ebd.train.data_prep.geometry_tables import extend_table, make_table, packed, summarised

NAMES = ["ibuprofen", "aspirin", "naproxen", "levodopa", "captopril", "penicillin_v"]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sets")
    return write_references(folder / "dft.npz", NAMES), write_references(folder / "groups.npz", ["CCON=O", "CSSC"])


@pytest.fixture(scope="module")
def gathered(sets: tuple[Path, Path]) -> Gathered:
    found = Gathered()
    found.take(read_records(sets[0]))
    return found


def test_rows_span_what_the_molecules_show(sets: tuple[Path, Path], gathered: Gathered) -> None:
    known = Reference(summarised(gathered))
    for record in read_records(sets[0]):
        terms = Environments(record.mol).bonds()
        rows, found = known.rows("bonds", terms.names), lengths_of(record.coords, terms.atoms)
        assert (rows[:, LEAST] <= found.min(0) + 1e-6).all()
        assert (rows[:, GREATEST] >= found.max(0) - 1e-6).all()
        assert ((rows[:, LEAST] <= rows[:, MIDDLE]) & (rows[:, MIDDLE] <= rows[:, GREATEST])).all()
        assert (rows[:, MOLECULES] <= len(NAMES)).all()


def test_unknown_environments_have_no_rows_and_narrow_names_come_first(gathered: Gathered) -> None:
    known = Reference(summarised(gathered))
    assert np.isnan(known.rows("bonds", [("no such bond", "nor this")])).all()
    table = {"atoms": {}, "bonds": {"wide": [1000, 1100, 1200, 9], "narrow": [1150, 1160, 1170, 3]}}
    ours = Reference({**table, "angles": {}, "twists": {}, "heights": {}, "contacts": {}})
    assert ours.rows("bonds", [("narrow", "wide"), ("other", "wide")])[:, MIDDLE].tolist() == [1.16, 1.1]


def test_what_one_broken_molecule_shows_is_no_geometry(gathered: Gathered) -> None:
    whole = Gathered()
    whole.lows["bonds"]["C-C"].extend([1.50 + 0.001 * k for k in range(50)])
    whole.highs["bonds"]["C-C"].extend([1.52 + 0.001 * k for k in range(49)] + [2.4])
    assert summarised(whole)["bonds"]["C-C"] == pytest.approx([1500, 1534, 1568, 50], abs=2)


def test_narrow_names_that_say_nothing_new_are_left_out() -> None:
    found = Gathered()
    for name, offset in (("wide", 0.0), ("alike", 0.005), ("apart", -0.05)):
        found.lows["bonds"][name].extend([1.4 + offset] * 5)
        found.highs["bonds"][name].extend([1.42 + offset] * 5)
    found.wider["bonds"] |= {"alike": "wide", "apart": "wide"}
    assert set(summarised(found)["bonds"]) == {"wide", "apart"}


def test_another_method_adds_what_is_thin_and_nothing_else(sets: tuple[Path, Path]) -> None:
    dft, others = Gathered(), Gathered()
    dft.take(read_records(sets[0]))
    others.take(read_records(sets[1]))
    common, before = "C4v4t-H1v1", len(dft.lows["bonds"]["C4v4t-H1v1"])
    dft.supplement(others, before, dict.fromkeys(("bonds", "angles", "twists", "heights", "contacts"), 0.0))
    assert len(dft.lows["bonds"][common]) == before
    assert len(dft.lows["bonds"]["S2v2t-S2v2t"]) == 1


def test_the_command_writes_the_same_table_each_time(sets: tuple[Path, Path], tmp_path: Path) -> None:
    made = [tmp_path / name for name in ("one.json.gz", "two.json.gz")]
    for out in made:
        result = call("train", "geometry-tables", sets[0], "--minima", sets[1], "-o", out)
        assert result.exit_code == 0, result.output
    assert made[0].read_bytes() == made[1].read_bytes()
    assert make_table([sets[0]], sets[1], made[0])["bonds"] > 20
    assert len(packed({"atoms": {}})) < 100


def test_a_table_is_extended_by_what_it_lacks_alone(sets: tuple[Path, Path], tmp_path: Path) -> None:
    table = tmp_path / "table.json.gz"
    make_table([sets[0]], sets[1], table)
    before = json.loads(gzip.decompress(table.read_bytes()))
    more = write_references(tmp_path / "more.npz", ["CNNC", "CC(C)C", "CBr"])
    added = extend_table(table, [more])
    after = json.loads(gzip.decompress(table.read_bytes()))
    assert "N3v3t-N3v3t" in after["bonds"]
    assert "N3v3t-N3v3t" not in before["bonds"]
    assert not any("Br" in name for name in after["bonds"]), "its atoms are not known"
    assert {name: after["bonds"][name] for name in before["bonds"]} == before["bonds"]
    assert added["bonds"] == len(after["bonds"]) - len(before["bonds"])
    assert after["atoms"] == before["atoms"]
    assert extend_table(table, [more]) == {"bonds": 0, "angles": 0}


def test_references_are_within_the_ranges_of_the_shipped_table(sets: tuple[Path, Path]) -> None:
    for record in read_records(sets[0]):
        ranges, x = geometry_ranges(record.mol), record.coords.astype(np.float64)
        found = lengths_of(x, ranges.bonds.atoms)
        assert len(ranges.bonds) == record.mol.GetNumBonds()
        assert ((ranges.bonds.lower <= found) & (found <= ranges.bonds.upper)).all()
        assert (ranges.usual_bonds.upper <= ranges.bonds.upper + 1e-9).all()


def test_the_listed_groups_parse_and_minima_keep_their_bonds() -> None:
    pytest.importorskip("tblite")
    pytest.importorskip("scipy")
    assert len(set(group_smiles())) > 500
    record = minima("CON=O", 1)
    assert len(record.coords) == 1
    assert same_bonds(record.mol, record.coords[0])
    torn = record.coords[0].copy()
    torn[0] += 3.0
    assert not same_bonds(record.mol, torn)
