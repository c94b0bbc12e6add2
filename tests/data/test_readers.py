"""Is a damaged or lying `.npz` of reference conformers rejected before it is given memory?"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import embedded
from rdkit import Chem

from rdkit_ebd.data.readers import read_records


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    mol, path = embedded("aspirin", 2), tmp_path / "references.npz"
    coords = np.stack([c.GetPositions() for c in mol.GetConformers()])
    smiles = Chem.MolToSmiles(mol)
    order = list(mol.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
    arrays = {
        "smiles": np.array([smiles]),
        "title": np.array(["aspirin"]),
        "n_atoms": np.array([mol.GetNumAtoms()]),
        "n_confs": np.array([2]),
        "coords": (1000 * coords[:, order]).astype(np.int16).reshape(-1, 3),
        "energy": np.array([0.0, 1.0]),
    }
    np.savez_compressed(path, **arrays)
    return path


def changed(path: Path, **arrays: np.ndarray | bytes | None) -> None:
    """Give a data set other arrays, or bytes in place of one, or none."""
    with zipfile.ZipFile(path) as archive:
        content: dict[str, bytes] = {name: archive.read(name) for name in archive.namelist()}
    for name, array in arrays.items():
        if isinstance(array, np.ndarray):
            stream = io.BytesIO()
            np.save(stream, array)
            array = stream.getvalue()
        content[f"{name}.npy"] = array or b""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def test_a_sound_one_is_read(data_set: Path) -> None:
    [record] = read_records(data_set)
    assert record.coords.shape == (2, 21, 3)
    assert record.title == "aspirin"


def test_where_minimisations_began_is_read_where_it_is_said(data_set: Path) -> None:
    [plain] = read_records(data_set)
    assert plain.starts is None
    starts = np.random.default_rng(0).integers(-3000, 3000, (42, 3)).astype(np.int16)
    changed(data_set, start_coords=starts)
    [record] = read_records(data_set)
    assert record.starts is not None
    np.testing.assert_allclose(record.starts, starts.reshape(2, 21, 3) / 1000, atol=1e-6)
    [lower] = read_records(data_set, max_confs=1)
    assert lower.starts is not None
    np.testing.assert_array_equal(lower.starts, record.starts[:1])


@pytest.mark.parametrize(
    "arrays",
    [
        {"start_coords": np.zeros((3, 3), np.int16)},
        {"coords": np.zeros((3, 3), np.int16)},
        {"coords": None},
        {"energy": np.zeros(1)},
        {"n_confs": np.array([-2])},
        {"n_confs": np.array([2.0])},
        {"n_atoms": np.array([1 << 62])},
        {"title": np.array(["a", "b"])},
        {"smiles": np.array([b"CCO"])},
        {"smiles": np.frombuffer(b"C\0\0\0\xfd\xfd\xfd\xfd", "<U2")},
        {"coords": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (10**15,), }" + b" " * 40},
        {"more": b"0" * 200_000_000},
    ],
)
def test_what_does_not_fit_is_rejected(data_set: Path, arrays: dict[str, np.ndarray | bytes | None]) -> None:
    changed(data_set, **arrays)
    with pytest.raises(ValueError, match=r"references\.npz is no data set"):
        list(read_records(data_set))


def test_damage_is_named(data_set: Path, tmp_path: Path) -> None:
    content = data_set.read_bytes()
    for damaged in (content[:-10], b"", b"no zip", content[:200] + b"\xff" * 50 + content[250:]):
        data_set.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"references\.npz is no data set"):
            list(read_records(data_set))
    with pytest.raises(FileNotFoundError):
        list(read_records(tmp_path / "none.npz"))
