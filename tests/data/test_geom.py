"""Are the forms of GEOM read alike, and is nothing run that a pickle brings along?"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers import bond_pairs, embedded, lengths, tiny_vocabulary, with_hydrogens
from rdkit import Chem

from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import Record
from rdkit_ebd.data.safe_pickle import Numbers, unpickled
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.judge.verdict import judge
from rdkit_ebd.train.data_prep.prepare import PrepareConfig, elements_of, make_examples, make_seeds

NAMES = ("ibuprofen", "nicotine")
ENERGIES = [2.5, 0.0, 1.0, np.float64(0.5)]


def single(mol: Chem.Mol, number: int) -> Chem.Mol:
    """A molecule with one of its conformers, as GEOM keeps them."""
    one = Chem.Mol(mol, True)
    one.AddConformer(Chem.Conformer(mol.GetConformers()[number]))
    return one


def flat(mol: Chem.Mol) -> str:
    """SMILES as GEOM's keys are: no explicit hydrogens; no stereo either."""
    return Chem.MolToSmiles(Chem.RemoveHs(mol), isomericSmiles=False)


def conformers_of(mol: Chem.Mol) -> list[dict[str, Any]]:
    return [{"geom_id": k, "relativeenergy": e, "rd_mol": single(mol, k)} for k, e in enumerate(ENERGIES)]


@pytest.fixture
def mols() -> list[Chem.Mol]:
    return [embedded(name, len(ENERGIES), relaxed=True) for name in NAMES]  # minima, as references are


@pytest.fixture
def folder(mols: list[Chem.Mol], tmp_path: Path) -> Path:
    summary: dict[str, Any] = {"C1CC1": {"uniqueconfs": 0}}  # one that GEOM could not treat
    (tmp_path / "drugs").mkdir()
    for number, mol in enumerate(mols):
        content = {"conformers": conformers_of(mol), "totalconfs": 4, "temperature": 298.15}
        (tmp_path / "drugs" / f"{number}.pickle").write_bytes(pickle.dumps(content, protocol=2 + 2 * number))
        summary[flat(mol)] = {"pickle_path": f"drugs/{number}.pickle", "charge": 0}
    (tmp_path / "summary_drugs.json").write_text(json.dumps(summary))
    return tmp_path


@pytest.fixture
def crude(mols: list[Chem.Mol], tmp_path: Path) -> Path:
    """Bare coordinates, the second molecule's in another order than its SMILES gives."""
    msgpack = pytest.importorskip("msgpack")
    path, random = tmp_path / "drugs_crude.msgpack", np.random.default_rng(0)
    with path.open("wb") as stream:
        for number, mol in enumerate(mols):
            rows = np.c_[[a.GetAtomicNum() for a in mol.GetAtoms()], mol.GetConformer(0).GetPositions()]
            found = []
            for k, energy in enumerate(ENERGIES):
                rows[:, 1:] = mol.GetConformers()[k].GetPositions()
                order = random.permutation(len(rows)) if number else slice(None)
                found.append({"xyz": rows[order].tolist(), "relativeenergy": float(energy)})
            stream.write(msgpack.packb({flat(mol): {"conformers": found}}))
    return path


@pytest.fixture
def graph_data(monkeypatch: pytest.MonkeyPatch) -> type:
    """Classes that pickle under the names of PyTorch Geometric's, which is not installed."""
    made = {}
    for package in ("torch_geometric", "torch_geometric.data"):
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
    for module, name in (("torch_geometric.data.storage", "GlobalStorage"), ("torch_geometric.data.data", "Data")):
        made[name] = type(name, (), {"__module__": module})
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(**made))
    return made["Data"]


def stored_in(item: Any, content: dict[str, Any]) -> None:
    """As since version 2: the attributes lie in the mapping of a store, which knows whose it is."""
    store = sys.modules["torch_geometric.data.storage"].GlobalStorage()
    store.__dict__.update(_mapping=content, _parent=item)
    item.__dict__["_store"] = store


def split(mols: list[Chem.Mol], data: type, path: Path, stored: bool = False, with_mol: bool = True) -> Path:
    """A file as ConfGF's and GeoDiff's, conformers of different molecules taking turns."""
    items = []
    for k in range(len(ENERGIES)):
        for mol in mols:
            item = data()
            content = {
                "atom_type": torch.tensor([a.GetAtomicNum() for a in mol.GetAtoms()]),
                "pos": torch.tensor(mol.GetConformers()[k].GetPositions(), dtype=torch.float32),
                "edge_index": torch.tensor(bond_pairs(mol).T),
                "smiles": flat(mol),
                "totalenergy": torch.tensor(float(ENERGIES[k]) / 627.5094740631, dtype=torch.float64),
            }
            content |= {"rdmol": single(mol, k)} if with_mol else {}
            stored_in(item, content) if stored else item.__dict__.update(content)
            items.append(item)
    path.write_bytes(pickle.dumps(items))
    return path


