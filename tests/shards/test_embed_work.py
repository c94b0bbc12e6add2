"""Does a chunk become what a single call makes, and does a molecule that kills cost itself alone?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers import DRUGS, with_hydrogens
from rdkit import Chem
from shard_runs import library_of, run, shards

from rdkit_ebd import EBD, EmbedMolecules
from rdkit_ebd.chem.provenance import get_provenance
from rdkit_ebd.io import read_molecules
from rdkit_ebd.io.atom_order import smiles_and_order
from rdkit_ebd.io.conformer_table import molecules_of_rows
from rdkit_ebd.library.arguments import settings_for_all
from rdkit_ebd.library.runner import LocalRunner
from rdkit_ebd.shards.chunks import Library
from rdkit_ebd.shards.embed_work import EmbedJob, EmbedSetUp
from rdkit_ebd.shards.store import Store

HERE = LocalRunner(0)

POISON = '''
import os, signal
from rdkit_ebd.potentials.rdkit_ff import family as of_rdkit


class Deadly:
    """UFF, but of molecules with iodine, whose worker it kills."""

    name, _real = "deadly", of_rdkit("UFF")

    def __getattr__(self, name):
        return getattr(self._real, name)

    def surface(self, mol):
        if any(atom.GetAtomicNum() == 53 for atom in mol.GetAtoms()):
            os.kill(os.getpid(), signal.SIGKILL)
        return self._real.surface(mol)


def family(name):
    return Deadly() if name == "deadly" else None
'''


@pytest.fixture
def poison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with a potential that kills."""
    folder = tmp_path / "site"
    (folder / "poison-1.dist-info").mkdir(parents=True)
    (folder / "poison.py").write_text(POISON)
    (folder / "poison-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: poison\nVersion: 1\n")
    entry = "[rdkit_ebd.potentials]\npoison = poison:family\n"
    (folder / "poison-1.dist-info" / "entry_points.txt").write_text(entry)
    monkeypatch.syspath_prepend(str(folder))


def test_conformers_are_those_of_a_call(tmp_path: Path) -> None:
    names = list(DRUGS)[:3]
    run(library_of(tmp_path, 3), tmp_path / "out", chunk=2, runner=HERE)
    mols = [with_hydrogens(name) for name in names]
    EmbedMolecules(mols, 2, EBD(randomSeed=7, device="cpu"), workers=0)
    found = list(molecules_of_rows(pq.read_table(tmp_path / "out" / "conformers").to_pylist()))
    assert [mol.GetProp("_Name") for mol in found] == [f"{name}-{k}" for k, name in enumerate(names)]
    for mol, read in zip(mols, found, strict=True):
        smiles, order = smiles_and_order(mol)
        assert Chem.MolToSmiles(Chem.RemoveHs(read)) == smiles
        for ours, theirs in zip(mol.GetConformers(), read.GetConformers(), strict=True):
            assert np.array_equal(np.rint(ours.GetPositions()[order] * 1e4), np.rint(theirs.GetPositions() * 1e4))
            assert get_provenance(theirs) == get_provenance(ours)


def test_shards_of_records(tmp_path: Path) -> None:
    run(library_of(tmp_path, 3), tmp_path / "out", chunk=2, runner=HERE, form="sdf")
    first, second = (tmp_path / "out" / "conformers" / name for name in shards(tmp_path / "out"))
    assert [entry.name for entry in read_molecules(first)] == ["aspirin-0"] * 2 + ["paracetamol-1"] * 2
    assert [entry.name for entry in read_molecules(second)] == ["ibuprofen-2"] * 2


def test_isomers_are_molecules_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "library.smi").write_text("CC(O)F lactol\nCCO ethanol\n")
    library = Library.at(str(tmp_path / "library.smi"))
    run(library, tmp_path / "out", runner=HERE, confs=1, stereo="enumerate")
    table = pq.read_table(tmp_path / "out" / "conformers").to_pylist()
    assert [(row["molecule"], row["isomer"], row["name"]) for row in table] == [
        (0, 1, "lactol_s1"),
        (0, 2, "lactol_s2"),
        (1, 0, "ethanol"),
    ]
    assert len({row["smiles"] for row in table}) == 3
    assert dict(table[0]["fields"]) == {}


def test_poison_costs_itself_alone(tmp_path: Path, poison: None) -> None:
    (tmp_path / "library.smi").write_text("CCO ethanol\nCCI poison\nCCN amine\n")
    library = Library.at(str(tmp_path / "library.smi"))
    settings = settings_for_all(EBD(randomSeed=7, device="cpu", refine="deadly"), {})
    work = EmbedSetUp(EmbedJob(1, settings), Store.at(tmp_path / "out"))()
    [chunk] = library.chunks(10)
    record = work(chunk, 1).record  # as it is called once a worker has died on the chunk
    [failure] = record["failed"]
    assert (failure["name"], failure["cause"]) == ("poison", "WORKER_DIED 1")
    assert "2 worker processes died on this molecule" in failure["message"]
    found = molecules_of_rows(pq.read_table(tmp_path / "out" / "conformers").to_pylist())
    assert [mol.GetProp("_Name") for mol in found] == ["ethanol", "amine"]
