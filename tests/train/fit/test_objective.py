"""Does the loss vanish for who knows the answer, and do training pairs have one answer?"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from helpers import angle_pairs, bond_pairs, lengths, rotations, shaken, system, with_hydrogens
from torch import Tensor

from rdkit_ebd.arrays.batch import Batch, collate, fragment_points
from rdkit_ebd.arrays.geometry import align, centre, dihedrals, twist, wrap_angle
from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.train.data_prep.pairing import rmsd
from rdkit_ebd.train.fit.objective import (
    ObjectiveConfig,
    Pairs,
    into_basin,
    local_error,
    starting_coords,
    stiff_quads,
    torsion_error,
    training_loss,
    volume_error,
)

KEPT = ObjectiveConfig(redrawn_share=0.0, torsion_noise=(4.0, 4.0))
SIX_SIGMA = math.radians(24)


class Recorder:
    """A denoiser that answers with the first rows of `answer` and remembers what it was asked."""

    def __init__(self, answer: Tensor) -> None:
        self.answer = answer
        self.asked: list[tuple[Tensor, Tensor, Tensor]] = []

    def __call__(self, x_t: Tensor, t: Tensor, batch: Batch, prior: Tensor) -> Tensor:
        self.asked.append((x_t, t, prior))
        return self.answer[: len(x_t)]


def pairs(name: str = "ibuprofen", count: int = 8) -> tuple[Batch, Tensor, Tensor]:
    """Batch, seeds and references, single precision."""
    _, batch, x = system(name, count)
    return batch, x.float(), x.flip(0).float()


def forced(seed: Tensor, reference: Tensor, batch: Batch) -> Pairs:
    """Pairs that the objective may turn into each other's basin."""
    return Pairs(seed, reference, torch.zeros(len(seed), dtype=torch.bool), batch)


def turned(batch: Batch, x: Tensor, angles: Tensor) -> Tensor:
    return twist(x, batch.torsions[..., 1:3], batch.far_side, angles)


@pytest.mark.parametrize("pairing", ["basin", "as_is"])
@pytest.mark.parametrize("prior", ["atoms", "fragments"])
@pytest.mark.parametrize("robust", [0.0, 0.3])
def test_who_knows_the_answer_has_no_loss(pairing: str, prior: Any, robust: float) -> None:
    torch.manual_seed(0)
    batch, seed, reference = pairs()
    config = ObjectiveConfig(pairing=pairing, robust=robust, true_layout_share=0.5)
    oracle = Recorder(reference @ rotations(8).float() + 1)
    losses = training_loss(oracle, forced(seed, reference, batch), BlurConfig(prior), config)
    assert all(abs(float(value)) < 1e-3 for value in losses.values())
    ignorant = training_loss(Recorder(seed), forced(seed, reference, batch), BlurConfig(prior), config)
    assert ignorant["loss"] > 0.1
    assert ignorant["torsion"] > 0.05


def test_a_mirror_image_is_no_answer() -> None:
    torch.manual_seed(0)
    batch, seed, reference = pairs()
    losses = training_loss(Recorder(-reference), forced(seed, reference, batch), BlurConfig(), ObjectiveConfig())
    assert losses["local"] < 1e-5
    assert losses["rmsd"] > 0.3


@pytest.mark.parametrize("name", ["ibuprofen", "[Na+].[Cl-]", "O", "C#C", "CC#CC", "c1ccccc1"])
def test_loss_and_gradients_are_finite(name: str) -> None:
    torch.manual_seed(0)
    batch, seed, reference = pairs(name, 2)
    network = shaken(scale=0.02).float().requires_grad_(True)
    losses = training_loss(network, forced(seed, reference, batch), BlurConfig("fragments", 0.3), ObjectiveConfig())
    losses["loss"].backward()
    assert torch.isfinite(losses["loss"])
    assert all(bool(torch.isfinite(p.grad).all()) for p in network.parameters() if p.grad is not None)