def assert_of_geom(records: list[Record], mols: list[Chem.Mol]) -> None:
    """The records are the molecules, with their stereo, lowest energy first, in the order of their SMILES."""
    assert [r.title for r in records] == [flat(mol) for mol in mols]
    for record, mol in zip(records, mols, strict=True):
        assert Chem.MolToSmiles(record.mol) == Chem.MolToSmiles(with_hydrogens(Chem.MolToSmiles(Chem.RemoveHs(mol))))
        assert np.allclose(record.energy, sorted(ENERGIES), atol=1e-6)
        assert record.coords.shape == (len(ENERGIES), mol.GetNumAtoms(), 3)
        assert judge(record.coords, check_tables(record.mol)).ok.all()
        # the same conformers, by what does not depend on the order of the atoms
        for x, k in zip(record.coords, np.argsort(ENERGIES), strict=True):
            here = np.sort(lengths(x, bond_pairs(record.mol)))
            there = np.sort(lengths(mol.GetConformers()[int(k)].GetPositions(), bond_pairs(mol)))
            assert np.allclose(here, there, atol=1e-4)


def test_folder_of_pickled_molecules(folder: Path, mols: list[Chem.Mol]) -> None:
    assert_of_geom(list(read_records(folder)), mols)
    assert_of_geom(list(read_records(folder / "summary_drugs.json")), mols)
    [first] = read_records(folder, limit=1, seed=3)
    assert first.title in {flat(mol) for mol in mols}
    fewer = list(read_records(folder, max_confs=2))
    assert [r.energy.tolist() for r in fewer] == [[0.0, 0.5]] * 2


def test_bare_coordinates(crude: Path, mols: list[Chem.Mol]) -> None:
    assert_of_geom(list(read_records(crude)), mols)
    assert len(list(read_records(crude, limit=1))) == 1


@pytest.mark.parametrize(("stored", "with_mol"), [(False, True), (True, True), (False, False)])
def test_graph_data(
    mols: list[Chem.Mol],
    graph_data: type,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stored: bool,
    with_mol: bool,
) -> None:
    path = split(mols, graph_data, tmp_path / "train_data_40k.pkl", stored, with_mol)
    monkeypatch.setitem(sys.modules, "torch_geometric", None)  # whoever imports it now fails
    assert_of_geom(list(read_records(path)), mols)


def test_both_enantiomers_are_two_records(tmp_path: Path, graph_data: type) -> None:
    mol = embedded("ibuprofen", 2)
    mol.GetConformers()[1].SetPositions(mol.GetConformers()[1].GetPositions() * [1, 1, -1])
    items = []
    for k in range(2):
        item = graph_data()
        atoms = torch.tensor([a.GetAtomicNum() for a in mol.GetAtoms()])
        item.__dict__.update(atom_type=atoms, pos=torch.tensor(mol.GetConformers()[k].GetPositions()), smiles=flat(mol))
        items.append(item)
    path = tmp_path / "open.pkl"
    path.write_bytes(pickle.dumps(items))
    first, second = read_records(path)
    assert first.smiles != second.smiles
    assert Chem.MolToSmiles(first.mol, isomericSmiles=False) == Chem.MolToSmiles(second.mol, isomericSmiles=False)
    for item in items:
        item.smiles = Chem.MolToSmiles(Chem.RemoveHs(mol))  # now it is said which one is meant
    path.write_bytes(pickle.dumps(items))
    [only] = read_records(path)
    assert only.smiles == first.smiles
    assert len(only.coords) == 1


def test_coordinates_of_another_molecule_are_left_out(tmp_path: Path, graph_data: type, mols: list[Chem.Mol]) -> None:
    path = split(mols, graph_data, tmp_path / "x.pkl", with_mol=False)
    items = unpickled(path)
    for item in items:
        item.smiles = {flat(mols[0]): "CCO"}.get(item.smiles, item.smiles)
    path.write_bytes(pickle.dumps([remade(graph_data, vars(item)) for item in items]))
    assert [r.title for r in read_records(path)] == [flat(mols[1])]


def remade(kind: type, content: dict[str, Any]) -> Any:
    made = kind()
    made.__dict__.update({k: v.tensor if isinstance(v, Numbers) else v for k, v in content.items()})
    return made


