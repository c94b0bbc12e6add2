"""Does the judge of conditional generation see what molecules are, and does its table tell good from bad?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import call
from rdkit import Chem

from rdkit_ebd.data.molecule_arrays import MoleculeArrays
from rdkit_ebd.data.molecule_batches import padded, shuffled_rows
from rdkit_ebd.data.qm9 import data_folder, read_qm9
from rdkit_ebd.evaluation.conditional import ConditionalRow, conditional_row, conditional_table, guess_by_size
from rdkit_ebd.generators.edm.published.classifier import (
    ClassifierConfig,
    PropertyNetwork,
    load_classifier,
    save_classifier,
)
from rdkit_ebd.judge.generated_mol import bonded
from rdkit_ebd.train.fit.property_classifier import ClassifierTraining, fit_classifier, predictions

TINY = ClassifierConfig("alpha", 60.0, 8.0, width=16, blocks=1)


@pytest.fixture(scope="module")
def data() -> MoleculeArrays:
    try:
        data_folder()
    except ImportError:
        pytest.skip("needs qm9pack")
    molecules = read_qm9(limit=2400)
    return molecules.take(np.random.default_rng(0).permutation(len(molecules)))


@pytest.fixture(scope="module")
def trained(data: MoleculeArrays) -> PropertyNetwork:
    training = ClassifierTraining(epochs=4, batch=16, rate=5e-3)
    config, state = fit_classifier(TINY, training, data.take(np.arange(1200)), data.take(np.arange(2200, 2400)))
    network = PropertyNetwork(config)
    network.load_state_dict(state)
    assert config.card["steps"] == 300
    return network.eval()


def test_the_network_is_satorras_s(data: MoleculeArrays) -> None:
    torch.manual_seed(1)
    network = PropertyNetwork(replace(TINY, width=8, blocks=2)).double()
    assert sum(p.numel() for p in PropertyNetwork(ClassifierConfig("alpha", 0, 1)).parameters()) == 743_944
    batch = padded(data, np.array([3, 4, 5]), TINY.elements)
    found = network(batch.coords.double(), batch.classes, batch.mask)
    for row in range(3):
        here = batch.mask[row]
        assert found[row].item() == pytest.approx(
            by_loops(network, batch.coords[row, here].double(), batch.classes[row, here]), abs=1e-10
        )


def by_loops(network: PropertyNetwork, x: torch.Tensor, classes: torch.Tensor) -> float:
    """The same from its equations, atom by atom."""
    h = [network.embedding(torch.eye(5, dtype=torch.float64)[c]) for c in classes]
    for k in range(network.config.blocks):
        layer, after = getattr(network, f"gcl_{k}"), []
        for i in range(len(h)):
            total = torch.zeros_like(h[i])
            for j in range(len(h)):
                if i != j:
                    m = layer.edge_mlp(torch.cat([h[i], h[j], (x[i] - x[j]).square().sum()[None]]))
                    total = total + layer.att_mlp(m) * m
            after.append(h[i] + layer.node_mlp(torch.cat([h[i], total])))
        h = after
    return float(network.graph_dec(torch.stack([network.node_dec(one) for one in h]).sum(0)).detach())


def test_a_short_training_sees_more_than_sizes(data: MoleculeArrays, trained: PropertyNetwork) -> None:
    learnt, others = data.take(np.arange(1200)), data.take(np.arange(1200, 2200))
    shown = others.take(np.arange(300))
    row = conditional_row(trained, learnt, others, shown)
    assert row.generated is not None
    assert row.generated == pytest.approx(row.lower, rel=0.2)  # real ones told what they are
    assert row.lower < 0.8 * row.atoms < row.upper
    false = replace(shown, properties={"alpha": shown.properties["alpha"] + 20})
    assert conditional_row(trained, learnt, others, false).generated == pytest.approx(20, rel=0.2)


def test_predictions_do_not_depend_on_the_batch(data: MoleculeArrays, trained: PropertyNetwork) -> None:
    few = data.take(np.arange(40))
    assert predictions(trained, few, batch=3) == pytest.approx(predictions(trained, few), rel=1e-4)


def test_the_guess_by_size_is_the_median(data: MoleculeArrays) -> None:
    some = data.take(np.flatnonzero(data.sizes == 12))
    assert guess_by_size(some, "mu", np.array([12, 3])) == pytest.approx(np.median(some.properties["mu"]))


def test_a_pass_sees_every_molecule_once_with_its_likes(data: MoleculeArrays) -> None:
    parts = list(shuffled_rows(data.sizes, 32, seed=1))
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(data)))
    spread = np.mean([np.ptp(data.sizes[rows]) for rows in parts])
    assert spread < 0.3 * np.ptp(data.sizes)


def test_the_table_and_the_file(trained: PropertyNetwork, tmp_path: Path) -> None:
    path = tmp_path / "alpha.safetensors"
    save_classifier(path, trained.config, trained.state_dict())
    again = load_classifier(path)
    assert again.config == trained.config
    assert all(torch.equal(value, trained.state_dict()[name]) for name, value in again.state_dict().items())
    table = conditional_table([ConditionalRow("gap", 0.054, 0.0318, 0.025, 0.0024, 100)])
    assert table.splitlines()[-1] == "| gap | meV | 1469 (1470) | 865 (866) | 680 (655) | 65 (64) | 100 |"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="not a safetensors file"):
        load_classifier(path)


def test_molecules_say_what_they_were_to_have(data: MoleculeArrays, tmp_path: Path) -> None:
    from rdkit_ebd.cli.judge_conditional import _read

    path = tmp_path / "made.sdf"
    with Chem.SDWriter(str(path)) as writer:
        for at in (7, 8):
            span = slice(data.offsets[at], data.offsets[at + 1])
            mol = bonded(data.numbers[span], data.coords[span])
            mol.SetProp("wanted_gap", f"{0.1 * at:g}")
            writer.write(mol)
    made = _read(path)
    assert made.properties["gap"] == pytest.approx([0.7, 0.8])
    assert made.coords == pytest.approx(data.take(np.array([7, 8])).coords, abs=2e-3)
    assert call("train", "property-classifier", "logp", "-o", tmp_path / "x.safetensors").exit_code == 2


def test_properties_that_are_not_there_are_named(data: MoleculeArrays) -> None:
    with pytest.raises(ValueError, match="have mu, not alpha"):
        fit_classifier(TINY, ClassifierTraining(), replace(data, properties={"mu": data.properties["mu"]}), data)
    with_fluorine = np.flatnonzero(["F" in smiles for smiles in data.smiles])[:1]
    with pytest.raises(ValueError, match=r"atomic numbers \[9\] are not among"):
        padded(data, with_fluorine, (1, 6, 7, 8))
