"""Are the right molecules chosen, their minima sound and distinct, and is an interrupted run the same in the end?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from helpers import embedded, with_hydrogens
from rdkit import Chem
from typer.testing import CliRunner

from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.cli import app as cli
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import parse_smiles
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.judge.verdict import judge
from rdkit_ebd.potentials import get_potential
from rdkit_ebd.runtime.deadline import NEVER
from rdkit_ebd.train.data_prep import generate
from rdkit_ebd.train.data_prep.generate import (
    CLASSES,
    Chosen,
    GenerateConfig,
    assemble,
    choose,
    distinct,
    load_minima,
    make_minima,
)

pytest.importorskip("tblite.interface")

LINES = [
    *(
        "CCO small 3 0",
        "CC small 2 0",
        "CO small 2 0",
        "C=O small 2 0",
        "OO small 2 0",
        "NN small 2 0",
        "C#N small 2 0",
    ),
    *("CI both 2 0", "C[Se]C elements 3 0", "C[SiH3] elements 2 0", "OB(O)c1ccccc1 elements 9 1"),
    *("C1CCCCCCC1 rings 8 0", "CCCCCCCCCCCC flexible 12 9", "CCCCCCCCCCCCC flexible 13 10", "CCc1ccccc1 none 8 1"),
]


def keys(smiles: list[str]) -> set[str]:
    return {str(Chem.MolToInchiKey(Chem.MolFromSmiles(one))).partition("-")[0] for one in smiles}


@pytest.mark.parametrize(
    ("smiles", "classes"),
    [
        ("CB(O)O", {"elements", "small"}),
        ("C[Si](C)(C)c1ccccc1", {"elements"}),
        ("CCCCCCCCCCCC", {"flexible"}),
        ("C1CCCCCCC1", {"rings"}),
        ("C1CCCCCC1", set()),
        ("CCO", {"small"}),
        ("CCCCCCC", set()),
        ("CCCCCCCCCCCCCCCCCCCC", set()),
        ("CC(=O)Oc1ccccc1C(=O)O", set()),
    ],
)
def test_classes_are_what_they_are_called(smiles: str, classes: set[str]) -> None:
    mol = Chem.MolFromSmiles(smiles)
    assert {name for name, holds in CLASSES.items() if holds(mol)} == classes
    assert CLASSES["small"](Chem.AddHs(mol)) == ("small" in classes)


def test_classes_take_turns_and_the_choice_is_seeded() -> None:
    config = GenerateConfig(molecules=8)
    chosen = choose(LINES, config)
    assert Counter(one.title.partition("-")[0] for one in chosen) == {
        "elements": 3,
        "flexible": 2,
        "rings": 1,
        "small": 2,
    }
    for one in chosen:
        name, _, line = one.title.partition("-")
        assert LINES[int(line) - 1].split()[0] == one.smiles
        assert CLASSES[name](Chem.MolFromSmiles(one.smiles))
    assert choose(LINES, config) == chosen
    assert choose(LINES, GenerateConfig(molecules=8, seed=1)) != chosen
    everything = choose(LINES, GenerateConfig(molecules=100))
    assert {one.inchikey14 for one in everything} == keys([line.split()[0] for line in LINES[:-1]])


def test_what_cannot_or_must_not_be_used_is_passed_over() -> None:
    config = GenerateConfig(classes=("small",), max_atoms=8)
    bad = ["C[X]", "CC.[Na+]", "*CC", "CCC", "OCC", "N#C"]
    chosen = choose([*bad, *LINES], config, kept_back=keys(["CC", "NN"]))
    assert {one.smiles for one in chosen} <= {"CO", "C=O", "OO", "C#N", "N#C", "CI", "C[SiH3]"}
    assert len({one.inchikey14 for one in chosen}) == len(chosen) == 6


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="'huge', 'tiny'"):
        GenerateConfig(classes=("tiny", "rings", "huge"))
    with pytest.raises(ValueError, match="molecules, confs"):
        GenerateConfig(molecules=0, confs=0)


def test_minima_are_sound_distinct_and_accounted_for() -> None:
    config = GenerateConfig(confs=6)
    made = make_minima("OCCO", config)
    mol = parse_smiles(made.smiles)
    assert mol is not None
    assert len(made.energy) + sum(made.lost.values()) == config.confs
    assert len(made.energy) >= 2
    assert (np.diff(made.energy) >= 0).all()
    assert judge(made.coords, check_tables(mol)).ok.all()
    assert np.abs(made.coords.mean(axis=1)).max() < 1e-9
    surface = get_potential(config.method).surface(mol)
    for coords, energy in zip(made.coords, made.energy, strict=True):
        assert surface.energy(coords) == pytest.approx(energy, abs=1e-3)
    again = make_minima("OCCO", config)
    assert np.array_equal(again.coords, made.coords)


def test_open_stereo_is_settled_once_for_all_conformers() -> None:
    made = make_minima("CC(F)Cl", GenerateConfig(confs=4))
    mol = parse_smiles(made.smiles)
    assert mol is not None
    assert "@" in made.smiles
    assert len(made.energy) == 1  # its mirror image would have made two
    assert made.lost == {"like another": 3}


def test_twins_are_alike_in_shape_and_in_energy() -> None:
    mol = embedded("captopril", 3)
    mappings = symmetry_mappings(mol)
    x = np.array([conformer.GetPositions() for conformer in mol.GetConformers()])
    doubled = np.concatenate([x, x + np.array([1.0, 2.0, 3.0])])
    energy = np.array([3.0, 2.0, 1.0, 3.0, 2.0, 1.0])
    assert distinct(doubled, energy, mappings).tolist() == [2, 1, 0]
    assert distinct(doubled, energy + np.repeat([0, 1], 3), mappings).tolist() == [2, 1, 5, 0, 4, 3]
    assert distinct(x, np.ones(3), mappings).tolist() == [0, 1, 2]
    assert distinct(x[:0], energy[:0], mappings).tolist() == []


def test_a_molecule_that_trips_rdkit_is_a_cause(tmp_path: Path) -> None:
    """An unsanitised molecule stands for one that RDKit refuses to embed."""
    out, config = tmp_path / "out.npz", GenerateConfig(confs=2)
    chosen = [Chosen("CO", "OKKJLVBELUTLKV", "small-1"), Chosen("CCO", "LFQSCWFLJHTTHZ", "small-2")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate, "parse_smiles", lambda smiles: Chem.MolFromSmiles("C", sanitize=False))
        generate._treat((chosen[0], config, tmp_path / "00000.npz", NEVER))
    generate._treat((chosen[1], config, tmp_path / "00001.npz", NEVER))
    summary = assemble(tmp_path, out, chosen, config)
    assert (summary.molecules, summary.waiting) == (1, 0)
    [cause] = [cause for cause in summary.lost if cause.startswith("error")]
    assert summary.lost[cause] == config.confs
    assert [record.title for record in read_records(out)] == ["small-2"]


def make_data(seeds: Path, out: Path, *words: str) -> str:
    kept_back = seeds.with_name("kept_back.smi")
    kept_back.write_text("CC\n")
    command = ["train", "make-data", str(seeds), "-o", str(out), "--keep-back", str(kept_back), "--workers", "1"]
    result = CliRunner().invoke(cli.app, [*command, "--classes", "small,elements", "--confs", "2", *words])
    return f"{result.exit_code} {result.output}"


def test_an_interrupted_run_goes_on_to_the_same_data_set(tmp_path: Path) -> None:
    seeds, out = tmp_path / "seeds.tsv", tmp_path / "gfn2.npz"
    seeds.write_text("\n".join(["smiles source heavy_atoms rotatable_bonds", *LINES]))
    told = make_data(seeds, out, "--molecules", "4", "--max-minutes", "0")
    assert "0 molecules, 0 conformers" in told
    assert "4 molecules are waiting" in told
    assert list(read_records(out)) == []
    assert "wrote" in make_data(seeds, out, "--molecules", "4")
    with np.load(out) as data:
        whole = dict(data)
    assert_well_formed(out, whole)

    files = sorted((tmp_path / "gfn2.work").glob("*.npz"))
    assert len(files) == 4
    out.unlink()
    files[2].unlink()
    files[2].with_name(f".{files[2].name}.1.0123456789abcdef.partial").write_bytes(b"half")  # where a kill left it
    before = [path.stat().st_mtime_ns for path in (files[0], files[1], files[3])]
    assert "waiting" not in make_data(seeds, out, "--molecules", "4")
    assert [path.stat().st_mtime_ns for path in (files[0], files[1], files[3])] == before
    with np.load(out) as data:
        assert set(data) == set(whole)
        assert all(np.array_equal(data[name], whole[name]) for name in whole)

    refused = make_data(seeds, out, "--molecules", "5")
    assert refused.startswith("2 ")
    assert "molecules" in refused


def assert_well_formed(out: Path, arrays: dict[str, np.ndarray]) -> None:
    """What is written is what `read_records` reads, and what the work folder holds."""
    assert arrays["coords"].dtype == np.int16
    assert set(arrays["level"].tolist()) == {"GFN2-xTB"}
    assert len(arrays["level"]) == len(arrays["inchikey14"]) == len(arrays["n_confs"])
    records = list(read_records(out))
    assert len(records) == 4
    assert not keys(["CC"]) & set(arrays["inchikey14"].tolist())
    for record, path in zip(records, sorted(out.with_suffix(".work").glob("*.npz")), strict=True):
        minima = load_minima(path)
        assert record.smiles == minima.smiles
        assert np.allclose(record.coords, minima.coords, rtol=0, atol=0.51e-3)
        assert np.array_equal(record.energy, minima.energy)
        assert record.mol.GetNumAtoms() == with_hydrogens(record.smiles).GetNumAtoms()
        assert judge(record.coords, check_tables(record.mol)).ok.all()
