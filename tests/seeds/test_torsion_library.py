"""Does the library of torsions say what chemists know, and are its angles drawn as it says?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdMolTransforms

from rdkit_ebd.chem.torsion_environments import turning_bonds
from rdkit_ebd.data.record import Record
from rdkit_ebd.seeds.torsion_library import BINS, TorsionLibrary, angles_at, torsion_library
from rdkit_ebd.train.data_prep.torsion_tables import gathered


def _chances(smiles: str, a: int, b: int) -> np.ndarray:
    """Of the bond between two atoms."""
    (bond,) = [bond for bond in turning_bonds(with_hydrogens(smiles)) if {*bond.quad[1:3]} == {a, b}]
    found = torsion_library().chances(bond.names)
    assert found is not None
    return found


def _share(chances: np.ndarray, low: float, high: float) -> float:
    """Of angles whose absolute value lies between these, degrees."""
    middles = np.abs(np.linspace(-180, 180, len(chances), endpoint=False) + 180 / len(chances))
    return float(chances[(middles > low) & (middles < high)].sum())


@pytest.mark.parametrize(
    ("smiles", "a", "b", "ranges", "least"),
    [
        ("CC(=O)NCC", 1, 3, [(0, 25), (155, 180)], 0.9),  # amides are flat
        ("COc1ccccc1", 1, 2, [(0, 30), (150, 180)], 0.5),  # and so is anisole
        ("CCOC(C)=O", 2, 3, [(0, 25)], 0.8),  # esters are Z: C=O beside O-C
        ("Cc1ccccc1-c1ccccc1C", 6, 7, [(45, 135)], 0.8),  # crowded biaryls are not flat
        ("CNS(=O)(=O)c1ccccc1", 2, 5, [(0, 60), (60, 120), (120, 180)], 0.99),
        ("CCCCCC", 2, 3, [(50, 80), (150, 180)], 0.7),  # gauche and anti
    ],
)
def test_known_preferences_are_there(
    smiles: str, a: int, b: int, ranges: list[tuple[float, float]], least: float
) -> None:
    found = _chances(smiles, a, b)
    assert sum(_share(found, low, high) for low, high in ranges) > least
    assert np.allclose(found, found[::-1])  # a mirror image is as good
    assert len(found) == 2 * BINS


def test_angles_are_drawn_as_often_as_the_library_says() -> None:
    chances = _chances("CCCCCC", 2, 3)
    drawn = angles_at(chances, (np.arange(20000) + 0.5) / 20000)
    found, _ = np.histogram(drawn, len(chances), (-np.pi, np.pi))
    assert np.abs(found / found.sum() - chances).max() < 1e-3


def test_unknown_surroundings_are_none_and_the_narrowest_known_counts() -> None:
    library = TorsionLibrary({"wide": "ff" * BINS, "narrow": "ff" + "00" * (BINS - 1)})
    assert library.chances(("other",)) is None
    narrow, wide = library.chances(("narrow", "wide")), library.chances(("x", "wide"))
    assert narrow is not None
    assert wide is not None
    assert (narrow > 0).sum() == 2
    assert (wide > 0).all()


def test_a_library_is_made_of_what_was_met() -> None:
    mol = with_hydrogens("CCCC")
    work = Chem.Mol(mol)
    rdDistGeom.EmbedMolecule(work, randomSeed=1)
    conformer = work.GetConformer()
    rdMolTransforms.SetDihedralDeg(conformer, 0, 1, 2, 3, 100.0)  # where no butane is
    record = Record(Chem.MolToSmiles(mol), mol, conformer.GetPositions()[None], np.zeros(1), "butane")
    few, many = gathered([record] * 5), gathered([record] * 20)
    assert not few
    (bond,) = turning_bonds(mol)
    found = TorsionLibrary(many).chances(bond.names)
    assert found is not None
    assert _share(found, 85, 115) > 0.95
    assert set(many) == {bond.names[-1]}  # narrower names say nothing else, and are left out


def test_the_command_makes_what_is_shipped(tmp_path: Path) -> None:
    """The form of it: names, and as many bytes for each."""
    import gzip
    from importlib.resources import files

    packed = files("rdkit_ebd.seeds").joinpath("torsions.json.gz").read_bytes()
    table = json.loads(gzip.decompress(packed))
    assert len(table) == len(torsion_library()) > 1000
    assert {len(bytes.fromhex(row)) for row in table.values()} == {BINS}
