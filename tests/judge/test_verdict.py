"""Does rdkit_ebd.judge.verdict believe real conformers and name what is wrong with damaged ones?"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from helpers import with_hydrogens
from rdkit import Chem
from rdkit.Chem.rdDistGeom import EmbedMultipleConfs
from rdkit.Chem.rdForceFieldHelpers import MMFFOptimizeMoleculeConfs
from rdkit.Chem.rdMolTransforms import SetDihedralDeg

from rdkit_ebd.judge.mend import mend_failed
from rdkit_ebd.judge.tables import check_tables
from rdkit_ebd.judge.verdict import Cause, judge

DRUGS = {
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "ibuprofen": "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O",
    "imatinib": "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(-c2cccnc2)n1",
    "morphine": "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
    "penicillin": "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
    "sildenafil": "CCCc1nn(C)c2c1nc(-c1cc(S(=O)(=O)N3CCN(C)CC3)ccc1OCC)[nH]c2=O",
    "sucrose": "OC[C@H]1O[C@@](CO)(O[C@H]2O[C@H](CO)[C@@H](O)[C@H](O)[C@H]2O)[C@@H](O)[C@@H]1O",
    "barbital": "CCC1(CC)C(=O)NC(=O)NC1=O",
    "omeprazole": "COc1ccc2[nH]c([S@](=O)Cc3ncc(C)c(OC)c3C)nc2c1",
    "salicylic acid": "OC(=O)c1ccccc1O",
    "atp": "Nc1ncnc2c1ncn2[C@@H]1O[C@H](COP(=O)(O)OP(=O)(O)OP(=O)(O)O)[C@@H](O)[C@H]1O",
    "caffeine": "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "diazepam": "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21",
    "estradiol": "C[C@]12CC[C@H]3[C@@H](CCc4cc(O)ccc34)[C@@H]1CC[C@@H]2O",
    "fluoxetine": "CNCC[C@@H](Oc1ccc(cc1)C(F)(F)F)c1ccccc1",
    "tamoxifen": "CC/C(=C(\\c1ccccc1)c1ccc(OCCN(C)C)cc1)c1ccccc1",
    "warfarin": "CC(=O)C[C@H](c1ccccc1)C1=C(O)c2ccccc2OC1=O",
    "celecoxib": "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F",
    "metformin": "CN(C)C(=N)NC(N)=N",
    "nitroglycerin": "O=[N+]([O-])OCC(O[N+](=O)[O-])CO[N+](=O)[O-]",
    "artemisinin": "C[C@@H]1CC[C@H]2[C@@H](C)C(=O)O[C@@H]3O[C@@]4(C)CC[C@@H]1[C@@]23OO4",
    "cocaine": "COC(=O)[C@H]1[C@@H](OC(=O)c2ccccc2)C[C@@H]2CC[C@H]1N2C",
    "camphor": "CC1(C)[C@@H]2CC[C@@]1(C)C(=O)C2",
    "terbinafine": "CN(C/C=C/C#CC(C)(C)C)Cc1cccc2ccccc12",
    "amantadine": "NC12CC3CC(CC(C3)C1)C2",
    "cubane": "C12C3C4C1C5C2C3C45",
    "glucose": "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O",
}
ODD = [
    "[H][H]",
    "[He]",
    "C",
    "*CC(=O)N*",
    "CC~[Na]",
    "N->[Cu+2]",
    "FS(F)(F)(F)(F)F",
    "[Na+].[Cl-]",
    "Cl[Pt](Cl)(N)N",
    "C.C",
]
TAXOL = (
    "CC1=C2[C@@]([C@]([C@H]([C@@H]3[C@]4([C@H](OC4)C[C@@H]([C@]3(C(=O)[C@@H]2OC(=O)C)C)O)OC(=O)C)OC(=O)c5ccccc5)"
    "(C[C@@H]1OC(=O)[C@H](O)[C@@H](NC(=O)c6ccccc6)c7ccccc7)O)(C)C"
)
POSEBUSTERS_COLUMNS = ["bond_lengths", "bond_angles", "internal_steric_clash", "aromatic_ring_flatness"]
POSEBUSTERS_COLUMNS += ["double_bond_flatness", "non-aromatic_ring_non-flatness"]


@lru_cache(maxsize=64)
def embedded(smiles: str, count: int = 4) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert len(EmbedMultipleConfs(mol, count, randomSeed=11)) == count
    return mol


@lru_cache(maxsize=64)
def relaxed(smiles: str, count: int = 4) -> Chem.Mol:
    mol = Chem.Mol(embedded(smiles, count))
    MMFFOptimizeMoleculeConfs(mol, maxIters=500)
    return mol


def positions(mol: Chem.Mol) -> np.ndarray:
    return np.array([conf.GetPositions() for conf in mol.GetConformers()])


def causes(mol: Chem.Mol, coords: np.ndarray) -> set[Cause]:
    verdict = judge(coords[None], check_tables(mol))
    found = {cause for cause, failed in verdict.causes.items() if failed[0]}
    assert bool(verdict.ok[0]) is not bool(found)
    return found


@pytest.mark.parametrize("name", DRUGS)
def test_real_conformers_pass(name: str) -> None:
    coords, tables = positions(relaxed(DRUGS[name])), check_tables(relaxed(DRUGS[name]))
    verdict = judge(coords, tables)
    assert verdict.ok.all(), {cause: failed.sum() for cause, failed in verdict.causes.items() if failed.any()}


@pytest.mark.parametrize("smiles", ["C1CC12CC2", "C1CC12CO2", "C1CC12CC23CC3"])
def test_angle_of_spiropentane(smiles: str) -> None:
    """137 degrees by electron diffraction: Dallinga, van der Draai & Toneman, Recl. Trav. Chim. 87, 897 (1968)."""
    mol = with_hydrogens(smiles)
    corners, rings = check_tables(mol).corners, [set(ring) for ring in mol.GetRingInfo().AtomRings()]
    wide = [
        row
        for row, (i, j, k) in enumerate(corners.atoms.tolist())
        if any({i, j} <= a and {j, k} <= b and a & b == {j} for a in rings for b in rings)
    ]
    assert len(wide) == 4 * (len(rings) - 1)
    assert (corners.lower[wide] > 120).all()
    assert (corners.lower[wide] < 134).all()
    assert (corners.upper[wide] > 140).all()
    assert (corners.upper[wide] < 155).all()


@pytest.mark.parametrize("name", DRUGS)
def test_distance_geometry_passes_where_it_is_right_and_is_mended_where_not(name: str) -> None:
    coords, tables = positions(embedded(DRUGS[name])), check_tables(embedded(DRUGS[name]))
    verdict = judge(coords, tables)
    found, better = mend_failed(coords, verdict, tables)
    assert (verdict.ok | better).all()
    assert judge(found, tables).ok.all()
    assert np.array_equal(found[~better], coords[~better])


@pytest.mark.parametrize("smiles", ["C1CCC/C=C/CC1", "C1CCC/C=C\\CC1", TAXOL])
def test_double_bonds_that_cannot_be_flat_are_believed(smiles: str) -> None:
    mol = relaxed(smiles, 2)
    assert judge(positions(mol), check_tables(mol)).ok.all()


@pytest.mark.parametrize("smiles", ODD)
def test_molecules_rdkit_has_no_bounds_for_do_not_fail(smiles: str) -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    tables = check_tables(mol)
    coords = np.random.default_rng(0).normal(size=(3, mol.GetNumAtoms(), 3))
    assert judge(coords, tables).ok.shape == (3,)
    assert len(tables.bonds.pairs) <= mol.GetNumBonds()


def test_loose_bonds_are_neither_bonds_nor_clashes_and_dummies_are_not_judged() -> None:
    zero, dummy = check_tables(Chem.MolFromSmiles("CC~[Na]")), check_tables(Chem.MolFromSmiles("*CC"))
    assert zero.bonds.pairs.tolist() == [[0, 1]]
    assert len(zero.angles.pairs) == len(zero.clashes.pairs) == 0
    assert dummy.bonds.pairs.tolist() == [[1, 2]]
    assert len(dummy.angles.pairs) == 0


def test_fragments_may_not_overlap_but_ions_may_touch() -> None:
    salt = Chem.MolFromSmiles("CC(=O)[O-].[Na+]")
    acetate = positions(relaxed("CC(=O)[O-]", 1))[0][:4]
    outward = (acetate[3] - acetate[1]) / np.linalg.norm(acetate[3] - acetate[1])
    assert causes(salt, np.vstack([acetate, acetate[3] + 2.3 * outward])) == set()
    assert causes(salt, np.vstack([acetate, acetate[3] + 1.2 * outward])) == {Cause.CLASH}
    waters = Chem.MolFromSmiles("O.O")
    assert causes(waters, np.array([[0.0, 0, 0], [1.5, 0, 0]])) == {Cause.CLASH}


def moved(coords: np.ndarray, atoms: list[int], shift: np.ndarray) -> np.ndarray:
    out = coords.copy()
    out[atoms] += shift
    return out


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def test_not_finite_is_blamed_on_nothing_else() -> None:
    mol = relaxed(DRUGS["morphine"])
    coords = positions(mol)
    coords[1, 3] = np.nan
    coords[2, 0, 0] = np.inf
    verdict = judge(coords, check_tables(mol))
    assert verdict.ok.tolist() == [True, False, False, True]
    assert {cause for cause, failed in verdict.causes.items() if failed.any()} == {Cause.NOT_FINITE}


def test_stretched_bond() -> None:
    mol = relaxed("BrCCCCBr", 1)
    coords = positions(mol)[0]
    longer = moved(coords, [0], unit(coords[0] - coords[1]) * 0.8)
    assert Cause.BOND_LENGTH in causes(mol, longer)
    diatomic = Chem.MolFromSmiles("CC")
    for length, expected in ((1.5, set()), (2.0, {Cause.BOND_LENGTH}), (1.05, {Cause.BOND_LENGTH})):
        assert causes(diatomic, np.array([[0.0, 0, 0], [length, 0, 0]])) == expected


def test_squashed_angle() -> None:
    mol = Chem.MolFromSmiles("CCC")
    for degrees, expected in ((112, set()), (70, {Cause.BOND_ANGLE}), (65, {Cause.BOND_ANGLE})):
        angle = np.radians(degrees)
        coords = 1.52 * np.array([[1.0, 0, 0], [0, 0, 0], [np.cos(angle), np.sin(angle), 0]])
        assert causes(mol, coords) == expected


def test_overlapping_groups() -> None:
    mol = relaxed("CCCCCCCC", 1)
    heavy = Chem.RemoveHs(mol)
    ring = np.radians(np.arange(8) * 51)
    wound = np.stack([1.78 * np.cos(ring), 1.78 * np.sin(ring), 0.02 * np.arange(8)], axis=1)
    assert Cause.CLASH in causes(heavy, wound)
    assert Cause.BOND_LENGTH not in causes(heavy, wound)
    two = Chem.MolFromSmiles("CC.CC")
    assert causes(two, np.array([[0.0, 0, 0], [1.5, 0, 0], [0, 2.0, 0], [1.5, 2.0, 0]])) == {Cause.CLASH}
    assert causes(two, np.array([[0.0, 0, 0], [1.5, 0, 0], [0, 3.8, 0], [1.5, 3.8, 0]])) == set()


def test_bent_benzene() -> None:
    mol = Chem.RemoveHs(relaxed("c1ccccc1", 1))
    coords = positions(mol)[0]
    assert causes(mol, coords) == set()
    assert causes(mol, boat(1.39, 118.0)) == {Cause.AROMATIC_NOT_FLAT}


def boat(length: float, degrees: float) -> np.ndarray:
    """A six-membered ring in the shape of a boat, with one length of its bonds and one angle at bow and stern."""
    bow = length * np.cos(np.radians(degrees / 2))
    reach = np.sqrt(bow**2 - 0.4**2)
    side, half = length / 2, length * np.sin(np.radians(degrees / 2))
    deck = [[side, half, 0], [side, -half, 0], [-side, -half, 0], [-side, half, 0]]
    return np.array([[side + reach, 0, 0.4], deck[1], deck[2], [-side - reach, 0, 0.4], deck[3], deck[0]])


def twisted_alkene(degrees: float) -> np.ndarray:
    y, z = 1.3 * np.cos(np.radians(degrees)), 1.3 * np.sin(np.radians(degrees))
    left = [[-1.42, 1.3, 0], [-0.67, 0, 0], [-1.42, -1.3, 0]]
    return np.array([*left, [0.67, 0, 0], [1.42, y, z], [1.42, -y, -z]])


def test_twisted_double_bond() -> None:
    mol = Chem.MolFromSmiles("CC(C)=C(C)C")
    assert causes(mol, twisted_alkene(0)) == set()
    assert causes(mol, twisted_alkene(15)) == set()
    assert causes(mol, twisted_alkene(40)) == {Cause.DOUBLE_BOND_NOT_FLAT}


@pytest.mark.parametrize("smiles", ["CC(=O)NC", "CC(=O)NCC(=O)NC", "O=C(NC)c1ccccc1"])
def test_amide_turned_up(smiles: str) -> None:
    mol = Chem.Mol(relaxed(smiles, 1))
    amide = mol.GetSubstructMatch(Chem.MolFromSmarts("[#6]C(=O)[NH][CH3]"))
    SetDihedralDeg(mol.GetConformer(), *(amide[place] for place in (0, 1, 3, 4)), 85.0)
    assert causes(mol, positions(mol)[0]) == {Cause.GROUP_NOT_FLAT}


@pytest.mark.parametrize(
    "smiles", ["O=C1CC2CCCN1CC2", "O=C1C2CCN1CCC2", "O=C1CNC(=O)CNC(=O)CNC(=O)CNC(=O)CNC(=O)CN1", "CC(=O)N(C)c1ccccc1"]
)
def test_amides_that_rings_twist_are_believed(smiles: str) -> None:
    mol = relaxed(smiles)
    assert judge(positions(mol), check_tables(mol)).ok.all()


def test_flat_cyclohexane() -> None:
    mol = Chem.MolFromSmiles("C1CCCCC1")
    ring = np.radians(np.arange(6) * 60)
    hexagon = 1.52 * np.stack([np.cos(ring), np.sin(ring), np.zeros(6)], axis=1)
    assert causes(mol, hexagon) == {Cause.RING_TOO_FLAT}
    assert causes(mol, hexagon + np.outer([1, -1, 1, -1, 1, -1], [0, 0, 0.25])) == set()


def test_mirror_image() -> None:
    assert causes(relaxed(DRUGS["morphine"]), positions(relaxed(DRUGS["morphine"]))[0] * [-1, 1, 1]) == {
        Cause.CENTRE_INVERTED
    }


def test_swapped_double_bond_and_atropisomer() -> None:
    trans, cis = relaxed("C/C=C/C", 1), relaxed("C/C=C\\C", 1)
    assert causes(trans, positions(cis)[0]) == {Cause.DOUBLE_BOND_STEREO}
    axis = relaxed("Cc1cccc(I)c1-c1c(F)cccc1Br |wU:7.7|", 1)
    assert causes(axis, positions(axis)[0]) == set()
    assert causes(axis, positions(axis)[0] * [-1, 1, 1]) == {Cause.ATROPISOMER_STEREO}


def test_no_conformers_and_no_atoms() -> None:
    mol = Chem.MolFromSmiles(DRUGS["tamoxifen"])
    verdict = judge(np.zeros((0, mol.GetNumAtoms(), 3)), check_tables(mol))
    assert verdict.ok.shape == (0,)
    assert {failed.shape for failed in verdict.causes.values()} == {(0,)}
    assert set(verdict.causes) == {
        *(Cause.NOT_FINITE, Cause.CENTRE_INVERTED, Cause.DOUBLE_BOND_STEREO, Cause.ATROPISOMER_STEREO),
        *(Cause.BOND_LENGTH, Cause.BOND_ANGLE, Cause.CLASH),
        *(Cause.AROMATIC_NOT_FLAT, Cause.DOUBLE_BOND_NOT_FLAT, Cause.GROUP_NOT_FLAT, Cause.RING_TOO_FLAT),
    }
    assert judge(np.zeros((2, 0, 3)), check_tables(Chem.Mol())).ok.shape == (2,)


def test_tables_leave_the_molecule_alone() -> None:
    mol = Chem.Mol(embedded(DRUGS["imatinib"]))
    before = mol.ToBinary()
    check_tables(mol)
    assert mol.ToBinary() == before


def test_conformers_are_judged_alike_alone_and_in_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    mol = relaxed(DRUGS["fluoxetine"])
    noise = np.random.default_rng(2).normal(size=(20, mol.GetNumAtoms(), 3)) * np.linspace(0, 0.6, 20)[:, None, None]
    coords, tables = positions(mol)[0] + noise, check_tables(mol)
    together = judge(coords, tables)
    assert together.ok[0]
    assert not together.ok[-1]
    monkeypatch.setattr("rdkit_ebd.judge.verdict.CHUNK", 1)
    assert [bool(judge(x[None], tables).ok[0]) for x in coords] == judge(coords, tables).ok.tolist()
    assert judge(coords, tables).ok.tolist() == together.ok.tolist()


def test_what_passes_here_passes_posebusters() -> None:
    posebusters = pytest.importorskip("posebusters")
    rng, buster, judged = np.random.default_rng(4), posebusters.PoseBusters("mol"), []
    buster.config["modules"] = [m for m in buster.config["modules"] if m["name"] != "Energy ratio"]
    for name in ("aspirin", "fluoxetine", "tamoxifen", "celecoxib", "glucose", "barbital"):
        base = relaxed(DRUGS[name])
        tables, coords = check_tables(base), positions(base)
        for sigma in (0.0, 0.04, 0.08, 0.12, 0.3):
            x = coords[0] + rng.normal(size=coords[0].shape) * sigma
            copy = Chem.Mol(base, confId=0)
            copy.GetConformer().SetPositions(np.ascontiguousarray(x))
            theirs = buster.bust([copy], None, None, full_report=False).iloc[0]
            columns = [
                c for c in POSEBUSTERS_COLUMNS if c in theirs.index and (name != "barbital" or "non-ar" not in c)
            ]
            assert len(columns) >= 5
            judged.append((bool(judge(x[None], tables).ok[0]), bool(theirs[columns].all())))
    assert (True, False) not in judged
    assert {(True, True), (False, True), (False, False)} >= set(judged) >= {(True, True), (False, False)}
