"""Is every ablation of the paper a setting that trains and samples, and does the table tell what was found?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import embedded, system, tiny_vocabulary, with_hydrogens
from rdkit import Chem
from torch import Tensor
from typer.testing import CliRunner

from rdkit_ebd import EmbedMultipleConfs
from rdkit_ebd.arrays.batch import Batch
from rdkit_ebd.arrays.geometry import align
from rdkit_ebd.chem.fragments import assign_fragments
from rdkit_ebd.cli import app as cli
from rdkit_ebd.generators.checkpoint import make_network
from rdkit_ebd.generators.ebd.blur import BlurConfig, blur, earlier_state, prior_points
from rdkit_ebd.generators.ebd.published_network import PaperNetwork
from rdkit_ebd.generators.ebd.sampler import deblur, deblur_times
from rdkit_ebd.train import ablations
from rdkit_ebd.train.ablations import ABLATIONS, SMALL, Ablation, Plan, ablation_config, format_ablations
from rdkit_ebd.train.fit.objective import ObjectiveConfig, Pairs, training_loss
from rdkit_ebd.train.fit.train_config import TrainConfig

STEPS = 5
SETTINGS = [
    BlurConfig(prior, sigma=0.3, noise="constant", timesteps=STEPS, corruption=corruption, target=target)  # type: ignore[arg-type]
    for prior in ("fragments", "atoms")
    for corruption in ("blur", "diffusion")
    for target in ("x_0", "previous")
]


class Oracle:
    """Knows the conformers, and predicts what the settings ask for."""

    def __init__(self, truth: Tensor, config: BlurConfig) -> None:
        self.truth, self.config = truth, config

    def __call__(self, x_t: Tensor, t: Tensor, batch: Batch, prior: Tensor) -> Tensor:
        if self.config.target == "x_0":
            return self.truth
        return earlier_state(self.truth, x_t, prior, t, (t - 1 / STEPS).clamp(min=0), self.config)[0]


@pytest.fixture
def pair() -> tuple[Batch, Tensor, Tensor]:
    """Batch, seeds and conformers aligned to them."""
    _, batch, x = system("ibuprofen", 4)
    return batch, x.flip(0), align(x, x.flip(0), batch.mask)


def noise_for(x: Tensor, steps: int, seed: int = 0) -> Tensor:
    shape = (len(x), steps, *x.shape[1:])
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=x.dtype)


@pytest.mark.parametrize("config", SETTINGS)
def test_an_oracle_samples_the_truth(config: BlurConfig, pair: tuple[Batch, Tensor, Tensor]) -> None:
    batch, seed, truth = pair
    quiet = 0 * noise_for(seed, STEPS)
    if config.target == "x_0" or config.corruption == "blur":
        found = deblur(Oracle(truth, config), seed, batch, config, deblur_times(STEPS), quiet)
        assert torch.allclose(align(found, truth, batch.mask), truth, atol=1e-6)
    noisy = deblur(Oracle(truth, config), seed, batch, config, deblur_times(STEPS), noise_for(seed, STEPS))
    left = (align(noisy, truth, batch.mask) - truth).square().mean().sqrt()
    assert left < (1e-5 if config.corruption == "diffusion" and config.target == "x_0" else 0.5)


@pytest.mark.parametrize("config", SETTINGS)
def test_who_knows_the_answer_has_no_loss(config: BlurConfig, pair: tuple[Batch, Tensor, Tensor]) -> None:
    torch.manual_seed(1)  # where every time drawn is the last, the previous state is the truth
    batch, seed, truth = pair
    objective = ObjectiveConfig(pairing="as_is", local_weight=0, torsion_weight=0, robust=0, per_atom=False)
    pairs = Pairs(seed, truth, torch.zeros(len(seed), dtype=torch.bool), batch)
    loss = training_loss(Oracle(truth, config), pairs, config, objective)
    assert float(loss["rmsd"]) < 1e-5
    other = BlurConfig(**{**vars(config), "target": {"x_0": "previous", "previous": "x_0"}[config.target]})
    assert float(training_loss(Oracle(truth, other), pairs, config, objective)["rmsd"]) > 0.05


@pytest.mark.parametrize("corruption", ["blur", "diffusion"])
def test_a_step_back_ends_where_corruption_would(corruption: Any, pair: tuple[Batch, Tensor, Tensor]) -> None:
    config = BlurConfig("fragments", sigma=0.7, noise="constant", corruption=corruption)
    batch, seed, truth = (
        pair[0].rows(torch.zeros(4000, dtype=torch.long)),
        *(x[:1].expand(4000, -1, -1) for x in pair[1:]),
    )
    prior, noise = prior_points(seed, batch, config), noise_for(seed, 3)
    late, early = torch.full((4000,), 0.8, dtype=seed.dtype), torch.full((4000,), 0.3, dtype=seed.dtype)
    x_t = blur(truth, prior, late, noise[:, 0], batch.mask, config)
    mean, scale = earlier_state(truth, x_t, prior, late, early, config)
    back = mean + scale[:, None, None] * noise[:, 1]
    there = blur(truth, prior, early, noise[:, 2], batch.mask, config)
    assert torch.allclose(back.mean(0), there.mean(0), atol=0.05)
    assert float((back.std(0) / there.std(0)).mean()) == pytest.approx(1, abs=0.03)


def test_a_diffusion_ends_in_gaussians_about_the_priors(pair: tuple[Batch, Tensor, Tensor]) -> None:
    batch, seed, truth = pair
    config = BlurConfig("fragments", sigma=0.7, corruption="diffusion")
    prior, t = prior_points(seed, batch, config), torch.tensor([0.0, 0.4, 0.7, 1.0], dtype=seed.dtype)
    clean = blur(truth, prior, t, 0 * truth, batch.mask, config)
    assert torch.allclose(clean[0], truth[0], atol=1e-6)
    assert torch.allclose(clean[3], prior[3], atol=1e-6)
    assert config.noise_scale(t)[[0, 3]].tolist() == pytest.approx([0, 0.7])


def test_settings_that_do_not_fit_are_refused(pair: tuple[Batch, Tensor, Tensor]) -> None:
    with pytest.raises(ValueError, match="timesteps"):
        BlurConfig(target="previous")
    with pytest.raises(ValueError, match="corruption"):
        BlurConfig(corruption="heat")  # type: ignore[arg-type]
    batch, seed, truth = pair
    config = BlurConfig(timesteps=STEPS, target="previous")
    with pytest.raises(ValueError, match="with 5 steps"):
        deblur(Oracle(truth, config), seed, batch, config, deblur_times(3), noise_for(seed, 3))


@pytest.mark.parametrize("ablation", ABLATIONS, ids=lambda a: a.name)
def test_every_ablation_has_a_loss_to_follow(ablation: Ablation, pair: tuple[Batch, Tensor, Tensor]) -> None:
    config = ablation_config(ablation, tiny_vocabulary(), [1, 6, 8], "B3LYP", 0.7, full_size=False)
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    network = make_network(config.model)
    assert isinstance(network, PaperNetwork)
    assert network.config == SMALL
    batch, seed, truth = pair
    pairs = Pairs(seed.float(), truth.float(), torch.zeros(len(seed), dtype=torch.bool), batch)
    training_loss(network, pairs, config.model.blur, config.objective)["loss"].backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert all(bool(torch.isfinite(g).all()) for g in gradients)
    assert max(float(g.abs().max()) for g in gradients) > 0
    full = ablation_config(ablation, tiny_vocabulary(), [1, 6, 8], "B3LYP", 0.7, full_size=True)
    assert full.lr == 1e-4
    assert (full.ema_from_start, config.ema_from_start) == (True, False)
    assert full.model.blur == config.model.blur


def test_fragments_are_counted() -> None:
    mols = [with_hydrogens(name) for name in ("aspirin", "nicotine", "morphine")]
    told = ablations.fragment_table(mols, tiny_vocabulary())
    counts = [int(assign_fragments(mol, tiny_vocabulary()).max()) + 1 for mol in mols]
    assert told["fragments_per_molecule"] == pytest.approx(np.mean(counts))
    assert told["fragments_per_molecule_std"] == pytest.approx(np.std(counts))
    assert told["atoms_per_fragment"] == pytest.approx(sum(mol.GetNumAtoms() for mol in mols) / sum(counts))
    finer = ablations.fragment_table(mols, tiny_vocabulary().truncate(10))
    assert finer["fragments_per_molecule"] > told["fragments_per_molecule"]


def test_the_table_says_which_way_it_went() -> None:
    rows = [{"mat_r": 1.0, "mat_p": 1.0, "samples": 9, "judged": 2}]
    rows += [{**rows[0], "mat_r": r, "mat_p": p} for r, p in ((0.9, 0.8), (0.9, 1.1), (1.2, 1.1))]
    plan = Plan("a", "b", 40, 100, 2, tuple("wxyz"))
    lines = format_ablations(plan, ABLATIONS[:4], rows, {}).splitlines()
    assert [line.split(" | ")[-1].strip(" |") for line in lines[2:6]] == ["", "better", "mixed", "worse"]
    assert "small" in lines[-1]
    for row in rows:
        row |= {"seeds_mat_r": 0.95, "seeds_mat_p": 0.95}
    lines = format_ablations(plan, ABLATIONS[:4], rows, {}).splitlines()
    told = [
        "",
        "better",
        "mixed",
        "not to be compared",
    ]  # the second is better than its seeds, and the third in one way
    assert [line.split(" | ")[-1].strip(" |") for line in lines[2:6]] == told
    assert "says nothing" not in "".join(lines)
    worse = format_ablations(plan, ABLATIONS[:4], [{**rows[3]}] * 4, {})
    assert "says nothing" in worse
    assert Plan("a", "b", 4000, 100, 2, tuple("wxyz")).full_size


def test_the_command_trains_judges_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sdf, out = tmp_path / "mine.sdf", tmp_path / "out"
    with Chem.SDWriter(str(sdf)) as writer:
        for smiles in ("CCCO", "CC(=O)NC"):
            mol = embedded(smiles, 2, relaxed=True)
            for conformer in mol.GetConformers():
                writer.write(mol, conformer.GetId())
    monkeypatch.setattr(ablations.run_ablations, "__kwdefaults__", _only("paper", "previous-state"))
    words = ["train", "ablate", str(sdf), "--valid", str(sdf), "-o", str(out), "--workers", "1", "--minutes"]
    first = CliRunner().invoke(cli.app, [*words, "0.05"])
    assert first.exit_code == 0, first.output
    assert "| previous-state |" in first.output
    assert "1000 fragments" not in first.output
    again = CliRunner().invoke(cli.app, [*words, "0.05"])
    rows = [[line for line in run.output.splitlines() if line.startswith("| ")] for run in (first, again)]
    assert len(rows[0]) == 3
    assert rows[0] == rows[1]
    other = CliRunner().invoke(cli.app, [*words, "7"])
    assert other.exit_code == 2
    mol = with_hydrogens("CCCCO")
    EmbedMultipleConfs(mol, 1, model=str(out / "previous-state" / "previous-state.safetensors"), maxIterations=1)


def _only(*names: str) -> dict[str, Any]:
    defaults = dict(ablations.run_ablations.__kwdefaults__ or {})
    return {**defaults, "ablations": tuple(a for a in ABLATIONS if a.name in names)}
