"""What does a network make of its seeds, good or bad? Its validation table with no gate and no second attempt.

`rdkit-ebd evaluate` measures what users get, where what fails the judgement is tried again and may be missing at last.
Here everything that comes out counts, so that networks that hardly pass the gate can be compared, too.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from rdkit import rdBase

from rdkit_ebd.chem.fragments import Vocabulary
from rdkit_ebd.data.readers import read_records
from rdkit_ebd.data.record import Record
from rdkit_ebd.generators.checkpoint import LoadedModel, load_model
from rdkit_ebd.generators.ebd.sampler import deblur_times
from rdkit_ebd.runtime.threads import torch_threads
from rdkit_ebd.train.data_prep.prepare import PrepareConfig, make_examples, make_seeds
from rdkit_ebd.train.data_prep.shards import Example
from rdkit_ebd.train.fit.validate import validation_table

COLUMNS = {
    "mat_r": ("MAT-R", "{:.3f}"),
    "mat_p": ("MAT-P", "{:.3f}"),
    "cov_r@1.25": ("COV-R 1.25", "{:.1%}"),
    "cov_p@1.25": ("COV-P 1.25", "{:.1%}"),
    "bond": ("bond MAE", "{:.4f}"),
    "1-3": ("1-3 MAE", "{:.4f}"),
    "stereo": ("stereo kept", "{:.1%}"),
    "evaluations": ("evaluations", "{:.0f}"),
    "ms": ("CPU ms / conf., network", "{:.1f}"),
}


def judge_models(data: Path, models: Sequence[str], limit: int | None = None, threads: int = 1) -> str:
    """A Markdown table of networks and of the seeds they start from, twice as many as there are references.

    Args:
        data: Data set with references, as `read_records` takes it.
        models: Names of shipped models, or paths.
        limit: Seeded random subset of so many molecules.
        threads: Of the CPU, on which networks are timed.

    Raises:
        ValueError: There are no such molecules, or no such model.
    """
    loaded = [load_model(model, "cpu") for model in models]
    records = [record for record in read_records(data, limit=limit) if len(record.coords)]
    if not records:
        raise ValueError(f"{data} holds no conformers to compare with")
    rows: dict[str, dict[str, float]] = {}
    with torch_threads(threads), rdBase.BlockLogs():
        for model in loaded:
            examples = _examples(records, model)
            seeds = f"seeds ({model.config.sampling.coarse})"
            if seeds not in rows:
                rows[seeds] = _judged(model, examples, [])
            times = deblur_times(model.config.sampling.steps, model.config.sampling.rounds)
            rows[f"{model.config.name} ({model.weights_hash})"] = _judged(model, examples, times)
    lines = ["| |" + "".join(f" {heading} |" for heading, _ in COLUMNS.values()), "|---" * (len(COLUMNS) + 1) + "|"]
    for name, row in rows.items():
        cells = (form.format(row[key]) if key in row else "" for key, (_, form) in COLUMNS.items())
        lines.append(f"| {name} |" + "".join(f" {cell} |" for cell in cells))
    return "\n".join([f"{data.stem}, {len(records)} molecules, 2 x references, nothing rejected", "", *lines])


def _examples(records: Sequence[Record], model: LoadedModel) -> list[Example]:
    """Seeds as the model is used with, of the molecules that have any."""
    config = PrepareConfig(model.config.sampling.coarse, judged=True)
    vocabulary = Vocabulary.from_dict(model.config.vocabulary)
    seeds = [make_seeds(record.mol, 2 * len(record.coords), config) for record in records]
    parts = [make_examples(r, vocabulary, config, s) for r, s in zip(records, seeds, strict=True)]
    return [example for part in parts for example in part]


def _judged(model: LoadedModel, examples: Sequence[Example], times: Sequence[float]) -> dict[str, float]:
    network, blur = model.network, model.config.blur
    calls: list[float] = []
    hooks = [
        network.register_forward_pre_hook(lambda *_: calls.append(-time.process_time())),
        network.register_forward_hook(lambda *_: calls.append(time.process_time())),
    ]
    try:
        with torch.inference_mode():
            table = validation_table(network, examples, blur, times, model.config.sampling.noise_scale)
    finally:
        for hook in hooks:
            hook.remove()
    if not calls:
        return table
    count = sum(len(example.seeds) for example in examples)
    return table | {"evaluations": len(calls) / 2 / len(examples), "ms": 1000 * sum(calls) / count}
