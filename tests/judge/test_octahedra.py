"""Do SF5 groups come out octahedral, whatever seeds have made of them, and as long in their bonds as references say?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem
from rdkit.Geometry import Point3D

from rdkit_ebd import EmbedWithReport
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import Record
from rdkit_ebd.judge.octahedra import octahedra, octahedral, with_octahedral_ends

MINIMA = Path(__file__).parents[2] / "training_data" / "aimnet2_functional_groups.npz"
SULFUR = [record for record in read_records(MINIMA) if record.mol.HasSubstructMatch(Chem.MolFromSmarts("[SX6]"))]
# Mean lengths from gas-phase electron diffraction or crystals, angstrom.
IONS = {
    "F[P-](F)(F)(F)(F)F": 1.60,
    "[O-][Cl+3]([O-])([O-])[O-]": 1.44,
    "FS(F)(F)(F)(F)F": 1.56,
    "F[As-](F)(F)(F)(F)F": 1.72,
    "O[B-](O)(O)O": 1.48,
}


def angles(coords: np.ndarray, centre: int, around: list[int]) -> np.ndarray:
    """All angles at a centre, ascending, degrees."""
    arms = coords[around] - coords[centre]
    arms /= np.linalg.norm(arms, axis=1, keepdims=True)
    cosines = (arms @ arms.T)[np.triu_indices(len(around), 1)]
    return np.sort(np.degrees(np.arccos(cosines.clip(-1, 1))))


@pytest.mark.parametrize("record", SULFUR, ids=lambda record: Chem.MolToSmiles(Chem.RemoveHs(record.mol)))
def test_sf5_is_as_in_minima_of_dft_quality(record: Record) -> None:
    mol, minimum = record.mol, record.coords[0]
    [[anchor, centre, *ends]] = octahedra(mol).tolist()
    assert len(EmbedWithReport(mol, 3, randomSeed=5).ids) == 3
    for conformer in mol.GetConformers():
        x = conformer.GetPositions()
        assert angles(x, centre, [anchor, *ends]) == pytest.approx(angles(minimum, centre, [anchor, *ends]), abs=3)
        found, wanted = (np.linalg.norm(y[[anchor, *ends]] - y[centre], axis=1) for y in (x, minimum))
        assert found[0] == pytest.approx(wanted[0], abs=0.06)
        assert np.sort(found[1:]) == pytest.approx(np.sort(wanted[1:]), abs=0.03)


def test_ends_return_to_where_they_were_and_come_from_anywhere() -> None:
    record = SULFUR[0]
    group, minimum = octahedra(record.mol), record.coords[0].astype(np.float64)
    kept = with_octahedral_ends(minimum, group, np.array([1.59]))
    assert np.linalg.norm(kept - minimum, axis=1).max() < 0.1
    rest = np.setdiff1d(np.arange(len(minimum)), group[0, 2:])
    spoiled = np.stack([minimum, minimum])
    spoiled[:, group[0, 2:]] += np.random.default_rng(3).normal(size=(2, 5, 3))
    before = spoiled.copy()
    made = with_octahedral_ends(spoiled, group, np.array([1.59]))
    assert np.array_equal(spoiled, before)
    assert np.array_equal(made[:, rest], spoiled[:, rest])
    for x in made:
        assert angles(x, group[0, 1], [group[0, 0], *group[0, 2:]]) == pytest.approx(
            angles(minimum, group[0, 1], [group[0, 0], *group[0, 2:]]), abs=3
        )


@pytest.mark.parametrize("columns", [(2,), (2, 3), (2, 3, 4), (2, 3, 4, 5, 6)])
def test_held_ends_stay_and_the_others_leave_them_room(columns: tuple[int, ...]) -> None:
    record = SULFUR[0]
    group, minimum = octahedra(record.mol), record.coords[0].astype(np.float64)
    held, spoiled = group[0, list(columns)].tolist(), minimum[None].copy()
    free = np.setdiff1d(group[0, 2:], held)
    spoiled[:, free] += np.random.default_rng(3).normal(size=(1, len(free), 3))
    made = with_octahedral_ends(spoiled, group, np.array([1.59]), held)
    assert np.array_equal(made[:, held], spoiled[:, held])
    assert octahedral(made, group).all()
    assert not len(free) or not octahedral(spoiled, group).any()


@pytest.mark.parametrize("atoms", [(0, 2), (0, 1, 2, 6), (0,)])
def test_what_is_made_about_held_fluorines_is_octahedral(atoms: tuple[int, ...]) -> None:
    mol = with_hydrogens("FS(F)(F)(F)(F)c1ccccc1")
    assert EmbedWithReport(mol, 1, randomSeed=7).ids == [0]
    places = mol.GetConformer().GetPositions()
    report = EmbedWithReport(mol, 3, randomSeed=7, coordMap={i: Point3D(*places[i]) for i in atoms})
    assert len(report.ids) == 3, report.summary()
    coords = np.stack([conformer.GetPositions() for conformer in mol.GetConformers()])
    assert coords[:, atoms] == pytest.approx(np.stack([places[list(atoms)]] * 3), abs=1e-3)
    assert octahedral(coords, octahedra(mol)).all()


@pytest.mark.parametrize("smiles", ["CCO", "CS(F)(F)(F)(F)C", "CS(C)(=O)=O", "FP(F)(F)(F)F"])
def test_other_molecules_have_none(smiles: str) -> None:
    assert octahedra(with_hydrogens(smiles)).shape == (0, 7)


@pytest.mark.parametrize("smiles", IONS)
def test_ions_of_salts_are_made_beside_what_they_belong_to(smiles: str) -> None:
    mol = with_hydrogens(f"C[n+]1ccn(C)c1.{smiles}")
    assert len(EmbedWithReport(mol, 2, randomSeed=1).ids) == 2
    ends = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds() if _is_outer(b)]
    assert len(ends) >= 4
    for conformer in mol.GetConformers():
        x = conformer.GetPositions()
        lengths = [float(np.linalg.norm(x[i] - x[j])) for i, j in ends]
        assert np.mean(lengths) == pytest.approx(IONS[smiles], abs=0.035)
        assert np.ptp(lengths) < 0.03


def _is_outer(bond: Chem.Bond) -> bool:
    """Whether it joins a centre other than carbon or nitrogen to what is around."""
    numbers = {bond.GetBeginAtom().GetAtomicNum(), bond.GetEndAtom().GetAtomicNum()}
    return bool(numbers & {5, 15, 16, 17, 33}) and 1 not in numbers