class Malicious:
    """Says what to call when it is unpickled."""

    def __init__(self, call: Any, *words: Any) -> None:
        self.call, self.words = call, words

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call, self.words


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("call", [exec, __import__, eval, SimpleNamespace, torch.load, getattr])
def test_a_pickle_that_asks_for_more_is_rejected(tmp_path: Path, call: Any, protocol: int) -> None:
    path, trace = tmp_path / "evil.pkl", tmp_path / "trace"
    words = {exec: f"open({str(trace)!r}, 'w')", eval: f"open({str(trace)!r}, 'w')"}.get(call, "os")
    path.write_bytes(pickle.dumps([Malicious(call, words)], protocol))
    with pytest.raises(ValueError, match=call.__name__):
        list(read_records(path))
    assert not trace.exists()


def test_what_hides_in_a_tensor_is_rejected(tmp_path: Path) -> None:
    path, trace = tmp_path / "evil.pkl", tmp_path / "trace"
    inside = pickle.dumps(Malicious(exec, f"open({str(trace)!r}, 'w')"), 2)
    path.write_bytes(pickle.dumps(Malicious(torch.storage._load_from_bytes, inside), 2))
    with pytest.raises(ValueError, match=r"evil\.pkl"):
        list(read_records(path))
    assert not trace.exists()


def test_damaged_and_foreign_files_are_named(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "cut.pkl"
    path.write_bytes(pickle.dumps(list(range(1000)))[:-40])
    with pytest.raises(ValueError, match=r"cut\.pkl"):
        list(read_records(path))
    path.write_bytes(pickle.dumps([{"smiles": "C"}]))
    with pytest.raises(ValueError, match="atom_type, pos"):
        list(read_records(path))
    (folder / "summary_drugs.json").write_text(json.dumps({"C": {"pickle_path": "../elsewhere.pickle"}}))
    with pytest.raises(ValueError, match="elsewhere"):
        list(read_records(folder))
    (folder / "summary_drugs.json").write_text(json.dumps({"C": {"pickle_path": "cut.pickle"}}))
    (folder / "cut.pickle").write_bytes(pickle.dumps({"confs": []}))
    with pytest.raises(ValueError, match="conformers"):
        list(read_records(folder))


def test_what_is_cut_short_is_said(crude: Path) -> None:
    content = crude.read_bytes()
    for size in (len(content) - 1, len(content) // 2 + 1, 7):
        crude.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"drugs_crude\.msgpack is damaged"):
            list(read_records(crude))


def test_lists_said_to_be_longer_than_the_file_get_no_memory(crude: Path) -> None:
    for content in (b"\xdd\xff\xff\xff\xff", b"\xdf\x7f\xff\xff\xff", b"\xdd\x7f\xff\xff\xff" * 500):
        crude.write_bytes(content)
        with pytest.raises(ValueError, match=r"drugs_crude\.msgpack"):
            list(read_records(crude))


def test_a_molecule_that_ends_its_reader_is_an_error_that_names_the_file(folder: Path, mols: list[Chem.Mol]) -> None:
    path = folder / "drugs" / "1.pickle"
    conformers = [{"rd_mol": mols[0]}, {"rd_mol": Hostile(mols[1])}]
    path.write_bytes(pickle.dumps({"conformers": conformers}, 2))
    records = read_records(folder)
    assert next(records).title == flat(mols[0])
    with pytest.raises(ValueError, match=r"drugs/1\.pickle cannot be read"):
        list(records)


class Hostile:
    """Says to pickle that it is a molecule of bytes that RDKit cannot read without leaving its memory."""

    def __init__(self, mol: Chem.Mol) -> None:
        content = bytearray(mol.ToBinary())
        content[16:] = b"\xff" * (len(content) - 16)
        self.content = bytes(content)

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        return Chem.Mol, (self.content,)


def test_training_examples_come_out(folder: Path) -> None:
    assert elements_of([folder / "summary_drugs.json"]) == [1, 6, 7, 8]
    config = PrepareConfig("etkdg", 3, pairing="hungarian")
    for record in read_records(folder, max_confs=3):
        [example] = make_examples(record, tiny_vocabulary(), config, make_seeds(record.mol, 3, config))
        assert sorted(example.pairs[:, 0].tolist()) == [0, 1, 2]


def test_a_limit_takes_the_lowest_of_other_files_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.sdf"
    mol = embedded("nicotine", 3)
    with Chem.SDWriter(str(path)) as writer:
        for conformer in mol.GetConformers():
            writer.write(mol, conformer.GetId())
    [record] = read_records(path, max_confs=2)
    [whole] = read_records(path)
    assert len(whole.coords) == 3
    assert np.array_equal(record.coords, whole.coords[:2])