def test_near_torsions_stay_and_far_ones_are_brought_near() -> None:
    torch.manual_seed(0)
    batch, _, reference = pairs()
    count = batch.torsions.shape[1]
    gaps = torch.deg2rad(torch.tensor([5.0, 30.0, 44.0, -40.0, 50.0, 90.0, 179.0, -120.0]))[:count].repeat(8, 1)
    assert gaps.shape[1] == count
    seed = turned(batch, reference, -gaps)
    moved = into_basin(seed, reference, batch, KEPT)
    before, after = dihedrals(seed, batch.torsions), dihedrals(moved, batch.torsions)
    left = wrap_angle(dihedrals(reference, batch.torsions) - after).abs()
    near = gaps.abs() < math.radians(45)
    assert near.any()
    assert (~near).any()
    assert wrap_angle(after - before)[near].abs().max() < 1e-3
    assert left[~near].max() < SIX_SIGMA
    assert left[~near].min() > 0
    assert moved.mean(1).abs().max() < 1e-4


def test_into_the_basin_touches_torsions_alone() -> None:
    torch.manual_seed(0)
    batch, seed, reference = pairs("penicillin_v")
    mol = with_hydrogens("penicillin_v")
    moved = into_basin(seed, reference, batch, ObjectiveConfig())
    for index in (bond_pairs(mol), angle_pairs(mol)):
        assert abs(lengths(moved, index) - lengths(seed, index)).max() < 1e-3
    assert rmsd(moved, reference, batch.mask).mean() < 0.7 * rmsd(seed, reference, batch.mask).mean()


def test_redrawn_torsions_do_not_stay() -> None:
    torch.manual_seed(0)
    batch, _, reference = pairs()
    seed = turned(batch, reference, torch.full(batch.torsions.shape[:2], 0.3))
    for share, config in ((0, KEPT), (1, ObjectiveConfig(redrawn_share=1.0))):
        change = wrap_angle(
            dihedrals(into_basin(seed, reference, batch, config), batch.torsions) - dihedrals(seed, batch.torsions)
        )
        assert ((change.abs() > 1e-3).float().mean() > 0.95) == bool(share)
        assert bool(change.abs().max() > 1e-3) == bool(share)


def test_a_reference_that_is_its_own_seed_is_turned() -> None:
    torch.manual_seed(0)
    batch, _, reference = pairs()
    moved = into_basin(reference, reference, batch, KEPT)
    assert (rmsd(moved, reference, batch.mask) > 0.01).all()


def test_noise_is_as_wide_as_the_settings_say() -> None:
    torch.manual_seed(0)
    batch, _, reference = pairs()
    spread = {}
    for degrees in (2.0, 20.0):
        config = ObjectiveConfig(redrawn_share=1.0, torsion_noise=(degrees, degrees))
        many = [
            wrap_angle(
                dihedrals(into_basin(reference, reference, batch, config), batch.torsions)
                - dihedrals(reference, batch.torsions)
            )
            for _ in range(10)
        ]
        spread[degrees] = math.degrees(torch.cat(many).square().mean().sqrt())
    assert spread[2.0] == pytest.approx(2, rel=0.15)
    assert spread[20.0] == pytest.approx(20, rel=0.15)


def test_padding_and_molecules_without_torsions_stay() -> None:
    torch.manual_seed(0)
    graph, single, x = system("c1ccccc1", 1)
    assert torch.equal(into_basin(x, x.flip(1), single, KEPT), x)
    both = collate([graph, system("CCCO", 1)[0]])
    padded = torch.zeros(2, both.mask.shape[1], 3)
    padded[0, : x.shape[1]], padded[1, : system("CCCO", 1)[2].shape[1]] = x[0].float(), system("CCCO", 1)[2][0].float()
    moved = into_basin(padded, 1.1 * padded, both, ObjectiveConfig(redrawn_share=1.0))
    assert torch.allclose(moved[0], padded[0], rtol=0, atol=1e-5)
    assert (moved[~both.mask] == 0).all()
    assert not torch.allclose(moved[1], padded[1], atol=1e-3)


def test_natural_seeds_stay_or_are_shaken_a_little() -> None:
    torch.manual_seed(0)
    batch, seed, reference = pairs()
    natural = Pairs(seed, reference, torch.ones(len(seed), dtype=torch.bool), batch)
    assert torch.equal(starting_coords(natural, ObjectiveConfig()), seed)
    shaken_seed = starting_coords(natural, ObjectiveConfig(natural_noise=3.0))
    change = wrap_angle(dihedrals(shaken_seed, batch.torsions) - dihedrals(seed, batch.torsions))
    assert math.degrees(change.square().mean().sqrt()) == pytest.approx(3, rel=0.25)
    mol = with_hydrogens("ibuprofen")
    assert abs(lengths(shaken_seed, angle_pairs(mol)) - lengths(seed, angle_pairs(mol))).max() < 1e-3


