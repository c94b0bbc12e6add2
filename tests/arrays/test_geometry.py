"""Do superpositions superpose, and does a twist turn what it names and nothing else?"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from helpers import DRUGS, angle_pairs, bond_pairs, conformers, embedded, lengths, rotations, system, with_hydrogens
from rdkit.Chem import rdMolTransforms
from torch import Tensor

from rdkit_ebd.arrays.geometry import (
    align,
    centre,
    dihedrals,
    gather_atoms,
    kabsch_rotation,
    masked_mean,
    rotation_by_powers,
    twist,
    wrap_angle,
)

FLEXIBLE = ["ibuprofen", "penicillin_v", "tamoxifen", "fluconazole", "CCCCCCO"]
GENERIC = np.random.default_rng(3).normal(size=(9, 3))
POINTS = {
    "generic": GENERIC,
    "planar": GENERIC * [1, 1, 0],
    "collinear": GENERIC * [1, 0, 0],
    "two points": GENERIC[:2],
    "one point": GENERIC[:1],
    "tetrahedron": np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]),
    "octahedron": np.concatenate([np.eye(3), -np.eye(3)]),
}


def points(name: str, count: int = 16) -> tuple[Tensor, Tensor]:
    """(count, N, 3) centred copies and their mask."""
    x = torch.tensor(POINTS[name], dtype=torch.float64)
    x = (x - x.mean(0)).expand(count, -1, -1)
    return x, torch.ones(x.shape[:2], dtype=torch.bool)


def assert_proper(rotation: Tensor, tolerance: float = 1e-9) -> None:
    eye = torch.eye(3, dtype=rotation.dtype)
    assert torch.allclose(rotation @ rotation.transpose(1, 2), eye, rtol=0, atol=tolerance)
    assert torch.allclose(torch.linalg.det(rotation), torch.ones_like(rotation[:, 0, 0]), rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", POINTS)
def test_kabsch_recovers_rotations(name: str) -> None:
    x, mask = points(name)
    target = x @ rotations(len(x))
    found = kabsch_rotation(x, target, mask)
    assert_proper(found)
    assert torch.allclose(x @ found, target, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", POINTS)
def test_kabsch_never_reflects(name: str) -> None:
    x, mask = points(name)
    found = kabsch_rotation(x, -x @ rotations(len(x)), mask)
    assert_proper(found)


@pytest.mark.parametrize("name", [name for name in POINTS if name not in ("one point", "two points", "collinear")])
def test_rotations_without_a_decomposition_are_the_same(name: str) -> None:
    """What GPUs use. Where many rotations are as good, there is none to compare with."""
    x, mask = points(name)
    target = x @ rotations(len(x)) + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(4))
    found = rotation_by_powers(x.transpose(1, 2) @ target)
    assert_proper(found)
    assert torch.allclose(found, kabsch_rotation(x, target, mask), rtol=0, atol=1e-6)


def test_rotations_without_a_decomposition_of_long_molecules() -> None:
    chain = torch.zeros(40, 3)
    chain[:, 0], chain[:, 1] = 1.25 * torch.arange(40), 0.4 * (torch.arange(40) % 2)
    x = (chain - chain.mean(0)).expand(4, -1, -1)
    target = x @ rotations(4).float()
    found = rotation_by_powers(x.transpose(1, 2) @ target)
    assert torch.allclose(x @ found, target, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", ["one point", "two points", "collinear"])
def test_rotations_without_a_decomposition_are_rotations_always(name: str) -> None:
    x, _ = points(name)
    target = x @ rotations(len(x))
    found = rotation_by_powers(x.transpose(1, 2) @ target)
    assert_proper(found)
    assert torch.allclose(x @ found, target, rtol=0, atol=1e-6)


def test_a_mirror_image_cannot_be_superposed() -> None:
    x, mask = points("generic")
    target = x * torch.tensor([1, 1, -1])
    assert (align(x, target, mask) - target).abs().max() > 0.1


def test_kabsch_is_the_best_rotation() -> None:
    x, mask = points("generic", 200)
    target = x + 0.5 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)
    found = kabsch_rotation(x, target, mask)
    best = (x @ found - target).square().sum((1, 2))
    others = (x @ rotations(200, seed=2) - target).square().sum((1, 2))
    nearby = torch.linalg.matrix_exp(torch.tensor([[0, 0.02, 0], [-0.02, 0, 0.01], [0, -0.01, 0]]).double())
    assert (best < others).all()
    assert (best < (x @ found @ nearby - target).square().sum((1, 2))).all()


def test_align_ignores_and_clears_the_padding() -> None:
    x, mask = points("generic", 4)
    target = x @ rotations(4) + 7
    padded = torch.cat([x + 3, torch.full((4, 2, 3), 1e3, dtype=x.dtype)], 1)
    wanted = torch.cat([target, torch.full((4, 2, 3), -1e3, dtype=x.dtype)], 1)
    mask = torch.cat([mask, torch.zeros(4, 2, dtype=torch.bool)], 1)
    out = align(padded, wanted, mask)
    assert torch.allclose(out[:, :-2], target, rtol=0, atol=1e-9)
    assert (out[:, -2:] == 0).all()
    assert torch.allclose(masked_mean(padded, mask), masked_mean(x + 3, mask[:, :-2]))
    assert torch.allclose(centre(padded, mask)[:, :-2], x, rtol=0, atol=1e-9)


def test_the_tests_rotations_are_proper_uniform_and_seeded() -> None:
    found = rotations(4000)
    assert_proper(found)
    assert torch.equal(found, rotations(4000))
    assert not torch.equal(found[:10], rotations(10, seed=1))
    assert found.mean(0).abs().max() < 0.05
    assert torch.allclose(found.square().mean(0), torch.full((3, 3), 1 / 3, dtype=found.dtype), atol=0.03)


@pytest.mark.parametrize("name", DRUGS)
def test_dihedrals_agree_with_rdkit(name: str) -> None:
    mol = embedded(name, 2)
    _, batch, x = system(name)
    found = dihedrals(x, batch.torsions)
    for row, conformer in enumerate(mol.GetConformers()):
        expected = [rdMolTransforms.GetDihedralRad(conformer, *quad) for quad in batch.torsions[row].tolist()]
        gap = wrap_angle(found[row] - torch.tensor(expected, dtype=torch.float64))
        assert (gap.abs() < 1e-6).all()


@pytest.mark.parametrize("name", FLEXIBLE)
def test_a_twist_turns_its_own_dihedral_alone(name: str) -> None:
    mol = with_hydrogens(name)
    _, batch, x = system(name)
    before = dihedrals(x, batch.torsions)
    for r in range(batch.torsions.shape[1]):
        angles = torch.zeros_like(before)
        angles[:, r] = torch.tensor([0.7, -2.5])
        turned = twist(x, batch.torsions[..., 1:3], batch.far_side, angles)
        change = wrap_angle(dihedrals(turned, batch.torsions) - before - angles)
        assert change.abs().max() < 1e-6
        assert (turned - x).abs().max() > 0.1
        for pairs in (bond_pairs(mol), angle_pairs(mol)):
            assert np.allclose(lengths(turned, pairs), lengths(x, pairs), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FLEXIBLE)
def test_all_twists_together_add_up_in_any_order(name: str) -> None:
    mol = with_hydrogens(name)
    _, batch, x = system(name)
    generator = torch.Generator().manual_seed(0)
    angles = 2 * math.pi * torch.rand(batch.torsions.shape[:2], generator=generator, dtype=x.dtype)
    order = torch.randperm(angles.shape[1], generator=generator)
    bonds, sides = batch.torsions[..., 1:3], batch.far_side
    turned = twist(x, bonds, sides, angles)
    other = twist(x, bonds[:, order], sides[:, order], angles[:, order])
    assert torch.allclose(align(other, turned, batch.mask), turned, rtol=0, atol=1e-6)
    gap = wrap_angle(dihedrals(turned, batch.torsions) - dihedrals(x, batch.torsions) - angles)
    assert gap.abs().max() < 1e-6
    for pairs in (bond_pairs(mol), angle_pairs(mol)):
        assert np.allclose(lengths(turned, pairs), lengths(x, pairs), rtol=0, atol=1e-6)


def test_a_twist_has_no_direction_and_an_inverse() -> None:
    _, batch, x = system("ibuprofen")
    bonds, sides = batch.torsions[..., 1:3], batch.far_side
    angles = torch.linspace(-2, 2, bonds.shape[1], dtype=x.dtype).expand(2, -1)
    turned = twist(x, bonds, sides, angles)
    assert torch.allclose(twist(x, bonds.flip(2), ~sides, angles), turned, rtol=0, atol=1e-9)
    back = twist(turned, bonds.flip(1), sides.flip(1), -angles.flip(1))
    assert torch.allclose(back, x, rtol=0, atol=1e-6)
    assert torch.allclose(twist(x, bonds, sides, 0 * angles), x, rtol=0, atol=1e-12)


def test_padding_bonds_turn_nothing() -> None:
    _, _, x = system("CCO")
    bonds, sides = torch.zeros(2, 3, 2, dtype=torch.long), torch.zeros(2, 3, x.shape[1], dtype=torch.bool)
    assert torch.allclose(twist(x, bonds, sides, torch.zeros(2, 3, dtype=x.dtype)), x, rtol=0, atol=1e-12)


def test_gradients_of_a_twist_are_right() -> None:
    _, batch, x = system("CCO", 1)
    angles = torch.tensor([[0.3, -1.0]], dtype=x.dtype, requires_grad=True)
    turned = lambda y, a: twist(y, batch.torsions[..., 1:3], batch.far_side, a)  # noqa: E731
    assert torch.autograd.gradcheck(turned, (x.clone().requires_grad_(), angles))


def test_wrapped_angles_lie_in_one_turn() -> None:
    angles = torch.linspace(-20, 20, 401, dtype=torch.float64)
    wrapped = wrap_angle(angles)
    assert wrapped.abs().max() <= math.pi
    turns = (angles - wrapped) / (2 * math.pi)
    assert torch.allclose(turns, turns.round(), rtol=0, atol=1e-12)


def test_gathering_agrees_with_numpy() -> None:
    pairs = bond_pairs(with_hydrogens("aspirin"))
    x = conformers("aspirin", 2)
    index = torch.from_numpy(pairs).expand(2, -1, -1)
    assert np.array_equal(gather_atoms(torch.from_numpy(x), index), x[:, pairs])


def test_a_linear_chain_has_no_dihedral_and_finite_gradients() -> None:
    x = torch.tensor([[[-1.0, 0, 0], [0, 0, 0], [1, 0, 0], [2, 0, 0]]], requires_grad=True)
    angle = dihedrals(x, torch.tensor([[[0, 1, 2, 3], [0, 0, 0, 0]]]))
    angle.sum().backward()
    assert (angle == 0).all()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_a_lost_conformer_does_not_raise_for_its_batch() -> None:
    x = torch.randn(3, 5, 3, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(3, 5)
    lost = x.clone()
    lost[1, 2] = torch.nan
    found = kabsch_rotation(lost, x, mask)
    assert torch.allclose(found[[0, 2]], kabsch_rotation(x, x, mask)[[0, 2]])
