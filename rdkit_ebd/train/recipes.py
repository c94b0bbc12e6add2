"""With which settings does a training begin? A recipe for each kind of model, or those that a model was trained with.

The shipped models are the last of several runs, each with the settings of the run; those of the last are on their cards
(`trained_with`) and, as files, in the repository's `configs/`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

from rdkit_ebd.chem.fragments import Vocabulary
from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.generators.ebd.layers import NetworkConfig
from rdkit_ebd.generators.model_config import ModelConfig, SamplingDefaults
from rdkit_ebd.train.fit.objective import ObjectiveConfig
from rdkit_ebd.train.fit.train_config import TrainConfig
from rdkit_ebd.train.import_published import paper_model

RECIPES = ("ebd-f2f", "ebd-c2f", "paper")


def recipe(name: str, vocabulary: Vocabulary, elements: Sequence[int], levels: Sequence[str]) -> TrainConfig:
    """Training configuration of a first run.

    Args:
        name: "ebd-f2f" (atom-level seeds), "ebd-c2f" (fragment points, as in the paper) or "paper" (all as in the
            paper, of pairs prepared with coarse "dg" and pairing "hungarian").
        vocabulary: Fragments.
        elements: Atomic numbers in the training data.
        levels: Levels of theory of the data sets, the wanted one first.

    Raises:
        ValueError: No such recipe.
    """
    if name not in RECIPES:
        raise ValueError(f"recipe must be one of {RECIPES}, not {name!r}")
    if name == "paper":
        return _paper(vocabulary, elements, levels)
    fine = name == "ebd-f2f"
    network = NetworkConfig(torques=True, hinges=True, sees_prior=not fine, levels=max(2, len(levels)))
    # Atom-level seeds differ from one another as they are: hardly any noise, and most of the training where sampling
    # starts. Fragment points lose what atoms need to find their places again, so there noise must hide the errors.
    blur = BlurConfig("atoms", sigma=0.015) if fine else BlurConfig("fragments", sigma=0.1)
    objective = ObjectiveConfig(prior_share=0.75) if fine else ObjectiveConfig(true_layout_share=0.3, layout_noise=0.2)
    sampling = SamplingDefaults(
        steps=1 if fine else 10,
        rounds=4 if fine else 1,
        noise_scale=0.0 if fine else 0.5,
        coarse="skeleton",
        seed_pool=3,
    )
    model = ModelConfig(
        name,
        network,
        blur,
        vocabulary.to_dict(),
        tuple(elements),
        sampling=sampling,
        levels=tuple(levels),
    )
    return TrainConfig(model, objective)


def _paper(vocabulary: Vocabulary, elements: Sequence[int], levels: Sequence[str]) -> TrainConfig:
    objective = ObjectiveConfig(
        pairing="as_is", prior_share=0.0, local_weight=0.0, torsion_weight=0.0, robust=0.0, per_atom=False
    )
    return TrainConfig(
        paper_model("paper", vocabulary, elements=tuple(elements), levels=tuple(levels)),
        objective,
        batch_molecules=32,
        lr=1e-4,
        weight_decay=1e-12,
        warmup=1,
        anneal_share=0.0,
        ema_from_start=True,
        clip=30_000.0,  # so that clipping begins at 45,000
        clip_window=50,
        beta2=0.999,
        amsgrad=True,
        low_precision=False,
    )


def trained_with(model: ModelConfig) -> TrainConfig:
    """Training configuration of the last run of a finished model, as its card says; the card is left out.

    Raises:
        ValueError: The card says nothing of training.
    """
    if "training" not in model.card:
        raise ValueError(f"the card of model {model.name!r} does not say how it was trained")
    bare = replace(model, card={})
    return TrainConfig.from_dict({**model.card["training"], "model": json.loads(bare.to_json())})


def resumed(parent: ModelConfig, elements: Sequence[int], levels: Sequence[str]) -> TrainConfig:
    """Training configuration that continues a model: as it was made, with the elements and levels of more data.

    Batches are no larger than those of a CPU by default.

    Args:
        parent: The model's configuration.
        elements: Atomic numbers in the training data.
        levels: Levels of theory of the data sets; new ones come behind the model's own.
    """
    known = (*parent.levels, *(level for level in levels if level not in parent.levels))
    network = parent.network
    if isinstance(network, NetworkConfig):  # the paper's network has no levels
        network = replace(network, levels=max(network.levels, len(known)))
    model = replace(
        parent,
        network=network,
        elements=tuple(sorted({*parent.elements, *elements})),
        levels=known,
        card={"parent": parent.name, "earlier": [*parent.card.get("earlier", []), *parent.card.get("history", [])]},
    )
    config = TrainConfig.from_dict({**parent.card.get("training", {}), "model": json.loads(model.to_json())})
    # A GPU's batch is no CPU's: steps of it would be too few. The rate falls as the noise of gradients grows.
    larger = config.batch_atoms / TrainConfig.batch_atoms
    return config if larger <= 1 else replace(config, batch_atoms=TrainConfig.batch_atoms, lr=config.lr / sqrt(larger))
