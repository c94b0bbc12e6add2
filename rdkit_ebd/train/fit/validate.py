"""Is the network getting better? The validation table, computed with torch and numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from rdkit_ebd.arrays.batch import collate
from rdkit_ebd.arrays.ensemble_metrics import ensemble_metrics, geometry_metrics, mean_table
from rdkit_ebd.arrays.molgraph import ONE_THREE, ONE_THREE_RING, OTHER_BOND, SAME_FRAGMENT, SINGLE
from rdkit_ebd.arrays.random_streams import noise_stream
from rdkit_ebd.generators.checkpoint import Network
from rdkit_ebd.generators.ebd.blur import BlurConfig
from rdkit_ebd.generators.ebd.sampler import deblur
from rdkit_ebd.train.data_prep.shards import Example

_COLUMNS = (
    *("step", "samples", "minutes", "loss", "rmsd", "local", "torsion"),
    *("mat_r", "mat_p", "cov_r@0.75", "cov_p@0.75", "bond", "1-3", "stereo"),
)


def validation_table(
    network: Network,
    examples: Sequence[Example],
    blur: BlurConfig,
    times: Sequence[float],
    noise_scale: float = 1.0,
) -> dict[str, float]:
    """Deblur every seed of every example and compare with the references.

    Args:
        network: In evaluation mode.
        examples: From a validation shard, with symmetries.
        blur: Blurring process.
        times: As `deblur_times` gives them; none judges the seeds themselves.
        noise_scale: Times the noise of training.
    """
    return mean_table(_judge(example, _sample(network, example, blur, times, noise_scale)) for example in examples)


def format_row(row: dict[str, Any]) -> str:
    """One line of the training log."""
    cells = []
    for name in _COLUMNS:
        if name in row:
            value = row[name]
            cells.append(f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}")
    return "  ".join(cells)


def _sample(
    network: Network, example: Example, blur: BlurConfig, times: Sequence[float], noise_scale: float
) -> np.ndarray:
    if not times:
        return example.seeds
    device = next(network.parameters()).device
    count, atoms = example.seeds.shape[:2]
    batch = collate([example.graph]).to(device).repeated(count)
    noise = torch.stack([noise_stream(0, k, 0, len(times), atoms) for k in range(count)]).to(device)
    seeds = torch.from_numpy(example.seeds).to(device)
    with torch.no_grad():
        return deblur(network, seeds, batch, blur, times, noise_scale * noise).cpu().numpy()


def _judge(example: Example, generated: np.ndarray) -> dict[str, float]:
    row = ensemble_metrics(generated, example.references, example.symmetries)
    code = np.triu(example.graph.pair_types % SAME_FRAGMENT)
    bonds = np.argwhere((code >= SINGLE) & (code <= OTHER_BOND))
    angles = np.argwhere((code >= ONE_THREE) & (code <= ONE_THREE_RING))
    row |= geometry_metrics(generated, example.references, bonds, angles)
    quads, signs = example.graph.stereo_quads, example.graph.stereo_signs
    if len(signs):
        a, b, c = (generated[:, quads[:, i]] - generated[:, quads[:, 0]] for i in (1, 2, 3))
        volume = (a * np.cross(b, c)).sum(-1)
        row["stereo"] = float((np.sign(volume) == signs).mean())
    return row