def test_stiff_quads_do_not_depend_on_company() -> None:
    graphs = [system(name, 1)[0] for name in ("ibuprofen", "O", "penicillin_v")]
    quads, there = stiff_quads(collate(graphs))
    assert there.sum(1).tolist() == [int(stiff_quads(collate([g]))[1].sum()) for g in graphs]
    assert there[:, 0].tolist() == [True, False, True]
    for row, graph in enumerate(graphs):
        alone = stiff_quads(collate([graph]))[0][0]
        assert torch.equal(quads[row, : len(alone), 0], alone[:, 0])  # which three of four neighbours is left open
        assert int(quads[row].max()) < graph.num_atoms


def test_pairs_as_they_are_stay_as_they_are() -> None:
    torch.manual_seed(0)
    batch, seed, reference = pairs()
    recorder = Recorder(reference)
    config = ObjectiveConfig(pairing="as_is", prior_share=1.0)
    training_loss(recorder, forced(seed, reference, batch), BlurConfig(sigma=0.0), config)
    x_t, t, prior = recorder.asked[0]
    assert (t == 1).all()
    assert torch.allclose(prior, seed - seed.mean(1, keepdim=True), rtol=0, atol=1e-5)
    assert torch.allclose(x_t, prior, rtol=0, atol=1e-5)


def test_natural_pairs_stay_as_they_are() -> None:
    torch.manual_seed(0)
    batch, seed, reference = pairs()
    recorder = Recorder(reference)
    natural = torch.arange(len(seed)) >= len(seed) // 2
    mixed = Pairs(seed, reference, natural, batch)
    training_loss(recorder, mixed, BlurConfig(sigma=0.0), ObjectiveConfig(prior_share=1.0, redrawn_share=1.0))
    moved = (recorder.asked[0][2] - centre(seed, batch.mask)).abs().amax((1, 2))
    assert moved[natural].max() < 1e-5
    assert moved[~natural].min() > 1e-2


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_true_layout_takes_its_share(share: float) -> None:
    torch.manual_seed(0)
    batch, seed, reference = pairs()
    recorder = Recorder(reference)
    config = ObjectiveConfig(pairing="as_is", true_layout_share=share, layout_noise=0.0)
    training_loss(recorder, forced(seed, reference, batch), BlurConfig("fragments"), config)
    _, _, prior = recorder.asked[0]
    truth = centre(fragment_points(align(reference, seed, batch.mask), batch), batch.mask)
    own = centre(fragment_points(seed, batch), batch.mask)
    assert not torch.allclose(truth, own, atol=0.1)
    assert torch.allclose(prior, truth if share else own, rtol=0, atol=1e-4)


def test_layout_noise_moves_whole_fragments() -> None:
    torch.manual_seed(0)
    batch, seed, reference = pairs()
    recorder = Recorder(reference)
    config = ObjectiveConfig(pairing="as_is", true_layout_share=1.0, layout_noise=0.5)
    training_loss(recorder, forced(seed, reference, batch), BlurConfig("fragments"), config)
    _, _, prior = recorder.asked[0]
    assert torch.allclose(fragment_points(prior, batch), prior, rtol=0, atol=1e-5)
    truth = centre(fragment_points(align(reference, seed, batch.mask), batch), batch.mask)
    assert 0.2 < (prior - truth).std() < 0.8


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_time_one_takes_its_share(share: float) -> None:
    torch.manual_seed(0)
    batch, seed, reference = pairs("CCO", 2)
    many = torch.zeros(500, dtype=torch.long)
    recorder = Recorder(reference[many])
    config = ObjectiveConfig(prior_share=share)
    training_loss(recorder, forced(seed[many], reference[many], batch.rows(many)), BlurConfig(), config)
    t = recorder.asked[0][1]
    assert abs(float((t == 1).float().mean()) - share) < 0.08
    assert ((t >= 0) & (t <= 1)).all()
    assert share == 1 or t.min() < 0.05


