"""Is it the published network and sampler, to the last digit, and does it keep the promises of our own?

What it computes is compared with the equations written out atom by atom (`published_book`); `test_published_golden`
compares it with the authors' own code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import published_book as book
import pytest
import torch
from helpers import (
    conformers,
    graph_of,
    permuted,
    rotations,
    rows,
    system,
    tiny_vocabulary,
    with_hydrogens,
)
from tiny_training import take_step
from torch import Tensor

from rdkit_ebd import EBD, EmbedWithReport
from rdkit_ebd.arrays.batch import collate
from rdkit_ebd.arrays.molgraph import SAME_FRAGMENT
from rdkit_ebd.chem.fragments import assign_fragments
from rdkit_ebd.generators.checkpoint import save_model
from rdkit_ebd.generators.ebd.blur import BlurConfig, prior_points
from rdkit_ebd.generators.ebd.held import Held
from rdkit_ebd.generators.ebd.published_network import EDGE_NUMBERS, EDGE_OF_CODE, PaperNetwork, PaperNetworkConfig
from rdkit_ebd.generators.ebd.sampler import deblur, deblur_times
from rdkit_ebd.train.data_prep.shards import Example
from rdkit_ebd.train.fit.batches import batches
from rdkit_ebd.train.fit.objective import Pairs, training_loss
from rdkit_ebd.train.fit.trainer import Trainer
from rdkit_ebd.train.import_published import paper_model
from rdkit_ebd.train.recipes import recipe, resumed

PUBLISHED = PaperNetworkConfig()
SMALL = PaperNetworkConfig(width=16, blocks=3)
SENSIBLE = replace(SMALL, published_quirks=False)
BLUR = BlurConfig("fragments", 0.01, "constant", timesteps=50)
GOLDEN = Path(__file__).parent / "published_golden.json"
EVERY_BOND = "O=[N+]([O-])C=CC#CC1=CSC=N1"


def untrained(config: PaperNetworkConfig = SMALL, pull: float = 3e-4, seed: int = 0) -> PaperNetwork:
    """A network in double precision, the same on every machine, whose pulls are large enough to be seen."""
    generator = torch.Generator().manual_seed(seed)
    network = PaperNetwork(config).double()
    with torch.no_grad():
        for name, p in network.named_parameters():
            scale = pull if name.endswith(".4.weight") else 0.5 * p.shape[-1] ** -0.5
            p.copy_(scale * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    return network.requires_grad_(False).eval()


def arrays(network: PaperNetwork) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in network.state_dict().items()}


def at(time: float, x: Tensor) -> Tensor:
    return torch.full((len(x),), time, dtype=x.dtype)


# The network.


@pytest.mark.parametrize(
    ("smiles", "config", "time"),
    [("ibuprofen", PUBLISHED, 0.5), ("CCCCCCCCCC", SMALL, 0.98), (EVERY_BOND, SMALL, 0.02), ("tamoxifen", SMALL, 0.1)],
)
def test_the_network_computes_the_papers_formulas(smiles: str, config: PaperNetworkConfig, time: float) -> None:
    network, mol = untrained(config), with_hydrogens(smiles)
    _, batch, x = system(smiles)
    out = network(x, at(time, x), batch, x)
    owner = assign_fragments(mol, tiny_vocabulary())
    expected = book.predicted(arrays(network), mol, owner, x[0].numpy(), time)
    assert np.abs(out[0].numpy() - expected).max() < 1e-8
    assert np.abs(expected - x[0].numpy()).max() > 0.1


def test_above_33_atoms_neighbours_are_capped_unless_asked_otherwise() -> None:
    mol, (_, batch, x) = with_hydrogens("tamoxifen"), system("tamoxifen")
    owner, capped = assign_fragments(mol, tiny_vocabulary()), untrained()
    free = PaperNetwork(replace(SMALL, neighbours=0)).double()
    free.load_state_dict(capped.state_dict())
    found = {most: network(x, at(0.1, x), batch, x)[0].detach() for most, network in ((32, capped), (99, free))}
    for most, out in found.items():
        expected = book.predicted(arrays(capped), mol, owner, x[0].numpy(), 0.1, most)
        assert np.abs(out.numpy() - expected).max() < 1e-8
    assert (found[32] - found[99]).abs().max() > 1e-3
    reversed_order = np.arange(len(owner))[::-1].copy()
    graph = permuted(graph_of("tamoxifen"), reversed_order)
    turned = free(x[:, reversed_order], at(0.1, x), rows(graph, 2), x)[0]
    assert torch.allclose(turned, found[99][reversed_order], rtol=0, atol=1e-8)


def test_edges_have_their_published_numbers() -> None:
    seen = set()
    for smiles in (EVERY_BOND, "CCCCCCCCCC", "c1ccccc1/C=C/C"):
        mol, x = with_hydrogens(smiles), conformers(smiles)[0]
        kinds = np.array(EDGE_NUMBERS)[np.array(EDGE_OF_CODE)[graph_of(smiles).pair_types % SAME_FRAGMENT]]
        for (i, j), number in book.edge_numbers(mol, x).items():
            assert kinds[i, j] == number
            seen.add(number)
    assert seen == {*EDGE_NUMBERS} - {17}


def test_it_has_as_many_parameters_as_published() -> None:
    assert sum(p.numel() for p in PaperNetwork(PUBLISHED).parameters()) == 2_457_356
    block = PaperNetwork(SMALL).e_block_0
    assert block.a_eq.coord_mlp_atom[4] is block.a_eq.coord_mlp_frag[4]
    block = PaperNetwork(SENSIBLE).e_block_0
    assert block.a_eq.coord_mlp_atom[4] is not block.a_eq.coord_mlp_frag[4]


@pytest.mark.parametrize(("config", "idle"), [(SMALL, {"f_inv_0.bond_emb.weight"}), (SENSIBLE, set())])
def test_every_parameter_learns_but_the_published_idle_ones(config: PaperNetworkConfig, idle: set[str]) -> None:
    network = untrained(config).requires_grad_(True)
    _, batch, x = system("ibuprofen")
    (network(x, at(0.7, x), batch, prior_points(x, batch, BLUR)) - x.flip(2)).square().sum().backward()
    unmoved = {name for name, p in network.named_parameters() if p.grad is None or not bool(p.grad.abs().max() > 0)}
    assert {name.partition(".")[2] for name in unmoved} == idle


@pytest.mark.parametrize("config", [SMALL, SENSIBLE])
@pytest.mark.parametrize("smiles", ["ibuprofen", "CC#CC", "[Na+]", "C=C"])
def test_moving_and_mirroring_the_input_does_so_to_the_output(config: PaperNetworkConfig, smiles: str) -> None:
    network = untrained(config)
    _, batch, x = system(smiles)
    prior, rotation = prior_points(x.flip(0), batch, BLUR), rotations(len(x))
    before = network(x, at(0.7, x), batch, prior)
    for turn in (rotation, -rotation):
        after = network(x @ turn + 5, at(0.7, x), batch, prior @ turn + 5)
        assert torch.allclose(after, before @ turn, rtol=0, atol=1e-8)
    if x.shape[1] > 1:
        assert (before @ rotation - before).abs().max() > 1e-4


def test_renumbering_the_atoms_renumbers_the_output() -> None:
    network = untrained()
    graph, batch, x = system("ibuprofen")
    prior, order = prior_points(x, batch, BLUR), np.random.default_rng(0).permutation(graph.num_atoms)
    after = network(x[:, order], at(0.7, x), rows(permuted(graph, order), 2), prior[:, order])
    assert torch.allclose(after, network(x, at(0.7, x), batch, prior)[:, order], rtol=0, atol=1e-8)


@pytest.mark.parametrize("config", [SMALL, SENSIBLE])
def test_a_molecule_is_the_same_alone_and_beside_a_larger_one(config: PaperNetworkConfig) -> None:
    network = untrained(config)
    _, alone, x = system("CCO", 1)
    _, _, large = system("ibuprofen", 1)
    together = torch.zeros(2, large.shape[1], 3, dtype=x.dtype)
    together[0, : x.shape[1]], together[1] = x[0], large[0]
    batch = collate([graph_of("CCO"), graph_of("ibuprofen")])
    out = network(together, at(0.7, together), batch, prior_points(together, batch, BLUR))
    expected = network(x, at(0.7, x), alone, prior_points(x, alone, BLUR))
    assert torch.allclose(out[:1, : x.shape[1]], expected, rtol=0, atol=1e-9)
    assert not out[0, x.shape[1] :].any()


@pytest.mark.parametrize("config", [SMALL, SENSIBLE])
def test_every_input_matters_but_labels_do_not(config: PaperNetworkConfig) -> None:
    network = untrained(config)
    graph, batch, x = system("ibuprofen")
    prior = prior_points(x, batch, BLUR)
    before = network(x, at(0.7, x), batch, prior)
    others = {
        "time": network(x, at(0.2, x), batch, prior),
        "fragments": network(x, at(0.7, x), rows(replace(graph, fragments=0 * graph.fragments), 2), prior),
        "pairs": network(x, at(0.7, x), rows(replace(graph, pair_types=graph.pair_types[::-1, ::-1].copy()), 2), prior),
        "atoms": network(x, at(0.7, x), rows(replace(graph, atom_features=graph.atom_features[::-1].copy()), 2), prior),
    }
    assert [name for name, after in others.items() if (after - before).abs().max() < 1e-4] == []
    mirrored = rows(replace(graph, stereo_signs=-graph.stereo_signs), 2)
    assert torch.equal(network(x, at(0.7, x), mirrored, prior), before)
    assert torch.equal(network(x, at(0.7, x), batch, prior * 1.1), before)  # fragments lie where the state has them


def test_atoms_that_coincide_have_finite_gradients() -> None:
    network, batch = untrained().float().requires_grad_(True), rows(graph_of("CCO"), 1)
    x = torch.zeros(1, 9, 3, requires_grad=True)
    out = network(x, at(0.98, x), batch, x.detach())
    (out * torch.arange(27.0).view(1, 9, 3)).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert all(bool(torch.isfinite(p.grad).all()) for p in network.parameters() if p.grad is not None)


def test_low_precision_stays_close() -> None:
    network = untrained().float()
    _, batch, x = system("ibuprofen")
    x = x.float()
    exact = network(x, at(0.7, x), batch, x)
    network.set_low_precision(True)
    rough = network(x, at(0.7, x), batch, x)
    assert 0 < (rough - exact).abs().max() < 0.1 * (exact - x).abs().max()
    network.set_low_precision(False)
    assert torch.equal(network(x, at(0.7, x), batch, x), exact)


# Sampling.


def golden() -> tuple[Tensor, Tensor, Tensor]:
    """Seed (20, 3), noise (50, 20, 3) and what an untrained network makes of them."""
    data = json.loads(GOLDEN.read_text())
    noise = torch.randn(50, 20, 3, generator=torch.Generator().manual_seed(data["noise_seed"]), dtype=torch.float64)
    return torch.tensor(data["seed"]).double(), noise, torch.tensor(data["conformer"]).double()


def test_sampling_is_as_published_and_as_it_was() -> None:
    network, model = untrained(), paper_model("paper", tiny_vocabulary())
    seed, noise, expected = golden()
    batch, times = rows(graph_of("paracetamol"), 1), deblur_times(model.sampling.steps, model.sampling.rounds)
    told: list[float] = []

    def denoise(x_t: Tensor, t: Tensor, *rest: object) -> Tensor:
        told.append(float(t[0]))
        return network(x_t, t, *rest)

    def one(x_t: np.ndarray, t: float) -> np.ndarray:
        x = torch.from_numpy(x_t)[None]
        return network(x, at(t, x), batch, x)[0].numpy()

    owner = assign_fragments(with_hydrogens("paracetamol"), tiny_vocabulary())
    written_out, asked = book.sampled(one, seed.numpy(), owner, noise.numpy())
    out = deblur(denoise, seed[None], batch, model.blur, times, model.sampling.noise_scale * noise[None])[0]
    assert len(told) == 49
    assert np.allclose(told, asked, rtol=0, atol=1e-12)
    assert np.abs(out.numpy() - written_out).max() < 1e-8
    assert (out - expected).abs().max() < 1e-3
    assert (out - seed).abs().max() > 0.5


def test_discrete_times_need_two_steps_and_keep_held_atoms() -> None:
    network = untrained()
    _, batch, x = system("CCCO")
    noise = torch.ones(len(x), 3, *x.shape[1:], dtype=x.dtype)
    with pytest.raises(ValueError, match="two"):
        deblur(network, x, batch, BLUR, deblur_times(1), noise)
    held = Held(torch.tensor([0, 2]), x[:, [0, 2]])
    out = deblur(network, x, batch, BLUR, deblur_times(3), noise, held)
    assert torch.allclose(out[:, [0, 2]], x[:, [0, 2]], rtol=0, atol=1e-9)
    assert (out - x)[:, 1].norm(dim=-1).min() > 1e-3
    with pytest.raises(ValueError, match="timesteps"):
        BlurConfig(timesteps=1)


# Training.


@pytest.fixture
def own_generator() -> Iterator[None]:
    """A trainer seeds the global generator; other tests should not notice."""
    with torch.random.fork_rng(devices=[]):
        yield


def paired(examples: list[Example], count: int) -> list[Pairs]:
    return list(islice(batches(examples, 128, 0, 0.0), count))


@pytest.mark.usefixtures("own_generator")
def test_the_recipe_trains_and_its_model_can_be_kept(examples: list[Example], tmp_path: Path) -> None:
    config = recipe("paper", tiny_vocabulary(), [1, 6, 7, 8], ["ours"])
    assert config.model.network == PUBLISHED
    config = replace(config, model=replace(config.model, network=SMALL), lr=2e-3)
    trainer = Trainer(config, tmp_path, torch.device("cpu"))
    assert trainer.optimiser.defaults["amsgrad"]
    losses = [take_step(trainer, pairs, 1.0)["loss"] for pairs in paired(examples, 40)]
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
    further = Trainer(resumed(config.model, [1, 9], ["ours", "more"]), tmp_path, torch.device("cpu"))
    further.load_weights(trainer.average)
    assert all(torch.equal(v, trainer.average[k]) for k, v in further.network.state_dict().items())
    path, seen = tmp_path / "paper.safetensors", []
    save_model(path, config.model, trainer.average)
    mol = with_hydrogens("CC(=O)NCC")
    params = EBD(model=str(path), coarse="dg", randomSeed=1, maxIterations=1, fallback="ETKDGv3")
    assert EmbedWithReport(mol, 2, params, callback=lambda index, path: seen.append(path.GetNumConformers())).ok
    assert mol.GetNumConformers() == 2
    assert seen == [51, 51]


@pytest.mark.usefixtures("own_generator")
def test_gradients_are_clipped_by_those_before(examples: list[Example], tmp_path: Path) -> None:
    config = recipe("paper", tiny_vocabulary(), [1, 6, 7, 8], ["ours"])
    assert (1.5 * config.clip, config.clip_window) == (45_000, 50)
    config = replace(config, model=replace(config.model, network=SMALL), clip_window=3)
    trainer, norms = Trainer(config, tmp_path, torch.device("cpu")), [30_000.0]
    for pairs in paired(examples, 5):
        limit = 1.5 * np.mean(norms[-3:]) + 2 * np.std(norms[-3:])
        norms.append(min(take_step(trainer, pairs, 1.0)["norm"], limit))
        assert list(trainer.norms) == pytest.approx(norms[-3:])
    trainer.save_state()
    further = Trainer(config, tmp_path, torch.device("cpu"))
    further.load_state()
    assert further.norms == trainer.norms
    trainer.norms.clear()
    trainer.norms.append(1e-9)
    before = {name: p.clone() for name, p in trainer.network.named_parameters()}
    assert take_step(trainer, paired(examples, 1)[0], 1.0)["norm"] > 1e-3
    assert list(trainer.norms) == pytest.approx([1e-9, 1.5e-9])
    assert all((p - before[name]).abs().max() <= config.lr * 1.01 for name, p in trainer.network.named_parameters())


@pytest.mark.usefixtures("own_generator")
def test_the_average_has_its_full_decay_from_the_first_step(examples: list[Example], tmp_path: Path) -> None:
    config = recipe("paper", tiny_vocabulary(), [1, 6, 7, 8], ["ours"])
    trainer = Trainer(replace(config, model=replace(config.model, network=SMALL)), tmp_path, torch.device("cpu"))
    before = {name: value.clone() for name, value in trainer.average.items()}
    take_step(trainer, paired(examples, 1)[0], 1.0)
    for name, value in trainer.network.state_dict().items():
        assert torch.allclose(trainer.average[name], 0.999 * before[name] + 0.001 * value, rtol=0, atol=1e-6)


def test_a_batch_is_so_many_molecules_whatever_their_size(examples: list[Example]) -> None:
    config = recipe("paper", tiny_vocabulary(), [1, 6, 7, 8], ["ours"])
    assert config.batch_molecules == 32
    found = list(islice(batches(examples, config.batch_atoms, 0, 0.0, config.batch_molecules), 20))
    assert {len(pairs.seed) for pairs in found} == {32}
    assert len({pairs.seed.shape[1] for pairs in found}) > 1


def test_the_loss_is_the_papers(examples: list[Example]) -> None:
    objective = recipe("paper", tiny_vocabulary(), [1, 6], ["ours"]).objective
    [pairs] = paired(examples, 1)
    times = []

    def mistaken(x_t: Tensor, t: Tensor, *_: object) -> Tensor:
        times.extend((t * 50).tolist())
        return 1.1 * (pairs.reference - 3) * pairs.batch.mask[..., None]

    for _ in range(40):
        loss = training_loss(mistaken, pairs, BLUR, objective)["loss"]
    squares = pairs.reference.square().sum((1, 2))  # the references are centred
    assert float(loss) == pytest.approx(0.01 * float(squares.mean()), rel=1e-3)
    assert np.allclose(times, np.round(times), atol=1e-4)
    assert {round(time) for time in times} >= {1, 49}
    assert max(times) < 49.5
