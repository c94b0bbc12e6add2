"""Are seeds of the skeleton whole molecules: hydrogens where they belong, the written stereo, nothing crowded?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import DRUGS, bond_pairs, lengths, with_hydrogens
from rdkit import Chem, rdBase
from rdkit.Chem import rdMolTransforms

import rdkit_ebd
from rdkit_ebd.arrays.random_streams import hydrogen_stream
from rdkit_ebd.arrays.rmsd import best_rms
from rdkit_ebd.chem.stereo import stereo_kept, stereo_labels
from rdkit_ebd.chem.symmetry import symmetry_mappings
from rdkit_ebd.chem.torsions import dihedral_angles, rotatable_bonds
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.params import EBD
from rdkit_ebd.runtime.deadline import NEVER, Deadline
from rdkit_ebd.seeds.declash import clearance
from rdkit_ebd.seeds.rdkit_seeds import Seeds, coarse_seeds
from rdkit_ebd.seeds.seeding import CROWDED, SKELETON_FORCE_TOL, Seeding
from rdkit_ebd.seeds.skeleton import Skeleton, skeleton_of, with_hydrogens_back

BASE = 12345
CHIRAL = ["penicillin_v", "morphine", "testosterone", "zidovudine", "sertraline", "esomeprazole", "terbinafine"]


def recipe(seed: int) -> Any:
    return EBD(coarse="skeleton").coarse_parameters(seed)


def skeleton(mol: Chem.Mol) -> Skeleton:
    found = skeleton_of(mol)
    assert found is not None
    return found


def seeding(mol: Chem.Mol, make: Any = recipe, deadline: Deadline = NEVER) -> Seeding:
    return Seeding(mol, check_tables(mol), make, skeleton(mol), deadline)


def seeds(mol: Chem.Mol, indices: Any = range(8), base: int = BASE, pool: int = 1) -> Seeds:
    with rdBase.BlockLogs():
        return seeding(mol).seeds(indices, base, pool)


def placed(smiles: str, count: int = 12) -> tuple[Chem.Mol, np.ndarray]:
    """A molecule, with hydrogens put back on so many skeletons."""
    mol = with_hydrogens(smiles)
    bare = skeleton(mol)
    with rdBase.BlockLogs():
        found = coarse_seeds(bare.mol, range(count), BASE, recipe)
    return mol, with_hydrogens_back(bare, found.first, range(count))


def dihedral(x: np.ndarray, *quad: int) -> float:
    conformer = Chem.Conformer(len(x))
    conformer.SetPositions(x)
    return round(float(rdMolTransforms.GetDihedralDeg(conformer, *quad))) % 360


@pytest.mark.parametrize("name", DRUGS)
def test_every_hydrogen_is_back_on_its_own_atom(name: str) -> None:
    mol, x = placed(name, 3)
    pairs = bond_pairs(mol)
    hydrogen = np.array([[mol.GetAtomWithIdx(int(i)).GetAtomicNum() == 1 for i in pair] for pair in pairs]).any(1)
    assert (np.abs(lengths(x, pairs[hydrogen]) - 1.05) < 0.35).all()  # S-H is the longest
    assert np.isfinite(x).all()


def test_the_skeleton_stays_where_it_was() -> None:
    mol = with_hydrogens("salbutamol")
    bare = skeleton(mol)
    with rdBase.BlockLogs():
        found = coarse_seeds(bare.mol, range(3), BASE, recipe).first
    heavy = bare.places < bare.mol.GetNumAtoms()
    assert 0 < heavy.sum() < mol.GetNumAtoms()
    assert np.allclose(with_hydrogens_back(bare, found, range(3))[:, heavy], found[:, bare.places[heavy]], atol=1e-12)


def test_hydrogens_of_stereocentres_and_labelled_ones_stay() -> None:
    mol = with_hydrogens("C[C@H](O)CC([2H])([2H])O")
    left = skeleton(mol).mol
    assert sorted(a.GetIsotope() for a in left.GetAtoms() if a.GetAtomicNum() == 1) == [0, 2, 2]
    assert Chem.MolToSmiles(Chem.RemoveHs(left)) == Chem.MolToSmiles(Chem.RemoveHs(mol))


@pytest.mark.parametrize("smiles", ["C", "CC", "[H][H]", "[Na+]", "ClC(Cl)(Cl)Cl", "O=C=O"])
def test_where_nothing_is_gained_there_is_no_skeleton(smiles: str) -> None:
    assert skeleton_of(with_hydrogens(smiles)) is None


def test_hydroxyls_rest_where_their_torsions_have_minima() -> None:
    mol, x = placed("CC(O)c1ccccc1O", 40)
    alcohol, phenol = (mol.GetSubstructMatch(Chem.MolFromSmarts(s)) for s in ("[CH3]C[OH][H]", "c(C)c[OH][H]"))
    phenol = (phenol[0], *phenol[2:])
    assert {dihedral(y, *alcohol) for y in x} == {60, 180, 300}
    assert {dihedral(y, *phenol) for y in x} == {0, 180}


def test_acids_are_in_the_conformation_that_acids_have() -> None:
    mol, x = placed("ibuprofen")
    acid = mol.GetSubstructMatch(Chem.MolFromSmarts("O=C[OH][H]"))
    assert {dihedral(y, *acid) for y in x} == {0}


def test_methyls_are_staggered() -> None:
    mol, x = placed("CCCCO")
    methyl = mol.GetSubstructMatch(Chem.MolFromSmarts("[CH2][CH2][CH3][H]"))
    assert all(dihedral(y, *methyl) in (60, 180, 300) for y in x)


def test_the_hydrogen_of_a_secondary_amine_is_on_either_side() -> None:
    mol, x = placed("C1CCNCC1", 30)
    a, n, b, h = mol.GetSubstructMatch(Chem.MolFromSmarts("CN(C)[H]"))
    sides = {np.sign(np.cross(y[a] - y[n], y[b] - y[n]) @ (y[h] - y[n])) for y in x}
    assert sides == {-1.0, 1.0}
    assert (np.abs(lengths(x, np.array([[n, h]])) - 1.0) < 0.05).all()


def test_the_same_streams_give_the_same_places() -> None:
    assert np.array_equal(placed("salbutamol", 4)[1], placed("salbutamol", 4)[1])


@pytest.mark.parametrize("name", CHIRAL)
def test_seeds_have_the_written_stereo_and_room(name: str) -> None:
    mol = with_hydrogens(name)
    found = seeds(mol)
    assert found.made.all()
    assert stereo_kept(found.first, stereo_labels(mol)).all()
    assert np.abs(found.first.mean(1)).max() < 1e-9
    assert (clearance(found.first, check_tables(mol).room) > CROWDED).all()


@pytest.mark.parametrize("pool", [1, 2, 4])
@pytest.mark.parametrize("name", ["testosterone", "fluconazole", "tamoxifen"])
def test_the_first_six_of_twelve_are_the_six(name: str, pool: int) -> None:
    mol = with_hydrogens(name)
    twelve, six = seeds(mol, range(12), pool=pool), seeds(mol, range(6), pool=pool)
    assert np.array_equal(twelve.first[:6], six.first)
    assert len({x.tobytes() for x in twelve.first}) == 12


def test_a_pool_makes_seeds_that_are_less_alike() -> None:
    """Mean distance of a seed from the nearest other one."""
    apart = {}
    for pool in (1, 3):
        gaps = []
        for name in ("salbutamol", "ibuprofen", "fluoxetine", "captopril"):
            mol = with_hydrogens(name)
            x, mappings = seeds(mol, range(20), pool=pool).first, symmetry_mappings(mol)
            near = np.array([best_rms(y, x, mappings) for y in x])
            np.fill_diagonal(near, np.inf)
            gaps.append(near.min(1).mean())
        apart[pool] = np.mean(gaps)
    assert apart[3] > apart[1] + 0.03


def test_seeds_of_a_pool_are_made_of_parts_of_the_plain_ones() -> None:
    mol = with_hydrogens("penicillin_v")
    plain, chosen = seeds(mol).first, seeds(mol, pool=3).first
    torsions = rotatable_bonds(mol)[0]
    before, after = dihedral_angles(plain, torsions), dihedral_angles(chosen, torsions)
    assert np.array_equal(plain[0], chosen[0])  # there is nothing yet to be unlike
    assert not np.array_equal(plain, chosen)
    for k, own in enumerate(after):
        assert (np.abs(np.angle(np.exp(1j * (before[: k + 1] - own)))).min(0) < 1e-6).all()
    bonds = bond_pairs(mol)
    assert all(any(np.allclose(lengths(x[None], bonds), lengths(y[None], bonds)) for y in plain) for x in chosen)
    assert stereo_kept(chosen, stereo_labels(mol)).all()
    assert (clearance(chosen, check_tables(mol).room) > CROWDED).all()


@pytest.mark.parametrize("smiles", ["C1CCC2CCCCC2C1", "c1ccc2ccccc2c1"])
def test_what_has_no_torsions_has_no_pool(smiles: str) -> None:
    mol = with_hydrogens(smiles)
    assert np.array_equal(seeds(mol).first, seeds(mol, pool=3).first)


def test_the_base_decides() -> None:
    mol = with_hydrogens("ibuprofen")
    assert not np.allclose(seeds(mol).first, seeds(mol, base=BASE + 100).first, atol=0.1)


def test_the_crowded_are_made_again() -> None:
    mol = with_hydrogens("CC(C)(O)CCNC(=O)c1ccccc1-c1ccccc1")
    tables = check_tables(mol)
    bare = skeleton(mol)
    with rdBase.BlockLogs():
        first = coarse_seeds(bare.mol, range(24), BASE, recipe)
    crowded = clearance(seeds_without_trials(bare, first), tables.room) <= CROWDED
    found = seeds(mol, range(24))
    assert 0 < crowded.sum() < 24
    assert (clearance(found.first, tables.room) > CROWDED).all()


def seeds_without_trials(bare: Skeleton, first: Seeds) -> np.ndarray:
    return with_hydrogens_back(bare, first.first, [hydrogen_stream(BASE, k) for k in range(len(first.first))])


def test_what_the_skeleton_cannot_be_is_made_with_all_atoms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rdkit_ebd.seeds.seeding.CROWDED", 100.0)  # nothing has so much room
    mol = with_hydrogens("ibuprofen")
    whole = coarse_seeds(mol, range(4), BASE, recipe)
    assert np.array_equal(seeds(mol, range(4)).first, whole.first)


def test_nothing_is_started_after_the_deadline() -> None:
    def never(seed: int) -> Any:
        raise AssertionError("a seed was started")

    mol = with_hydrogens("ibuprofen")
    found = seeding(mol, never, Deadline(0.0)).seeds(range(3), BASE)
    assert not found.made.any()
    assert found.failures["EXCEEDED_TIMEOUT"] >= 3


def test_held_atoms_are_seeded_with_all_atoms() -> None:
    """A hydrogen may be held as well as any other atom."""
    made = []
    for coarse in ("skeleton", "etkdg"):
        mol = with_hydrogens("ibuprofen")
        params = EBD(coarse=coarse, randomSeed=5)
        params.SetCoordMap({20: (0.0, 0.0, 0.0), 21: (1.5, 0.0, 0.0)})
        assert list(rdkit_ebd.EmbedMultipleConfs(mol, 2, params)) == [0, 1]
        made.append([c.GetPositions() for c in mol.GetConformers()])
    assert np.array_equal(*made)


def test_a_small_molecule_keeps_a_seed_with_all_atoms() -> None:
    """What is not deblurred is what RDKit makes of the whole molecule."""
    made = []
    for coarse in ("skeleton", "etkdg"):
        mol = with_hydrogens("C=O")
        assert rdkit_ebd.EmbedMolecule(mol, EBD(coarse=coarse, randomSeed=5)) == 0
        made.append(mol.GetConformer().GetPositions())
    assert np.array_equal(*made)


def test_skeletons_are_minimised_less_far_unless_the_user_says_how_far() -> None:
    mol, made = with_hydrogens("ibuprofen"), []

    def tolerances(**settings: float) -> list[float]:
        made.clear()

        def make(seed: int) -> Any:
            made.append(EBD(coarse="skeleton", **settings).coarse_parameters(seed))
            return made[-1]

        found = seeding(mol, make).seeds(range(4), BASE)
        assert found.made.all()
        return [parameters.optimizerForceTol for parameters in made]

    assert set(tolerances()) == {SKELETON_FORCE_TOL}
    assert set(tolerances(optimizerForceTol=1e-4)) == {1e-4}