def test_local_error_looks_within_three_bonds() -> None:
    batch, _, x = pairs("CCCCCCCC", 2)
    assert local_error(x, x, batch) == 0
    assert local_error(1.1 * x, x, batch) > 0.1
    assert local_error(x @ rotations(2).float() + 4, x, batch) < 1e-5
    atoms = torch.zeros_like(x)
    atoms[:, 0] = 5.0  # far beyond what the other end can see
    assert local_error(x + atoms, x, batch) > 0.05
    assert local_error(torch.zeros(1, 1, 3), torch.zeros(1, 1, 3), collate([system_of_one()])) == 0


def test_torsion_error_is_one_minus_cosine() -> None:
    batch, _, x = pairs("CCCCO", 2)
    for angle in (0.0, 0.5, math.pi):
        moved = turned(batch, x, torch.full(batch.torsions.shape[:2], angle))
        assert torsion_error(moved, x, batch).item() == pytest.approx(1 - math.cos(angle), abs=1e-4)


def test_robust_torsions_fall_to_one_side_and_not_between() -> None:
    """References 100 degrees apart, equally often: in full the best answer is in their middle, robustly it is not."""
    batch, _, x = pairs("CCCCO", 2)
    gap = math.radians(100)

    def both(angle: float, robust: float) -> float:
        """Mean error, of a molecule turned by the angle, against the unturned one and one turned by the whole gap."""
        moved, there = (turned(batch, x, torch.full(batch.torsions.shape[:2], a)) for a in (angle, gap))
        here, beyond = (torsion_error(moved, y, batch, robust).item() for y in (x, there))
        return (here + beyond) / 2

    assert both(gap / 2, 0.0) < both(0.0, 0.0) - 0.1
    assert both(gap / 2, 0.05) > both(0.0, 0.05) + 0.002
    slight = turned(batch, x, torch.full(batch.torsions.shape[:2], 0.05))
    assert torsion_error(slight, x, batch, 0.15).item() == pytest.approx(0.05**2 / 2, rel=0.05)  # as in full


def system_of_one() -> Any:
    from helpers import graph_of

    return graph_of("[Na+]")


def test_volumes_see_bent_rings_and_turned_centres_that_distances_hardly_see() -> None:
    batch, _, x = pairs("c1ccccc1", 1)
    ring = torch.arange(6)
    bent = x.clone()
    normal = torch.linalg.svd(x[0, ring] - x[0, ring].mean(0)).Vh[2]
    bent[0, ring] += 0.05 * normal * torch.tensor([1.0, 0, 0, 1, 0, 0])[:, None]
    assert volume_error(bent, x, batch) > 5 * local_error(bent, x, batch)
    assert volume_error(x @ rotations(1).float() + 1, x, batch) < 1e-5
    batch, _, x = pairs("CC(N)(O)F", 1)
    assert volume_error(x * torch.tensor([1.0, 1, -1]), x, batch) > 0.5


def test_unrolled_seeds_are_what_the_network_made_of_them() -> None:
    torch.manual_seed(0)
    batch, seed, reference = pairs()
    answer = reference + 0.3 * torch.randn_like(reference)
    asked = set()
    for _ in range(12):
        oracle = Recorder(answer)
        config = ObjectiveConfig(prior_share=1.0, unrolled_share=1.0, unrolled_rounds=2, pairing="as_is")
        training_loss(oracle, forced(seed, reference, batch), BlurConfig("atoms", 1e-6), config)
        asked.add(len(oracle.asked))
        (first, _, _), *_, (last, _, _) = oracle.asked
        assert (align(first, seed, batch.mask) - seed).abs().max() < 1e-3
        assert (align(last, answer, batch.mask) - answer).abs().max() < 1e-3
    assert asked == {2, 3}


def test_natural_seeds_may_be_spared_the_networks_own_rounds() -> None:
    torch.manual_seed(0)
    batch, seed, reference = pairs()
    answer, some = reference + 0.3 * torch.randn_like(reference), torch.arange(len(seed)) >= len(seed) // 2
    config = ObjectiveConfig(prior_share=1.0, unrolled_share=1.0, pairing="as_is", unrolled_natural=False)
    oracle = Recorder(answer)
    training_loss(oracle, Pairs(seed, reference, some, batch), BlurConfig("atoms", 1e-6), config)
    (first, _, _), *_, (last, _, _) = oracle.asked
    assert len(first) < len(last) == len(seed)
    assert (align(last, seed, batch.mask) - seed)[some].abs().max() < 1e-3
    assert (align(last, answer, batch.mask) - answer)[~some].abs().max() < 1e-3
